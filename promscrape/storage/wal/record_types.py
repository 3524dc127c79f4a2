"""What records say, decoded. Refs are the log's own numbers for series, never handles."""

from enum import IntEnum
from typing import NamedTuple

import msgspec

from promscrape.model.exemplar import Exemplar
from promscrape.model.histogram import Histogram
from promscrape.model.metadata import Metadata


class RecordType(IntEnum):
    """The first byte of a record. Source: Prometheus tsdb/record/record.go."""

    SERIES = 1
    SAMPLES = 2
    TOMBSTONES = 3
    EXEMPLARS = 4
    MMAP_MARKERS = 5
    METADATA = 6
    HISTOGRAMS = 7
    FLOAT_HISTOGRAMS = 8
    CUSTOM_HISTOGRAMS = 9
    CUSTOM_FLOAT_HISTOGRAMS = 10
    SAMPLES_V2 = 11
    HISTOGRAMS_V2 = 12
    FLOAT_HISTOGRAMS_V2 = 13


class StartMarker(IntEnum):
    """How an entry of a V2 record gives its start timestamp."""

    NONE = 0
    SAME = 1  # that of the entry before
    EXPLICIT = 2  # its difference to that of the first entry follows


SAMPLE_TYPES = frozenset({RecordType.SAMPLES, RecordType.SAMPLES_V2})
HISTOGRAM_TYPES = frozenset(
    {
        RecordType.HISTOGRAMS,
        RecordType.FLOAT_HISTOGRAMS,
        RecordType.CUSTOM_HISTOGRAMS,
        RecordType.CUSTOM_FLOAT_HISTOGRAMS,
        RecordType.HISTOGRAMS_V2,
        RecordType.FLOAT_HISTOGRAMS_V2,
    }
)


class LoggedSeries(NamedTuple):
    """`wire` is the label set in the encoding of `model.labels.Labels`, which is the log's."""

    ref: int
    wire: bytes


class LoggedExemplar(NamedTuple):
    """`exemplar.t_ms` is always given: the log has no exemplar without a timestamp."""

    ref: int
    exemplar: Exemplar


class LoggedMetadata(NamedTuple):
    """What a family said of itself, as of this point of the log."""

    ref: int
    metadata: Metadata


class Tombstone(NamedTuple):
    """Samples of the series in [mint_ms, maxt_ms] are deleted."""

    ref: int
    mint_ms: int
    maxt_ms: int


class LoggedHistogram(msgspec.Struct, frozen=True):
    """`start_ms` is the start timestamp, 0 where the log has none."""

    ref: int
    t_ms: int
    histogram: Histogram
    start_ms: int = 0


def record_type(record: bytes) -> RecordType | None:
    """Return the record's type, None for one that is unknown, and for an empty record."""
    try:
        return RecordType(record[0])
    except (IndexError, ValueError):
        return None
