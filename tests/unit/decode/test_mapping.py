from collections.abc import Iterator, Mapping
from typing import Annotated, ClassVar

import pytest

from promscrape.decode.decoding import Decoding
from promscrape.decode.schema import (
    INLINE,
    REFUSED,
    ConfigStruct,
    FilePath,
    GoName,
    LabelName,
    Refused,
    accepted,
)
from promscrape.decode.walk import Fault
from promscrape.model.invalid import InvalidValue
from promscrape.model.labels import Labels
from promscrape.model.secret import Secret


class Client(ConfigStruct, frozen=True, kw_only=True):
    """A section that stands inline in others."""

    go_type: ClassVar[str] = "test.Client"

    follow: bool = True
    proxy: str = "none"


class Item(ConfigStruct, frozen=True, kw_only=True):
    """A section with rules."""

    go_type: ClassVar[str] = "test.plain"
    go_item: ClassVar[str] = "*test.Item"

    name: str = "default"
    low: int = 1
    high: int = 2
    client: Annotated[Client, INLINE] = Client(proxy="own")

    def check(self) -> Iterator[InvalidValue]:
        if not self.name:
            yield InvalidValue("name is empty", at=("name",))
        if self.low > self.high:
            yield InvalidValue("low is above high", at=("low",), hint="lower it")


class Outer(ConfigStruct, frozen=True, kw_only=True):
    """A section that stands inline in others and has one inline itself."""

    go_type: ClassVar[str] = "test.Outer"

    depth: int = 1
    client: Annotated[Client, INLINE] = Client()


class Nested(ConfigStruct, frozen=True, kw_only=True):
    """A section with two sections in it, one inside the other, and with fields of any type."""

    go_type: ClassVar[str] = "test.Nested"

    outer: Annotated[Outer, INLINE] = Outer(client=Client(proxy="deep"))
    anything: object = None
    file: FilePath = ""
    token: Secret = Secret()
    tokens: Mapping[str, tuple[Secret, ...]] = {}


class Restored(ConfigStruct, frozen=True, kw_only=True):
    """A section that a null restores."""

    go_type: ClassVar[str] = "test.Restored"
    null_is_default: ClassVar[bool] = True

    name: str = "default"


class Root(ConfigStruct, frozen=True, kw_only=True):
    """The root of the test's files."""

    go_type: ClassVar[str] = "test.Root"

    item: Item = Item()
    restored: Restored = Restored()
    items: tuple[Item | Refused | None, ...] = ()
    strict: tuple[Item, ...] = ()
    labels: Annotated[Mapping[LabelName, str], GoName("model.LabelSet")] = {}
    params: Mapping[str, tuple[str, ...]] = {}
    external: Labels = Labels.from_map({})
    survivor: Item | Refused = Item()
    nested: Nested = Nested()


def read(source: str) -> tuple[Root, list[Fault]]:
    decoding = Decoding(source.encode(), "c.yml")
    root = decoding.read(Root)
    return root, decoding.faults


def faults(source: str) -> list[str]:
    return [fault.message for fault in read(source)[1]]


def test_a_section_is_read_key_by_key() -> None:
    """Config 1.2: what is left out has its default, on inlined sections the outer one's."""
    root, found = read("item: {name: a, follow: no}")
    assert found == []
    assert root.item == Item(name="a", client=Client(follow=False, proxy="own"))


def test_sections_can_be_inlined_in_inlined_ones() -> None:
    """Config 9: the proxy of an HTTP client, whose keys stand in a job."""
    root, found = read("nested: {depth: 2, follow: no}")
    assert found == []
    assert root.nested.outer == Outer(depth=2, client=Client(follow=False, proxy="deep"))
    assert read("nested: {}")[0].nested == Nested()
    assert read("nested: ")[0].nested.outer == Outer(depth=0, client=Client(follow=False, proxy=""))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1", 1),
        ("'1'", "1"),
        ("~", None),
        ("[1.5, [yes], {}]", (1.5, (True,), {})),
        ("{a: {b: null}, 1: c}", {"a": {"b": None}, "1": "c"}),
        ("2020-01-01", "2020-01-01"),
        ("!!binary YQ==", "a"),
    ],
)
def test_any_value_is_read_as_it_resolves(text: str, expected: object) -> None:
    """Config 9.4: the claims of a token."""
    root, found = read(f"nested: {{anything: {text}}}")
    assert found == []
    assert root.nested.anything == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("!!int a", "yaml: cannot decode !!str `a` as a !!int"),
        ("[!!binary '*']", "yaml: !!binary value contains invalid base64 data"),
        ("{a: 1, a: 2}", 'key "a" already set in map'),
    ],
)
def test_any_value_has_to_be_yaml(text: str, message: str) -> None:
    """Config 1.2, 1.3: as in any other place."""
    assert faults(f"nested: {{anything: {text}}}") == [message]


