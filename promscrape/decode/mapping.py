"""Mappings: sections, whose keys are a struct's fields, and maps with keys of the file's choice.

`<<` works in both, as in yaml.v2: what is merged is read as if it stood in place of the `<<`, so
that an explicit key wins over a merged one that stands before it. In a map, where a repeated key
is a fault, a merged key counts as the first.
"""

import difflib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, final

import msgspec

from promscrape.decode.document import Content, MapNode, Node
from promscrape.decode.kind import TextKind, survives
from promscrape.decode.schema import REFUSED, ConfigStruct
from promscrape.decode.walk import Kind, Path, Walk, is_merge
from promscrape.model.quoting import quote

_KEY = TextKind(str, str)


@final
@dataclass(frozen=True, slots=True)
class MapKind:
    """A mapping with keys of the file's choice. `build` makes the value from a dict.

    base: entries that were there before, when a merge brought the same map to a section.
    """

    key: Kind
    value: Kind
    go_name: str
    build: Callable[[dict[Any, Any]], object] = dict
    base: Mapping[object, object] = field(default_factory=dict)

    def zero(self) -> object:
        return self.build({})

    def read(self, node: Content, walk: Walk, path: Path) -> object:
        if not isinstance(node, MapNode):
            return walk.wrong_kind(node, self.go_name, path)
        entries = dict(self.base)
        return self.build(entries) if self._fill(entries, node, walk, path) else REFUSED

    def _fill(self, entries: dict[object, object], node: MapNode, walk: Walk, path: Path) -> bool:
        """Add the mapping's entries; return whether all of them are in order."""
        clean = True
        for key_node, value_node in node.entries:
            if is_merge(key_node):
                for merged in walk.merged(value_node, path):
                    clean &= merged is not REFUSED and self._fill(entries, merged, walk, path)
                continue
            key = walk.read(key_node, self.key, path)
            if key is REFUSED:
                clean = False
                continue
            key_path = (*path, str(key))
            value = walk.read(value_node, self.value, key_path)
            if value is REFUSED:
                clean = False
            elif key in entries:
                message = f"key {quote(str(key))} already set in map"
                walk.soft(value_node.place, key_path, message)
                clean = False
            else:
                entries[key] = value
        return clean


def _onto(kind: Kind, base: object) -> Kind:
    """Return the kind that reads a map on top of `base`, as yaml.v2 fills a map that exists."""
    if isinstance(kind, MapKind) and isinstance(base, dict):
        return replace(kind, base=base)
    return kind


@final
@dataclass(frozen=True, slots=True)
class Field:
    """A key of a section: the attribute it sets, on the section itself or on an inlined one."""

    attribute: str
    kind: Kind
    inlined_in: str = ""


@final
@dataclass(frozen=True, slots=True)
class StructKind:
    """A section. `inlines` maps the attributes of inlined sections to their defaults."""

    struct: type[ConfigStruct]
    fields: Mapping[str, Field]
    inlines: Mapping[str, ConfigStruct]

    @property
    def go_name(self) -> str:
        return self.struct.go_type

    def zero(self) -> ConfigStruct:
        if self.struct.null_is_default:
            return self.struct()
        return self.build({key: field.kind.zero() for key, field in self.fields.items()})

    def read(self, node: Content, walk: Walk, path: Path) -> object:
        if not isinstance(node, MapNode):
            return walk.wrong_kind(node, self.go_name, path)
        values: dict[str, object] = {}
        clean = self.fill(values, node, walk, path)
        if not clean or not all(survives(self.fields[k].kind, [v]) for k, v in values.items()):
            return REFUSED
        section = self.build(values)
        refused = [walk.refuse(node, path, invalid) for invalid in section.check()]
        return REFUSED if refused else section

    def fill(self, values: dict[str, object], node: MapNode, walk: Walk, path: Path) -> bool:
        """Add the values of the mapping by their keys; return whether the keys are in order."""
        clean, seen = True, set[object]()
        for key_node, value_node in node.entries:
            if is_merge(key_node):
                for merged in walk.merged(value_node, path):
                    clean &= merged is not REFUSED and self.fill(values, merged, walk, path)
                continue
            key = walk.read(key_node, _KEY, path)
            field = self.fields.get(str(key)) if key is not REFUSED else None
            if field is None:
                self._refuse(key, key_node, walk, path)
                clean = False
                continue
            if key in seen:
                message = f"field {key} already set in type {self.go_name}"
                walk.soft(key_node.place, (*path, str(key)), message)
                clean = False
                continue
            seen.add(key)
            kind = _onto(field.kind, values.get(str(key)))
            values[str(key)] = walk.read(value_node, kind, (*path, str(key)))
        return clean

    def _refuse(self, key: object, node: Node, walk: Walk, path: Path) -> None:
        if key is REFUSED:
            return
        key_path = (*path, str(key))
        if key in self.struct.unsupported:
            walk.hard(node.place, key_path, f"{key} is not supported by promscrape yet")
            return
        hint = _closest(str(key), [*self.fields, *self.struct.unsupported])
        walk.soft(node.place, key_path, f"field {key} not found in type {self.go_name}", hint)

    def build(self, values: Mapping[str, object]) -> ConfigStruct:
        """Return the section; keys that are not among `values` keep their defaults."""
        own: dict[str, object] = {}
        inlined: dict[str, dict[str, object]] = {attribute: {} for attribute in self.inlines}
        for key, value in values.items():
            field = self.fields[key]
            target = inlined[field.inlined_in] if field.inlined_in else own
            target[field.attribute] = value
        for attribute, changes in inlined.items():
            own[attribute] = msgspec.structs.replace(self.inlines[attribute], **changes)
        return self.struct(**own)


def _closest(key: str, known: Iterable[str]) -> str:
    found = difflib.get_close_matches(key, known, n=1, cutoff=0.75)
    return f"did you mean `{found[0]}`?" if found else ""
