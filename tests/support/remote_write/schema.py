"""The protobuf messages of remote write 1.0 and 2.0, made from descriptors, without a compiler.

They are written down here a second time on purpose: the library that decodes with them is the
oracle for the encoder of the package.
"""

from collections.abc import Mapping
from typing import Final

from tests.support.protobuf_schema import Field, message_class, repeated

_HISTOGRAM = (
    Field(1, "count_int", "uint64", oneof="count"),
    Field(2, "count_float", "double", oneof="count"),
    Field(3, "sum", "double"),
    Field(4, "schema", "sint32"),
    Field(5, "zero_threshold", "double"),
    Field(6, "zero_count_int", "uint64", oneof="zero_count"),
    Field(7, "zero_count_float", "double", oneof="zero_count"),
    repeated(8, "negative_spans", "BucketSpan"),
    repeated(9, "negative_deltas", "sint64"),
    repeated(10, "negative_counts", "double"),
    repeated(11, "positive_spans", "BucketSpan"),
    repeated(12, "positive_deltas", "sint64"),
    repeated(13, "positive_counts", "double"),
    Field(14, "reset_hint", "enum"),
    Field(15, "timestamp", "int64"),
    repeated(16, "custom_values", "double"),
)
_SPAN = (Field(1, "offset", "sint32"), Field(2, "length", "uint32"))

_V1: Final[Mapping[str, tuple[Field, ...]]] = {
    "Label": (Field(1, "name", "string"), Field(2, "value", "string")),
    "Sample": (Field(1, "value", "double"), Field(2, "timestamp", "int64")),
    "Exemplar": (
        repeated(1, "labels", "Label"),
        Field(2, "value", "double"),
        Field(3, "timestamp", "int64"),
    ),
    "BucketSpan": _SPAN,
    "Histogram": _HISTOGRAM,
    "TimeSeries": (
        repeated(1, "labels", "Label"),
        repeated(2, "samples", "Sample"),
        repeated(3, "exemplars", "Exemplar"),
        repeated(4, "histograms", "Histogram"),
    ),
    "MetricMetadata": (
        Field(1, "type", "enum"),
        Field(2, "metric_family_name", "string"),
        Field(4, "help", "string"),
        Field(5, "unit", "string"),
    ),
    "WriteRequest": (
        repeated(1, "timeseries", "TimeSeries"),
        repeated(3, "metadata", "MetricMetadata"),
    ),
}

_V2: Final[Mapping[str, tuple[Field, ...]]] = {
    "Sample": (
        Field(1, "value", "double"),
        Field(2, "timestamp", "int64"),
        Field(3, "start_timestamp", "int64"),
    ),
    "Exemplar": (
        repeated(1, "labels_refs", "uint32"),
        Field(2, "value", "double"),
        Field(3, "timestamp", "int64"),
    ),
    "Metadata": (
        Field(1, "type", "enum"),
        Field(3, "help_ref", "uint32"),
        Field(4, "unit_ref", "uint32"),
    ),
    "BucketSpan": _SPAN,
    "Histogram": (*_HISTOGRAM, Field(17, "start_timestamp", "int64")),
    "TimeSeries": (
        repeated(1, "labels_refs", "uint32"),
        repeated(2, "samples", "Sample"),
        repeated(3, "histograms", "Histogram"),
        repeated(4, "exemplars", "Exemplar"),
        Field(5, "metadata", "Metadata"),
    ),
    "Request": (repeated(4, "symbols", "string"), repeated(5, "timeseries", "TimeSeries")),
}


WriteRequest: Final = message_class("prometheus", _V1, "WriteRequest")
"""The message of remote write 1.0, metadata included."""

RequestV2: Final = message_class("io.prometheus.write.v2", _V2, "Request")
"""The message of remote write 2.0."""
