"""Bodies of requests of version 1.0: rows that come again are written from templates.

A body is put together from pieces (see `_template_py`): one for each part whose rows are known
from an earlier scrape, at one time and with nothing but floats; one for all others beside each
other, encoded and packed as any bytes are.
"""

import weakref
from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, final

from promscrape.model.varint import uvarint
from promscrape.storage.remote.batch import Part, columns_of
from promscrape.storage.remote.columns import Columns
from promscrape.storage.remote.encode import Encoder
from promscrape.storage.remote.series import RemoteSeries
from promscrape.storage.remote.template import END_MS, FIRST_MS, REACH, Template, elements_of

MAX_TEMPLATE_BYTES: Final = 64 << 20
"""Of all templates of a destination: room for some 1.3 million series."""

_ROWS_AT_ONCE: Final = 2000
# Fewer rows than these are written out too often: pieces do not copy from each other. At a hundred
# rows a template saves a fiftieth of a scrape's CPU, and costs a third more bytes; at 25 twice them.
_MIN_ROWS: Final = 150


@final
@dataclass(slots=True)
class _Known:
    """An array of rows that was sent from.

    first_ms: the time of its first samples. is_fit: whether it can have a template. memory: of
    the template, as it was last counted.
    """

    rows: "weakref.ref[array[int]]"
    first_ms: int
    template: Template = field(default_factory=Template)
    is_fit: bool = True
    memory: int = 0


@final
class BodyWriter:
    """Keeps a template for each array of rows that comes again, for as long as the array is.

    memory: how many bytes the templates take, about.
    """

    def __init__(self, series: RemoteSeries, encoder: Encoder) -> None:
        self._series, self._encoder = series, encoder
        self._layout = series.layout
        self._known: dict[int, _Known] = {}
        self.memory = 0

    def body(self, parts: Sequence[Part]) -> bytes:
        """Return the body of a request of version 1.0 with these parts."""
        if self._layout != self._series.layout:
            self._known.clear()
            self._layout, self.memory = self._series.layout, 0
        templates = [self._template_of(part) for part in parts]
        if not any(templates):
            return self._encoder.pack(columns_of(parts), is_v2=False)
        pieces, size, others = [b""], 0, list[Part]()
        for part, template in zip(parts, templates, strict=True):
            if template is None:
                others.append(part)
                continue
            size += self._append(others, pieces)
            others = []
            begin = self._labels(part.rows[:REACH]) if part.place else b""
            elements, length = template.elements(part.values, part.place, part.t_ms, begin)
            pieces.append(elements)
            size += length
        size += self._append(others, pieces)
        pieces[0] = uvarint(size)
        return b"".join(pieces)

    def _append(self, parts: Sequence[Part], pieces: list[bytes]) -> int:
        if not parts:
            return 0
        message = self._encoder.encode_v1(columns_of(parts))
        pieces.append(elements_of(message))
        return len(message)

    def _template_of(self, part: Part) -> Template | None:
        """Return a template that has the rows of a part, None where there is none for it."""
        rows = part.source
        if rows is None or part.timestamps is not None or part.exemplars:
            return None
        if len(rows) < _MIN_ROWS:
            return None
        if not FIRST_MS <= part.t_ms < END_MS:
            return None
        known = self._known.get(id(rows))
        if known is None or known.rows() is not rows:
            self._note(rows, part.t_ms)
            return None
        # What comes once is not worth a template, which takes longer to make than a body.
        if known.first_ms == part.t_ms or not known.is_fit:
            return None
        # It takes more with the first request that is made from it.
        self.memory += known.template.memory - known.memory
        known.memory = known.template.memory
        end = part.place + len(part.rows)
        while known.template.rows < end:
            if self.memory >= MAX_TEMPLATE_BYTES or not self._grow(known, rows):
                return None
        return known.template

    def _note(self, rows: "array[int]", t_ms: int) -> None:
        key = id(rows)
        self._known[key] = _Known(weakref.ref(rows, lambda _: self._let_go(key)), t_ms)

    def _let_go(self, key: int) -> None:
        known = self._known.pop(key, None)
        if known is not None:
            self.memory -= known.memory

    def _grow(self, known: _Known, rows: "array[int]") -> bool:
        """Add rows to a template; false where they are none for it."""
        template = known.template
        back = min(template.rows, REACH)
        some = rows[template.rows - back : template.rows + _ROWS_AT_ONCE]
        known.is_fit = template.add(self._labels(some), back)
        self.memory += template.memory - known.memory
        known.memory = template.memory
        return known.is_fit

    def _labels(self, rows: "array[int]") -> bytes:
        """Return a message of rows that have neither a value nor a time."""
        nothing = bytes(8 * len(rows))
        return self._encoder.encode_v1(Columns(rows, array("q", nothing), array("d", nothing)))
