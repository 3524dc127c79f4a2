"""From a field's annotation to the kind that reads it."""

import functools
import types
from collections.abc import Mapping
from typing import Annotated, Protocol, Union, cast, get_args, get_origin

import msgspec

from promscrape.decode.kind import (
    INT64,
    UINT64,
    BoolKind,
    FloatKind,
    IntKind,
    ListKind,
    MaybeKind,
    OpaqueKind,
    TextKind,
)
from promscrape.decode.mapping import (
    AnyKind,
    Field,
    Inlined,
    LateKind,
    MapKind,
    StructKind,
    holds_secrets,
)
from promscrape.decode.schema import (
    INLINE,
    RELATIVE,
    ConfigStruct,
    GoName,
    Keyed,
    Late,
    Opaque,
    Refused,
    Via,
)
from promscrape.decode.walk import Kind

_SIMPLE: Mapping[object, Kind] = {
    str: TextKind(str, str),
    bool: BoolKind(),
    int: IntKind("int", INT64),
    float: FloatKind(),
    Opaque: OpaqueKind(),
    object: AnyKind(),
}


class _ParsedType(Protocol):
    """A type that reads its own text; called without arguments it gives its zero value."""

    def __call__(self) -> object: ...

    def parse(self, text: str) -> object: ...


class _MappedType(Protocol):
    """A type that is made from a mapping of strings."""

    def from_map(self, mapping: Mapping[str, str]) -> object: ...


@functools.cache
def kind_of(annotation: object) -> Kind:
    """Return how a field annotated so is read. Raises TypeError where nothing can read it."""
    if annotation in _SIMPLE:
        return _SIMPLE[annotation]
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _annotated(arguments[0], arguments[1:])
    if origin in {Union, types.UnionType}:
        return _union(arguments)
    if origin is tuple:
        item = kind_of(arguments[0])
        return ListKind(item, f"[]{_item_name(item)}")
    if origin is Mapping:
        key, value = map(kind_of, arguments)
        return MapKind(key, value, f"map[{key.go_name}]{value.go_name}")
    if isinstance(annotation, type):
        return _class(annotation)
    raise TypeError(f"no kind reads {annotation!r}")


def struct_kind(struct: type[ConfigStruct]) -> StructKind:
    """Return how a section is read."""
    fields: dict[str, Field] = {}
    inlines: dict[str, Inlined] = {}
    for own in msgspec.structs.fields(struct):
        if INLINE in get_args(own.type):
            inlined = struct_kind(type(own.default))
            inlines[own.name] = Inlined(own.default, inlined)
            fields |= {
                k: msgspec.structs.replace(f, attribute=own.name, inlined=True)
                for k, f in inlined.fields.items()
            }
            continue
        keyed = next((mark for mark in get_args(own.type) if isinstance(mark, Keyed)), None)
        if keyed is not None:
            fields |= {
                key: Field(own.name, kind_of(annotation), keyed=True)
                for key, annotation in keyed.annotations().items()
            }
            continue
        kind = kind_of(own.type)
        fields[own.encode_name] = Field(own.name, kind, secret=holds_secrets(kind))
    return StructKind(struct, fields, inlines)


def _annotated(annotation: object, marks: tuple[object, ...]) -> Kind:
    late = next((mark for mark in marks if isinstance(mark, Late)), None)
    if late is not None:
        return LateKind(late.owner, lambda: kind_of(late.load()), is_ours=late.is_ours)
    name = next((mark.text for mark in marks if isinstance(mark, GoName)), None)
    via = next((mark for mark in marks if isinstance(mark, Via)), None)
    if via is not None:
        return TextKind(via.parse, via.null, name or "string")
    if any(isinstance(mark, msgspec.Meta) and mark.ge == 0 for mark in marks):
        return IntKind(name or "uint", UINT64)
    kind = kind_of(annotation)
    if RELATIVE in marks:
        return kind
    if name is None or not isinstance(kind, TextKind | ListKind | MapKind):
        raise TypeError(f"no kind reads {annotation!r} with {marks!r}")
    return msgspec.structs.replace(kind, go_name=name)


def _union(members: tuple[object, ...]) -> MaybeKind:
    (inner,) = (member for member in members if member not in {type(None), Refused})
    return MaybeKind(kind_of(inner), none=type(None) in members, survivable=Refused in members)


def _class(annotation: type) -> Kind:
    if issubclass(annotation, ConfigStruct):
        return struct_kind(annotation)
    if hasattr(annotation, "parse"):
        parsed = cast(_ParsedType, annotation)
        return TextKind(parsed.parse, parsed)
    if hasattr(annotation, "from_map"):
        mapped = cast(_MappedType, annotation)
        text = TextKind(str, str)
        return MapKind(text, text, "map[string]string", mapped.from_map)
    raise TypeError(f"no kind reads {annotation!r}")


def _item_name(kind: Kind) -> str:
    if isinstance(kind, MaybeKind):
        return _item_name(kind.inner)
    return kind.struct.go_item if isinstance(kind, StructKind) else kind.go_name
