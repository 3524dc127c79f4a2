"""What a target says of a metric family: type, help, unit."""

from enum import StrEnum

import msgspec


class MetricType(StrEnum):
    """The types of OpenMetrics 1.0, by the names that Prometheus's API prints."""

    UNKNOWN = "unknown"
    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"
    GAUGE_HISTOGRAM = "gaugehistogram"
    SUMMARY = "summary"
    INFO = "info"
    STATESET = "stateset"


class Metadata(msgspec.Struct, frozen=True):
    """One family's metadata. What a target never said stays at its default."""

    type: MetricType = MetricType.UNKNOWN
    help: str = ""
    unit: str = ""
