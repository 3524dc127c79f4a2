"""What a parser yields, entry by entry, in the order of the body.

An error ends the stream; the entries before it have been handed on. Names and label values are
`str`; bytes of a quoted name that are not UTF-8 are carried as lone surrogates, for the name
check after metric relabeling to refuse.
"""

from typing import NamedTuple

import msgspec

from promscrape.model.exemplar import Exemplar
from promscrape.model.histogram import Histogram
from promscrape.model.metadata import MetricType

LabelPairs = tuple[tuple[str, str], ...]
"""Label pairs in the order of the body, `__name__` first; a name may stand twice."""


class TypeEntry(msgspec.Struct, frozen=True):
    """`# TYPE family type`: holds until the next one, whatever family follows."""

    family: str
    type: MetricType


class HelpEntry(msgspec.Struct, frozen=True):
    """`# HELP family help`, unescaped."""

    family: str
    help: str


class UnitEntry(msgspec.Struct, frozen=True):
    """`# UNIT family unit`."""

    family: str
    unit: str


class SeriesEntry(NamedTuple):
    """One float sample; a tuple, since a large fleet makes a million of them at first sight.

    key: the series text as exposed, which identifies the series from scrape to scrape: spacing
        and the order of labels matter, blanks before the name do not.
    t_ms: the explicit timestamp, None where the sample has none.
    start_ms: when the counter started, None where it is unknown.
    """

    key: bytes
    labels: LabelPairs
    value: float
    t_ms: int | None = None
    start_ms: int | None = None
    exemplars: tuple[Exemplar, ...] = ()


class HistogramEntry(msgspec.Struct, frozen=True):
    """One native histogram sample; the fields are those of `SeriesEntry`."""

    key: bytes
    labels: LabelPairs
    histogram: Histogram
    t_ms: int | None = None
    start_ms: int | None = None
    exemplars: tuple[Exemplar, ...] = ()


MetadataEntry = TypeEntry | HelpEntry | UnitEntry
Entry = MetadataEntry | SeriesEntry | HistogramEntry
