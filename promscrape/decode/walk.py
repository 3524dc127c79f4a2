"""One pass over a document: what was found wrong, and how aliases are followed.

Prometheus stops at a hard error, collects soft ones over the whole document, and checks across
sections only in a file that decoded. A walk notes all of them, each with its stage, and goes on:
the stages are what lets its error text be the one that Prometheus would print.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from enum import IntEnum
from typing import Protocol, TypeAlias, final

import msgspec

from promscrape.decode.document import (
    AliasNode,
    Content,
    ListNode,
    MapNode,
    Node,
    ScalarNode,
    locate,
)
from promscrape.decode.scalar import BadScalar, ScalarValue, is_null, resolve
from promscrape.decode.schema import REFUSED, Refused
from promscrape.decode.syntax import Place
from promscrape.model.invalid import InvalidValue
from promscrape.model.secret import MASK

Path: TypeAlias = tuple[str | int, ...]
"""Keys and indexes from the root to a value."""

MERGE_KEY, _MERGE_TAG = "<<", "!!merge"

# yaml.v2's measure against documents that grow without bound when their aliases are followed:
# in a small document nearly all may come from aliases, in a huge one only a tenth.
_FREE_ALIASED, _FREE_READ = 100, 1000
_SMALL_READ, _SMALL_SHARE = 400_000, 0.99
_HUGE_READ, _HUGE_SHARE = 4_000_000, 0.10


class Stage(IntEnum):
    """When Prometheus would meet a fault; what it prints comes from the first stage that has any."""

    HARD = 0
    SOFT = 1
    FILE = 2
    AGENT = 3


@final
class Fault(msgspec.Struct, frozen=True):
    """One thing wrong, before it is put into words for people."""

    stage: Stage
    place: Place
    path: Path
    message: str
    hint: str = ""


class Kind(Protocol):
    """How values of one type are read."""

    @property
    def go_name(self) -> str:
        """What Prometheus calls the type."""

    def zero(self) -> object:
        """Return what an explicit null stands for. Raises ValueError where nothing does."""

    def read(self, node: Content, walk: "Walk", path: Path) -> object:
        """Return the value of a node that is not null, or tell `walk` why not: REFUSED."""


@final
class TooManyAliases(Exception):
    """The document is small to read and huge to expand."""


@final
class Walk:
    """Reads nodes; `faults` are in the order in which yaml.v2 would meet them.

    `hidden` are the places and texts of scalars that no error may show.
    """

    def __init__(self) -> None:
        self.faults: list[Fault] = []
        self.hidden: set[tuple[Place, str]] = set()
        self._expanding: list[Content] = []
        self._read = self._aliased = 0

    def read(self, node: Node, kind: Kind, path: Path) -> object:
        """Return the node's value, or REFUSED. Raises TooManyAliases."""
        self._count()
        if isinstance(node, AliasNode):
            with self._expand(node, path) as target:
                return REFUSED if target is None else self.read(target, kind, path)
        if isinstance(node, ScalarNode) and is_null(node):
            return self._zero(node, kind, path)
        return kind.read(node, self, path)

    def _zero(self, node: ScalarNode, kind: Kind, path: Path) -> object:
        try:
            return kind.zero()
        except ValueError as exc:
            return self.hard(node.place, path, str(exc))

    def merged(self, node: Node, path: Path) -> Iterator[MapNode | Refused]:
        """Yield the mappings that `<<: node` merges, the one that takes precedence last."""
        if isinstance(node, ListNode):
            for item in reversed(node.items):
                yield from self._merged_map(item, path)
        else:
            yield from self._merged_map(node, path)

    def _merged_map(self, node: Node, path: Path) -> Iterator[MapNode | Refused]:
        self._count()
        if isinstance(node, AliasNode):
            with self._expand(node, path) as target:
                if target is None:
                    yield REFUSED
                else:
                    yield from self._merged_map(target, path)
        elif isinstance(node, MapNode):
            yield node
        else:
            message = "yaml: map merge requires map or sequence of maps as the value"
            yield self.hard(node.place, path, message)

    @contextmanager
    def _expand(self, alias: AliasNode, path: Path) -> Iterator[Content | None]:
        """Give the alias's target, None where it would contain itself."""
        target = alias.target
        if any(target is outer for outer in self._expanding):
            self.hard(alias.place, path, f"yaml: anchor '{alias.name}' value contains itself")
            yield None
            return
        self._expanding.append(target)
        try:
            yield target
        finally:
            self._expanding.pop()

    def hide(self, node: Node, *, has_names: bool = False) -> None:
        """Note that the scalars below a node are secrets.

        has_names: the node should be a mapping, whose own keys are none.
        """
        left, seen = [node], set[int]()
        while left:
            node = left.pop()
            if id(node) in seen:
                continue  # An alias can lead back to where it stands.
            seen.add(id(node))
            if isinstance(node, ScalarNode):
                self.hidden.add((node.place, node.text))
            elif isinstance(node, AliasNode):
                left.append(node.target)
            elif isinstance(node, ListNode):
                left.extend(node.items)
            else:
                left.extend(value for _, value in node.entries)
                if not has_names:
                    left.extend(key for key, _ in node.entries)
                has_names = False

    def text_of(self, node: ScalarNode) -> str:
        """Return the scalar's text as an error may show it."""
        return MASK if (node.place, node.text) in self.hidden else node.text

    def _count(self) -> None:
        self._read += 1
        self._aliased += bool(self._expanding)
        if self._aliased <= _FREE_ALIASED or self._read <= _FREE_READ:
            return
        if self._aliased > self._read * _allowed_share(self._read):
            raise TooManyAliases

    def hard(self, place: Place, path: Path, message: str, hint: str = "") -> Refused:
        """Note a fault that ends Prometheus's decoding."""
        self.faults.append(Fault(Stage.HARD, place, path, message, hint))
        return REFUSED

    def soft(self, place: Place, path: Path, message: str, hint: str = "") -> Refused:
        """Note a fault that Prometheus collects; its text gets the place's line."""
        self.faults.append(Fault(Stage.SOFT, place, path, message, hint))
        return REFUSED

    def wrong_kind(self, node: Content, go_name: str, path: Path, hint: str = "") -> Refused:
        """Note a node that cannot be a value of the type `go_name`."""
        try:
            description = self._description(node)
        except BadScalar as exc:
            message = str(exc)
            if isinstance(node, ScalarNode) and node.text:
                message = message.replace(node.text, self.text_of(node))
            return self.hard(node.place, path, message)
        return self.soft(node.place, path, f"cannot unmarshal {description} into {go_name}", hint)

    def _description(self, node: Content) -> str:
        if isinstance(node, ListNode):
            return node.tag or "!!seq"
        if isinstance(node, MapNode):
            return node.tag or "!!map"
        tag, _ = resolve(node)
        return f"{node.tag or tag} `{_shortened(self.text_of(node))}`"

    def refuse(self, node: Node, path: Path, invalid: InvalidValue) -> Refused:
        """Note a rule that the section at `node` breaks."""
        place = locate(node, invalid.at, on_key=invalid.on_key)
        return self.hard(place, (*path, *invalid.at), str(invalid), invalid.hint)


def resolved(node: Content) -> tuple[str, ScalarValue]:
    """Return the tag and value of a scalar; no tag where it is none, or not what its tag says."""
    if not isinstance(node, ScalarNode):
        return "", None
    try:
        return resolve(node)
    except BadScalar:
        return "", None


def is_merge(key: Node) -> bool:
    """Whether the key merges its value into the mapping around it: a plain or tagged `<<`."""
    if not isinstance(key, ScalarNode) or key.text != MERGE_KEY:
        return False
    return key.plain or key.tag == _MERGE_TAG


def _shortened(text: str) -> str:
    raw = text.encode("utf-8", "surrogateescape")
    return f"{raw[:7].decode('utf-8', 'replace')}..." if len(raw) > 10 else text


def _allowed_share(read: int) -> float:
    position = (read - _SMALL_READ) / (_HUGE_READ - _SMALL_READ)
    position = min(max(position, 0.0), 1.0)
    return _SMALL_SHARE + position * (_HUGE_SHARE - _SMALL_SHARE)
