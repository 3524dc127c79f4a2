"""The messages of protobuf expositions, made by the library, which is the oracle of the decoder."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from google.protobuf.message import Message

from promscrape.model.varint import uvarint
from tests.support.protobuf_schema import Field, message_class, repeated

COUNTER, GAUGE, SUMMARY, UNTYPED, HISTOGRAM, GAUGE_HISTOGRAM = range(6)

_NUMBER = (Field(1, "value", "double"),)

MetricFamily: Final = message_class(
    "io.prometheus.client",
    {
        "LabelPair": (Field(1, "name", "string"), Field(2, "value", "string")),
        "Timestamp": (Field(1, "seconds", "int64"), Field(2, "nanos", "enum")),
        "Exemplar": (
            repeated(1, "label", "LabelPair"),
            Field(2, "value", "double"),
            Field(3, "timestamp", "Timestamp"),
        ),
        "Gauge": _NUMBER,
        "Untyped": _NUMBER,
        "Counter": (
            *_NUMBER,
            Field(2, "exemplar", "Exemplar"),
            Field(3, "start_timestamp", "Timestamp"),
        ),
        "Quantile": (Field(1, "quantile", "double"), Field(2, "value", "double")),
        "Summary": (
            Field(1, "sample_count", "uint64"),
            Field(2, "sample_sum", "double"),
            repeated(3, "quantile", "Quantile"),
            Field(4, "start_timestamp", "Timestamp"),
        ),
        "BucketSpan": (Field(1, "offset", "sint32"), Field(2, "length", "uint32")),
        "Bucket": (
            Field(1, "cumulative_count", "uint64"),
            Field(2, "upper_bound", "double"),
            Field(3, "exemplar", "Exemplar"),
            Field(4, "cumulative_count_float", "double"),
        ),
        "Histogram": (
            Field(1, "sample_count", "uint64"),
            Field(2, "sample_sum", "double"),
            repeated(3, "bucket", "Bucket"),
            Field(4, "sample_count_float", "double"),
            Field(5, "schema", "sint32"),
            Field(6, "zero_threshold", "double"),
            Field(7, "zero_count", "uint64"),
            Field(8, "zero_count_float", "double"),
            repeated(9, "negative_span", "BucketSpan"),
            repeated(10, "negative_delta", "sint64"),
            repeated(11, "negative_count", "double"),
            repeated(12, "positive_span", "BucketSpan"),
            repeated(13, "positive_delta", "sint64"),
            repeated(14, "positive_count", "double"),
            Field(15, "start_timestamp", "Timestamp"),
            repeated(16, "exemplars", "Exemplar"),
        ),
        "Metric": (
            repeated(1, "label", "LabelPair"),
            Field(2, "gauge", "Gauge"),
            Field(3, "counter", "Counter"),
            Field(4, "summary", "Summary"),
            Field(5, "untyped", "Untyped"),
            Field(6, "timestamp_ms", "int64"),
            Field(7, "histogram", "Histogram"),
        ),
        "MetricFamily": (
            Field(1, "name", "string"),
            Field(2, "help", "string"),
            Field(3, "type", "enum"),
            repeated(4, "metric", "Metric"),
            Field(5, "unit", "string"),
        ),
    },
    "MetricFamily",
    "proto2",
)
"""In proto2, as client libraries have it: what is set is sent, zeros included."""


def family(name: str, type_: int, *metrics: Mapping[str, Any], **fields: str) -> Message:
    """Return a family; a metric is what the library makes of a mapping."""
    return MetricFamily(name=name, type=type_, metric=metrics, **fields)


def pairs(**labels: str) -> list[dict[str, str]]:
    """Return labels as the fields of LabelPairs."""
    return [{"name": name, "value": value} for name, value in labels.items()]


def exemplar(value: float, seconds: int | None = None, **labels: str) -> dict[str, Any]:
    """Return the fields of an exemplar, without a timestamp where none is given."""
    fields: dict[str, Any] = {"label": pairs(**labels), "value": value}
    return fields if seconds is None else {**fields, "timestamp": {"seconds": seconds}}


def delimited(families: Iterable[Message]) -> bytes:
    """Return the body that these families make."""
    messages = [each.SerializeToString() for each in families]
    return b"".join(uvarint(len(message)) + message for message in messages)
