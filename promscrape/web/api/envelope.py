"""The form of every API answer: `{"status":"success","data":...}`, or an error with its kind.

The bytes are those of Go's encoder, which also escapes `<`, `>` and `&`, so that an answer can
stand in a page.
"""

from collections.abc import Awaitable, Callable
from enum import Enum
from http import HTTPStatus
from typing import TypeAlias, final

import msgspec
from aiohttp.web_request import BaseRequest

from promscrape.web.reply import JSON, Reply
from promscrape.web.router import API, Handler, Route

_ESCAPES = ((b"<", rb"\u003c"), (b">", rb"\u003e"), (b"&", rb"\u0026"))


class ErrorType(Enum):
    """The kinds of errors, by name and status."""

    BAD_DATA = ("bad_data", HTTPStatus.BAD_REQUEST)
    EXECUTION = ("execution", HTTPStatus.UNPROCESSABLE_ENTITY)


@final
class ApiError(Exception):
    """A request that cannot be answered; the text is the answer's `error`."""

    def __init__(self, kind: ErrorType, text: str) -> None:
        super().__init__(text)
        self.kind = kind


class _Success(msgspec.Struct, frozen=True):
    status: str
    data: object


class _Failure(msgspec.Struct, frozen=True, rename="camel"):
    status: str
    error_type: str
    error: str


Endpoint: TypeAlias = Callable[[BaseRequest], Awaitable[object]]
"""Returns the `data` of an answer, as msgspec can encode it. Raises ApiError."""


def api_route(path: str, endpoint: Endpoint, *, method: str = "GET", gated: bool = True) -> Route:
    """Return the route of an endpoint; `path` is below the API's own prefix."""
    return Route(method, f"{API}{path}", _enveloped(endpoint), gated=gated)


def _enveloped(endpoint: Endpoint) -> Handler:
    async def answer(request: BaseRequest) -> Reply:
        try:
            body, status = encode(_Success("success", await endpoint(request))), HTTPStatus.OK
        except ApiError as exc:
            name, status = exc.kind.value
            body = encode(_Failure("error", name, str(exc)))
        return Reply(status, body, JSON, compressible=True)

    return answer


def encode(value: object) -> bytes:
    """Return `value` as JSON for a page. Bytes that were not UTF-8 show as U+FFFD."""
    try:
        body = msgspec.json.encode(value)
    except UnicodeEncodeError:
        body = msgspec.json.encode(_decoded(msgspec.to_builtins(value)))
    for raw, escaped in _ESCAPES:
        body = body.replace(raw, escaped)
    return body


def _decoded(value: object) -> object:
    if isinstance(value, str):
        return value.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    if isinstance(value, dict):
        return {_decoded(key): _decoded(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_decoded(item) for item in value]
    return value
