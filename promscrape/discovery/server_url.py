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
