"""The messages inside a `MetricFamily`, each merged from the bytes of its fields.

Field numbers are those of io.prometheus.client, in rule B1. A tag below is the field's number
times eight plus its wire type. A field that comes twice is merged as protocol buffers have it: of
numbers the last counts, of lists all, and messages are merged field by field. Fields that are
not known are skipped; one that is known in another wire type is refused.
"""

from dataclasses import dataclass, field
from typing import NamedTuple, final

from promscrape.errors import ParseError
from promscrape.exposition.protobuf_wire import (
    read_double,
    read_doubles,
    read_fields,
    read_varint,
    read_zigzags,
    refuse_known,
    signed32,
    signed64,
    zigzag,
)
from promscrape.model.exemplar import Exemplar
from promscrape.model.histogram import Span
from promscrape.model.labels import Labels

_LABEL_FIELDS = {1: "Name", 2: "Value"}
_TIMESTAMP_FIELDS = {1: "Seconds", 2: "Nanos"}
_EXEMPLAR_FIELDS = {1: "Label", 2: "Value", 3: "Timestamp"}
_NUMBER_FIELDS = {1: "Value"}
_COUNTER_FIELDS = {1: "Value", 2: "Exemplar", 3: "StartTimestamp"}
_QUANTILE_FIELDS = {1: "Quantile", 2: "Value"}
_SUMMARY_FIELDS = {1: "SampleCount", 2: "SampleSum", 3: "Quantile", 4: "StartTimestamp"}
_SPAN_FIELDS = {1: "Offset", 2: "Length"}
_BUCKET_FIELDS = {1: "CumulativeCount", 2: "UpperBound", 3: "Exemplar", 4: "CumulativeCountFloat"}
_HISTOGRAM_FIELDS = {
    1: "SampleCount",
    2: "SampleSum",
    3: "Bucket",
    4: "SampleCountFloat",
    5: "Schema",
    6: "ZeroThreshold",
    7: "ZeroCount",
    8: "ZeroCountFloat",
    9: "NegativeSpan",
    10: "NegativeDelta",
    11: "NegativeCount",
    12: "PositiveSpan",
    13: "PositiveDelta",
    14: "PositiveCount",
    15: "StartTimestamp",
    16: "Exemplars",
}

_MAX_INT64 = (1 << 63) - 1


def read_label(buf: bytes, at: int, end: int) -> tuple[str, str]:
    """Return a LabelPair; raises ParseError where it is no UTF-8, or has no name (B2)."""
    name = value = b""
    for tag, start, stop in read_fields(buf, at, end):
        if tag == 0x0A:
            name = buf[start:stop]
        elif tag == 0x12:
            value = buf[start:stop]
        else:
            refuse_known(tag, _LABEL_FIELDS, "LabelPair")
    try:
        text = name.decode()
    except UnicodeDecodeError:
        text = ""
    if not text:
        raise ParseError(f"invalid label name: {name[:120].decode('utf-8', 'replace')}")
    try:
        return text, value.decode()
    except UnicodeDecodeError:
        shown = value[:120].decode("utf-8", "replace")
        raise ParseError(f"invalid label value: {shown}") from None


@final
class Timestamp:
    """A google.protobuf.Timestamp."""

    __slots__ = ("_nanos", "_seconds")

    def __init__(self) -> None:
        self._seconds = self._nanos = 0

    def merge(self, buf: bytes, at: int, end: int) -> None:
        for tag, number, _ in read_fields(buf, at, end):
            if tag == 0x08:
                self._seconds = signed64(number)
            elif tag == 0x10:
                self._nanos = signed32(number)
            else:
                refuse_known(tag, _TIMESTAMP_FIELDS, "Timestamp")

    @property
    def ms(self) -> int:
        """Milliseconds, the rest cut off; beyond 63 bits the last one that there is (B6)."""
        ms = self._seconds * 1000 + int(self._nanos / 1_000_000)
        return max(-_MAX_INT64, min(ms, _MAX_INT64))


