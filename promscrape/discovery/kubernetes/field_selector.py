r"""Field selectors: which objects the API server lists by the values of their fields.

    selector = term { "," term }      term = path ("!=" | "==" | "=") value

In a value `\\`, `\,` and `\=` stand for the second character. Empty terms count for nothing.
Source: Kubernetes apimachinery pkg/fields/selector.go, ParseSelector.
"""

import re

from promscrape.model.invalid import InvalidValue

_TERM = re.compile(r"(?:[^\\,]|\\.|\\$)+", re.DOTALL)
_OPERATOR = re.compile(r"!=|==|=")
_SPECIAL = re.compile(r"\\.?|=", re.DOTALL)


def check_field_selector(selector: str) -> None:
    """Raise InvalidValue, in Kubernetes's words, for a selector that it would refuse."""
    # Sorted, as Kubernetes does, so that of two wrong terms the same one is named.
    for term in sorted(_TERM.findall(selector)):
        operator = _OPERATOR.search(term)
        if operator is None:
            raise InvalidValue(f"invalid selector: '{selector}'; can't understand '{term}'")
        _check_value(term[operator.end() :])


def _check_value(value: str) -> None:
    """Raise InvalidValue for the first character that has to be escaped, or must not be."""
    for special in _SPECIAL.finditer(value):
        if special[0] == "=":
            # Kubernetes prints the number of the character.
            raise InvalidValue(
                f"invalid field selector: unescaped character in value: {ord(special[0])}"
            )
        if special[0][1:] not in {"\\", ",", "="}:
            raise InvalidValue(f"invalid field selector: invalid escape sequence: {special[0]}")
