import pytest
import yaml

from promscrape.decode.document import (
    AliasNode,
    ListNode,
    Loader,
    MapNode,
    ScalarNode,
    compose,
    locate,
)
from promscrape.decode.syntax import MAX_DEPTH, Place, Unreadable

BOTH_LOADERS: list[Loader] = [yaml.SafeLoader]
if yaml.__with_libyaml__:
    BOTH_LOADERS.append(yaml.CSafeLoader)


def keys_of(node: object) -> list[str]:
    assert isinstance(node, MapNode)
    return [key.text for key, _ in node.entries if isinstance(key, ScalarNode)]


@pytest.mark.parametrize("loader", BOTH_LOADERS)
def test_nodes_know_their_place(loader: Loader) -> None:
    """Config 1.2: errors name a line and a column, both counted from 1."""
    root = compose(b"a: 1\nb:\n  - x\n", loader)

    assert isinstance(root, MapNode)
    assert root.place == Place(1, 1)
    (a, one), (_, b) = root.entries
    assert (a.place, one.place) == (Place(1, 1), Place(1, 4))
    assert isinstance(b, ListNode)
    assert b.items[0].place == Place(3, 5)


@pytest.mark.parametrize("loader", BOTH_LOADERS)
def test_a_scalar_keeps_its_text_and_how_it_was_written(loader: Loader) -> None:
    """Config 1.2: quotes and explicit tags matter, what YAML would make of the text does not."""
    root = compose(b"[0x1F, '1', !!str 2, !custom 3, ! 4, ~]", loader)

    assert isinstance(root, ListNode)
    assert [
        (item.text, item.plain, item.tag) for item in root.items if isinstance(item, ScalarNode)
    ] == [
        ("0x1F", True, ""),
        ("1", False, ""),
        ("2", False, "!!str"),
        ("3", False, "!custom"),
        ("4", True, ""),
        ("~", True, ""),
    ]


@pytest.mark.parametrize("loader", BOTH_LOADERS)
@pytest.mark.parametrize("source", [b"", b"# only a comment\n", b"\xef\xbb\xbf"])
def test_an_empty_file_has_no_root(loader: Loader, source: bytes) -> None:
    """Config 1.1: it is valid, all defaults."""
    assert compose(source, loader) is None


@pytest.mark.parametrize("loader", BOTH_LOADERS)
def test_only_the_first_document_is_read(loader: Loader) -> None:
    """Config 1.1, 17.17: the rest is never parsed, so it may even be broken."""
    assert keys_of(compose(b"a: 1\n---\nb: [\n", loader)) == ["a"]


def test_a_byte_order_mark_is_no_part_of_the_first_key() -> None:
    """Config 1.1: Windows editors write it."""
    assert keys_of(compose(b"\xef\xbb\xbfa: 1")) == ["a"]


def test_repeated_keys_are_kept() -> None:
    """Config 1.3: whether they are allowed is not the parser's business."""
    assert keys_of(compose(b"a: 1\na: 2")) == ["a", "a"]


def test_an_alias_stands_for_the_last_anchor_of_its_name() -> None:
    """Config 1.1: an anchor can be given again, and an alias keeps its own place."""
    root = compose(b"[&x 1, *x, &x 2, *x]")

    assert isinstance(root, ListNode)
    first, second = (item for item in root.items if isinstance(item, AliasNode))
    assert (first.target, second.target) == (root.items[0], root.items[2])
    assert (first.name, first.place) == ("x", Place(1, 8))


def test_an_alias_can_point_to_what_is_around_it() -> None:
    """Config 1.1: only following it would never end."""
    root = compose(b"&x {a: *x}")

    assert isinstance(root, MapNode)
    alias = root.entries[0][1]
    assert isinstance(alias, AliasNode)
    assert alias.target is root


def test_an_alias_without_an_anchor_is_refused() -> None:
    """Config 1.1: at once, without a line in Prometheus's text, but with a place in ours."""
    with pytest.raises(Unreadable, match=r"^yaml: unknown anchor 'nope' referenced$") as caught:
        compose(b"a: 1\nb: *nope\nc: [")
    assert caught.value.place == Place(2, 4)


@pytest.mark.parametrize("loader", BOTH_LOADERS)
@pytest.mark.parametrize("opening", [b"[", b"- ", b"{a: "])
def test_nesting_is_bounded(loader: Loader, opening: bytes) -> None:
    """Nothing on disk is trusted: a deep file ends in an error, not in a full stack."""
    with pytest.raises(Unreadable, match="exceeded max depth of 1000"):
        compose(opening * (MAX_DEPTH + 1), loader)


def test_nesting_within_the_bound_is_read() -> None:
    """The bound is far above what any configuration needs."""
    assert isinstance(compose(b"[" * MAX_DEPTH + b"]" * MAX_DEPTH), ListNode)


SOURCE = b"""\
a:
  b: [x, {c: d}]
  e:
  'f': {}
g: &g {h: i}
j: *g
k: 1
k: 2
"""


@pytest.mark.parametrize(
    ("path", "place"),
    [
        ((), (1, 1)),
        (("a",), (1, 1)),
        (("a", "b", 0), (2, 7)),
        (("a", "b", 1, "c"), (2, 14)),
        (("a", "e"), (3, 3)),
        (("a", "f"), (4, 3)),
        (("j", "h"), (5, 11)),
        (("k",), (8, 4)),
        (("a", "b", 5), (2, 3)),
        (("a", "b", "x"), (2, 3)),
        (("nope", "b"), (1, 1)),
        (("a", "b", 0, "x"), (2, 7)),
    ],
)
def test_a_path_leads_to_a_value_or_as_near_as_it_can(
    path: tuple[str | int, ...], place: tuple[int, int]
) -> None:
    """A rule that several keys break is shown at one of them, even if it is not written."""
    root = compose(SOURCE)
    assert root is not None
    assert locate(root, path) == Place(*place)


def test_a_key_can_be_meant_rather_than_its_value() -> None:
    """Config 4: a label's name is wrong, not its value."""
    root = compose(SOURCE)
    assert root is not None
    assert locate(root, ("a", "b", 1, "c"), on_key=True) == Place(2, 11)
