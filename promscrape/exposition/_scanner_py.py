"""The scan of a body beside what is remembered of the last one: bytes in, columns out.

A target exposes the same lines from scrape to scrape; only the numbers move. The scanner keeps
the last body cut up into one *prefix* a sample: everything from the end of the sample before (its
HELP and TYPE lines, comments) to the first byte of this sample's value. A warm scan is then, for
each sample, one comparison of the prefix and one number; no name and no label is looked at.

    # HELP up Whether ...⏎# TYPE up gauge⏎up{job="a"} 1⏎up{job="b"} 0⏎# EOF⏎
    └────────────────── prefix 0 ─────────────────┘   └─ prefix 1 ─┘  └ tail ┘

Where a prefix differs, that line is read by the parser and found again by its text, and the walk
goes on behind the place where it stood in the last body. New, vanished and moved series therefore
cost only themselves.

Where bad lines are to be skipped, such a line is read anew each time, and so is the sample behind
it: nothing of its text is kept, and its place is always the one it has in this body.

This is the reference twin: it defines the behavior of the compiled one.
"""

import re
import sys
from array import array
from collections.abc import Iterable, Sequence
from typing import final

from promscrape.errors import ParseError
from promscrape.exposition.bad_lines import BadLines
from promscrape.exposition.columns import Columns, NewSeries
from promscrape.exposition.entries import (
    HistogramEntry,
    MetadataEntry,
    SeriesEntry,
    TypeEntry,
)
from promscrape.exposition.lexical import Line
from promscrape.exposition.text_format import PROMETHEUS_TEXT, TextFormat
from promscrape.model.exemplar import Exemplar
from promscrape.model.metadata import MetricType
from promscrape.model.sample import NO_TIMESTAMP

# A token of these bytes only is read by float() as the format reads it.
_DECIMAL = b"0123456789.eE+-"
_LARGEST = sys.float_info.max

# What may follow a prefix that ends with a blank and is then no value but more of the line:
# the line is read anew.
_NO_VALUE = b"{ \t"

# bytes.startswith(()) is false for every body: a line without a blank or brace before its number
# (`a-1`) is read anew each time, since the number `1` of a prefix `a` may belong to a name `a1`.
_NEVER = ()

_Prefix = bytes | tuple[()]

_TYPE_LINE = re.compile(rb"[ \t]*#[ \t]*TYPE")


@final
class _Layout:
    """The text of one body without its numbers, and the series that it names.

    metadata_at: the metadata lines inside a prefix, by the prefix's index, ascending; those of
        the tail stand at the index behind the last prefix.
    tail: what stands behind the last sample; None where that is to be read anew.
    """

    __slots__ = ("metadata", "metadata_at", "prefixes", "series", "tail")

    def __init__(self) -> None:
        self.prefixes: list[_Prefix] = []
        self.series: array[int] = array("I")
        self.metadata_at: dict[int, tuple[MetadataEntry, ...]] = {}
        self.metadata: tuple[MetadataEntry, ...] = ()
        self.tail: bytes | None = b""

    def take_over(self, last: "_Layout") -> None:
        """Use the objects of the last body for what is as it was.

        All metadata lines are put into one tuple for that.
        """
        gathered = tuple(entry for entries in self.metadata_at.values() for entry in entries)
        self.metadata = last.metadata if gathered == last.metadata else gathered
        if self.series == last.series:
            self.series = last.series


