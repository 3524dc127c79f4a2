import pytest
import yaml

from promscrape.decode.document import Loader, compose
from promscrape.decode.syntax import Place, Unreadable, place_of, unreadable

BOTH_LOADERS: list[Loader] = [yaml.SafeLoader]
if yaml.__with_libyaml__:
    BOTH_LOADERS.append(yaml.CSafeLoader)

BROKEN = [
    ("global:\n  a: 15s\ninvalid_syntax\n", "line 4: could not find expected ':'", (4, 1)),
    (
        "global:\n\tscrape_interval: 15s",
        "line 2: found character that cannot start any token",
        (2, 1),
    ),
    ("a: @x", "found character that cannot start any token", (1, 4)),
    ("global: [a\n", "line 1: did not find expected ',' or ']'", (2, 1)),
    ("global: {a: b\n", "line 1: did not find expected ',' or '}'", (2, 1)),
    ("key: [1, 2\nother: 3\n", "line 1: did not find expected ',' or ']'", (2, 6)),
    ("a: b: c", "mapping values are not allowed in this context", (1, 5)),
    ("a: x\n b: y\n", "line 2: mapping values are not allowed in this context", (2, 3)),
    ("x: y\n- z\n", "line 1: did not find expected key", (2, 1)),
    ("a:\n  b: 1\n c: 2\n", "line 2: did not find expected key", (3, 2)),
    ("- a\nb: c\n", "line 1: did not find expected '-' indicator", (2, 1)),
    ("%YAML 1.1\na: b", "line 1: did not find expected <document start>", (2, 1)),
    ("a: 'x\n\n", "line 3: found unexpected end of stream", (3, 1)),
    ("a: !e!f x", "found undefined tag handle", (1, 4)),
    ("a:\n- !e!f x", "line 1: found undefined tag handle", (2, 3)),
    ("a: *\n", "did not find expected alphabetic or numeric character", (1, 5)),
    ("a: |x\n", "did not find expected comment or line break", (1, 5)),
    ("a: !<x\n", "did not find the expected '>'", (1, 7)),
    ("!!", "did not find expected tag URI", (1, 3)),
    ("a: [x\n\x01", "control characters are not allowed", (2, 1)),
]


@pytest.mark.parametrize("loader", BOTH_LOADERS)
@pytest.mark.parametrize(("text", "message", "place"), BROKEN)
def test_a_broken_document_is_refused_in_the_words_of_yaml_v2(
    loader: Loader, text: str, message: str, place: tuple[int, int]
) -> None:
    """Config 1.5, 17.14 to 17.16: with yaml.v2's line in the text and the true place beside it."""
    with pytest.raises(Unreadable) as caught:
        compose(text.encode(), loader)
    assert str(caught.value) == f"yaml: {message}"
    assert caught.value.place == Place(*place)


@pytest.mark.parametrize("loader", BOTH_LOADERS)
def test_an_unknown_escape_is_refused(loader: Loader) -> None:
    """Config 1.5: the parsers place it one column apart."""
    with pytest.raises(Unreadable, match=r"^yaml: found unknown escape character$") as caught:
        compose(rb'a: "\q"', loader)
    assert caught.value.place.line == 1


def test_missing_content_is_refused() -> None:
    """Config 1.5: the parsers place the end of the stream differently."""
    with pytest.raises(Unreadable, match=r"did not find expected node content$"):
        compose(b"a:\n- [", yaml.SafeLoader)


@pytest.mark.parametrize(
    ("source", "message", "place"),
    [
        (b"a: \xff", "invalid leading UTF-8 octet", (1, 4)),
        (b"a: 1\nb: \xc3\x28", "invalid trailing UTF-8 octet", (2, 4)),
        (b"a: \xe2\x82", "incomplete UTF-8 octet sequence", (1, 4)),
    ],
)
def test_bytes_that_are_not_utf8_are_refused(
    source: bytes, message: str, place: tuple[int, int]
) -> None:
    """Config 1.1: in libyaml's words, without a line."""
    with pytest.raises(Unreadable) as caught:
        compose(source)
    assert str(caught.value) == f"yaml: {message}"
    assert caught.value.place == Place(*place)


def test_the_hint_says_what_was_being_read() -> None:
    """The end of the file is where an unclosed bracket is noticed, not where it stands."""
    with pytest.raises(Unreadable) as caught:
        compose(b"a: 1\nb: [x\n\n\n")
    assert caught.value.hint == "while parsing a flow sequence, which begins in line 2"


def test_an_error_without_marks_is_placed_at_the_start() -> None:
    """PyYAML's types allow it."""
    assert place_of(None) == Place(1, 1)
    assert str(unreadable(yaml.MarkedYAMLError(problem="odd"))) == "yaml: odd"
    assert str(unreadable(yaml.MarkedYAMLError())) == "yaml: "
