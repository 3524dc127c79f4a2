"""Sections whose keys come from a table, and keys whose types come late."""

from collections.abc import Iterator, Mapping
from typing import Annotated, ClassVar

import pytest

from promscrape.decode.decoding import Decoding
from promscrape.decode.schema import INLINE, ConfigStruct, Keyed, Late
from promscrape.errors import ConfigError
from promscrape.model.invalid import InvalidValue


class Item(ConfigStruct, frozen=True, kw_only=True):
    go_type: ClassVar[str] = "test.Item"
    go_item: ClassVar[str] = "*test.Item"

    name: str = ""


class Faulty(ConfigStruct, frozen=True, kw_only=True):
    def check(self) -> Iterator[InvalidValue]:
        raise RuntimeError("a bug")


def fail() -> object:
    raise ImportError("no such library")


def faulty() -> object:
    return tuple[Faulty | None, ...]


class Table(ConfigStruct, frozen=True, kw_only=True):
    by_key: Annotated[
        Mapping[str, tuple[ConfigStruct | None, ...]],
        Keyed(
            lambda: {
                "known": tuple[Item | None, ...],
                "late": Annotated[tuple, Late("its owner", lambda: tuple[Item | None, ...])],
                "broken": Annotated[tuple, Late("its owner", fail)],
                "ours broken": Annotated[tuple, Late("promscrape", fail, is_ours=True)],
                "faulty": Annotated[tuple, Late("its owner", faulty)],
                "ours faulty": Annotated[tuple, Late("promscrape", faulty, is_ours=True)],
            }
        ),
    ] = {}


class Root(ConfigStruct, frozen=True, kw_only=True):
    go_type: ClassVar[str] = "test.Root"

    other: int = 0
    table: Annotated[Table, INLINE] = Table()


def read(text: str) -> Root:
    decoding = Decoding(text.encode(), "c.yml")
    root = decoding.read(Root)
    error = decoding.error("")
    if error:
        raise error
    return root


def test_keys_of_a_table_stand_in_the_section() -> None:
    """Discovery P-4: beside its own, and inlined in another one."""
    root = read("other: 1\nknown: [{name: a}]\nlate: [{name: b}]")
    assert root.other == 1
    assert root.table.by_key == {"known": (Item(name="a"),), "late": (Item(name="b"),)}


@pytest.mark.parametrize("text", ["{}", "known: []", "late: null", "broken: null", "broken:"])
def test_a_key_without_entries_is_as_good_as_none(text: str) -> None:
    """Config 1.2: and what is not used is not loaded."""
    assert read(text) == Root()


@pytest.mark.parametrize(
    ("text", "message", "line"),
    [
        ("known:\n- naem: a", "field naem not found in type test.Item", 2),
        ("late:\n- naem: a", "field naem not found in type test.Item", 2),
        ("late: a", "cannot unmarshal !!str `a` into []*test.Item", 1),
        ("broken:\n- {}", "its owner: ImportError: no such library", 2),
        ("ours broken:\n- {}", "promscrape: ImportError: no such library", 2),
        ("faulty:\n- {}", "its owner: RuntimeError: a bug", 2),
        ("unknown: []", "field unknown not found in type test.Root", 1),
        ("known: []\nknown: []", "field known already set in type test.Root", 2),
    ],
)
def test_what_is_wrong_is_placed(text: str, message: str, line: int) -> None:
    """P-4: as for any other key."""
    with pytest.raises(ConfigError) as caught:
        read(text)
    assert [problem.line for problem in caught.value.problems if message in problem.message] == [
        line
    ]


def test_what_cannot_be_loaded_is_not_shown() -> None:
    """P-4: which of it is secret is not known then."""
    with pytest.raises(ConfigError) as caught:
        read("broken: [{token: hunter2}]")
    assert "hunter2" not in caught.value.report()


def test_a_bug_of_our_own_is_no_fault_of_the_file() -> None:
    """It has to be seen as what it is: with its traceback."""
    with pytest.raises(RuntimeError, match="a bug"):
        read("ours faulty: [{}]")
