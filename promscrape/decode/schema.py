"""How a section of the configuration is declared: a frozen struct with annotated fields.

A field's type decides how its YAML is read: bool, int, float, str, `tuple[X, ...]` for a list,
`Mapping[K, V]`, another ConfigStruct, a type with a `parse(text)` class method (Duration, Size,
Regex), a type with a `from_map(mapping)` class method (Labels), and Opaque. Beyond those:

    X | None       an explicit null gives None, not the zero value of X
    X | Refused    what is wrong with X does not refuse the section around it
    object         any YAML value, as its scalars resolve
    Annotated      with GoName, Via, INLINE, Keyed or Late, or as FilePath, below

The zero value of a type is what calling it without arguments gives: 0, "", an empty tuple.
"""

from collections.abc import Callable, Iterator, Mapping
from enum import Enum
from typing import Annotated, ClassVar, Final, Literal, Self, TypeAlias, TypeVar, final

import msgspec

from promscrape.model.invalid import InvalidValue
from promscrape.model.labels import ValidationScheme
from promscrape.model.quoting import quote


@final
class Refusal(Enum):
    """The type of REFUSED, which stands where a value was refused."""

    REFUSED = "refused"


REFUSED: Final = Refusal.REFUSED
T = TypeVar("T")
Refused: TypeAlias = Literal[Refusal.REFUSED]


@final
class GoName(msgspec.Struct, frozen=True):
    """What Prometheus calls the field's type where its YAML is of the wrong kind."""

    text: str


@final
class Via(msgspec.Struct, frozen=True):
    """Read the field's text through `parse`; an explicit null gives `null()`.

    Either raises ValueError, mostly InvalidValue, for what is not allowed.
    """

    parse: Callable[[str], object]
    null: Callable[[], object]


@final
class Inline(msgspec.Struct, frozen=True):
    """The field is a section whose keys stand in the section around it, which calls its check."""


INLINE: Final = Inline()


@final
class Keyed(msgspec.Struct, frozen=True):
    """The field maps further keys of the section to their values; those that are empty are left out.

    annotations: what each key's value is annotated with, by key.
    """

    annotations: Callable[[], Mapping[str, object]]


@final
class Late(msgspec.Struct, frozen=True):
    """The annotation is loaded when the first value is read.

    What goes wrong with that is a fault of the value's section; so is, unless it `is_ours`, whatever
    its own code raises.
    """

    owner: str
    load: Callable[[], object]
    is_ours: bool = False


@final
class Relative(msgspec.Struct, frozen=True):
    """The text is a path that starts from the directory of the file that it stands in."""


RELATIVE: Final = Relative()

FilePath: TypeAlias = Annotated[str, RELATIVE]

UInt: TypeAlias = Annotated[int, msgspec.Meta(ge=0), GoName("uint")]
UInt64: TypeAlias = Annotated[int, msgspec.Meta(ge=0), GoName("uint64")]


@final
class Opaque(msgspec.Struct, frozen=True):
    """A part of the file of which only the presence matters."""


def accepted(value: T | Refused) -> T:
    """Return a value that cannot have been refused. Raises TypeError if it was: a bug."""
    if value is REFUSED:
        raise TypeError("a section that was refused is used")
    return value


def label_name(text: str) -> str:
    """Return a label name that is valid in UTF-8. Raises InvalidValue."""
    if not ValidationScheme.UTF8.allows_label(text):
        raise InvalidValue(f"{quote(text)} is not a valid label name")
    return text


LabelName: TypeAlias = Annotated[str, Via(label_name, str)]
LabelValue: TypeAlias = Annotated[str, GoName("model.LabelValue")]


class ConfigStruct(msgspec.Struct, frozen=True, kw_only=True):
    """One kind of section. Two are equal where all their effective fields are.

    go_type: what Prometheus calls it in error texts; go_item: the same as an item of a list.
    null_is_default: an explicit null gives the section's defaults, not its fields' zero values.
    """

    go_type: ClassVar[str] = "section"
    go_item: ClassVar[str] = "section"
    null_is_default: ClassVar[bool] = False

    def check(self) -> Iterator[InvalidValue]:
        """Yield each rule that the section breaks on its own, in Prometheus's order."""
        yield from ()

    def resolved(self) -> Self:
        """Return the section as it takes effect; it has passed every check, and so have its parts.

        Its parts are in effect already, and paths start from the root directory.
        """
        return self
