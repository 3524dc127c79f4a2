from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from promscrape.model.invalid import InvalidValue
from promscrape.model.quoting import quote
from promscrape.web.api.selector import parse_selector

LABELS = {"__name__": "up", "job": "node", "zone": "eu", "my.label": "ü"}


def matches(selector: str, labels: Mapping[str, str] = LABELS) -> bool:
    return all(matcher.matches(labels) for matcher in parse_selector(selector))


@pytest.mark.parametrize(
    "selector",
    [
        "up",
        "{}",
        "up{}",
        '{job="node"}',
        "{job='node'}",
        "{job=`node`}",
        '{job="node",}',
        '{job="node",zone!="us"}',
        '{job=~"no.*",zone!~"us|ap"}',
        '{absent=""}',
        '{absent!~".+"}',
        '{"my.label"="ü"}',
        '{"up"}',
        '{"up",job="node"}',
        'up{job="node"}',
        ' up { job = "node" , zone = "eu" } # all of them\n',
        r'{job="\x6eod\145"}',
        r'{"my.label"="\u00fc"}',
        r'{"my.label"="\xc3\xbc"}',
        r'{"my.label"="\U000000fc"}',
    ],
)
def test_a_selector_matches_labels(selector: str) -> None:
    """Service 41: PromQL's forms, quotes and escapes; an absent label is an empty one."""
    assert matches(selector)


@pytest.mark.parametrize(
    "selector",
    [
        "down",
        '{job="nod"}',
        '{job=~"nod"}',
        '{job!="node"}',
        '{job!~"node"}',
        '{absent="x"}',
        '{"down"}',
        'up{job="other"}',
        "{job=`no\\x64e`}",
    ],
)
def test_a_selector_does_not_match_others(selector: str) -> None:
    """Service 41: expressions are anchored, and back quotes know no escapes."""
    assert not matches(selector)


@pytest.mark.parametrize(
    ("selector", "error"),
    [
        ("", "1:1: parse error: unexpected end of input"),
        ("{job=", "1:6: parse error: unexpected end of input in label matching, expected string"),
        (
            "{job",
            (
                "1:5: parse error: unexpected end of input in label matching, "
                "expected label matching operator"
            ),
        ),
        (
            '{job="x"',
            '1:9: parse error: unexpected end of input in label matching, expected "," or "}"',
        ),
        ('{job="x"}}', '1:10: parse error: unexpected "}"'),
        (
            '{job="x" b="y"}',
            '1:10: parse error: unexpected identifier "b" in label matching, expected "," or "}"',
        ),
        (
            "{,}",
            '1:2: parse error: unexpected "," in label matching, expected identifier or "}"',
        ),
        ('{job=="x"}', '1:6: parse error: unexpected "=" in label matching, expected string'),
        (
            "{job=x}",
            '1:6: parse error: unexpected identifier "x" in label matching, expected string',
        ),
        (r'{job="\q"}', "1:6: parse error: unknown escape sequence U+0071 'q'"),
        ('{job="x', "1:6: parse error: unterminated quoted string"),
        (
            '{job=~"("}',
            "1:2: parse error: error parsing regexp: missing closing ): `^(?s:()$`",
        ),
        ("{1a='x'}", "1:2: parse error: unexpected character: '1'"),
        (
            '{a:b="c"}',
            (
                '1:2: parse error: unexpected identifier "a:b" in label matching, '
                'expected identifier or "}"'
            ),
        ),
        ("a b", '1:3: parse error: unexpected identifier "b"'),
        ('"up"', r'1:1: parse error: unexpected string "\"up\""'),
        ("sum(up)", "1:4: parse error: unexpected character: '('"),
    ],
)
def test_an_error_is_placed(selector: str, error: str) -> None:
    """Service 41: line and column as Prometheus counts them."""
    with pytest.raises(InvalidValue) as caught:
        parse_selector(selector)
    assert str(caught.value) == error


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_any_value_can_be_written(value: str) -> None:
    """Service 41: what Go's quoting writes, the selector reads."""
    (matcher,) = parse_selector(f"{{job={quote(value)}}}")
    assert matcher.value == value
    assert matcher.matches({"job": value})


@given(st.text("up{}=~!\"'`,\\xn0 \n#"))
def test_any_text_is_read_or_refused(text: str) -> None:
    """Service 41: a stranger's parameter is never a bug."""
    refusal = None
    try:
        parse_selector(text)
    except InvalidValue as exc:
        refusal = str(exc)
    assert refusal is None or refusal.startswith("1:")
