"""YAML text to a tree of nodes that know their place, without deciding what a value means.

Nodes are composed from the parser's events rather than by PyYAML's composer: that keeps aliases
apart from what they stand for, stops at the end of the first document, and needs no recursion, so
that deep nesting ends in an error and not in a full stack.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TypeAlias, final

import yaml

from promscrape.decode.syntax import (
    MAX_DEPTH,
    Place,
    Unreadable,
    not_printable,
    not_utf8,
    place_of,
    unreadable,
)

Loader: TypeAlias = type[yaml.CSafeLoader] | type[yaml.SafeLoader]

# libyaml's parser where PyYAML was built with it: ten times as fast as the one in Python.
LOADER: Loader = yaml.CSafeLoader if yaml.__with_libyaml__ else yaml.SafeLoader

_CORE_TAGS = "tag:yaml.org,2002:"


@final
@dataclass(slots=True, eq=False)
class ScalarNode:
    """A scalar's source text. `tag` is "" unless written; `plain`: neither quoted nor tagged."""

    place: Place
    tag: str
    text: str
    plain: bool


@final
@dataclass(slots=True, eq=False)
class ListNode:
    """A sequence, block or flow."""

    place: Place
    tag: str
    items: list["Node"] = field(default_factory=list)


@final
@dataclass(slots=True, eq=False)
class MapNode:
    """A mapping, block or flow: its entries in the order of the file, repeated keys included."""

    place: Place
    tag: str
    entries: list[tuple["Node", "Node"]] = field(default_factory=list)


Content: TypeAlias = ScalarNode | ListNode | MapNode


@final
@dataclass(slots=True, eq=False)
class AliasNode:
    """`*name`, and the node that `&name` marked last before it."""

    place: Place
    name: str
    target: Content


Node: TypeAlias = Content | AliasNode


def compose(source: bytes, loader: Loader = LOADER) -> Content | None:
    """Return the root of the first document, None where there is none. Raises Unreadable."""
    text = read_utf8(source)
    try:
        return _Composer().compose(yaml.parse(text, Loader=loader))
    except yaml.MarkedYAMLError as exc:
        raise unreadable(exc) from exc
    except yaml.reader.ReaderError as exc:
        raise not_printable(exc, text) from exc


def read_utf8(source: bytes) -> str:
    """Return the text without a byte order mark. Raises Unreadable."""
    try:
        return source.decode("utf-8").removeprefix("\ufeff")
    except UnicodeDecodeError as exc:
        raise not_utf8(exc) from exc


def locate(root: Node, path: tuple[str | int, ...], *, on_key: bool = False) -> Place:
    """Return the place of the value at `path`, or of the last part of the path that exists.

    A value without text of its own (null, a collection) is placed at its key, and with `on_key`
    every value is.
    """
    node, place = root, root.place
    for step in path:
        child = _child(node, step)
        if child is None:
            return place
        place, node = child
    if isinstance(node, ScalarNode) and node.text and not on_key:
        return node.place
    return place


def _child(node: Node, step: str | int) -> tuple[Place, Node] | None:
    """Return the place and the node that stands for `step`; the last of repeated keys counts."""
    content = node.target if isinstance(node, AliasNode) else node
    if isinstance(content, ListNode) and isinstance(step, int) and step < len(content.items):
        item = content.items[step]
        return item.place, item
    if isinstance(content, MapNode):
        for key, value in reversed(content.entries):
            if isinstance(key, ScalarNode) and key.text == step:
                return key.place, value
    return None


@final
class _Composer:
    """Builds the tree from events; `_open` are the collections that are not complete yet."""

    def __init__(self) -> None:
        self._root: Content | None = None
        self._open: list[ListNode | MapNode] = []
        self._keys: list[Node | None] = []  # of each open mapping, the key that waits for a value
        self._anchors: dict[str, Content] = {}

    def compose(self, events: Iterable[yaml.Event]) -> Content | None:
        for event in events:
            if isinstance(event, yaml.DocumentEndEvent):
                break
            if isinstance(event, yaml.CollectionEndEvent):
                self._open.pop()
                self._keys.pop()
            elif isinstance(event, yaml.AliasEvent):
                self._attach(self._alias(event))
            elif isinstance(event, yaml.ScalarEvent | yaml.CollectionStartEvent):
                self._add(event)
        return self._root

    def _add(self, event: yaml.ScalarEvent | yaml.CollectionStartEvent) -> None:
        content = _content(event)
        if event.anchor is not None:
            self._anchors[event.anchor] = content
        if self._open:
            self._attach(content)
        else:
            self._root = content
        if not isinstance(content, ScalarNode):
            self._descend(content)

    def _descend(self, collection: ListNode | MapNode) -> None:
        if len(self._open) == MAX_DEPTH:
            raise Unreadable(f"exceeded max depth of {MAX_DEPTH}", collection.place)
        self._open.append(collection)
        self._keys.append(None)

    def _attach(self, node: Node) -> None:
        parent = self._open[-1]
        if isinstance(parent, ListNode):
            parent.items.append(node)
        elif (key := self._keys[-1]) is None:
            self._keys[-1] = node
        else:
            parent.entries.append((key, node))
            self._keys[-1] = None

    def _alias(self, event: yaml.AliasEvent) -> AliasNode:
        name, place = event.anchor or "", place_of(event.start_mark)
        target = self._anchors.get(name)
        if target is None:
            raise Unreadable(f"unknown anchor '{name}' referenced", place)
        return AliasNode(place, name, target)


def _content(event: yaml.ScalarEvent | yaml.CollectionStartEvent) -> Content:
    place, tag = place_of(event.start_mark), _tag(event.tag)
    if isinstance(event, yaml.ScalarEvent):
        return ScalarNode(place, tag, event.value, event.implicit[0])
    return (
        ListNode(place, tag) if isinstance(event, yaml.SequenceStartEvent) else MapNode(place, tag)
    )


def _tag(tag: str | None) -> str:
    """Return `!!str` for the core tags' long form, "" for no tag and for the tag `!`."""
    if tag is None or tag == "!":
        return ""
    return f"!!{tag.removeprefix(_CORE_TAGS)}" if tag.startswith(_CORE_TAGS) else tag
