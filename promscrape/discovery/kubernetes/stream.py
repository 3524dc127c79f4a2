"""Cutting objects out of an answer while it arrives, so that it is never in memory as a whole.

A list of ten thousand pods is over a hundred megabytes, and what is kept of it a tenth of that.

    {"kind":"PodList","metadata":{...},"items":[{"metadata":...},{"metadata":...}]}
    |------------------ head ---------------->|  |-- one item --|

All items of a list begin with the same key, because Go writes fields in the order of their
declaration. So `},{"metadata":` is where one ends and the next begins: inside of a text its quotes
would be escaped, and where it stands inside of an object, what is before it is no whole item, and
the search goes on. A list in another form is read as well, at once when it has ended.
"""

from collections.abc import Iterator
from typing import Final, Generic, TypeVar, final

import msgspec

from promscrape.discovery.kubernetes.objects import ListHead, ListMeta, Object, ObjectList
from promscrape.errors import DiscoveryError

T = TypeVar("T", bound=Object)

MOST_BYTES: Final = 1 << 25
"""How large one object may be; an API server's store takes 1.5 MiB."""

_MOST_LIST_BYTES: Final = 1 << 29  # of a list in a form that cannot be cut
_ITEMS = b'"items":['
_KEY_BYTES = 64
# How often an item may turn out to go on. None does so even once that a server really sends; one
# made to do so without end would take up the event loop.
_MOST_TRIES = 16
_head: Final = msgspec.json.Decoder(ListHead)


@final
class ListReader(Generic[T]):
    """Reads one page of a list. Raises DiscoveryError for what is none."""

    def __init__(self, kind: type[T], *, most_bytes: int = MOST_BYTES) -> None:
        self._item = msgspec.json.Decoder(kind)
        self._rest = msgspec.json.Decoder(list[kind])  # type: ignore[valid-type]  # a type at run time
        self._whole = msgspec.json.Decoder(ObjectList[kind])  # type: ignore[valid-type]  # as above
        self._most_bytes = most_bytes
        self._buffer = bytearray()
        self._searched = 0
        self._head: ListHead | None = None
        self._between = b""  # what stands between two items, once the first key is known
        self._is_cut = False
        self._tries = 0

    def feed(self, part: bytes) -> Iterator[T]:
        """Yield the items that `part` completes."""
        self._buffer += part
        if not (self._between or (self._find_head() and self._find_key())):
            self._check_size(_MOST_LIST_BYTES)
            return
        while (
            self._tries <= _MOST_TRIES
            and (end := self._buffer.find(self._between, self._searched)) >= 0
        ):
            self._searched = end + 1
            try:
                item = self._item.decode(memoryview(self._buffer)[: end + 1])
            except msgspec.ValidationError as exc:
                raise _malformed(exc) from exc
            except msgspec.DecodeError:
                # It goes on: what was found belongs to something inside of it.
                self._tries += 1
                continue
            del self._buffer[: end + 2]
            self._searched, self._tries, self._is_cut = 0, 0, True
            yield item
        self._searched = max(self._searched, len(self._buffer) - len(self._between) + 1)
        self._check_size(self._most_bytes if self._is_cut else _MOST_LIST_BYTES)

    def finish(self) -> tuple[ListMeta, list[T]]:
        """Return the list's metadata, and the items that only its end completes."""
        buffer = bytes(self._buffer)
        try:
            if self._head is None:
                whole = self._whole.decode(buffer)
                return whole.metadata, whole.items or []
            # The head can also stand behind the items.
            end = buffer.rindex(b"]")
            tail = _head.decode(b'{"items":[]' + buffer[end + 1 :])
            items = self._rest.decode(b"[" + buffer[: end + 1])
        except ValueError as exc:  # msgspec's errors are such, too
            raise _malformed(exc) from exc
        return (self._head if self._head.metadata.resource_version else tail).metadata, items

    def _find_head(self) -> bool:
        if self._head is not None:
            return True
        start = self._buffer.find(_ITEMS, self._searched)
        if start < 0:
            self._searched = max(0, len(self._buffer) - len(_ITEMS) + 1)
            return False
        try:
            self._head = _head.decode(bytes(self._buffer[:start]) + b'"items":[]}')
        except msgspec.DecodeError:
            self._searched = start + 1
            return False
        del self._buffer[: start + len(_ITEMS)]
        self._searched = 0
        return True

    def _find_key(self) -> bool:
        """Take note of how an item begins, as soon as that much of the first has arrived."""
        key, colon, _ = bytes(self._buffer[:_KEY_BYTES]).partition(b":")
        if colon and key.startswith(b'{"'):
            self._between = b"}," + key + colon
        return bool(self._between)

    def _check_size(self, most_bytes: int) -> None:
        if len(self._buffer) > most_bytes:
            raise DiscoveryError(f"an object of a list is over {most_bytes} bytes")


@final
class LineReader:
    """Cuts a watch into lines of any length up to `most_bytes`."""

    def __init__(self, *, most_bytes: int = MOST_BYTES) -> None:
        self._most_bytes = most_bytes
        self._begun: list[bytes] = []
        self._begun_bytes = 0

    def feed(self, part: bytes) -> Iterator[bytes]:
        """Yield the lines that `part` completes. Raises DiscoveryError for one that is too long."""
        first, *others = part.split(b"\n")
        self._begun.append(first)
        self._begun_bytes += len(first)
        if self._begun_bytes > self._most_bytes:
            raise DiscoveryError(f"an event of a watch is over {self._most_bytes} bytes")
        for begun in others:
            line = b"".join(self._begun)
            self._begun, self._begun_bytes = [begun], len(begun)
            if line.strip():
                yield line


def _malformed(exc: Exception) -> DiscoveryError:
    return DiscoveryError(f"unable to decode a list: {exc}")
