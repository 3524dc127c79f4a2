import pytest

from promscrape.model.invalid import InvalidValue
from promscrape.model.regex import Regex


@pytest.mark.parametrize(
    ("pattern", "text", "matches"),
    [
        ("f|foo", "foo", True),
        ("x", "x\n", False),
        ("x.y", "x\ny", True),
        ("foo", "a foo", False),
        ("foo", "foo b", False),
        ("", "", True),
        ("", "x", False),
        ("(.*)", "", True),
        ("(.*)", "x\ny", True),
        (r"\d+", "٣", False),
        (".", "é", True),
        ("a)|(b", "ax", True),
    ],
)
def test_the_whole_text_has_to_match(pattern: str, text: str, matches: bool) -> None:  # noqa: FBT001  a column
    """R8, TC091-TC093, config 2.4: anchored at both ends, `.` matches a newline.

    The anchors stand around the text itself, so that `a)|(b` undoes them as in Prometheus.
    """
    assert Regex(pattern).matches(text) is matches
    assert (Regex(pattern).groups(text) is not None) is matches


def test_groups_begin_with_the_whole_match() -> None:
    """R9: `$0` is the whole match, a group that took no part is empty."""
    regex = Regex("(a)|(b)")

    assert regex.group_count == 2
    assert regex.groups("b") == ("b", "", "b")
    assert Regex("(.*)").groups("é") == ("é", "é")


@pytest.mark.parametrize("pattern", ["(?P<first>a)(b)", "(?<first>a)(b)"])
def test_groups_have_names(pattern: str) -> None:
    """R8: both spellings name a group."""
    assert Regex(pattern).group_index == {"first": 1}


def test_bytes_that_are_not_utf8_pass_through() -> None:
    """T12: such a value is refused after relabeling, not by it."""
    assert Regex("a(.*|\\C*)").groups("a\udcff") == ("a\udcff", "\udcff")
    assert Regex("(.*)").matches("\udcff")


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("abc(def", "missing closing ): `^(?s:abc(def)$`"),
        ("a)", "unexpected ): `^(?s:a))$`"),
        ("(?=a)", "invalid or unsupported Perl syntax: `(?=`"),
        ("[a", "missing closing ]: `[a)$`"),
        ("*a", "missing argument to repetition operator: `*`"),
        ("a**", "invalid nested repetition operator: `**`"),
        ("a{1001}", "invalid repeat count: `{1001}`"),
        ("[b-a]", "invalid character class range: `b-a`"),
        (r"\q", r"invalid escape sequence: `\q`"),
        (r"(a)\1", r"invalid escape sequence: `\1`"),
        ("(?P<n", "invalid named capture: `(?P<n)$`"),
    ],
)
def test_a_pattern_that_is_none_is_refused_in_go_words(pattern: str, message: str) -> None:
    """Config 2.4, R8: no look-around, no back-references, and operators search for these texts."""
    with pytest.raises(InvalidValue) as caught:
        Regex.parse(pattern)
    assert str(caught.value) == f"error parsing regexp: {message}"


def test_a_pattern_that_is_too_large_is_refused(capfd: pytest.CaptureFixture[str]) -> None:
    """Config 2.4: RE2 says so without naming a part, and must not print it on its own either."""
    with pytest.raises(InvalidValue, match=r"^error parsing regexp: pattern too large"):
        Regex(r"\pL{1000}" * 10)
    assert capfd.readouterr().err == ""


def test_a_long_list_of_names_compiles() -> None:
    """A keep rule may name thousands of metrics, more than RE2 takes by default."""
    names = [f"some_metric_with_a_long_name_{number}_total" for number in range(20_000)]

    assert Regex("|".join(names)).matches(names[-1])


def test_expressions_are_equal_by_their_text() -> None:
    """R-5: a reload restarts exactly what differs."""
    assert Regex("a") == Regex("a")
    assert Regex("a") != Regex("b")
    assert Regex("a") != "a"
    assert hash(Regex("a")) == hash(Regex("a"))
    assert (str(Regex("a")), repr(Regex("a"))) == ("a", "Regex('a')")
