"""Objects are cut out of answers wherever these are divided."""

import itertools
import time
from collections.abc import Sequence

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from promscrape.discovery.kubernetes.objects import Pod
from promscrape.discovery.kubernetes.stream import LineReader, ListReader
from promscrape.errors import DiscoveryError
from tests.support.kubernetes_objects import pod
from tests.support.kubernetes_selector import JSON

META = {"resourceVersion": "7", "continue": "next"}


def items(number: int) -> list[JSON]:
    made = [pod(f"p{index}", init=[]) for index in range(number)]
    return [{"metadata": one["metadata"], "spec": one["spec"]} for one in made]


def read(parts: Sequence[bytes], most_bytes: int = 1 << 20) -> tuple[str, str, list[str]]:
    """Return version, continuation and the names of a list."""
    reader = ListReader(Pod, most_bytes=most_bytes)
    names = [item.metadata.name for part in parts for item in reader.feed(part)]
    meta, rest = reader.finish()
    names += [item.metadata.name for item in rest]
    return meta.resource_version, meta.continue_, names


def body_of(number: int, *, head_first: bool = True, indent: int = 0) -> bytes:
    head: JSON = {"kind": "PodList", "apiVersion": "v1", "metadata": META}
    whole = {**head, "items": items(number)} if head_first else {"items": items(number), **head}
    text = msgspec.json.encode(whole)
    return msgspec.json.format(text, indent=indent) if indent else text + b"\n"


@pytest.mark.parametrize("number", [0, 1, 2, 20])
@pytest.mark.parametrize("size", [1, 7, 1000, 1 << 20])
def test_a_list_is_read_in_parts_of_any_size(number: int, size: int) -> None:
    """K-9, P-9: objects that hold what stands between objects are not cut."""
    body = body_of(number)
    parts = [body[start : start + size] for start in range(0, len(body), size)]
    assert read(parts) == ("7", "next", [f"p{index}" for index in range(number)])


@given(st.lists(st.integers(0, len(body_of(3))), max_size=6))
def test_where_a_list_is_divided_makes_no_difference(cuts: list[int]) -> None:
    """K-9: in the middle of a key, of a character, of what stands between two objects."""
    body = body_of(3)
    places = [0, *sorted(cuts), len(body)]
    parts = [body[start:end] for start, end in itertools.pairwise(places)]
    assert read(parts) == ("7", "next", ["p0", "p1", "p2"])


def test_objects_come_before_the_list_is_complete() -> None:
    """P-9: which is why a list is never in memory as a whole."""
    body = body_of(20)
    reader = ListReader(Pod)
    assert len(list(reader.feed(body[: len(body) // 2]))) >= 8


@pytest.mark.parametrize("form", ["indented", "head last", "null"])
def test_other_forms_of_a_list_are_read_as_well(form: str) -> None:
    """K-8: what stands in front of an API server may write JSON in its own way."""
    bodies = {
        "indented": (body_of(3, indent=2), ["p0", "p1", "p2"]),
        "head last": (body_of(3, head_first=False), ["p0", "p1", "p2"]),
        "null": (msgspec.json.encode({"metadata": META, "items": None}), []),
    }
    body, names = bodies[form]
    assert read([body[:50], body[50:]]) == ("7", "next", names)


def test_items_that_begin_with_their_kind_are_cut_too() -> None:
    """K-8: those of a list of metadata do."""
    partial = [{"kind": "PartialObjectMetadata", **one} for one in items(9)]
    body = msgspec.json.encode({"metadata": META, "items": partial})
    reader = ListReader(Pod)
    assert len(list(reader.feed(body))) == 8
    assert len(reader.finish()[1]) == 1


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b'{"metadata":{"resourceVersion":"1"},"items":[{"metadata":{"name":"a"}}',
        b'{"metadata":{"resourceVersion":"1"},"items":[{"metadata":{"name":1}}]}',
        b'{"metadata":{},"items":[{"metadata":{"name":1}},{"metadata":{"name":"a"}}]}',
        b'{"metadata":{},"items":[{"spec":{}}]}',
    ],
)
def test_what_is_no_list_is_an_error(body: bytes) -> None:
    """K-14: it is asked for again, and nothing is taken for deleted."""
    with pytest.raises(DiscoveryError, match="unable to decode a list"):
        read([body])


def test_an_object_that_seems_to_end_time_and_again_costs_no_more_than_a_few_tries() -> None:
    """Design 6: a server may lie; its list is read all the same, when it has ended."""
    inside = [{"metadata": {"name": str(number)}} for number in range(50_000)]
    item: JSON = {"metadata": {"name": "p"}, "list": inside}
    body = msgspec.json.encode({"metadata": META, "items": [item, *items(2)]})
    started_s = time.process_time()
    reader = ListReader(Pod)
    assert list(reader.feed(body)) == []
    assert reader._tries <= 17
    assert [one.metadata.name for one in reader.finish()[1]] == ["p", "p0", "p1"]
    assert time.process_time() - started_s < 10  # trying each place takes minutes


def test_an_object_of_a_list_may_be_only_so_large() -> None:
    """P-9: what is not cut after so much is no object."""
    body = body_of(2)
    with pytest.raises(DiscoveryError, match="an object of a list is over 100 bytes"):
        read([body, b"x" * 200], most_bytes=100)


@given(st.binary(max_size=200), st.lists(st.integers(0, 200), max_size=5))
def test_lines_are_cut_as_split_cuts_them(text: bytes, cuts: list[int]) -> None:
    """K-11: wherever the answer is divided; empty ones say nothing."""
    places = [0, *sorted(cuts), max(len(text), *cuts, 0)]
    reader = LineReader()
    lines = [
        line for start, end in itertools.pairwise(places) for line in reader.feed(text[start:end])
    ]
    assert lines == [line for line in text.split(b"\n")[:-1] if line.strip()]


def test_a_line_may_be_only_so_long() -> None:
    """K-11: however small the parts that it comes in."""
    reader = LineReader(most_bytes=10)
    assert list(reader.feed(b"0123456789\nabc")) == [b"0123456789"]
    list(reader.feed(b"defghij"))
    with pytest.raises(DiscoveryError, match="an event of a watch is over 10 bytes"):
        list(reader.feed(b"k"))
