"""Mappings: sections, whose keys are a struct's fields, and maps with keys of the file's choice.

`<<` works in both, as in yaml.v2: what is merged is read as if it stood in place of the `<<`, so
that an explicit key wins over a merged one that stands before it. In a map, where a repeated key
is a fault, a merged key counts as the first.
"""

import difflib
from collections.abc import Callable, Iterable, Mapping
from typing import Any, final

import msgspec

from promscrape.decode.document import Content, ListNode, MapNode, Node
from promscrape.decode.kind import ListKind, MaybeKind, TextKind, survives
from promscrape.decode.scalar import BadScalar, resolve
from promscrape.decode.schema import REFUSED, ConfigStruct, Refused
from promscrape.decode.walk import Kind, Path, TooManyAliases, Walk, is_merge
from promscrape.model.quoting import quote
from promscrape.model.secret import Secret

_KEY = TextKind(str, str)


@final
class MapKind(msgspec.Struct, frozen=True):
    """A mapping with keys of the file's choice. `build` makes the value from a dict.

    base: entries that were there before, when a merge brought the same map to a section.
    """

    key: Kind
    value: Kind
    go_name: str
    build: Callable[[dict[Any, Any]], object] = dict
    base: Mapping[object, object] = {}

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


@final
class AnyKind(msgspec.Struct, frozen=True):
    """Any value: scalars as they resolve, lists as tuples, mappings with keys of text."""

    go_name: str = "interface {}"

    def zero(self) -> None:
        return None

    def read(self, node: Content, walk: Walk, path: Path) -> object:
        if isinstance(node, MapNode):
            return MapKind(_KEY, self, "map[interface {}]interface {}").read(node, walk, path)
        if isinstance(node, ListNode):
            return ListKind(self, "[]interface {}").read(node, walk, path)
        try:
            return resolve(node)[1]
        except BadScalar as exc:
            return walk.hard(node.place, path, str(exc))


def _onto(kind: Kind, base: object) -> Kind:
    """Return the kind that reads a map on top of `base`, as yaml.v2 fills a map that exists."""
    if isinstance(kind, MapKind) and isinstance(base, dict):
        return msgspec.structs.replace(kind, base=base)
    return kind


@final
class Field(msgspec.Struct, frozen=True):
    """A key of a section: the attribute it sets; of an inlined section, the one that holds that.

    keyed: the attribute maps keys to values, and this is one of them.
    secret: no error may show what is written there.
    """

    attribute: str
    kind: Kind
    inlined: bool = False
    keyed: bool = False
    secret: bool = False


@final
class Inlined(msgspec.Struct, frozen=True):
    """A section whose keys stand in the one around it, and what it is without any of them."""

    default: ConfigStruct
    kind: "StructKind"


@final
class StructKind(msgspec.Struct, frozen=True):
    """A section. `inlines` are the sections inlined in it, by the attributes that hold them."""

    struct: type[ConfigStruct]
    fields: Mapping[str, Field]
    inlines: Mapping[str, Inlined]

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
                self._refuse(key, key_node, value_node, walk, path)
                clean = False
                continue
            if key in seen:
                message = f"field {key} already set in type {self.go_name}"
                walk.soft(key_node.place, (*path, str(key)), message)
                clean = False
                continue
            seen.add(key)
            if field.secret:
                walk.hide(value_node, has_names=isinstance(field.kind, MapKind))
            kind = _onto(field.kind, values.get(str(key)))
            values[str(key)] = walk.read(value_node, kind, (*path, str(key)))
        return clean

    def _refuse(self, key: object, node: Node, value: Node, walk: Walk, path: Path) -> None:
        if key is REFUSED:
            return
        key_path = (*path, str(key))
        meant = _closest(str(key), self.fields)
        if meant and self.fields[meant].secret:
            walk.hide(value, has_names=isinstance(self.fields[meant].kind, MapKind))
        hint = f"did you mean `{meant}`?" if meant else ""
        walk.soft(node.place, key_path, f"field {key} not found in type {self.go_name}", hint)

    def build(self, values: Mapping[str, object]) -> ConfigStruct:
        """Return the section; keys that are not among `values` keep their defaults."""
        defaults = {attribute: inlined.default for attribute, inlined in self.inlines.items()}
        return self.struct(**self._attributes(values, defaults))

    def _attributes(
        self, values: Mapping[str, object], inlined: Mapping[str, ConfigStruct]
    ) -> dict[str, object]:
        """Return what the values set; `inlined` are the inlined sections without them."""
        own: dict[str, object] = {}
        keyed: dict[str, dict[str, object]] = {}
        theirs: dict[str, dict[str, object]] = {attribute: {} for attribute in self.inlines}
        for key, value in values.items():
            field = self.fields[key]
            if field.inlined:
                theirs[field.attribute][key] = value
            elif field.keyed:
                keyed.setdefault(field.attribute, {}).update({key: value} if value else {})
            else:
                own[field.attribute] = value
        for attribute, changes in theirs.items():
            own[attribute] = self.inlines[attribute].kind.onto(inlined[attribute], changes)
        return own | keyed

    def onto(self, section: ConfigStruct, values: Mapping[str, object]) -> ConfigStruct:
        """Return the section with the values of these keys changed."""
        if not values:
            return section
        inlined = {attribute: getattr(section, attribute) for attribute in self.inlines}
        return msgspec.structs.replace(section, **self._attributes(values, inlined))


@final
class LateKind(msgspec.Struct, frozen=True):
    """A list of sections whose type is loaded when the first is read.

    is_ours: what reading raises is a bug of this program, and not a fault of the file.
    """

    owner: str
    load: Callable[[], Kind]
    is_ours: bool
    go_name: str = "list"

    def zero(self) -> tuple[()]:
        return ()

    def read(self, node: Content, walk: Walk, path: Path) -> object:
        try:
            kind = self.load()
        except (Exception, SystemExit) as exc:  # noqa: BLE001 - importing may raise anything
            return self._refuse(node, walk, path, exc)
        try:
            return kind.read(node, walk, path)
        except TooManyAliases:
            raise
        except (Exception, SystemExit) as exc:
            if self.is_ours:
                raise
            return self._refuse(node, walk, path, exc)

    def _refuse(self, node: Content, walk: Walk, path: Path, error: BaseException) -> Refused:
        walk.hide(node)  # Which of its keys hold secrets is not known.
        return walk.hard(node.place, path, f"{self.owner}: {type(error).__name__}: {error}")


def _closest(key: str, known: Iterable[str]) -> str:
    return next(iter(difflib.get_close_matches(key, known, n=1, cutoff=0.75)), "")


def holds_secrets(kind: Kind) -> bool:
    """Whether the kind is that of secrets, or of a list or map of some; sections know theirs."""
    if isinstance(kind, MaybeKind):
        return holds_secrets(kind.inner)
    if isinstance(kind, ListKind):
        return holds_secrets(kind.item)
    if isinstance(kind, MapKind):
        return holds_secrets(kind.value)
    return isinstance(kind, TextKind) and kind.null is Secret
