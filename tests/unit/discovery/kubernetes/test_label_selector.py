"""Label selectors, accepted and refused as Kubernetes does."""

import pytest

from promscrape.discovery.kubernetes.label_selector import check_label_selector
from promscrape.model.invalid import InvalidValue

REFUSED = "unable to parse requirement:"
NO_INTEGER = "for 'Gt', 'Lt' operators, the value must be an integer"


@pytest.mark.parametrize(
    "selector",
    [
        "",
        " ",
        "a",
        "!a",
        "a,!b",
        "a=b",
        "a==b",
        "a!=b",
        "a=",
        "a=,b",
        "a>1",
        "a < 1",
        "a in (b)",
        "a in (b, c)",
        "a in ()",
        "a in (,)",
        "a in (,b,)",
        "a in (b,,c)",
        "a notin (b),c",
        "in in (in)",
        "notin=in",
        "example.com/a.b-c_d=e",
        "a\t=\nb",
    ],
)
def test_a_label_selector_of_kubernetes_passes(selector: str) -> None:
    """K-2: every operator, with keywords as keys and values where no operator can stand."""
    check_label_selector(selector)


@pytest.mark.parametrize(
    ("selector", "error"),
    [
        (",", "found ',', expected: !, identifier, or 'end of string'"),
        ("(a)", "found '(', expected: !, identifier, or 'end of string'"),
        ("a,", "found '', expected: identifier after ','"),
        ("a,=", "found '=', expected: identifier after ','"),
        ("a=b c", "found 'c', expected: ',' or 'end of string'"),
        ("!a in (b)", "found 'in', expected: ',' or 'end of string'"),
        ("!", "unable to parse requirement: found '', expected: identifier"),
        ("!!a", "unable to parse requirement: found '!', expected: identifier"),
        (
            "a b",
            "unable to parse requirement: found 'b', expected: in, notin, =, ==, !=, gt, lt",
        ),
        ("a=(", "unable to parse requirement: found '(', expected: identifier"),
        ("a=>b", "unable to parse requirement: found '>', expected: identifier"),
        ("a in b", "unable to parse requirement: found 'b' expected: '('"),
        ("a in", "unable to parse requirement: found '' expected: '('"),
        ("a in (", "unable to parse requirement: found '', expected: ',', ')' or identifier"),
        ("a in (=)", "unable to parse requirement: found '=', expected: ',', ')' or identifier"),
        ("a in (b", "unable to parse requirement: found '', expected: ',' or ')'"),
        ("a in (b c)", "unable to parse requirement: found 'c', expected: ',' or ')'"),
        ("a in (b,", "unable to parse requirement: found '', expected: ',', or identifier"),
        (
            "a>b",
            f'{REFUSED} values[0]: Invalid value: "b": {NO_INTEGER}',
        ),
        (
            "a<9223372036854775808",
            f'{REFUSED} values[0]: Invalid value: "9223372036854775808": {NO_INTEGER}',
        ),
    ],
)
def test_another_label_selector_is_refused_in_its_words(selector: str, error: str) -> None:
    """K-2: the text names what was found and what could stand there."""
    with pytest.raises(InvalidValue) as caught:
        check_label_selector(selector)
    assert str(caught.value) == error


def test_a_wrong_key_is_named_with_its_rule() -> None:
    """K-2: as a Kubernetes field error, whose path is empty here."""
    with pytest.raises(InvalidValue) as caught:
        check_label_selector("-a=b")
    assert str(caught.value) == (
        'unable to parse requirement: <nil>: Invalid value: "-a": name part must consist of '
        "alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric "
        "character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is "
        "'([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"
    )


def test_wrong_values_are_named_by_their_sorted_places() -> None:
    """K-2: all of them, each once."""
    with pytest.raises(InvalidValue) as caught:
        check_label_selector("a in (c-, b, -d, c-)")
    text = str(caught.value)
    assert text.startswith('unable to parse requirement: [values[0][a]: Invalid value: "-d": ')
    assert text.count("Invalid value") == 2
    assert ', values[2][a]: Invalid value: "c-": ' in text
    assert text.endswith("]")
