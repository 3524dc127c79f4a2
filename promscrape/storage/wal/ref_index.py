"""From the refs of the log to rows, in four bytes a series.

Refs are given out one after the other, so that those in use lie close together: a page has the rows
of a thousand. What lies far from others, because the rest of its page is gone or never was, is in a
dict.
"""

from array import array
from collections.abc import Iterable
from itertools import compress
from typing import final

from promscrape.model.pieces import has_zero, paged, zeros

_GONE = 0
_PAGE_BITS = 10
_PAGE = 1 << _PAGE_BITS
# A page takes as much as some forty entries of the dict.
_WORTH_A_PAGE = 48
_MIN_IN_PAGE = 24


@final
class RefIndex:
    """Row 0 is no row. Any thread may look up; one changes."""

    def __init__(self) -> None:
        self._pages: dict[int, array[int]] = {}
        self._scattered: dict[int, int] = {}
        self._counts: dict[int, int] = {}  # by number of page, also where it is none

    def __setitem__(self, ref: int, row: int) -> None:
        number = ref >> _PAGE_BITS
        page = self._pages.get(number)
        if page is None:
            is_new = ref not in self._scattered
            self._scattered[ref] = row
        else:
            is_new = page[ref & _PAGE - 1] == _GONE
            page[ref & _PAGE - 1] = row
        if is_new:
            count = self._counts[number] = self._counts.get(number, 0) + 1
            if page is None and count == _WORTH_A_PAGE:
                self._gather(number)

    def put_all(self, refs: "array[int]", rows: "array[int]") -> None:
        """Let refs that are all unknown, each of which stands once, have these rows."""
        if refs and refs == array("Q", range(refs[0], refs[0] + len(refs))):
            self.put_run(refs[0], rows)
            return
        for ref, row in zip(refs, rows, strict=True):
            self[ref] = row

    def put_run(self, first: int, rows: "array[int]") -> None:
        """Let refs that follow one another, of which none is known, have these rows."""
        start = 0
        while start < len(rows):
            at = first + start & _PAGE - 1
            part = rows[start : start + _PAGE - at]
            self._put_in_page(first + start >> _PAGE_BITS, at, part)
            start += len(part)

    def _put_in_page(self, number: int, at: int, rows: "array[int]") -> None:
        before = self._counts.get(number, 0)
        self._counts[number] = before + len(rows)
        page = self._pages.get(number)
        if page is None and before + len(rows) < _WORTH_A_PAGE:
            self._scattered |= enumerate(rows, (number << _PAGE_BITS) + at)
            return
        if page is None:
            self._gather(number)
        self._pages[number][at : at + len(rows)] = rows

    def _gather(self, number: int) -> None:
        """Put the scattered refs of a page into one."""
        first, scattered = number << _PAGE_BITS, self._scattered
        # Whichever are fewer, the refs that could be there or all that are scattered.
        refs: Iterable[int] = range(first, first + _PAGE) if len(scattered) > _PAGE else scattered
        found = [ref for ref in refs if ref >> _PAGE_BITS == number and ref in scattered]
        page = array("I", bytes(4 * _PAGE))
        for ref in found:
            page[ref & _PAGE - 1] = scattered[ref]
        # Others may look up meanwhile.
        self._pages[number] = page
        for ref in found:
            del scattered[ref]

    def __getitem__(self, ref: int) -> int:
        """Return the row, 0 where the ref is unknown."""
        page = self._pages.get(ref >> _PAGE_BITS)
        if page is not None:
            return page[ref & _PAGE - 1]
        return self._scattered.get(ref, _GONE)

    def rows(self, refs: "array[int]") -> "array[int]":
        """Return the row of each ref, 0 where it is unknown."""
        rows = paged(self._pages, refs, _PAGE_BITS)
        if self._scattered and has_zero(rows):
            row_of = self._scattered.get
            for at in zeros(rows):
                rows[at] = row_of(refs[at], _GONE)
        return rows

    def refs(self) -> list[int]:
        """Return the refs that have a row."""
        found = list(self._scattered)
        for number, page in list(self._pages.items()):
            first = number << _PAGE_BITS
            found += compress(range(first, first + _PAGE), page)
        return sorted(found)

    def remove(self, ref: int) -> None:
        """Forget a ref that is known."""
        number = ref >> _PAGE_BITS
        page = self._pages.get(number)
        if page is None:
            del self._scattered[ref]
        else:
            page[ref & _PAGE - 1] = _GONE
        self._counts[number] -= 1
        if not self._counts[number]:
            del self._counts[number]
        if page is not None and self._counts.get(number, 0) < _MIN_IN_PAGE:
            self._scatter(number, page)

    def _scatter(self, number: int, page: "array[int]") -> None:
        """Do away with a page that is nearly empty."""
        first = number << _PAGE_BITS
        self._scattered |= {first + at: row for at, row in enumerate(page) if row != _GONE}
        del self._pages[number]