@final
class TextScanner:
    """Scans the text bodies of one target and gives its series texts their ids.

    Ids are small and dense; that of a forgotten text is given to another.
    """

    def __init__(self) -> None:
        self._ids: dict[bytes, int] = {}
        self._texts: list[bytes] = []
        self._free: list[int] = []
        self._layout = _Layout()
        self._format = PROMETHEUS_TEXT

    def __len__(self) -> int:
        """Return how many series texts are remembered."""
        return len(self._ids)

    def scan(
        self,
        body: bytes,
        text_format: TextFormat = PROMETHEUS_TEXT,
        *,
        skip_bad_lines: bool = False,
    ) -> Columns:
        """Read a whole body. Never raises for what a target sends: see `Columns.error`.

        skip_bad_lines: leave bad lines out, and go on behind the next LF. A body that ends too
        early, or of which no sample is good, is an error all the same.
        """
        buf = body if body.endswith(b"\n") else body + b"\n"
        if text_format is not self._format:
            # One text can mean two things in two formats: no prefix is taken over.
            self._format, self._layout = text_format, _Layout()
        walk = _Walk(buf, self._layout, text_format, skips=skip_bad_lines)
        try:
            walk.known()
        except ParseError as error:
            if skip_bad_lines:
                return self._scan_changed(walk)
            count = len(walk.values)
            error.locate(buf)
            return walk.columns(self._layout.series[:count], self._layout, error=error)
        if walk.index == len(self._layout.prefixes) and buf[walk.at :] == self._layout.tail:
            return walk.columns(self._layout.series, self._layout)
        return self._scan_changed(walk)

    def retain(self, ids: Iterable[int]) -> Sequence[int]:
        """Forget every series text but these; return the ids of the forgotten."""
        kept = frozenset(ids)
        if len(kept) == len(self._ids):
            return []
        forgotten = [series_id for series_id in self._ids.values() if series_id not in kept]
        for series_id in forgotten:
            del self._ids[self._texts[series_id]]
            self._texts[series_id] = b""
        self._free += forgotten
        if not kept.issuperset(self._layout.series):
            self._layout = _Layout()
        return forgotten

    def _scan_changed(self, walk: "_Walk") -> Columns:
        """Go on behind the first difference, and remember this body instead of the last."""
        change = _Change(self, walk)
        error = None
        try:
            change.run()
        except ParseError as exc:
            error = exc.locate(walk.buf)
        change.layout.take_over(self._layout)
        if error is None:
            self._layout = change.layout
        return walk.columns(change.layout.series, change.layout, change.new, error)

    def text_of(self, series_id: int) -> bytes:
        """Return the series text that has this id."""
        return self._texts[series_id]

    def identify(self, text: bytes) -> tuple[int, bool]:
        """Return the id of a series text, and whether it is new.

        Also called from outside: other formats share the ids, and so do series that are made of
        others.
        """
        known = self._ids.get(text)
        if known is not None:
            return known, False
        if self._free:
            series_id = self._free.pop()
            self._texts[series_id] = text
        else:
            series_id = len(self._texts)
            self._texts.append(text)
        self._ids[text] = series_id
        return series_id, True


@final
class _Walk:
    """A position in the body and in the last layout, and the numbers read so far.

    skips: whether bad lines are left out; the first one ends the scan otherwise.
    """

    def __init__(self, buf: bytes, last: _Layout, text_format: TextFormat, *, skips: bool) -> None:
        self.buf, self.last, self.format, self.skips = buf, last, text_format, skips
        self.bad = BadLines(buf)
        self.at = self.index = 0
        self.values: array[float] = array("d")
        self._timestamps: array[int] | None = None
        self._exemplars: dict[int, tuple[Exemplar, ...]] = {}

    def known(self) -> None:
        """Take samples while the body stands as it stood.

        Raises ParseError where a prefix is as before and what follows it is no value.
        """
        buf, at, append = self.buf, self.at, self.values.append
        starts_with, find, prefixes = buf.startswith, buf.find, self.last.prefixes
        index = self.index
        try:
            for index in range(self.index, len(prefixes)):
                prefix = prefixes[index]
                if not starts_with(prefix, at):
                    return
                value_at = at + len(prefix)
                end = find(b"\n", value_at)
                value = _plain_number(buf[value_at:end])
                if value is not None:
                    append(value)
                    at = end + 1
                elif buf[value_at] in _NO_VALUE:
                    return
                else:
                    at = self._take_unusual(at, value_at)
            index = len(prefixes)
        finally:
            self.at, self.index = at, index

    def _take_unusual(self, at: int, value_at: int) -> int:
        """Take a value that is not a plain number alone: with a timestamp, NaN, infinite, bad."""
        line_at = self.buf.rfind(b"\n", at, value_at) + 1 or at
        value = self.format.read_value(self.buf, line_at, value_at)
        self.take(value.value, value.t_ms, value.exemplars)
        return value.end

    def take(self, value: float, t_ms: int | None, exemplars: tuple[Exemplar, ...]) -> None:
        """Append one sample to the columns."""
        if t_ms is not None:
            self._timestamp_column().append(t_ms)
        if exemplars:
            self._exemplars[len(self.values)] = exemplars
        self.values.append(value)

    def _timestamp_column(self) -> "array[int]":
        """Return the column of timestamps, filled up to the values."""
        if self._timestamps is None:
            self._timestamps = array("q")
        missing = len(self.values) - len(self._timestamps)
        self._timestamps.extend([NO_TIMESTAMP] * missing)
        return self._timestamps

    def columns(
        self,
        series: "array[int]",
        layout: _Layout,
        new: Sequence[NewSeries] = (),
        error: ParseError | None = None,
    ) -> Columns:
        timestamps = None if self._timestamps is None else self._timestamp_column()
        return Columns(
            series,
            self.values,
            layout.metadata,
            new,
            timestamps,
            self._exemplars,
            metadata_at=layout.metadata_at,
            error=error,
            bad_lines=tuple(self.bad.last),
            bad_count=self.bad.count,
        )


