"""The addresses of the servers that providers ask."""

from typing import Annotated, TypeAlias

from promscrape.decode.schema import Via
from promscrape.model.invalid import InvalidValue
from promscrape.model.url import URL

ServerURL: TypeAlias = Annotated[URL, Via(URL, URL)]
"""A URL that is read as it stands; its kind checks of the grammar what Prometheus would."""


def grammar_fault(key: str, url: URL) -> InvalidValue | None:
    """Return what is wrong with the grammar of the URL that the section has at `key`."""
    try:
        URL.parse(url.reveal())
    except InvalidValue as exc:
        return InvalidValue(str(exc), at=(key,), hint=exc.hint)
    return None


def absolute_fault(
    key: str, url: URL, missing: InvalidValue, relative: InvalidValue
) -> InvalidValue | None:
    """Return what keeps the section's `key` from being a URL with a scheme and a host.

    missing, relative: what a kind says of none, and of one that lacks either of them.
    """
    if not url:
        return missing
    fault = grammar_fault(key, url)
    if fault:
        return fault
    return None if url.scheme and url.host else relative


def http_fault(key: str, url: URL) -> InvalidValue | None:
    """Return the first thing that keeps the section's `key` from being an absolute HTTP URL."""
    if not url:
        return InvalidValue("URL is missing", at=(key,))
    fault = grammar_fault(key, url)
    if fault:
        return fault
    if url.scheme not in {"http", "https"}:
        return InvalidValue("URL scheme must be 'http' or 'https'", at=(key,))
    if not url.host:
        return InvalidValue("host is missing in URL", at=(key,))
    return None
