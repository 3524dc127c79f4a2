"""The objects of one kind as they were last seen, and who is told when they change."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Generic, TypeAlias, TypeVar, final

from promscrape.discovery.kubernetes.objects import Object

T = TypeVar("T", bound=Object)

Key: TypeAlias = tuple[str, str]
"""Namespace and name; the namespace of what is in none is ""."""


def key_of(item: Object) -> Key:
    return item.metadata.namespace, item.metadata.name


@final
class Store(Generic[T]):
    """Objects by namespace and name. Listeners are called after each change, with old and new.

    An old of None is a new object, a new of None one that has gone. What changed in nothing that
    is kept does not count as changed.
    """

    def __init__(self) -> None:
        self._spaces: dict[str, dict[str, T]] = {}
        self._listeners: list[Callable[[T | None, T | None], None]] = []

    def listen(self, listener: Callable[[T | None, T | None], None]) -> None:
        self._listeners.append(listener)

    def get(self, key: Key) -> T | None:
        space = self._spaces.get(key[0])
        return None if space is None else space.get(key[1])

    def __iter__(self) -> Iterator[T]:
        for space in self._spaces.values():
            yield from space.values()

    def __len__(self) -> int:
        return sum(map(len, self._spaces.values()))

    def in_namespace(self, namespace: str) -> list[Key]:
        return [(namespace, name) for name in self._spaces.get(namespace, ())]

    def put(self, item: T) -> bool:
        """Take over a new or changed object; return whether there was one of that name before."""
        namespace, name = key_of(item)
        space = self._spaces.setdefault(namespace, {})
        old = space.get(name)
        if old != item:
            space[name] = item
            self._tell(old, item)
        return old is not None

    def remove(self, key: Key) -> bool:
        """Forget an object; return whether it was there."""
        space = self._spaces.get(key[0])
        old = None if space is None else space.pop(key[1], None)
        if old is None:
            return False
        if not space:
            del self._spaces[key[0]]
        self._tell(old, None)
        return True

    def vanished(self, namespace: str, seen: Mapping[str, Iterable[str]]) -> list[Key]:
        """Return what is stored and not in `seen`, names by namespace; "" looks at all of them."""
        spaces = [namespace] if namespace else list(self._spaces)
        gone: list[Key] = []
        for space in spaces:
            names = self._spaces.get(space, {}).keys() - seen.get(space, ())
            gone.extend((space, name) for name in names)
        return gone

    def _tell(self, old: T | None, new: T | None) -> None:
        for listener in self._listeners:
            listener(old, new)


@final
class Index(Generic[T]):
    """Which objects of a store mention a word: the pods on a node, the endpoints of a pod."""

    def __init__(self, store: Store[T], words: Callable[[T], Iterable[object]]) -> None:
        self._words = words
        self._keys: dict[object, dict[Key, None]] = {}
        store.listen(self._update)

    def find(self, word: object) -> Iterable[Key]:
        """Return the keys of the objects that mention `word`."""
        return tuple(self._keys.get(word, ()))

    def _update(self, old: T | None, new: T | None) -> None:
        if old is not None:
            key = key_of(old)
            for word in set(self._words(old)):
                keys = self._keys[word]
                del keys[key]
                if not keys:
                    del self._keys[word]
        if new is not None:
            key = key_of(new)
            for word in self._words(new):
                self._keys.setdefault(word, {})[key] = None
