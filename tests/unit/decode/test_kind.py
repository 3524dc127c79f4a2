import math
from collections.abc import Mapping
from typing import Annotated, ClassVar

import pytest

from promscrape.decode.decoding import Decoding
from promscrape.decode.schema import ConfigStruct, GoName, LabelName, Opaque, UInt, UInt64
from promscrape.model.duration import Duration
from promscrape.model.size import Size


class Sample(ConfigStruct, frozen=True, kw_only=True):
    """A field of each kind."""

    go_type: ClassVar[str] = "test.Sample"

    text: str = "default"
    switch: bool = True
    number: int = 7
    count: UInt = 7
    big: UInt64 = 7
    factor: float = 7.0
    interval: Duration = Duration(7)
    size: Annotated[Size, GoName("units.Base2Bytes")] = Size(7)
    name: LabelName = "default"
    texts: tuple[str, ...] = ("default",)
    maybe: str | None = "default"
    anything: Opaque | None = None
    unread: Opaque = Opaque()
    maybes: Mapping[str, str | None] = {}


def read(source: str) -> tuple[Sample, list[str]]:
    decoding = Decoding(source.encode(), "c.yml")
    sample = decoding.read(Sample)
    return sample, [fault.message for fault in decoding.faults]


@pytest.mark.parametrize(
    ("source", "field", "value"),
    [
        ("text: 0x1F", "text", "0x1F"),
        ("text: yes", "text", "yes"),
        ("text: 2020-01-01", "text", "2020-01-01"),
        ("text: '1'", "text", "1"),
        ("text: !custom x", "text", "x"),
        ("text: !!binary aGk=", "text", "hi"),
        ("text: |\n  a\n  b\n", "text", "a\nb\n"),
        ("switch: off", "switch", False),
        ("switch: !!bool 'no'", "switch", False),
        ("number: -1.9", "number", -1),
        ("number: -9223372036854775808", "number", -(2**63)),
        ("count: 1.9", "count", 1),
        ("count: 0x10", "count", 16),
        ("big: 18446744073709551615", "big", 2**64 - 1),
        ("factor: 3", "factor", 3.0),
        ("factor: 1.5", "factor", 1.5),
        ("factor: -.inf", "factor", -math.inf),
        ("interval: 90s", "interval", Duration(90_000)),
        ("interval: '0'", "interval", Duration()),
        ("size: 1KB", "size", Size(1024)),
        ("name: a.b", "name", "a.b"),
        ("texts: [a, 1, ~, !!binary aGk=]", "texts", ("a", "1", "", "hi")),
        ("texts: []", "texts", ()),
        ("maybe: ''", "maybe", ""),
        ("anything: {a: [b]}", "anything", Opaque()),
        ("maybes: {a: ~, b: c}", "maybes", {"a": None, "b": "c"}),
        ("{}", "text", "default"),
    ],
)
def test_the_type_of_a_field_decides_how_its_text_is_read(
    source: str, field: str, value: object
) -> None:
    """Config 1.2: not the YAML resolver."""
    sample, faults = read(source)
    assert faults == []
    assert getattr(sample, field) == value