def shown_lines(source: str) -> list[str]:
    """Return the lines that the report of a file shows."""
    decoding = Decoding(source.encode(), "c.yml")
    decoding.read(Root)
    error = decoding.error("")
    assert error
    assert "hunter2" not in str(error) + error.report()
    return [problem.source_line for problem in error.problems]


@pytest.mark.parametrize(
    ("source", "shown"),
    [
        ("nested: {tokens: {a: [hunter2, b], c: hunter2}}", "nested: {tokens: {a: [<secret>, <secret>], c: <secret>}}"),
        ("nested: {tokens: {a: [hunter2]}, depth: [x]}", "nested: {tokens: {a: [<secret>]}, depth: [x]}"),
        ("nested: {tokens: [e], depth: [e]}", "nested: {tokens: [<secret>], depth: [e]}"),
        ("nested: {tokenss: {a: hunter2}}", "nested: {tokenss: {a: <secret>}}"),
        ('nested: {tokens: {a: ["hunter\\x32"]}, depth: [x]}', ""),
        ("nested: {tokens: {a: ['']}, depth: [x]}", "nested: {tokens: {a: ['']}, depth: [x]}"),
    ],
)  # fmt: skip
def test_secrets_are_hidden_by_their_field(source: str, shown: str) -> None:
    """Config 14: whatever their key is called, and where they are of the wrong kind."""
    assert shown_lines(source)[-1] == shown


def test_a_secret_is_hidden_where_it_is_anchored() -> None:
    """Config 14: also from a problem in the line of the anchor, and where an alias is circular."""
    source = "params: {a: [&s hunter2], b: c}\nnested: {tokens: &t {x: [*s], y: *t}}"
    assert shown_lines(source)[0] == "params: {a: [&s <secret>], b: c}"


def test_a_null_section_is_all_zero() -> None:
    """Config 1.2: not its defaults, and its own rules do not see it."""
    root, found = read("item:")
    assert found == []
    assert root.item == Item(name="", low=0, high=0, client=Client(follow=False, proxy=""))


def test_some_null_sections_are_restored() -> None:
    """Config 1.2: `global:` and `runtime:`."""
    assert read("restored:")[0].restored == Restored()


def test_a_list_item_that_is_null_is_told_from_an_empty_one() -> None:
    """R-2, config 1.2: which of them are allowed is for the section around to say."""
    root, found = read("items: [~, {}, null]\nstrict: [~]")
    assert found == []
    assert root.items == (None, Item(), None)
    assert root.strict[0].name == ""


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("nope: 1", "field nope not found in type test.Root"),
        ("item: {nope: 1}", "field nope not found in type test.plain"),
        ("item: {name: a, name: b}", "field name already set in type test.plain"),
        ("item: {follow: on, follow: on}", "field follow already set in type test.plain"),
        ("item: [a]", "cannot unmarshal !!seq into test.plain"),
        ("items: [a]", "cannot unmarshal !!str `a` into test.plain"),
        ("items: a", "cannot unmarshal !!str `a` into []*test.Item"),
        ("strict: a", "cannot unmarshal !!str `a` into []*test.Item"),
        ("item: {[a]: b}", "cannot unmarshal !!seq into string"),
        ("item: {name: ''}", "name is empty"),
        ("item: {low: 3}", "low is above high"),
        ("labels: {a: 1, a: 2}", 'key "a" already set in map'),
        ("labels: {a: 1, <<: {a: 2}}", 'key "a" already set in map'),
        ("labels: {'': 1}", '"" is not a valid label name'),
        ("labels: {[a]: 1}", "cannot unmarshal !!seq into string"),
        ("params: {a: {}}", "cannot unmarshal !!map into []string"),
        ("labels: [a]", "cannot unmarshal !!seq into model.LabelSet"),
        ("params: {a: b}", "cannot unmarshal !!str `b` into []string"),
        ("params: a", "cannot unmarshal !!str `a` into map[string][]string"),
        ("external: a", "cannot unmarshal !!str `a` into map[string]string"),
        ("item: {<<: a}", "yaml: map merge requires map or sequence of maps as the value"),
        ("labels: {<<: [a]}", "yaml: map merge requires map or sequence of maps as the value"),
        ("item: &x {<<: *x}", "yaml: anchor 'x' value contains itself"),
        ("labels: &x {<<: [*x]}", "yaml: anchor 'x' value contains itself"),
    ],
)
def test_what_is_wrong_with_a_mapping(source: str, message: str) -> None:
    """Config 1.3."""
    assert message in faults(source)


def test_a_repeated_key_is_one_of_two_values_that_were_read() -> None:
    """yaml.v2: a value of the wrong kind is left out of the map, and does not count."""
    assert faults("params: {a: 1, a: [x]}") == ["cannot unmarshal !!int `1` into []string"]


def test_the_second_value_of_a_repeated_field_is_not_read() -> None:
    """yaml.v2: one fault is enough."""
    assert faults("item: {low: 1, low: x}") == ["field low already set in type test.plain"]


