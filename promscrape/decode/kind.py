"""The kinds of values, and how each is read from YAML; sections and mappings are in `mapping`.

Where the YAML does not fit, the text follows yaml.v2's decoder, and so does the gravity: a wrong
kind, an unknown key and a repeated key are soft, a text that its type's grammar refuses is hard.
"""

import math
from collections.abc import Callable, Iterable
from typing import Final, final

import msgspec

from promscrape.decode.document import Content, ListNode, MapNode, ScalarNode
from promscrape.decode.scalar import BINARY, BOOL, FLOAT, INT
from promscrape.decode.schema import REFUSED, Opaque
from promscrape.decode.walk import Kind, Path, Walk, resolved
from promscrape.model.invalid import InvalidValue

INT64: Final = range(-(2**63), 2**63)
UINT64: Final = range(2**64)


@final
class TextKind(msgspec.Struct, frozen=True):
    """A scalar whose source text goes through `parse`, which raises ValueError; str does too."""

    parse: Callable[[str], object]
    null: Callable[[], object]
    go_name: str = "string"

    def zero(self) -> object:
        return self.null()

    def read(self, node: Content, walk: Walk, path: Path) -> object:
        tag, value = resolved(node)
        if not tag or not isinstance(node, ScalarNode):
            return walk.wrong_kind(node, self.go_name, path)
        text = value if tag == BINARY and isinstance(value, str) else node.text
        try:
            return self.parse(text)
        except ValueError as exc:
            hint = exc.hint if isinstance(exc, InvalidValue) else ""
            return walk.hard(node.place, path, str(exc), hint)


@final
class BoolKind(msgspec.Struct, frozen=True):
    """A plain `true`, `yes`, `on`, `y` or the like; quoted it is a string."""

    go_name: str = "bool"

    def zero(self) -> bool:
        return False

    def read(self, node: Content, walk: Walk, path: Path) -> object:
        tag, value = resolved(node)
        if tag == BOOL:
            return value
        return walk.wrong_kind(node, self.go_name, path, "write `true` or `false`, without quotes")


@final
class IntKind(msgspec.Struct, frozen=True):
    """A whole number; the fraction of a float is cut off."""

    go_name: str
    allowed: range

    def zero(self) -> int:
        return 0

    def read(self, node: Content, walk: Walk, path: Path) -> object:
        number = _number(node)
        if number is not None and math.isfinite(number) and int(number) in self.allowed:
            return int(number)
        hint = "write a number of at least 0" if self.allowed == UINT64 else "write a whole number"
        return walk.wrong_kind(node, self.go_name, path, f"{hint}, without quotes")


@final
class FloatKind(msgspec.Struct, frozen=True):
    """A number, `.inf` or `.nan`."""

    go_name: str = "float64"

    def zero(self) -> float:
        return 0.0

    def read(self, node: Content, walk: Walk, path: Path) -> object:
        number = _number(node)
        if number is not None:
            return float(number)
        return walk.wrong_kind(node, self.go_name, path, "write a number, without quotes")


def _number(node: Content) -> int | float | None:
    tag, value = resolved(node)
    return value if tag in {INT, FLOAT} and isinstance(value, int | float) else None


@final
class OpaqueKind(msgspec.Struct, frozen=True):
    """Anything at all, unread."""

    go_name: str = "interface {}"

    def zero(self) -> Opaque:
        return Opaque()

    def read(self, node: Content, walk: Walk, path: Path) -> Opaque:  # noqa: ARG002  as in Kind
        return Opaque()


@final
class MaybeKind(msgspec.Struct, frozen=True):
    """A value that an explicit null makes None, or (`survivable`) that may stand refused."""

    inner: Kind
    none: bool
    survivable: bool

    @property
    def go_name(self) -> str:
        return self.inner.go_name

    def zero(self) -> object:
        return None if self.none else self.inner.zero()

    def read(self, node: Content, walk: Walk, path: Path) -> object:
        return self.inner.read(node, walk, path)


@final
class ListKind(msgspec.Struct, frozen=True):
    """A sequence; a lone scalar never takes its place."""

    item: Kind
    go_name: str

    def zero(self) -> tuple[object, ...]:
        return ()

    def read(self, node: Content, walk: Walk, path: Path) -> object:
        if not isinstance(node, ListNode):
            return walk.wrong_kind(node, self.go_name, path, _list_hint(node, walk))
        items = tuple(
            walk.read(item, self.item, (*path, index)) for index, item in enumerate(node.items)
        )
        return items if survives(self.item, items) else REFUSED


def survives(kind: Kind, values: Iterable[object]) -> bool:
    """Whether what holds `values` of one kind is not refused on account of them."""
    if isinstance(kind, MaybeKind) and kind.survivable:
        return True
    return all(value is not REFUSED for value in values)


def _list_hint(node: Content, walk: Walk) -> str:
    if isinstance(node, ScalarNode) and node.text:
        return f"this is a list: `[{walk.text_of(node)}]`"
    return "this is a list: begin each item with `- `" if isinstance(node, MapNode) else ""