@final
@dataclass(slots=True)
class ExemplarMessage:
    """An Exemplar."""

    labels: list[tuple[str, str]] = field(default_factory=list)
    value: float = 0.0
    time: Timestamp | None = None

    def merge(self, buf: bytes, at: int, end: int) -> None:
        for tag, start, stop in read_fields(buf, at, end):
            if tag == 0x0A:
                self.labels.append(read_label(buf, start, stop))
            elif tag == 0x11:
                self.value = read_double(buf, start)
            elif tag == 0x1A:
                self.time = self.time or Timestamp()
                self.time.merge(buf, start, stop)
            else:
                refuse_known(tag, _EXEMPLAR_FIELDS, "Exemplar")

    def exemplar(self) -> Exemplar:
        t_ms = None if self.time is None else self.time.ms
        return Exemplar(Labels.from_pairs(self.labels), self.value, t_ms)


@final
class NumberMessage:
    """A Counter, a Gauge or an Untyped: a value, and of a counter what goes with it."""

    __slots__ = ("_is_counter", "exemplar", "start", "value")

    def __init__(self, *, is_counter: bool) -> None:
        self._is_counter = is_counter
        self.value = 0.0
        self.exemplar: ExemplarMessage | None = None
        self.start: Timestamp | None = None

    def merge(self, buf: bytes, at: int, end: int) -> None:
        is_counter = self._is_counter
        for tag, begin, stop in read_fields(buf, at, end):
            if tag == 0x09:
                self.value = read_double(buf, begin)
            elif is_counter and tag == 0x12:
                self.exemplar = self.exemplar or ExemplarMessage()
                self.exemplar.merge(buf, begin, stop)
            elif is_counter and tag == 0x1A:
                self.start = self.start or Timestamp()
                self.start.merge(buf, begin, stop)
            elif is_counter:
                refuse_known(tag, _COUNTER_FIELDS, "Counter")
            else:
                refuse_known(tag, _NUMBER_FIELDS, "Gauge")


@final
class SummaryMessage:
    """A Summary; its quantiles are pairs of quantile and value."""

    __slots__ = ("count", "quantiles", "start", "sum")

    def __init__(self) -> None:
        self.count, self.sum = 0, 0.0
        self.quantiles: list[tuple[float, float]] = []
        self.start: Timestamp | None = None

    def merge(self, buf: bytes, at: int, end: int) -> None:
        for tag, begin, stop in read_fields(buf, at, end):
            if tag == 0x08:
                self.count = begin
            elif tag == 0x11:
                self.sum = read_double(buf, begin)
            elif tag == 0x1A:
                self.quantiles.append(_read_quantile(buf, begin, stop))
            elif tag == 0x22:
                self.start = self.start or Timestamp()
                self.start.merge(buf, begin, stop)
            else:
                refuse_known(tag, _SUMMARY_FIELDS, "Summary")


def _read_quantile(buf: bytes, at: int, end: int) -> tuple[float, float]:
    if end - at == 18 and buf[at] == 0x09 and buf[at + 9] == 0x11:
        return read_double(buf, at + 1), read_double(buf, at + 10)
    quantile = value = 0.0
    for tag, begin, _ in read_fields(buf, at, end):
        if tag == 0x09:
            quantile = read_double(buf, begin)
        elif tag == 0x11:
            value = read_double(buf, begin)
        else:
            refuse_known(tag, _QUANTILE_FIELDS, "Quantile")
    return quantile, value


class Bucket(NamedTuple):
    """A bucket of a classic histogram; its count is the float variant if that is there (B5)."""

    bound: float
    cumulative: float
    exemplar: ExemplarMessage | None = None


def _read_bucket(buf: bytes, at: int, end: int) -> Bucket:
    # What every client sends, a count and a bound: most of a body's bytes.
    bound_at = end - 8
    if bound_at - at > 1 and buf[at] == 0x08 and buf[bound_at - 1] == 0x11:
        count, stop = read_varint(buf, at + 1, bound_at - 1)
        if stop == bound_at - 1:
            return Bucket(read_double(buf, bound_at), float(count))
    return _read_any_bucket(buf, at, end)


def _read_any_bucket(buf: bytes, at: int, end: int) -> Bucket:
    count, count_float, bound = 0, 0.0, 0.0
    exemplar: ExemplarMessage | None = None
    for tag, begin, stop in read_fields(buf, at, end):
        if tag == 0x08:
            count = begin
        elif tag == 0x11:
            bound = read_double(buf, begin)
        elif tag == 0x1A:
            exemplar = exemplar or ExemplarMessage()
            exemplar.merge(buf, begin, stop)
        elif tag == 0x21:
            count_float = read_double(buf, begin)
        else:
            refuse_known(tag, _BUCKET_FIELDS, "Bucket")
    return Bucket(bound, count_float or float(count), exemplar)


