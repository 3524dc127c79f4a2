"""Field selectors, accepted and refused as Kubernetes does."""

import pytest

from promscrape.discovery.kubernetes.field_selector import check_field_selector
from promscrape.model.invalid import InvalidValue


@pytest.mark.parametrize(
    "selector",
    [
        "",
        "metadata.name=a",
        "metadata.name==a",
        "metadata.name!=a",
        "a=b,c!=d",
        ",a=b,,",
        "a=",
        "=",
        r"a=b\,c\=d\\",
        "a b=c d",
    ],
)
def test_a_field_selector_of_kubernetes_passes(selector: str) -> None:
    """K-2: terms with one of three operators, special characters escaped."""
    check_field_selector(selector)


@pytest.mark.parametrize(
    ("selector", "error"),
    [
        ("a", "invalid selector: 'a'; can't understand 'a'"),
        ("b=c,a", "invalid selector: 'b=c,a'; can't understand 'a'"),
        ("z,a=b=c", "invalid field selector: unescaped character in value: 61"),
        ("a===b", "invalid field selector: unescaped character in value: 61"),
        (r"a=b\c", r"invalid field selector: invalid escape sequence: \c"),
        ("a=b\\", "invalid field selector: invalid escape sequence: \\"),
        (r"a\,b", r"invalid selector: 'a\,b'; can't understand 'a\,b'"),
    ],
)
def test_another_field_selector_is_refused_in_its_words(selector: str, error: str) -> None:
    """K-2: of several wrong terms the first in the order of the alphabet is named."""
    with pytest.raises(InvalidValue) as caught:
        check_field_selector(selector)
    assert str(caught.value) == error
