"""The two twins of the scanner on the same way, compared at each step."""

from typing import final

from promscrape.exposition._scanner_c import TextScanner as CompiledScanner
from promscrape.exposition._scanner_py import TextScanner as PlainScanner
from promscrape.exposition.columns import Columns
from promscrape.exposition.text_format import TextFormat

_LOOKED_UP = 8


@final
class ScannerPair:
    """Both scanners on the same way; ids are each one's own, so they are matched in pairs."""

    def __init__(self) -> None:
        self.plain, self.compiled = PlainScanner(), CompiledScanner()
        self._ids: dict[int, int] = {}
        self._last: tuple[Columns, Columns] | None = None

    def scan(self, body: bytes, text_format: TextFormat, *, skips: bool = False) -> Columns:
        plain = self.plain.scan(body, text_format, skip_bad_lines=skips)
        compiled = self.compiled.scan(body, text_format, skip_bad_lines=skips)
        assert [new.labels for new in plain.new] == [new.labels for new in compiled.new]
        for one, other in zip(plain.new, compiled.new, strict=True):
            self._ids[one.id] = other.id
        assert [self._ids[series_id] for series_id in plain.series] == list(compiled.series)
        assert without_series(plain) == without_series(compiled)
        if self._last is not None:
            assert (plain.series is self._last[0].series) == (
                compiled.series is self._last[1].series
            )
            assert (plain.metadata is self._last[0].metadata) == (
                compiled.metadata is self._last[1].metadata
            )
            assert (plain.metadata_at is self._last[0].metadata_at) == (
                compiled.metadata_at is self._last[1].metadata_at
            )
        self._last = plain, compiled
        for one_id, other_id in [*self._ids.items()][-_LOOKED_UP:]:
            assert self.plain.text_of(one_id) == self.compiled.text_of(other_id)
            text = self.plain.text_of(one_id)
            assert self.compiled.identify(text) == (other_id, False)
        assert len(self.plain) == len(self.compiled) == len(set(self._ids.values()))
        return plain

    def retain(self, ids: list[int]) -> None:
        forgotten = self.plain.retain(ids)
        found = self.compiled.retain([self._ids[series_id] for series_id in ids])
        assert sorted(found) == sorted(self._ids.pop(series_id) for series_id in forgotten)


def without_series(columns: Columns) -> object:
    error = columns.error
    return (
        columns.values.tobytes(),
        columns.metadata,
        dict(columns.metadata_at),
        columns.starts,
        columns.timestamps,
        columns.exemplars,
        error and (error.reason, error.line, error.line_at, error.column),
        columns.bad_lines,
        columns.bad_count,
    )
