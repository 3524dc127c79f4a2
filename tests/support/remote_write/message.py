"""What a request of remote write holds, the same for both versions, decoded by the library.

Floats are kept as their bits: a stale marker is one NaN among many.
"""

import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

import cramjam
from google.protobuf.message import Message
from google.protobuf.unknown_fields import UnknownFieldSet

from tests.support.remote_write.schema import RequestV2, WriteRequest

STALE_BITS: Final = 0x7FF0000000000002
NAN_BITS: Final = 0x7FF8000000000001

Pairs = tuple[tuple[str, str], ...]
"""Labels in the order in which they were sent."""


class WireSample(NamedTuple):
    t_ms: int
    bits: int
    start_ms: int = 0

    @property
    def value(self) -> float:
        return float(struct.unpack("<d", self.bits.to_bytes(8, "little"))[0])

    @property
    def is_stale(self) -> bool:
        return self.bits == STALE_BITS


class WireHistogram(NamedTuple):
    """A native histogram; `message` is the library's, for what a test looks at beyond that."""

    t_ms: int
    sum_bits: int
    start_ms: int
    message: Any


class WireExemplar(NamedTuple):
    labels: Pairs
    value: float
    t_ms: int


class WireMetadata(NamedTuple):
    """Type by number, help and unit; the family is named in version 1.0 only."""

    kind: int = 0
    help: str = ""
    unit: str = ""
    family: str = ""


NO_METADATA: Final = WireMetadata()


@dataclass(slots=True)
class WireSeries:
    """One TimeSeries message."""

    labels: Pairs
    samples: list[WireSample] = field(default_factory=list)
    histograms: list[WireHistogram] = field(default_factory=list)
    exemplars: list[WireExemplar] = field(default_factory=list)
    metadata: WireMetadata = NO_METADATA

    @property
    def name(self) -> str:
        return dict(self.labels).get("__name__", "")


@dataclass(slots=True)
class WireRequest:
    """A request's message. faults: what the decoding alone found to be wrong."""

    version: int
    series: list[WireSeries]
    metadata: list[WireMetadata] = field(default_factory=list)
    symbols: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    @property
    def items(self) -> int:
        return sum(len(s.samples) + len(s.histograms) + len(s.exemplars) for s in self.series)


def bits_of(value: float) -> int:
    return int.from_bytes(struct.pack("<d", value), "little")


def unpacked(body: bytes) -> bytes:
    """Return the message in a body. Raises ValueError for what is no snappy block."""
    try:
        return bytes(cramjam.snappy.decompress_raw(body))
    except cramjam.DecompressionError as exc:
        raise ValueError(f"not a snappy block: {exc}") from None


def decoded(message: bytes, version: int) -> WireRequest:
    """Decode a message. Raises google.protobuf.message.DecodeError."""
    return _decoded_v1(message) if version == 1 else _decoded_v2(message)


def _decoded_v1(message: bytes) -> WireRequest:
    request: Any = WriteRequest()
    request.ParseFromString(message)
    series = [
        WireSeries(
            _pairs(one.labels),
            [_sample(sample) for sample in one.samples],
            [_histogram(histogram) for histogram in one.histograms],
            [WireExemplar(_pairs(e.labels), e.value, e.timestamp) for e in one.exemplars],
        )
        for one in request.timeseries
    ]
    metadata = [
        WireMetadata(m.type, m.help, m.unit, m.metric_family_name) for m in request.metadata
    ]
    return WireRequest(1, series, metadata, faults=list(_unknown_fields(request)))


def _decoded_v2(message: bytes) -> WireRequest:
    request: Any = RequestV2()
    request.ParseFromString(message)
    table = _Symbols(request.symbols)
    series = [
        WireSeries(
            table.pairs(one.labels_refs),
            [_sample(sample, sample.start_timestamp) for sample in one.samples],
            [_histogram(histogram, histogram.start_timestamp) for histogram in one.histograms],
            [WireExemplar(table.pairs(e.labels_refs), e.value, e.timestamp) for e in one.exemplars],
            WireMetadata(
                one.metadata.type,
                table.text(one.metadata.help_ref),
                table.text(one.metadata.unit_ref),
            ),
        )
        for one in request.timeseries
    ]
    faults = [*table.faults, *_unknown_fields(request)]
    return WireRequest(2, series, symbols=list(request.symbols), faults=faults)


class _Symbols:
    """The symbol table of a request, and what was wrong with references into it."""

    def __init__(self, symbols: Sequence[str]) -> None:
        self._symbols = list(symbols)
        self.faults: list[str] = []

    def text(self, ref: int) -> str:
        if ref < len(self._symbols):
            return self._symbols[ref]
        if ref:  # 0 means that there is nothing
            self.faults.append(f"reference {ref} into {len(self._symbols)} symbols")
        return ""

    def pairs(self, refs: Sequence[int]) -> Pairs:
        if len(refs) % 2:
            self.faults.append(f"an odd number of label references: {list(refs)}")
        names, values = refs[0::2], refs[1::2]
        return tuple(
            (self.text(name), self.text(value)) for name, value in zip(names, values, strict=False)
        )


def _pairs(labels: Iterable[Any]) -> Pairs:
    return tuple((label.name, label.value) for label in labels)


def _sample(sample: Any, start_ms: int = 0) -> WireSample:
    return WireSample(sample.timestamp, bits_of(sample.value), start_ms)


def _histogram(histogram: Any, start_ms: int = 0) -> WireHistogram:
    return WireHistogram(histogram.timestamp, bits_of(histogram.sum), start_ms, histogram)


def _unknown_fields(message: Message) -> Iterable[str]:
    """Yield the fields that no version of the document knows, wherever they stand."""
    for unknown in UnknownFieldSet(message):
        yield f"unknown field {unknown.field_number} in {message.DESCRIPTOR.full_name}"
    for descriptor, value in message.ListFields():
        if descriptor.message_type is not None:
            for nested in value if descriptor.is_repeated else [value]:
                yield from _unknown_fields(nested)
