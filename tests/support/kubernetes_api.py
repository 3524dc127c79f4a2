"""A Kubernetes API server on loopback: lists in pages, watches, bookmarks, and faults to switch on.

It keeps objects with one counter of versions, as etcd does, and the events since the last
`compact`. What it answers has the form of a real server's answers: items of a list without kind,
partial metadata for those who ask for it, errors as Status objects.
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Final, Self, TypeAlias, cast, final

import msgspec
from aiohttp import web

from tests.support.kubernetes_selector import JSON, matches

ROOTS: Final[Mapping[str, tuple[str, str, str]]] = {
    "nodes": ("/api/v1", "v1", "Node"),
    "namespaces": ("/api/v1", "v1", "Namespace"),
    "pods": ("/api/v1", "v1", "Pod"),
    "services": ("/api/v1", "v1", "Service"),
    "endpoints": ("/api/v1", "v1", "Endpoints"),
    "endpointslices": ("/apis/discovery.k8s.io/v1", "discovery.k8s.io/v1", "EndpointSlice"),
    "ingresses": ("/apis/networking.k8s.io/v1", "networking.k8s.io/v1", "Ingress"),
    "replicasets": ("/apis/apps/v1", "apps/v1", "ReplicaSet"),
    "jobs": ("/apis/batch/v1", "batch/v1", "Job"),
}
_RESOURCE_OF = {kind: resource for resource, (_, _, kind) in ROOTS.items()}
_Answer: TypeAlias = Callable[[web.Request], Awaitable[web.StreamResponse]]
_PARTIAL = {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1"}


@final
@dataclass(frozen=True, slots=True)
class Asked:
    """One request, as far as tests look at it."""

    verb: str  # list or watch
    resource: str
    namespace: str
    query: Mapping[str, str]
    headers: Mapping[str, str] = field(repr=False)


@final
@dataclass(frozen=True, slots=True)
class Fault:
    """How a request is answered instead of being served; a code of 0 lets it be served."""

    code: int
    reason: str = ""
    message: str = "as the test wants it"
    retry_after_s: int | None = None


@final
@dataclass(slots=True)
class _Event:
    version: int
    resource: str
    old: JSON | None
    new: JSON | None


@final
class _Watcher:
    """One open watch."""

    def __init__(self, asked: Asked, request: web.Request) -> None:
        self.asked, self.request = asked, request
        self.lines: asyncio.Queue[bytes | None] = asyncio.Queue()
        self.is_half_open = False

    @property
    def is_partial(self) -> bool:
        return "PartialObjectMetadata" in self.asked.headers.get("Accept", "")

    def line_of(self, event: _Event) -> bytes:
        """Return the event as this watch sees it, empty where it does not."""
        asked = self.asked
        if asked.resource != event.resource:
            return b""
        old, new = event.old, event.new
        saw = old is not None and _is_asked_for(old, asked)
        sees = new is not None and _is_asked_for(new, asked)
        if not (saw or sees):
            return b""
        kind = ("MODIFIED" if saw else "ADDED") if sees else "DELETED"
        item = new if new is not None else old
        assert item is not None
        # A deleted object comes with the version of its deletion.
        shown = {**item, "metadata": {**_meta(item), "resourceVersion": str(event.version)}}
        return line(kind, _partial(shown) if self.is_partial else shown)


@final
class KubernetesAPI:
    """From `start` until it is left.

    tokens: whom it serves; nobody has to show anything where it is empty.
    pages_from_cache: whether a list with resourceVersion=0 comes in pages; many servers do not.
    """

    def __init__(self, *, prefix: str = "") -> None:
        self._prefix = prefix
        self.tokens = set[str]()
        self.pages_from_cache = True
        self.warning = ""
        self.asked: list[Asked] = []
        self.version = 1000
        self.slice_bytes = 0  # above 0, answers trickle in parts of that size
        self.is_hanging = False  # whether requests are taken and not answered
        self._is_cutting = False
        self._faults: list[tuple[str, str, deque[Fault]]] = []
        self._objects: dict[str, dict[tuple[str, str], JSON]] = {name: {} for name in ROOTS}
        self._events: list[_Event] = []
        self._compacted = self.version
        self._snapshots: dict[str, list[JSON]] = {}
        self._watchers: list[_Watcher] = []
        self._port = 0
        self._runner = web.AppRunner(self._app(), handler_cancellation=True)

    # What the cluster holds.

    def put(self, item: JSON) -> None:
        """Create or replace an object, as a controller would."""
        resource, key = _RESOURCE_OF[cast("str", item["kind"])], _key(item)
        self.version += 1
        old = self._objects[resource].get(key)
        new = {**item, "metadata": {**_meta(item), "resourceVersion": str(self.version)}}
        self._objects[resource][key] = new
        self._happen(_Event(self.version, resource, old, new))

    def delete(self, item: JSON) -> None:
        resource, key = _RESOURCE_OF[cast("str", item["kind"])], _key(item)
        self.version += 1
        old = self._objects[resource].pop(key)
        self._happen(_Event(self.version, resource, old, None))

    def objects(self, resource: str) -> list[JSON]:
        return list(self._objects[resource].values())

    # What tests see.

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}{self._prefix}"

    def count(self, verb: str, resource: str) -> int:
        return len(self.requests(verb, resource))

    def requests(self, verb: str, resource: str) -> list[Asked]:
        return [one for one in self.asked if (one.verb, one.resource) == (verb, resource)]

    def watching(self, resource: str) -> int:
        """Return how many watches of a resource are open."""
        return sum(one.asked.resource == resource for one in self._watchers)

    # Faults.

    def refuse(self, verb: str, resource: str, *faults: Fault) -> None:
        """Answer the next requests of a kind with these, one each."""
        self._faults.append((verb, resource, deque(faults)))

    def bookmark(self, resource: str) -> None:
        """Tell the watches of a resource how far they are."""
        for watcher in self._watching(resource):
            kind, api = ROOTS[resource][2], ROOTS[resource][1]
            metadata = {"resourceVersion": str(self.version), "creationTimestamp": None}
            watcher.lines.put_nowait(
                line("BOOKMARK", {"kind": kind, "apiVersion": api, "metadata": metadata})
            )

    def send(self, resource: str, raw: bytes) -> None:
        """Send bytes as they are to the watches of a resource."""
        for watcher in self._watching(resource):
            watcher.lines.put_nowait(raw)

    def fail_watches(self, resource: str, fault: Fault) -> None:
        """End the watches of a resource with an error, as a server does that has lost its place."""
        self.send(resource, line("ERROR", _status(fault)))
        self.end_watches(resource)

    def end_watches(self, resource: str) -> None:
        """End the watches of a resource in order, as at their timeout."""
        for watcher in self._watching(resource):
            watcher.lines.put_nowait(None)

    def go_silent(self, resource: str) -> None:
        """Keep the open watches of a resource, and say no more on them, as if half open."""
        for watcher in self._watching(resource):
            watcher.is_half_open = True

    def cut_next_event(self) -> None:
        """Break the connection in the middle of the next event's line."""
        self._is_cutting = True

    def compact(self) -> None:
        """Forget all events up to now: watches from an older version are told 410."""
        self._events.clear()
        self._compacted = self.version

    def expire_pages(self) -> None:
        """Forget the lists that are under way: their next pages are answered with 410."""
        self._snapshots.clear()

    async def go_down(self) -> None:
        """Break all connections, and refuse new ones."""
        for site in list(self._runner.sites):
            await site.stop()
        assert self._runner.server is not None
        for connection in self._runner.server.connections:
            if connection.transport is not None:
                connection.transport.abort()

    async def come_up(self, *, version: int | None = None) -> None:
        """Listen again; with `version`, as restored from a backup of that time."""
        if version is not None:
            self.version = version
            self._events.clear()
            self._compacted = 0
            for items in self._objects.values():
                for item in items.values():
                    _meta(item)["resourceVersion"] = str(version)
        await web.TCPSite(self._runner, "127.0.0.1", self._port, reuse_address=True).start()

    # The server.

    async def __aenter__(self) -> Self:
        await self._runner.setup()
        await self.come_up()
        self._port = self._runner.addresses[0][1]
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for watcher in self._watchers:
            watcher.lines.put_nowait(None)
        await self._runner.cleanup()

    def _app(self) -> web.Application:
        app = web.Application()
        for resource, (root, _, _) in ROOTS.items():
            for place in ("", "/namespaces/{namespace}"):
                app.router.add_get(
                    f"{self._prefix}{root}{place}/{resource}", self._answerer(resource)
                )
        return app

    def _answerer(self, resource: str) -> _Answer:
        async def answer(request: web.Request) -> web.StreamResponse:
            query = dict(request.query)
            verb = "watch" if query.get("watch") == "true" else "list"
            namespace = request.match_info.get("namespace", "")
            asked = Asked(verb, resource, namespace, query, dict(request.headers))
            self.asked.append(asked)
            fault = self._fault(asked)
            if self.is_hanging:
                await asyncio.get_running_loop().create_future()
            if fault is not None and fault.code:
                return self._refused(fault)
            if verb == "list":
                return await self._list(asked, request)
            return await self._watch(asked, request)

        return answer

    def _fault(self, asked: Asked) -> Fault | None:
        if self.tokens and asked.headers.get("Authorization", "") not in {
            f"Bearer {token}" for token in self.tokens
        }:
            return Fault(401, "Unauthorized", "Unauthorized")
        for verb, resource, faults in self._faults:
            if (verb, resource) == (asked.verb, asked.resource) and faults:
                return faults.popleft()
        if asked.query.get("resourceVersion", "0").isdecimal():
            wanted = int(asked.query.get("resourceVersion", "0"))
            if wanted > self.version:
                message = f"Too large resource version: {wanted}, current: {self.version}"
                return Fault(504, "Timeout", f"Timeout: {message}", retry_after_s=1)
        if asked.query.get("continue") and asked.query["continue"] not in self._snapshots:
            return Fault(410, "Expired", "The provided continue parameter is too old")
        return None

    def _refused(self, fault: Fault) -> web.Response:
        headers = {} if fault.retry_after_s is None else {"Retry-After": str(fault.retry_after_s)}
        return web.json_response(_status(fault), status=fault.code, headers=headers)

    async def _list(self, asked: Asked, request: web.Request) -> web.StreamResponse:
        query = asked.query
        version = str(self.version)
        if query.get("continue"):
            rest, version = self._snapshots[query["continue"]], query["continue"].split("-")[0]
        else:
            every = self._objects[asked.resource]
            rest = [every[key] for key in sorted(every) if _is_asked_for(every[key], asked)]
        limit = int(query.get("limit", 0))
        if query.get("resourceVersion") == "0" and not self.pages_from_cache:
            limit = 0
        page, rest = (rest[:limit], rest[limit:]) if limit else (rest, [])
        metadata: JSON = {"resourceVersion": version}
        if rest:
            following = f"{version}-{len(self._snapshots)}"
            self._snapshots[following] = rest
            metadata |= {"continue": following, "remainingItemCount": str(len(rest))}
        body = _list_body(asked, metadata, page)
        answer = web.StreamResponse(headers={"Content-Type": "application/json", **self._warn()})
        await answer.prepare(request)
        await self._write(answer, body)
        await answer.write_eof()
        return answer

    async def _watch(self, asked: Asked, request: web.Request) -> web.StreamResponse:
        answer = web.StreamResponse(headers={"Content-Type": "application/json"})
        await answer.prepare(request)
        watcher = _Watcher(asked, request)
        since = int(asked.query.get("resourceVersion") or 0)
        if since < self._compacted and self._compacted:
            message = f"too old resource version: {since} ({self._compacted})"
            await answer.write(line("ERROR", _status(Fault(410, "Expired", message))))
            return answer
        for event in self._events:
            if event.version > since:
                watcher.lines.put_nowait(watcher.line_of(event))
        self._watchers.append(watcher)
        # Whoever watched may have gone, and that is no error of ours.
        with contextlib.suppress(ConnectionResetError):
            await self._serve(watcher, answer)
        return answer

    async def _serve(self, watcher: _Watcher, answer: web.StreamResponse) -> None:
        try:
            while (text := await watcher.lines.get()) is not None:
                if (
                    text
                    and not watcher.is_half_open
                    and not await self._pass_on(answer, text, watcher.request)
                ):
                    break
        finally:
            self._watchers.remove(watcher)

    async def _pass_on(self, answer: web.StreamResponse, text: bytes, request: web.Request) -> bool:
        """Write a line; return whether the connection is still whole."""
        if not self._is_cutting:
            await self._write(answer, text)
            return True
        self._is_cutting = False
        await answer.write(text[: len(text) // 2])
        assert request.transport is not None
        request.transport.close()
        return False

    async def _write(self, answer: web.StreamResponse, body: bytes) -> None:
        step = self.slice_bytes or len(body) or 1
        for start in range(0, len(body), step):
            await answer.write(body[start : start + step])
            if self.slice_bytes:
                await asyncio.sleep(0)

    def _happen(self, event: _Event) -> None:
        self._events.append(event)
        for watcher in self._watchers:
            watcher.lines.put_nowait(watcher.line_of(event))

    def _watching(self, resource: str) -> Iterator[_Watcher]:
        return (one for one in list(self._watchers) if one.asked.resource == resource)

    def _warn(self) -> dict[str, str]:
        return {"Warning": f'299 - "{self.warning}"'} if self.warning else {}


def line(kind: str, item: JSON) -> bytes:
    """Return one event of a watch."""
    return msgspec.json.encode({"type": kind, "object": item}) + b"\n"


def _meta(item: JSON) -> JSON:
    return cast("JSON", item["metadata"])


def _key(item: JSON) -> tuple[str, str]:
    metadata = _meta(item)
    return cast("str", metadata.get("namespace", "")), cast("str", metadata["name"])


def _is_asked_for(item: JSON, asked: Asked) -> bool:
    is_there = not asked.namespace or _meta(item).get("namespace") == asked.namespace
    return is_there and matches(item, asked.query)


def _partial(item: JSON) -> JSON:
    return {**_PARTIAL, "metadata": item["metadata"]}


def _list_body(asked: Asked, metadata: JSON, page: list[JSON]) -> bytes:
    _, api, kind = ROOTS[asked.resource]
    items: list[JSON]
    if "PartialObjectMetadataList" in asked.headers.get("Accept", ""):
        kind, api, items = "PartialObjectMetadataList", "meta.k8s.io/v1", [*map(_partial, page)]
    else:
        kind = f"{kind}List"
        items = [
            {key: value for key, value in item.items() if key not in ("kind", "apiVersion")}
            for item in page
        ]
    whole = {"kind": kind, "apiVersion": api, "metadata": metadata, "items": items}
    return msgspec.json.encode(whole) + b"\n"


def _status(fault: Fault) -> JSON:
    details = {} if fault.retry_after_s is None else {"retryAfterSeconds": fault.retry_after_s}
    return {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": fault.message,
        "reason": fault.reason,
        "details": details,
        "code": fault.code,
    }
