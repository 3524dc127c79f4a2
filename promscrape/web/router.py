"""Which route answers a request, and what is answered where none does.

The rules for slashes, methods and prefixes are those of the router that Prometheus uses
(julienschmidt/httprouter), whose answers scripts and load balancers have come to expect.
"""

import re
from collections.abc import Awaitable, Callable, Iterable, Mapping
from http import HTTPStatus
from typing import TypeAlias, final
from urllib.parse import quote as percent_encode

import msgspec
from aiohttp.web_request import BaseRequest

from promscrape.web.reply import Reply, error, not_found, redirect

Handler: TypeAlias = Callable[[BaseRequest], Awaitable[Reply]]
"""Answers one request. What it raises is a bug, and becomes status 500."""

API = "/api/v1"

_PARAMETER = re.compile(r"[:*][a-z]+")


class Route(msgspec.Struct, frozen=True):
    """A method and a path below the route prefix.

    path: `:name` stands for one segment and `*name`, at the end, for any rest. It is also the
        route's name in the metrics.
    gated: answers only while the daemon is ready.
    """

    method: str
    path: str
    handler: Handler
    gated: bool = False

    @property
    def is_api(self) -> bool:
        return self.path.startswith(f"{API}/")


class _Pattern(msgspec.Struct, frozen=True):
    regex: re.Pattern[str]
    takes_rest: bool
    methods: Mapping[str, Route]


@final
class Router:
    """Finds routes by method and path."""

    def __init__(self, routes: Iterable[Route], prefix: str) -> None:
        """`prefix` is `/`, or a path with no slash at its end."""
        self._prefix = "" if prefix == "/" else prefix
        self._exact: dict[str, dict[str, Route]] = {}
        self._patterns: list[_Pattern] = []
        by_path: dict[str, dict[str, Route]] = {}
        for route in routes:
            by_path.setdefault(route.path, {})[route.method] = route
        for path, methods in by_path.items():
            if _PARAMETER.search(path):
                self._patterns.append(_Pattern(_regex(path), "*" in path, methods))
            else:
                self._exact[path] = methods

    def find(self, method: str, path: str, query: str) -> Route | Reply:
        """Return the route, or the answer where there is none.

        path: decoded. query: as it came, still encoded, without its question mark.
        """
        if not self._prefix or path.startswith(f"{self._prefix}/"):
            return self._find_below(method, path.removeprefix(self._prefix), query)
        if path == self._prefix and method == "GET":
            return redirect(
                f"{percent_encode(path)}/{_with_mark(query)}", HTTPStatus.MOVED_PERMANENTLY
            )
        if path == "/" and method == "GET":
            return redirect(percent_encode(self._prefix), HTTPStatus.FOUND)
        return not_found()

    def _find_below(self, method: str, path: str, query: str) -> Route | Reply:
        methods = self._methods(path)
        route = methods.get(method)
        if route is not None:
            return route
        other = path[:-1] if path.endswith("/") else f"{path}/"
        if other and method in self._methods(other, with_rest=False):
            permanent = HTTPStatus.PERMANENT_REDIRECT
            status = HTTPStatus.MOVED_PERMANENTLY if method == "GET" else permanent
            return redirect(f"{percent_encode(self._prefix + other)}{_with_mark(query)}", status)
        allowed = {"Allow": ", ".join(sorted({*methods, "OPTIONS"}))}
        if not methods.keys() - {"OPTIONS"}:
            return not_found()
        if method == "OPTIONS":
            return Reply(headers=allowed)
        return error("Method Not Allowed", HTTPStatus.METHOD_NOT_ALLOWED, allowed)

    def _methods(self, path: str, *, with_rest: bool = True) -> Mapping[str, Route]:
        """Return the routes of a path by method; the more exact path wins for each."""
        found: dict[str, Route] = {}
        for pattern in self._patterns:
            if pattern.regex.fullmatch(path) and (with_rest or not pattern.takes_rest):
                found |= pattern.methods
        return found | self._exact.get(path, {})


def _regex(path: str) -> re.Pattern[str]:
    parts, at = [], 0
    for parameter in _PARAMETER.finditer(path):
        parts.append(re.escape(path[at : parameter.start()]))
        parts.append(".*" if parameter[0].startswith("*") else "[^/]+")
        at = parameter.end()
    parts.append(re.escape(path[at:]))
    return re.compile("".join(parts), re.DOTALL)


def _with_mark(query: str) -> str:
    return f"?{query}" if query else ""