@final
class Side:
    """The positive or the negative buckets of a native histogram."""

    __slots__ = ("counts", "deltas", "spans")

    def __init__(self) -> None:
        self.spans: list[Span] = []
        self.deltas: list[int] = []
        self.counts: list[float] = []


@final
class HistogramMessage:
    """A Histogram: classic, native, or both."""

    __slots__ = (
        "_sample_count",
        "_sample_count_float",
        "buckets",
        "exemplars",
        "negative",
        "positive",
        "schema",
        "start",
        "sum",
        "zero_count",
        "zero_count_float",
        "zero_threshold",
    )

    def __init__(self) -> None:
        self._sample_count = self.schema = self.zero_count = 0
        self._sample_count_float = self.sum = self.zero_threshold = self.zero_count_float = 0.0
        self.buckets: list[Bucket] = []
        self.exemplars: list[ExemplarMessage] = []
        self.negative, self.positive = Side(), Side()
        self.start: Timestamp | None = None

    @property
    def count(self) -> float:
        """The number of observations, the float variant if it is there (B5)."""
        return self._sample_count_float or float(self._sample_count)

    @property
    def integer_count(self) -> int:
        return self._sample_count

    @property
    def float_count(self) -> float:
        return self._sample_count_float

    @property
    def is_float(self) -> bool:
        """Whether its native part is one of floats (B5)."""
        return self._sample_count_float > 0 or self.zero_count_float > 0

    @property
    def is_native(self) -> bool:
        """Whether it has a native part (S24); a float zero count alone does not make one."""
        return bool(
            self.positive.spans
            or self.negative.spans
            or self.zero_threshold > 0
            or self.zero_count > 0
        )

    def merge(self, buf: bytes, at: int, end: int) -> None:
        for tag, begin, stop in read_fields(buf, at, end):
            if tag == 0x1A:
                self.buckets.append(_read_bucket(buf, begin, stop))
            elif tag == 0x08:
                self._sample_count = begin
            elif tag == 0x11:
                self.sum = read_double(buf, begin)
            elif tag == 0x21:
                self._sample_count_float = read_double(buf, begin)
            elif tag == 0x7A:
                self.start = self.start or Timestamp()
                self.start.merge(buf, begin, stop)
            elif tag == 0x82:
                exemplar = ExemplarMessage()
                exemplar.merge(buf, begin, stop)
                self.exemplars.append(exemplar)
            elif not self._merge_zero(buf, tag, begin):
                self._merge_side(buf, tag, begin, stop)

    def _merge_zero(self, buf: bytes, tag: int, begin: int) -> bool:
        if tag == 0x28:
            self.schema = zigzag(begin & 0xFFFF_FFFF)
        elif tag == 0x31:
            self.zero_threshold = read_double(buf, begin)
        elif tag == 0x38:
            self.zero_count = begin
        elif tag == 0x41:
            self.zero_count_float = read_double(buf, begin)
        else:
            return False
        return True

    def _merge_side(self, buf: bytes, tag: int, begin: int, stop: int) -> None:
        number = tag >> 3
        side, number = (self.negative, number) if number < 12 else (self.positive, number - 3)
        match number, tag & 7:
            case 9, 2:
                side.spans.append(_read_span(buf, begin, stop))
            case 10, 0:
                side.deltas.append(zigzag(begin))
            case 10, 2:
                side.deltas += read_zigzags(buf, begin, stop)
            case 11, 1:
                side.counts.append(read_double(buf, begin))
            case 11, 2:
                side.counts += read_doubles(buf, begin, stop)
            case _:
                refuse_known(tag, _HISTOGRAM_FIELDS, "Histogram")


def _read_span(buf: bytes, at: int, end: int) -> Span:
    offset = length = 0
    for tag, number, _ in read_fields(buf, at, end):
        if tag == 0x08:
            offset = zigzag(number & 0xFFFF_FFFF)
        elif tag == 0x10:
            length = number & 0xFFFF_FFFF
        else:
            refuse_known(tag, _SPAN_FIELDS, "BucketSpan")
    return Span(offset, length)