def test_an_anchor_inside_itself_is_met_where_it_is_followed() -> None:
    """Config 1.1: yaml.v2 composes it, and refuses to expand it."""
    assert faults("params: {a: &x [*x]}") == ["cannot unmarshal !!seq into string"]
    assert faults("params: &x {a: *x}") == ["cannot unmarshal !!map into []string"]


def test_maps_become_what_their_type_makes_of_them() -> None:
    """Config 4: external labels are a label set."""
    root, found = read("external: {b: 1, a: yes}\nlabels: {on: off}\nparams: {x: [1, 2], y: }")
    assert found == []
    assert root.external == Labels.from_map({"a": "yes", "b": "1"})
    assert root.labels == {"on": "off"}
    assert root.params == {"x": ("1", "2"), "y": ()}


def test_a_section_with_a_fault_inside_is_not_checked_itself() -> None:
    """Config 1.4: each mapping is checked at its end, if it decoded."""
    assert faults("item: {low: 3, nope: 1}") == ["field nope not found in type test.plain"]
    assert faults("item: {low: 3, name: [a]}") == ["cannot unmarshal !!seq into string"]


def test_all_rules_that_a_section_breaks_are_noted() -> None:
    """One round of repair should do."""
    root, found = read("item:\n  low: 3\n  name: ''\n")
    assert root.item == Item()
    assert [(fault.message, fault.place.line, fault.hint) for fault in found] == [
        ("name is empty", 3, ""),
        ("low is above high", 2, "lower it"),
    ]


def test_a_refused_value_stands_where_its_annotation_allows_it() -> None:
    """The job next to a wrong one is looked at all the same."""
    root, found = read("items: [{nope: 1}, {name: b}]\nsurvivor: []\nstrict: [{nope: 1}, {}]")
    assert root.items == (REFUSED, Item(name="b"))
    assert root.survivor is REFUSED
    assert root.strict == ()
    assert len(found) == 3


def test_a_refused_value_cannot_be_taken_for_an_accepted_one() -> None:
    """Config 3.2: nothing takes effect of a file that has a fault."""
    assert accepted(Item()) == Item()
    with pytest.raises(TypeError):
        accepted(REFUSED)


def test_a_misspelt_key_gets_a_proposal() -> None:
    """From the keys of its section, those of inlined ones among them."""
    hints = [fault.hint for fault in read("item: {nname: a, followw: b, xyz: c}")[1]]
    assert hints == ["did you mean `name`?", "did you mean `follow`?", ""]


class TestMerging:
    """`<<`, which the file's author expects to work everywhere (config 1.1)."""

    def test_merged_keys_are_read_in_place_of_the_merge(self) -> None:
        """yaml.v2: so an explicit key wins after the merge, and loses before it."""
        root, found = read("item: {low: 0, <<: {low: 1, high: 9}, high: 5}")
        assert found == []
        assert (root.item.low, root.item.high) == (1, 5)

    def test_of_several_merged_mappings_the_first_wins(self) -> None:
        """yaml.v2 goes through the list backwards."""
        root, found = read("item: {<<: [{name: first}, {name: second, high: 9}]}")
        assert found == []
        assert (root.item.name, root.item.high) == ("first", 9)

    def test_merges_are_strict_about_unknown_keys(self) -> None:
        """Merging never overrides strictness."""
        assert faults("item: {<<: {nope: 1}}") == ["field nope not found in type test.plain"]

    def test_a_key_repeated_in_a_section_through_a_merge_is_no_fault(self) -> None:
        """yaml.v2 counts each mapping of a section for itself."""
        assert faults("item: {<<: {name: a}, name: b, follow: on}") == []

    def test_a_key_repeated_in_a_map_through_a_merge_is_one(self) -> None:
        """yaml.v2 fills one map, and refuses a key that is there."""
        assert faults("labels: {<<: {a: 1}, a: 2}") == ['key "a" already set in map']

    def test_a_map_that_a_merge_brought_is_filled_further(self) -> None:
        """yaml.v2: two `params` make one, unless they share a key."""
        root, found = read("<<: {params: {a: [x]}}\nparams: {b: [y]}")
        assert found == []
        assert root.params == {"a": ("x",), "b": ("y",)}
        assert faults("<<: {params: {a: [x]}}\nparams: {a: [y]}") == ['key "a" already set in map']

    def test_a_null_empties_a_map_that_a_merge_brought(self) -> None:
        """Config 1.2: an explicit null is the zero value."""
        assert read("<<: {params: {a: [x]}}\nparams:")[0].params == {}

    def test_a_quoted_merge_key_is_a_key(self) -> None:
        """yaml.v2: only a plain `<<`, or one that is tagged, merges."""
        assert faults("item: {'<<': {name: a}}") == ["field << not found in type test.plain"]
        assert read("item: {!!merge '<<': {name: a}}")[0].item.name == "a"

    def test_merged_mappings_can_merge_themselves(self) -> None:
        """Through aliases or not."""
        root, found = read("restored: &r {name: r}\nitem: {<<: {<<: [*r]}}")
        assert found == []
        assert root.item.name == "r"
