"""What goes into one request, in columns."""

from array import array
from collections.abc import Mapping, Sequence
from typing import final

import msgspec

from promscrape.model.exemplar import Exemplar
from promscrape.model.histogram import Histogram
from promscrape.storage.remote.outcome import Counts


@final
class Columns(msgspec.Struct, frozen=True):
    """Items in the order of the request, a TimeSeries each (H1).

    rows: of `RemoteSeries`. values: the bits of NaNs count. starts: 0 where unknown; None where
    unknown of all. histograms, exemplars: sparse, by position; at the position of a histogram
    the value means nothing. Exemplars go along with the sample that they came with.
    """

    rows: "array[int]"
    timestamps: "array[int]"
    values: "array[float]"
    starts: "array[int] | None" = None
    histograms: Mapping[int, Histogram] = {}
    exemplars: Mapping[int, Sequence[Exemplar]] = {}

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def counts(self) -> Counts:
        return Counts(
            samples=len(self.rows) - len(self.histograms),
            histograms=len(self.histograms),
            exemplars=sum(map(len, self.exemplars.values())),
        )
