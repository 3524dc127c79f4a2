"""One metric of a protobuf family: its message, and the samples that it stands for.

Rules B4 to B8, S19, S20, S24 and section 6.8 of the scrape specification.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import NamedTuple, final

from promscrape.errors import ParseError
from promscrape.exposition.number import format_float
from promscrape.exposition.protobuf_messages import (
    ExemplarMessage,
    HistogramMessage,
    NumberMessage,
    SummaryMessage,
    Timestamp,
)
from promscrape.exposition.protobuf_wire import read_fields, refuse_known, signed64
from promscrape.exposition.switches import Switches
from promscrape.model.buckets import compacted
from promscrape.model.classic_histogram import ClassicHistogram
from promscrape.model.exemplar import Exemplar, in_order
from promscrape.model.histogram import CounterReset, Histogram
from promscrape.model.histogram_check import check_histogram
from promscrape.model.labels import BUCKET_LABEL, QUANTILE_LABEL
from promscrape.model.sample import NO_TIMESTAMP

COUNTER, GAUGE, SUMMARY, UNTYPED, HISTOGRAM, GAUGE_HISTOGRAM = range(6)
"""The types of a family, by their numbers on the wire."""

VALUE_TAGS = {
    COUNTER: 0x1A,
    GAUGE: 0x12,
    SUMMARY: 0x22,
    UNTYPED: 0x2A,
    HISTOGRAM: 0x3A,
    GAUGE_HISTOGRAM: 0x3A,
}
"""By type, the tag of the field of a metric that has its value."""

LABEL_TAG = 0x0A
_TIMESTAMP_TAG = 0x30
_METRIC_FIELDS = {
    1: "Label",
    2: "Gauge",
    3: "Counter",
    4: "Summary",
    5: "Untyped",
    6: "TimestampMs",
    7: "Histogram",
}


class Place(NamedTuple):
    """What tells one series of a metric from the others: a suffix of the name, and a label."""

    suffix: str = ""
    label: tuple[str, str] | None = None


@final
@dataclass(slots=True)
class Samples:
    """The samples of one metric, in their order.

    shape: what their series follow from, besides the family and the labels; `places` names them.
    exemplars, histograms: by position.
    """

    shape: tuple[object, ...]
    places: Callable[[], Sequence[Place]]
    values: list[float]
    start: Timestamp | None = None
    exemplars: dict[int, tuple[Exemplar, ...]] = field(default_factory=dict)
    histograms: dict[int, Histogram] = field(default_factory=dict)


Message = NumberMessage | SummaryMessage | HistogramMessage


@final
class Metric:
    """A metric whose value is that of its family's type; values of other types count for nothing.

    labels: where its labels lie. t_ms: its timestamp, 0 where it has none (B6).
    """

    def __init__(self, buf: bytes, at: int, end: int, type_: int) -> None:
        self.labels: list[tuple[int, int]] = []
        self.t_ms = 0
        self._type, self._message = type_, _message(type_)
        value_tag = VALUE_TAGS[type_]
        for tag, begin, stop in read_fields(buf, at, end):
            if tag == LABEL_TAG:
                self.labels.append((begin, stop))
            elif tag == value_tag:
                self._message.merge(buf, begin, stop)
            elif tag == _TIMESTAMP_TAG:
                # The lowest number of all means that there is none, further on.
                self.t_ms = max(signed64(begin), NO_TIMESTAMP + 1)
            elif tag & 7 != 2:
                refuse_known(tag, _METRIC_FIELDS, "Metric")

    def samples(self, name: bytes, switches: Switches) -> Samples:
        """Return what the metric of the family `name` stands for."""
        message = self._message
        if isinstance(message, NumberMessage):
            found = Samples((), _plain_place, [message.value], message.start)
            if message.exemplar is not None:
                found.exemplars[0] = (message.exemplar.exemplar(),)
            return found
        if isinstance(message, SummaryMessage):
            quantiles = tuple(quantile for quantile, _ in message.quantiles)
            values = [float(message.count), message.sum, *(value for _, value in message.quantiles)]
            return Samples(
                quantiles, partial(_summary_places, quantiles), values, start=message.start
            )
        try:
            return _histogram_samples(message, switches, is_gauge=self._type == GAUGE_HISTOGRAM)
        except ValueError as exc:
            shown = name[:120].decode("utf-8", "replace")
            raise ParseError(f'histogram "{shown}": {exc}') from exc


def _message(type_: int) -> Message:
    if type_ == SUMMARY:
        return SummaryMessage()
    if type_ in {HISTOGRAM, GAUGE_HISTOGRAM}:
        return HistogramMessage()
    return NumberMessage(is_counter=type_ == COUNTER)


def _plain_place() -> Sequence[Place]:
    return (Place(),)


def _summary_places(quantiles: Iterable[float]) -> Sequence[Place]:
    texts = [format_float(quantile) for quantile in quantiles]
    return [
        Place("_count"),
        Place("_sum"),
        *(Place(label=(QUANTILE_LABEL, text)) for text in texts),
    ]


class _HistogramShape(NamedTuple):
    """Which samples a histogram becomes, in this order; `bounds` are those of its buckets."""

    native: bool
    classic: bool
    converted: bool
    bounds: tuple[float, ...]

    def places(self) -> Sequence[Place]:
        places = [Place()] if self.native else []
        if self.classic:
            texts = [format_float(bound) for bound in self.bounds]
            buckets = (Place("_bucket", (BUCKET_LABEL, text)) for text in texts)
            places += [Place("_count"), Place("_sum"), *buckets]
        return [*places, Place()] if self.converted else places


def _histogram_samples(message: HistogramMessage, switches: Switches, *, is_gauge: bool) -> Samples:
    """Return the samples of section 6.8; raises ValueError for a histogram that is none."""
    native = switches.native_histograms and message.is_native
    convert = switches.convert_classic and not native
    if native:
        classic = switches.keep_classic and bool(message.buckets)
    else:
        classic = switches.keep_classic or not convert
    shape = _HistogramShape(native, classic, convert, _bounds(message))
    found = Samples(shape, shape.places, [], message.start)
    reset = CounterReset.GAUGE if is_gauge else CounterReset.UNKNOWN
    if native:
        exemplars = message.exemplars or _bucket_exemplars(message)
        _add_histogram(found, _native(message, reset), exemplars)
    if classic:
        _add_classic(found, message)
    if convert:
        _add_histogram(found, _converted(message, reset), _bucket_exemplars(message))
    return found


def _bounds(message: HistogramMessage) -> tuple[float, ...]:
    bounds = tuple([bound for bound, _, _ in message.buckets])
    return bounds if math.inf in bounds else (*bounds, math.inf)


def _bucket_exemplars(message: HistogramMessage) -> list[ExemplarMessage]:
    return [bucket.exemplar for bucket in message.buckets if bucket.exemplar is not None]


def _add_histogram(
    samples: Samples, histogram: Histogram, exemplars: Iterable[ExemplarMessage]
) -> None:
    """Add a native histogram; exemplars without a timestamp are left out (S19)."""
    at = len(samples.values)
    samples.values.append(0.0)
    samples.histograms[at] = histogram
    if timed := [each.exemplar() for each in exemplars if each.time is not None]:
        samples.exemplars[at] = in_order(timed)


def _add_classic(samples: Samples, message: HistogramMessage) -> None:
    samples.values += (message.count, message.sum)
    at = len(samples.values)
    samples.values += [count for _, count, _ in message.buckets]
    for position, (_, _, exemplar) in enumerate(message.buckets, start=at):
        if exemplar is not None:
            samples.exemplars[position] = (exemplar.exemplar(),)
    if all(bound != math.inf for bound, _, _ in message.buckets):
        samples.values.append(message.count)


def _native(message: HistogramMessage, reset: CounterReset) -> Histogram:
    positive, negative, is_float = message.positive, message.negative, message.is_float
    histogram = Histogram(
        is_float=is_float,
        counter_reset=reset,
        schema=message.schema,
        zero_threshold=message.zero_threshold,
        zero_count=message.zero_count_float if is_float else message.zero_count,
        count=message.float_count if is_float else message.integer_count,
        sum=message.sum,
        positive_spans=tuple(positive.spans),
        negative_spans=tuple(negative.spans),
        positive_buckets=tuple(positive.counts if is_float else positive.deltas),
        negative_buckets=tuple(negative.counts if is_float else negative.deltas),
    )
    check_histogram(histogram)
    return compacted(histogram)


def _converted(message: HistogramMessage, reset: CounterReset) -> Histogram:
    classic = ClassicHistogram()
    for bucket in message.buckets:
        classic.add_bucket(bucket.bound, bucket.cumulative)
    classic.count, classic.sum = message.count, message.sum
    return classic.converted(reset)