@final
class _Change:
    """The part of a body behind its first difference to the last, and the layout it makes."""

    def __init__(self, scanner: TextScanner, walk: _Walk) -> None:
        self._scanner, self._walk = scanner, walk
        self._place: dict[int, int] | None = None
        self._type_in_force = MetricType.UNKNOWN
        self.layout = _Layout()
        self.new: list[NewSeries] = []
        self._keep(0)

    def run(self) -> None:
        """Read to the end of the body; raises ParseError with all before it in the layout."""
        walk = self._walk
        while self._read_sample():
            index = walk.index
            try:
                walk.known()
            except ParseError:
                if not walk.skips:
                    raise
            finally:
                self._keep(index)
        if walk.bad.first and not walk.values:
            raise walk.bad.first

    def _keep(self, index: int) -> None:
        """Take over from the last layout what the walk went through since `index`."""
        last, layout = self._walk.last, self.layout
        count = len(self._walk.values) - len(layout.series)
        for at in range(index, index + count):
            if entries := last.metadata_at.get(at):
                layout.metadata_at[len(layout.prefixes) + at - index] = entries
                self._note_type(entries)
        layout.prefixes += last.prefixes[index : index + count]
        layout.series += last.series[index : index + count]

    def _note_type(self, entries: tuple[MetadataEntry, ...]) -> None:
        for entry in entries:
            if isinstance(entry, TypeEntry):
                self._type_in_force = entry.type

    def _read_sample(self) -> bool:
        """Read on to the next sample and behind it; false where the body ends before one."""
        walk, start = self._walk, self._walk.at
        metadata: tuple[MetadataEntry, ...] = ()
        skipped = walk.bad.count
        while walk.at < len(walk.buf):
            line = self._read_line()
            walk.at = line.end
            if isinstance(line.entry, SeriesEntry):
                is_clean = walk.bad.count == skipped
                self._add(line.entry, walk.buf[start : line.value_at] if is_clean else b"")
                return True
            if line.entry is not None and not isinstance(line.entry, HistogramEntry):
                metadata += (line.entry,)
                # Noted at once: it counts even if the next line is bad (C19).
                self.layout.metadata_at[len(self.layout.prefixes)] = metadata
                self._note_type((line.entry,))
        self.layout.tail = walk.buf[start:] if walk.bad.count == skipped else None
        walk.format.check_end(walk.buf)
        return False

    def _read_line(self) -> Line:
        """Read the line at hand; one that is bad and to be skipped has no entry."""
        walk = self._walk
        try:
            return walk.format.read_line(walk.buf, walk.at, self._type_in_force)
        except ParseError as error:
            if not walk.skips:
                raise
            if _TYPE_LINE.match(walk.buf, walk.at):
                # The family that follows is of no known type, and not of the one before it.
                self._type_in_force = MetricType.UNKNOWN
            return Line(None, walk.bad.note(error, walk.at))

    def _add(self, entry: SeriesEntry, prefix: bytes) -> None:
        series_id, is_new = self._scanner.identify(entry.key)
        if is_new:
            self.new.append(NewSeries(series_id, entry.labels))
        self.layout.prefixes.append(prefix if prefix[-1:] in (b" ", b"\t", b"}") else _NEVER)
        self.layout.series.append(series_id)
        self._walk.take(entry.value, entry.t_ms, entry.exemplars)
        place = self._place_in_last(series_id)
        if place is not None:
            self._walk.index = place + 1

    def _place_in_last(self, series_id: int) -> int | None:
        if self._place is None:
            series = self._walk.last.series
            self._place = dict(zip(series, range(len(series)), strict=True))
        return self._place.get(series_id)


def _plain_number(text: bytes) -> float | None:
    """Return the value of a token that is a finite decimal number and nothing else."""
    if not text.isdigit() and text.translate(None, _DECIMAL):
        return None
    try:
        value = float(text)
    except ValueError:
        return None
    return value if -_LARGEST <= value <= _LARGEST else None
