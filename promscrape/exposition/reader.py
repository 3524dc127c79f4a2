"""The bodies of one target, in whatever format, as columns that the switches have been put to.

    text ──► TextScanner ─────┬──► CreatedLines ──► ClassicConverter ──► type and unit ──► columns
             ids ▲            │    OpenMetrics      where histograms
    protobuf ──► ProtobufScanner   with starts      are converted
                 which does all of that itself

A stage that has nothing to do is not there, and each does its work once for a list of series.
"""

from array import array
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from typing import final

from msgspec.structs import replace

from promscrape.exposition.body_format import BodyFormat, ProtobufFormat
from promscrape.exposition.columns import Columns, NewSeries
from promscrape.exposition.convert_classic import ClassicConverter
from promscrape.exposition.created import CreatedLines
from promscrape.exposition.entries import LabelPairs, SeriesEntry
from promscrape.exposition.protobuf import ProtobufScanner
from promscrape.exposition.runs import runs_of
from promscrape.exposition.scanner import TextScanner
from promscrape.exposition.switches import DEFAULT_SWITCHES, Switches
from promscrape.exposition.text_format import OPENMETRICS_TEXT, PROMETHEUS_TEXT, TextFormat
from promscrape.exposition.type_and_unit import with_type_and_unit
from promscrape.model.metadata import MetricType


@final
class BodyReader:
    """Reads the bodies of one target, and gives its series their ids."""

    def __init__(self, switches: Switches = DEFAULT_SWITCHES) -> None:
        self._switches = switches
        self._text = TextScanner()
        self._format: TextFormat = PROMETHEUS_TEXT
        self._protobuf = ProtobufScanner(self._text.identify, switches)
        self._created = CreatedLines(self._labels_of) if switches.start_timestamps else None
        self._converter: ClassicConverter | None = None
        if switches.convert_classic:
            self._converter = ClassicConverter(
                self._labels_of, self._text.identify, keep=switches.keep_classic
            )
        # The ids of the last text body, those included that no sample was made of.
        self._scanned: array[int] = array("I")

    def __len__(self) -> int:
        """Return how many series are remembered."""
        return len(self._text)

    def scan(
        self, body: bytes, body_format: BodyFormat, *, skip_bad_lines: bool = False
    ) -> Columns:
        """Read a whole body. Never raises for what a target sends: see `Columns.error`.

        skip_bad_lines: see `TextScanner.scan`; protobuf has no lines to skip.
        """
        if isinstance(body_format, ProtobufFormat):
            self._scanned = array("I")
            return self._protobuf.scan(body)
        self._format = body_format
        columns = self._text.scan(body, body_format, skip_bad_lines=skip_bad_lines)
        self._scanned = columns.series
        if columns.new and self._switches.type_and_unit_labels:
            columns = replace(columns, new=_typed(columns))
        if self._created is not None and body_format is OPENMETRICS_TEXT:
            columns = self._created.apply(columns)
        return columns if self._converter is None else self._converter.apply(columns)

    def retain(self, ids: Iterable[int]) -> Sequence[int]:
        """Forget every series but these and those of the last body; return the forgotten."""
        converted = () if self._converter is None else self._converter.held()
        kept = ids
        if converted or (self._scanned and ids is not self._scanned):
            # Not a set, which would hold up other threads as a whole where it is large.
            kept = array("I", ids)
            kept.extend(self._scanned)
            kept.extend(array("I", converted))
        self._protobuf.retain(kept)
        return self._text.retain(kept)

    def _labels_of(self, series_id: int) -> LabelPairs:
        """Return the labels of a series as its text has them; `le` is in its one form."""
        text = self._text.text_of(series_id)
        entry = self._format.read_line(text + b" 0\n", 0, MetricType.HISTOGRAM).entry
        assert isinstance(entry, SeriesEntry), "a series text is the beginning of a sample line"
        return entry.labels


def _typed(columns: Columns) -> list[NewSeries]:
    """Return the new series with labels of the type and unit in force where they stand (S23)."""
    places = dict(zip(reversed(columns.series), range(len(columns.series))[::-1], strict=True))
    typed = list(columns.new)
    runs = list(runs_of(columns.metadata_at, len(columns.series)))
    starts = [run.start for run in runs]
    for at, new in enumerate(typed):
        run = runs[bisect_right(starts, places[new.id]) - 1]
        typed[at] = NewSeries(new.id, with_type_and_unit(new.labels, run.type, run.unit))
    return typed
