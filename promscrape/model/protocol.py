"""What a scrape can ask a target for: exposition formats, and how names are escaped in them."""

from enum import StrEnum


class ScrapeProtocol(StrEnum):
    """Exposition formats, by their names in `scrape_protocols`, in ascending order."""

    OPENMETRICS_TEXT_0_0_1 = "OpenMetricsText0.0.1"
    OPENMETRICS_TEXT_1_0_0 = "OpenMetricsText1.0.0"
    PROMETHEUS_PROTO = "PrometheusProto"
    PROMETHEUS_TEXT_0_0_4 = "PrometheusText0.0.4"
    PROMETHEUS_TEXT_1_0_0 = "PrometheusText1.0.0"


TEXT_PROTOCOLS = (
    ScrapeProtocol.OPENMETRICS_TEXT_1_0_0,
    ScrapeProtocol.OPENMETRICS_TEXT_0_0_1,
    ScrapeProtocol.PROMETHEUS_TEXT_1_0_0,
    ScrapeProtocol.PROMETHEUS_TEXT_0_0_4,
)
"""What a job asks for, in order of preference, where neither it nor `global` says otherwise."""

PROTO_FIRST_PROTOCOLS = (ScrapeProtocol.PROMETHEUS_PROTO, *TEXT_PROTOCOLS)
"""The same where native histograms are scraped: only protobuf carries them."""


class EscapingScheme(StrEnum):
    """How an exposer is asked to write names that are not legacy names."""

    ALLOW_UTF_8 = "allow-utf-8"
    UNDERSCORES = "underscores"
    DOTS = "dots"
    VALUES = "values"
