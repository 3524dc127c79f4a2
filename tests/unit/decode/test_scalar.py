import math

import pytest

from promscrape.decode.document import ScalarNode
from promscrape.decode.scalar import BadScalar, ScalarValue, is_null, plain, resolve
from promscrape.decode.syntax import START


def scalar(text: str, tag: str = "", *, plain: bool = True) -> ScalarNode:
    return ScalarNode(START, tag, text, plain and not tag)


@pytest.mark.parametrize(
    "word", ["y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "ON"]
)
def test_a_switch_can_be_on_in_many_words(word: str) -> None:
    """Config 1.2."""
    assert plain(word) == ("!!bool", True)


@pytest.mark.parametrize(
    "word", ["n", "N", "no", "No", "NO", "false", "FALSE", "off", "Off", "OFF"]
)
def test_a_switch_can_be_off_in_many_words(word: str) -> None:
    """Config 1.2."""
    assert plain(word) == ("!!bool", False)


@pytest.mark.parametrize(
    "word", ["yEs", "tRUE", "t", "f", "oN", "nULL", "nan", "inf", ".Nan", "<<"]
)
def test_other_words_are_text(word: str) -> None:
    """Config 1.2: only the listed spellings count."""
    assert plain(word) == ("!!str", word)


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("0", 0),
        ("-0", 0),
        ("+5", 5),
        ("-12", -12),
        ("0x1F", 31),
        ("-0X1f", -31),
        ("0b101", 5),
        ("-0b101", -5),
        ("010", 8),
        ("0o10", 8),
        ("1_000", 1000),
        ("18446744073709551615", 2**64 - 1),
        ("-9223372036854775808", -(2**63)),
    ],
)
def test_whole_numbers(text: str, number: int) -> None:
    """Config 1.2: hexadecimal, octal in both spellings, binary, with underscores."""
    assert plain(text) == ("!!int", number)


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("1.5", 1.5),
        (".5", 0.5),
        ("1.", 1.0),
        ("1e3", 1000.0),
        ("-1.5e-3", -0.0015),
        ("08", 8.0),
        ("18446744073709551616", 2.0**64),
        (".inf", math.inf),
        ("+.Inf", math.inf),
        ("-.INF", -math.inf),
    ],
)
def test_other_numbers(text: str, number: float) -> None:
    """Config 1.2: a number too large for an integer is a float."""
    assert plain(text) == ("!!float", number)


def test_not_a_number() -> None:
    """Config 1.2: `.nan` in three spellings."""
    tag, value = plain(".NaN")
    assert tag == "!!float"
    assert isinstance(value, float)
    assert math.isnan(value)


@pytest.mark.parametrize(
    "text",
    [
        "12:30",
        "190:20:30",
        "0x",
        "0b2",
        "1e400",
        "1 2",
        "+",
        "-",
        ".",
        "1.2.3",
        "٣",
        "é",
        "9" * 200,
    ],
)
def test_what_only_begins_like_a_number_is_text(text: str) -> None:
    """Config 1.2: base-60 numbers do not exist."""
    assert plain(text) == ("!!str", text)


@pytest.mark.parametrize(
    "text", ["2020-01-01", "2020-1-1", "2020-01-01T12:00:00Z", "2020-01-01 1:2:3"]
)
def test_dates_have_a_tag_of_their_own(text: str) -> None:
    """Config 1.3: error texts say `!!timestamp`."""
    assert plain(text) == ("!!timestamp", text)


@pytest.mark.parametrize("text", ["", "~", "null", "Null", "NULL"])
def test_null_has_five_spellings(text: str) -> None:
    """Config 1.2: unquoted ones."""
    assert is_null(scalar(text))
    assert not is_null(scalar(text, plain=False))
    assert not is_null(scalar(text, "!!str"))
    assert is_null(scalar("x", "!!null"))


@pytest.mark.parametrize(
    ("node", "expected"),
    [
        (scalar("5"), ("!!int", 5)),
        (scalar("5", plain=False), ("!!str", "5")),
        (scalar("5", "!!str"), ("!!str", "5")),
        (scalar("5", "!custom"), ("!custom", "5")),
        (scalar("5", "!!int"), ("!!int", 5)),
        (scalar("5", "!!float"), ("!!float", 5)),
        (scalar("1.5", "!!float"), ("!!float", 1.5)),
        (scalar("yes", "!!bool"), ("!!bool", True)),
        (scalar("2020-01-01", "!!timestamp"), ("!!timestamp", "2020-01-01")),
        (scalar("aGk=", "!!binary"), ("!!binary", "hi")),
        (scalar("aG\n k=", "!!binary"), None),
        (scalar("aG\nk=", "!!binary"), ("!!binary", "hi")),
        (scalar("/w==", "!!binary"), ("!!binary", "\udcff")),
        (scalar("/w==$1", "!!binary"), None),
        (scalar("é", "!!binary"), None),
        (scalar("abc", "!!int"), None),
        (scalar("1.5", "!!int"), None),
        (scalar("yes", "!!float"), None),
    ],
)
def test_quotes_and_tags_decide_before_the_text(
    node: ScalarNode, expected: tuple[str, ScalarValue] | None
) -> None:
    """Config 1.2: None stands for a scalar that is not what its tag says."""
    if expected is None:
        with pytest.raises(BadScalar, match=r"^yaml: "):
            resolve(node)
    else:
        assert resolve(node) == expected


def test_a_wrong_tag_is_named() -> None:
    """Config 1.4: yaml.v2 stops at it."""
    with pytest.raises(BadScalar, match=r"^yaml: cannot decode !!str `abc` as a !!int$"):
        resolve(scalar("abc", "!!int"))
