"""Keeping a store in step with the API server: list, then watch, for as long as we run.

    list ──► watch ──► end of stream ──► watch from the last version seen
     ▲         │
     │         ├─ 410, the version is too old ──► list at once, the store stays as it is
     │         ├─ 429, connection refused ──────► wait, then watch from the same version
     └─────────┴─ anything else ────────────────► wait, then list

Discovery specification, K-9 to K-18; source: client-go tools/cache/reflector.go. Streaming lists
(K-10) are not used: a list that is cut into objects while it arrives costs as little.
"""

import asyncio
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final, Generic, Protocol, TypeVar, final

import msgspec
from prometheus_client import Counter
from structlog.typing import FilteringBoundLogger

from promscrape.clock import Clock
from promscrape.discovery.kubernetes.backoff import Backoff
from promscrape.discovery.kubernetes.connection import Connection
from promscrape.discovery.kubernetes.deadline import deadline
from promscrape.discovery.kubernetes.objects import Bookmark, Object, WatchEvent, taken_version
from promscrape.discovery.kubernetes.refusal import Refusal, is_busy, refusal, retry_after_s
from promscrape.discovery.kubernetes.resource import Resource
from promscrape.discovery.kubernetes.sharing import Sharing
from promscrape.discovery.kubernetes.store import Key, Store, key_of
from promscrape.discovery.kubernetes.stream import LineReader, ListReader
from promscrape.errors import DiscoveryError, FetchError

T = TypeVar("T", bound=Object)

PAGE: Final = 500
_ANY_VERSION, _LATEST_VERSION = "0", ""  # as the server has it cached; as its store has it now
_PAGE_S, _LIST_S = 60, 300
_SLICE = 200  # objects of a list that are stored before others on the loop have their turn
_WATCH_S = (300, 600)
_STALLED_AFTER_S = 30
_TOO_SHORT_S = 1.0

_event: Final = msgspec.json.Decoder(WatchEvent)
_bookmark: Final = msgspec.json.Decoder(Bookmark)


class Runnable(Protocol):
    """A watch of whatever kind of object."""

    synced: asyncio.Event

    async def run(self) -> None: ...


@final
class Scope(msgspec.Struct, Generic[T], frozen=True):
    """Which objects are watched. Two that are equal are watched once.

    namespace: "" for all namespaces, or for what is in none.
    selector: `labelSelector` and `fieldSelector`, where there are such.
    """

    resource: Resource[T]
    namespace: str = ""
    selector: tuple[tuple[str, str], ...] = ()

    @property
    def path(self) -> str:
        return self.resource.path(self.namespace)


@dataclass(slots=True)
class _Listing(Generic[T]):
    """A list under way.

    names: of all objects, by namespace. changed: those that are not in the store as they are.
    """

    version: str = ""
    names: dict[str, set[str]] = field(default_factory=dict)
    changed: list[T] = field(default_factory=list)


