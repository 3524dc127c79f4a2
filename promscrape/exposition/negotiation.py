"""Which format a target is asked for, and which one it has sent (rules H2 to H5, H16, H17)."""

import re
from collections.abc import Sequence
from functools import lru_cache

from promscrape.errors import ParseError
from promscrape.model.protocol import EscapingScheme, ScrapeProtocol
from promscrape.model.quoting import quote

_MEDIA_TYPES = {
    ScrapeProtocol.PROMETHEUS_PROTO: (
        "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited"
    ),
    ScrapeProtocol.PROMETHEUS_TEXT_0_0_4: "text/plain;version=0.0.4",
    ScrapeProtocol.PROMETHEUS_TEXT_1_0_0: "text/plain;version=1.0.0",
    ScrapeProtocol.OPENMETRICS_TEXT_0_0_1: "application/openmetrics-text;version=0.0.1",
    ScrapeProtocol.OPENMETRICS_TEXT_1_0_0: "application/openmetrics-text;version=1.0.0",
}
_WITH_ESCAPING = frozenset(
    {ScrapeProtocol.PROMETHEUS_TEXT_1_0_0, ScrapeProtocol.OPENMETRICS_TEXT_1_0_0}
)
_KNOWN_TYPES = frozenset(full.partition(";")[0] for full in _MEDIA_TYPES.values())

_WORD = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_MEDIA_TYPE = re.compile(rf"[ \t]*({_WORD}(?:/{_WORD})?)[ \t]*(?=;|$)")
_PARAMETER = re.compile(
    rf'[ \t]*;[ \t]*(?:({_WORD})[ \t]*=[ \t]*({_WORD}|"(?:[^"\\]|\\.)*")[ \t]*)?'
)


def accept_header(protocols: Sequence[ScrapeProtocol], escaping: EscapingScheme) -> str:
    """Return the `Accept` header that prefers `protocols` in their order."""
    # The weights start one tenth above what the five known protocols need.
    weight = len(_MEDIA_TYPES) + 1
    entries = []
    for protocol in protocols:
        media_type = _MEDIA_TYPES[protocol]
        if protocol in _WITH_ESCAPING:
            media_type += f";escaping={escaping.value}"
        entries.append(f"{media_type};q=0.{weight}")
        weight -= 1
    return ",".join([*entries, f"*/*;q=0.{weight}"])


def media_type(content_type: str, fallback: ScrapeProtocol | None) -> str:
    """Return the media type of a body by its Content-Type header, or by the fallback.

    Raises ParseError where neither says what the body is.
    """
    found, reason = _parse_media_type(content_type)
    if found not in _KNOWN_TYPES and fallback is not None:
        found, reason = _MEDIA_TYPES[fallback].partition(";")[0], ""
    if found in _KNOWN_TYPES:
        return found
    if not content_type:
        raise ParseError(
            "non-compliant scrape target sending blank Content-Type "
            "and no fallback_scrape_protocol specified for target"
        )
    if reason:
        raise ParseError(
            f"cannot parse Content-Type {quote(content_type)} "
            f"and no fallback_scrape_protocol for target\n{reason}"
        )
    raise ParseError(
        f"received unsupported Content-Type {quote(content_type)} "
        "and no fallback_scrape_protocol specified for target"
    )


# Each answer has one, and a fleet has few of them.
@lru_cache(maxsize=64)
def _parse_media_type(content_type: str) -> tuple[str, str]:
    """Return the media type in lower case, and why there is none; source: Go's mime package."""
    head = _MEDIA_TYPE.match(content_type)
    if head is None:
        if not content_type.partition(";")[0].strip():
            return "", "mime: no media type"
        return "", "mime: unexpected content after media subtype"
    found, seen = head[1].lower(), dict[str, str]()
    at = head.end()
    while at < len(content_type):
        parameter = _PARAMETER.match(content_type, at)
        if parameter is None or (parameter[1] is None and parameter.end() < len(content_type)):
            return "", "mime: invalid media parameter"
        name, value = (parameter[1] or "").lower(), parameter[2] or ""
        if name and seen.setdefault(name, value) != value:
            return "", "mime: duplicate parameter name"
        at = parameter.end()
    return found, ""
