"""What a scan of a body says, by the names of the series."""

from array import array
from typing import NamedTuple, final

from promscrape.exposition.body_format import BodyFormat
from promscrape.exposition.columns import Columns
from promscrape.exposition.reader import BodyReader
from promscrape.exposition.switches import DEFAULT_SWITCHES, Switches
from promscrape.model.exemplar import Exemplar
from promscrape.model.histogram import Histogram
from promscrape.model.labels import Labels
from promscrape.model.sample import NO_START, NO_TIMESTAMP


class Read(NamedTuple):
    """One sample; `value` is the histogram where it is one."""

    series: str
    value: float | Histogram
    t_ms: int | None = None
    start_ms: int = NO_START
    exemplars: tuple[Exemplar, ...] = ()


@final
class OneReader:
    """A reader of one target's bodies that remembers the names of its series."""

    def __init__(self, switches: Switches = DEFAULT_SWITCHES) -> None:
        self.reader = BodyReader(switches)
        self.last = Columns(array("I"), array("d"))
        self._names: dict[int, str] = {}

    def scan(self, body: bytes, body_format: BodyFormat) -> list[Read]:
        """Read a body and forget what it does not name, as a good scrape does."""
        columns = self.last = self.reader.scan(body, body_format)
        for new in columns.new:
            self._names[new.id] = _text(new.labels)
        found = [self._read(columns, place) for place in range(len(columns.series))]
        if columns.error is None:
            self.reader.retain(columns.series)
        return found

    def _read(self, columns: Columns, place: int) -> Read:
        t_ms = NO_TIMESTAMP if columns.timestamps is None else columns.timestamps[place]
        return Read(
            self._names[columns.series[place]],
            columns.histograms.get(place, columns.values[place]),
            None if t_ms == NO_TIMESTAMP else t_ms,
            NO_START if columns.starts is None else columns.starts[place],
            tuple(columns.exemplars.get(place, ())),
        )


def _text(labels: tuple[tuple[str, str], ...]) -> str:
    """Return `name{a="b"}`; the labels sorted, since formats order them in their own ways."""
    (_, name), *others = labels
    return name + (str(Labels.from_pairs(others)) if others else "")


def read(body: bytes, body_format: BodyFormat, switches: Switches = DEFAULT_SWITCHES) -> list[Read]:
    """Return the samples of a body that must be good, by a reader that knows nothing."""
    reader = OneReader(switches)
    found = reader.scan(body, body_format)
    assert reader.last.error is None
    return found


def values_of(samples: list[Read]) -> list[tuple[str, float | Histogram]]:
    return [(sample.series, sample.value) for sample in samples]
