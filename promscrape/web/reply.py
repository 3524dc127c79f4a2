"""Answers to requests, as values: the server alone knows how they go out."""

from collections.abc import Mapping
from html import escape
from http import HTTPStatus

import msgspec

TEXT = "text/plain; charset=utf-8"
HTML = "text/html; charset=utf-8"
JSON = "application/json"


class Reply(msgspec.Struct, frozen=True):
    """One answer.

    vary: the request's headers on which it depends.
    compressible: compressed where the client takes it.
    """

    status: HTTPStatus = HTTPStatus.OK
    body: bytes = b""
    content_type: str = TEXT
    headers: Mapping[str, str] = {}
    vary: tuple[str, ...] = ()
    compressible: bool = False


def text(body: str, status: HTTPStatus = HTTPStatus.OK) -> Reply:
    return Reply(status, body.encode("utf-8", "replace"))


def error(body: str, status: HTTPStatus, headers: Mapping[str, str] | None = None) -> Reply:
    """Return an error in the form of Go's http.Error: a line of text, not to be sniffed."""
    own = {"X-Content-Type-Options": "nosniff", **(headers or {})}
    return Reply(status, f"{body}\n".encode("utf-8", "replace"), headers=own)


def not_found() -> Reply:
    return error("404 page not found", HTTPStatus.NOT_FOUND)


def redirect(location: str, status: HTTPStatus) -> Reply:
    """Return a redirect in the form of Go's http.Redirect."""
    body = f'<a href="{escape(location)}">{status.phrase}</a>.\n\n'
    return Reply(status, body.encode(), HTML, {"Location": location})
