"""What a target is asked for, and what its answer is taken for."""

import pytest

from promscrape.errors import ParseError
from promscrape.exposition.negotiation import accept_header, media_type
from promscrape.model.protocol import (
    PROTO_FIRST_PROTOCOLS,
    TEXT_PROTOCOLS,
    EscapingScheme,
    ScrapeProtocol,
)


def test_the_default_accept_header() -> None:
    """H3, TC140: to the letter."""
    assert accept_header(TEXT_PROTOCOLS, EscapingScheme.ALLOW_UTF_8) == (
        "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,"
        "application/openmetrics-text;version=0.0.1;q=0.5,"
        "text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,"
        "text/plain;version=0.0.4;q=0.3,*/*;q=0.2"
    )


def test_protobuf_first() -> None:
    """H3, H5: protobuf names no escaping."""
    header = accept_header(PROTO_FIRST_PROTOCOLS, EscapingScheme.DOTS)
    assert header.startswith(
        "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;"
        "encoding=delimited;q=0.6,"
    )
    assert header.endswith("*/*;q=0.1")


@pytest.mark.parametrize(
    "header",
    [
        "text/plain",
        "TEXT/PLAIN; version=0.0.4",
        "text/plain;",
        " text/plain ; x=y",
        "text/plain; a=1; a=1",
        'text/plain; charset="utf-8"',
        "text/plain; version=0.0.4; charset=utf-8; escaping=values",
    ],
)
def test_text_is_text_whatever_its_parameters(header: str) -> None:
    """H16: any case, any version."""
    assert media_type(header, None) == "text/plain"


@pytest.mark.parametrize(
    "header",
    [
        "application/openmetrics-text",
        "application/openmetrics-text; version=1.0.0; charset=utf-8; escaping=allow-utf-8",
        "Application/OpenMetrics-Text;version=0.0.1",
    ],
)
def test_openmetrics_is_openmetrics_whatever_its_version(header: str) -> None:
    """H16: the version never changes how a body is parsed."""
    assert media_type(header, None) == "application/openmetrics-text"


@pytest.mark.parametrize(
    ("header", "reason"),
    [
        ("", "non-compliant scrape target sending blank Content-Type and no fallback"),
        ("text/html", 'received unsupported Content-Type "text/html" and no fallback'),
        ("text/plain; charset", "mime: invalid media parameter"),
        ("a/b/c", "mime: unexpected content after media subtype"),
        ("text/plain, text/html", "mime: unexpected content after media subtype"),
        ("text/plain; a=1; a=2", "mime: duplicate parameter name"),
        (";a=1", "mime: no media type"),
    ],
)
def test_anything_else_needs_a_fallback(header: str, reason: str) -> None:
    """H17, TC145, TC146: with it the body is text, without it the scrape fails."""
    with pytest.raises(ParseError) as caught:
        media_type(header, None)
    assert reason in str(caught.value)
    assert media_type(header, ScrapeProtocol.PROMETHEUS_TEXT_0_0_4) == "text/plain"
