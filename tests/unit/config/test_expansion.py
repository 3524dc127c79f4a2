import pytest

from promscrape.config.expansion import escape, expand

ENVIRON = {"TEST": "value", "EMPTY": "", "a b": "blank", "1": "digit", "$": "never"}


def expanded(text: str) -> tuple[str, list[str]]:
    missing: list[str] = []
    return expand(text, ENVIRON, missing.append), missing


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("plain", "plain"),
        ("$TEST", "value"),
        ("a${TEST}b", "avalueb"),
        ("$TEST.b", "value.b"),
        ("${a b}", "blank"),
        ("$1x", "digitx"),
        ("$$", "$"),
        ("$$TEST", "$TEST"),
        ("$$$TEST", "$value"),
        ("$$$$", "$$"),
        ("${$}", "$"),
        ("x$", "x$"),
        ("$.", "$."),
        ("$ TEST", "$ TEST"),
        ("$é", "$é"),
        ("${}y", "y"),
        ("${TEST", "TEST"),
        ("a${", "a"),
    ],
)
def test_variables_are_filled_in_as_by_a_shell(text: str, value: str) -> None:
    """Config 12, 17.50."""
    assert expanded(text) == (value, [])


@pytest.mark.parametrize(
    ("text", "value", "missing"),
    [
        ("$TESTING", "", ["TESTING"]),
        ("$EMPTY", "", ["EMPTY"]),
        ("a$2b", "ab", ["2"]),
        ("$*$#$@$!$?$-", "", ["*", "#", "@", "!", "?", "-"]),
        ("${HOME_X-1}", "", ["HOME_X-1"]),
        ("$A$A", "", ["A", "A"]),
    ],
)
def test_a_variable_without_a_value_is_empty_and_reported(
    text: str, value: str, missing: list[str]
) -> None:
    """Config 12: the log warns of it by name."""
    assert expanded(text) == (value, missing)


@pytest.mark.parametrize(
    ("text", "escaped"), [("plain", "plain"), ("x$", "x$"), ("$a", "$$a"), ("x$$y$", "x$$$$y$$")]
)
def test_an_escaped_text_expands_to_itself(text: str, escaped: str) -> None:
    """Config 14: what is dumped is loaded again, and nothing is escaped without need."""
    assert escape(text) == escaped
    assert expanded(escaped) == (text, [])
