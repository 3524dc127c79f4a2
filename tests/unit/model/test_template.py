import pytest

from promscrape.model.regex import Regex
from promscrape.model.template import Template

REGEX = Regex("(?P<first>f)(o+)(x)?")
GROUPS = ("foo", "f", "oo", "")


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("", ""),
        ("plain", "plain"),
        ("$1", "f"),
        ("a${2}b", "aoob"),
        ("$0", "foo"),
        ("${1}x", "fx"),
        ("$1x", ""),
        ("$first-$2", "f-oo"),
        ("${first}2", "f2"),
        ("$3.", "."),
        ("$4", ""),
        ("$999999999999", ""),
        ("$01", ""),
        ("$unknown", ""),
        ("$$1", "$1"),
        ("$$$1", "$f"),
        ("a$", "a$"),
        ("${1", "${1"),
        ("${}", "${}"),
        ("${1-}", "${1-}"),
        ("$-$ $.", "$-$ $."),
        ("$1$2", "foo"),
        ("$é", ""),
    ],
)
def test_references_are_filled_in(template: str, text: str) -> None:
    """R9, TC094, TC095: the longest name wins, a `$` that begins no reference is itself."""
    assert Template.parse(template, REGEX).expand(GROUPS) == text
