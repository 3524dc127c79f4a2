"""What sections become when they take effect."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, ClassVar, Self

import msgspec
import pytest

from promscrape.config.effect import in_effect, joined
from promscrape.decode.schema import INLINE, REFUSED, ConfigStruct, FilePath, Refused

HERE = Path("/etc/p")


class Part(ConfigStruct, frozen=True, kw_only=True):
    """A section with paths and an effect of its own."""

    go_type: ClassVar[str] = "test.Part"

    name: str = ""
    file: FilePath = ""
    files: tuple[FilePath, ...] = ()

    def resolved(self) -> Self:
        return msgspec.structs.replace(self, name=f"{self.name}!{self.file}")


class Whole(ConfigStruct, frozen=True, kw_only=True):
    """A section that has parts in every place."""

    go_type: ClassVar[str] = "test.Whole"

    plain: tuple[str, ...] = ()
    inline: Annotated[Part, INLINE] = Part()
    items: tuple[Part | None, ...] = ()
    maybe: Part | Refused | None = None
    named: Mapping[str, Part] = {}


class Bare(ConfigStruct, frozen=True, kw_only=True):
    """A section that nothing changes."""

    go_type: ClassVar[str] = "test.Bare"

    names: tuple[str, ...] = ()


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("a", "/etc/p/a"),
        ("./a/../b", "/etc/p/b"),
        ("../a", "/etc/a"),
        ("/a", "/a"),
        ("", ""),
    ],
)
def test_a_relative_path_starts_from_the_directory(path: str, expected: str) -> None:
    """Config 13: absolute and empty ones stay."""
    assert joined(HERE, path) == expected


def test_parts_take_effect_wherever_they_stand() -> None:
    """Config 13: inlined, in lists and in maps; the part sees its own paths joined."""
    whole = Whole(
        plain=("a",),
        inline=Part(file="i", files=("x", "/y", "")),
        items=(Part(file="l"), None),
        maybe=Part(name="m"),
        named={"k": Part(file="n")},
    )
    assert in_effect(whole, HERE) == Whole(
        plain=("a",),
        inline=Part(name="!/etc/p/i", file="/etc/p/i", files=("/etc/p/x", "/y", "")),
        items=(Part(name="!/etc/p/l", file="/etc/p/l"), None),
        maybe=Part(name="m!"),
        named={"k": Part(name="!/etc/p/n", file="/etc/p/n")},
    )


@pytest.mark.parametrize("absent", [None, REFUSED])
def test_what_is_absent_has_no_effect(absent: Refused | None) -> None:
    """A part that is not there, or was refused, stays so."""
    assert in_effect(Whole(maybe=absent), HERE).maybe is absent


def test_what_nothing_changes_is_the_same_object() -> None:
    """A job of thousands of targets is not copied."""
    bare = Bare(names=("a",))
    assert in_effect(bare, HERE) is bare