@final
class Watch(Generic[T]):
    """Watches the objects of one scope for one store, which may have other scopes beside it.

    note: told of each change: `add`, `update` or `delete`.
    synced: set once all objects have been listed.
    """

    def __init__(
        self,
        scope: Scope[T],
        store: Store[T],
        connection: Connection,
        clock: Clock,
        failures: Counter,
        note: Callable[[str], None],
        log: FilteringBoundLogger,
    ) -> None:
        self._scope, self._store, self._connection = scope, store, connection
        self._clock, self._failures, self._note = clock, failures, note
        self._log = log.bind(resource=scope.resource.name, namespace=scope.namespace)
        self._chance = random.Random()  # noqa: S311 - it spreads load, and hides nothing
        self._backoff = Backoff(clock, self._chance)
        self._decode = msgspec.json.Decoder(scope.resource.type).decode
        self._sharing = Sharing()
        self._version = _ANY_VERSION
        self.synced = asyncio.Event()

    async def run(self) -> None:
        """List and watch. Ends by cancellation alone."""
        while True:
            try:
                await self._list()
                await self._follow()
            except (DiscoveryError, FetchError) as exc:
                self._failures.inc()
                self._log.warning("Cannot list and watch", err=str(exc))
                await self._backoff.wait(retry_after_s(exc))

    async def _list(self) -> None:
        try:
            listing = await self._pages(self._version)
        except Refusal as exc:
            if not exc.is_unknown_version:
                raise
            listing = await self._pages(_LATEST_VERSION)
        for count, item in enumerate(listing.changed, 1):
            self._put(item)
            if count % _SLICE == 0:
                await asyncio.sleep(0)
        for key in self._store.vanished(self._scope.namespace, listing.names):
            self._remove(key)
        self._version = listing.version
        self.synced.set()

    async def _pages(self, version: str) -> _Listing[T]:
        """List in pages, and at once where the server would not take the pages from its cache."""
        if version not in (_ANY_VERSION, _LATEST_VERSION):
            return await self._whole(version)
        listing = _Listing[T]()
        query = {"limit": str(PAGE)} | ({"resourceVersion": version} if version else {})
        next_page = await self._page(query, listing, _PAGE_S)
        while next_page:
            query = {"limit": str(PAGE), "continue": next_page}
            try:
                next_page = await self._page(query, listing, _PAGE_S)
            except Refusal as exc:
                if not exc.is_expired:
                    raise
                # The rest of a list that took too long is gone: pages would be so again.
                return await self._whole(version)
        return listing

    async def _whole(self, version: str) -> _Listing[T]:
        listing = _Listing[T]()
        query = {"resourceVersion": version} if version else {}
        next_page = await self._page(query, listing, _LIST_S)
        if next_page:
            raise DiscoveryError(
                f"GET {self._scope.path}: a page in answer to a list without limit"
            )
        return listing

    async def _page(self, query: Mapping[str, str], listing: _Listing[T], seconds: int) -> str:
        """Read one page; return what asks for the next, "" after the last."""
        reader = ListReader(self._scope.resource.type)
        try:
            async with (
                deadline(self._clock, seconds),
                self._connection.get(
                    self._scope.path,
                    {**dict(self._scope.selector), **query},
                    self._scope.resource.accept("List"),
                ) as parts,
            ):
                async for part in parts:
                    for item in reader.feed(part):
                        self._take(item, listing)
        except TimeoutError as exc:
            raise FetchError(f"GET {self._scope.path}: no whole answer after {seconds} s") from exc
        meta, items = reader.finish()
        for item in items:
            self._take(item, listing)
        if not meta.resource_version:
            raise DiscoveryError(f"GET {self._scope.path}: a list without a resourceVersion")
        listing.version = meta.resource_version
        return meta.continue_

    def _take(self, item: T, listing: _Listing[T]) -> None:
        self._prepare(item)
        namespace, name = key_of(item)
        listing.names.setdefault(namespace, set()).add(name)
        if self._store.get((namespace, name)) != item:
            listing.changed.append(item)

    async def _follow(self) -> None:
        """Watch until the server has forgotten our version, which a new list then gets past."""
        while True:
            try:
                await self._stream()
            except Refusal as exc:
                if exc.is_expired:
                    return
                if not is_busy(exc):
                    raise
                await self._backoff.wait(exc.retry_after_s)
            except FetchError as exc:
                if not is_busy(exc):
                    raise
                await self._backoff.wait()

    async def _stream(self) -> None:
        """Watch once, to the end of the stream. Raises Refusal, FetchError and DiscoveryError."""
        seconds = self._chance.randint(*_WATCH_S)
        query = {
            **dict(self._scope.selector),
            "watch": "true",
            "allowWatchBookmarks": "true",
            "resourceVersion": self._version,
            "timeoutSeconds": str(seconds),
        }
        started_s, lines, events = self._clock.monotonic_s(), LineReader(), 0
        accept = self._scope.resource.accept("")
        has_begun = False
        try:
            async with (
                deadline(self._clock, seconds + _STALLED_AFTER_S),
                self._connection.get(self._scope.path, query, accept) as parts,
            ):
                has_begun = True
                async for part in parts:
                    for line in lines.feed(part):
                        self._heed(line)
                        events += 1
        except TimeoutError:
            self._log.warning("A watch has stalled, starting it anew")
        except FetchError as exc:
            # What was cut goes on where it was; only what never began has failed.
            if not has_begun:
                raise
            self._log.debug("A watch was cut", err=str(exc))
        if not events and self._clock.monotonic_s() - started_s < _TOO_SHORT_S:
            raise DiscoveryError(
                f"GET {self._scope.path}: very short watch: it ended within a second, without events"
            )

    def _heed(self, line: bytes) -> None:
        """Take over one event. Raises Refusal where it is an error."""
        try:
            event = _event.decode(line)
            match event.type:
                case "ADDED" | "MODIFIED" | "DELETED":
                    item = self._decode(event.object)
                    self._version = self._prepare(item) or self._version
                case "BOOKMARK":
                    version = _bookmark.decode(event.object).metadata.resource_version
                    self._version = version or self._version
                    return
                case "ERROR":
                    raise refusal(f"GET {self._scope.path}", 0, bytes(event.object))
                case _:
                    self._log.warning("Skipping a watch event of an unknown type", type=event.type)
                    return
        except msgspec.DecodeError as exc:
            raise DiscoveryError(f"unable to decode an event of the watch: {exc}") from exc
        if event.type == "DELETED":
            self._remove(key_of(item))
        else:
            self._put(item)

    def _prepare(self, item: T) -> str:
        """Make a new object ready to be compared and stored; return its version."""
        share = self._scope.resource.share
        if share is not None:
            share(item, self._sharing)
        return taken_version(item)

    def _put(self, item: T) -> None:
        self._note("update" if self._store.put(item) else "add")

    def _remove(self, key: Key) -> None:
        if self._store.remove(key):
            self._note("delete")