@pytest.mark.parametrize("null", ["", "~", "null", "Null", "NULL", "!!null x"])
def test_an_explicit_null_is_the_zero_value_and_not_the_default(null: str) -> None:
    """Config 1.2: and the type's own grammar does not see it."""
    sample, faults = read("".join(f"{name}: {null}\n" for name in Sample.__struct_fields__))
    assert faults == []
    assert sample == Sample(
        text="",
        switch=False,
        number=0,
        count=0,
        big=0,
        factor=0.0,
        interval=Duration(),
        size=Size(),
        name="",
        texts=(),
        maybe=None,
        anything=None,
        unread=Opaque(),
        maybes={},
    )


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("text: [a]", "cannot unmarshal !!seq into string"),
        ("text: {a: b}", "cannot unmarshal !!map into string"),
        ("text: !!set {a: b}", "cannot unmarshal !!set into string"),
        ("texts: !custom [[]]", "cannot unmarshal !!seq into string"),
        ("texts: a", "cannot unmarshal !!str `a` into []string"),
        ("texts: {a: b}", "cannot unmarshal !!map into []string"),
        ("switch: 'true'", "cannot unmarshal !!str `true` into bool"),
        ("switch: 1", "cannot unmarshal !!int `1` into bool"),
        ("switch: [true]", "cannot unmarshal !!seq into bool"),
        ("switch: ''", "cannot unmarshal !!str `` into bool"),
        ("number: 9223372036854775808", "cannot unmarshal !!int `9223372...` into int"),
        ("number: x", "cannot unmarshal !!str `x` into int"),
        ("count: -1", "cannot unmarshal !!int `-1` into uint"),
        ("count: .inf", "cannot unmarshal !!float `.inf` into uint"),
        ("count: .nan", "cannot unmarshal !!float `.nan` into uint"),
        ("count: 1e30", "cannot unmarshal !!float `1e30` into uint"),
        ("count: true", "cannot unmarshal !!bool `true` into uint"),
        ("count: '1'", "cannot unmarshal !!str `1` into uint"),
        ("count: 12345678901x", "cannot unmarshal !!str `1234567...` into uint"),
        ("count: aaaaaaé1234", "cannot unmarshal !!str `aaaaaa\ufffd...` into uint"),
        ("big: -1", "cannot unmarshal !!int `-1` into uint64"),
        ("factor: on", "cannot unmarshal !!bool `on` into float64"),
        ("factor: {}", "cannot unmarshal !!map into float64"),
        ("size: []", "cannot unmarshal !!seq into units.Base2Bytes"),
        ("maybes: a", "cannot unmarshal !!str `a` into map[string]string"),
        ("interval: []", "cannot unmarshal !!seq into string"),
        ("switch: !custom yes", "cannot unmarshal !custom `yes` into bool"),
    ],
)
def test_a_wrong_kind_is_named_as_in_yaml_v2(source: str, message: str) -> None:
    """Config 1.3: what the plain scalar resolves to, and at most ten bytes of it."""
    assert read(source)[1] == [message]


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("interval: 5x", 'unknown unit "x" in duration "5x"'),
        ("size: 5x", "units: unknown unit x in 5x"),
        ("name: ''", '"" is not a valid label name'),
        ("name: !!binary /w==", r'"\xff" is not a valid label name'),
        ("text: !!binary x", "yaml: !!binary value contains invalid base64 data"),
        ("switch: !!binary x", "yaml: !!binary value contains invalid base64 data"),
        ("count: !!int x", "yaml: cannot decode !!str `x` as a !!int"),
        ("texts: !!int x", "yaml: cannot decode !!str `x` as a !!int"),
    ],
)
def test_a_text_that_its_type_refuses_is_a_hard_fault(source: str, message: str) -> None:
    """Config 1.4: Prometheus stops at it."""
    assert read(source)[1] == [message]
    error = Decoding(source.encode(), "c.yml")
    error.read(Sample)
    assert str(error.error("")) == message


@pytest.mark.parametrize(
    ("source", "hint"),
    [
        ("switch: 'true'", "without quotes"),
        ("count: '1'", "at least 0"),
        ("number: x", "whole number"),
        ("factor: x", "a number"),
        ("texts: a", "`[a]`"),
        ("texts: ''", ""),
        ("texts: {a: b}", "`- `"),
        ("interval: 5", "`5s`"),
    ],
)
def test_a_wrong_value_comes_with_the_remedy(source: str, hint: str) -> None:
    """The report is for people."""
    decoding = Decoding(source.encode(), "c.yml")
    decoding.read(Sample)
    assert hint in decoding.faults[0].hint
    assert bool(hint) == bool(decoding.faults[0].hint)
