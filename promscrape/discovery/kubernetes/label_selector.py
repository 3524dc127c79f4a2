"""Label selectors: which objects the API server lists by their labels.

    selector    = [ requirement { "," requirement } ]
    requirement = [ "!" ] key | key ( "=" | "==" | "!=" | ">" | "<" ) [ value ]
                | key ( "in" | "notin" ) "(" [ value ] { "," [ value ] } ")"

`in` and `notin` are keys and values, too, where no operator can stand.
Source: Kubernetes apimachinery pkg/labels/selector.go, Parse.
"""

import re
from typing import final

from promscrape.discovery.kubernetes.label_name import key_faults, value_faults
from promscrape.model.invalid import InvalidValue
from promscrape.model.quoting import quote

_TOKEN = re.compile(r"[ \t\r\n]*(==|!=|[=!(),<>]|[^ \t\r\n=!(),<>]+)")
_SYMBOLS = frozenset({"==", "!=", "=", "!", "(", ")", ",", "<", ">"})
_END = ""
_SETS, _ORDERS = frozenset({"in", "notin"}), frozenset({"<", ">"})
_BINARY = _SETS | _ORDERS | {"=", "==", "!="}
_INT64 = re.compile(r"[-+]?[0-9]+")


def check_label_selector(selector: str) -> None:
    """Raise InvalidValue, in Kubernetes's words, for a selector that it would refuse."""
    _Parser(selector).parse()


@final
class _Parser:
    """Reads tokens from left to right, one ahead."""

    def __init__(self, selector: str) -> None:
        self._tokens = [match[1] for match in _TOKEN.finditer(selector)]
        self._tokens.reverse()

    def parse(self) -> None:
        while self._next() != _END:
            if not (self._at_value() or self._next() == "!"):
                raise self._unexpected("!, identifier, or 'end of string'")
            try:
                self._requirement()
            except InvalidValue as exc:
                raise InvalidValue(f"unable to parse requirement: {exc}") from exc
            if self._next() == _END:
                return
            if self._next() != ",":
                raise self._unexpected("',' or 'end of string'")
            self._take()
            if not (self._at_value() or self._next() == "!"):
                raise self._unexpected("identifier after ','")

    def _requirement(self) -> None:
        negated = self._next() == "!"
        if negated:
            self._take()
        if not self._at_value():
            raise self._unexpected("identifier")
        key = self._take()
        faults = key_faults(key)
        if faults:
            raise InvalidValue(f"<nil>: Invalid value: {quote(key)}: {'; '.join(faults)}")
        if negated or self._next() in {_END, ","}:
            return
        if self._next() not in _BINARY:
            raise self._unexpected("in, notin, =, ==, !=, gt, lt")
        operator = self._take()
        values = self._set() if operator in _SETS else {self._exact()}
        _check_values(key, operator, sorted(values))

    def _exact(self) -> str:
        if self._next() in {_END, ","}:
            return ""
        if not self._at_value():
            raise self._unexpected("identifier")
        return self._take()

    def _set(self) -> set[str]:
        if self._next() != "(":
            raise InvalidValue(f"found '{self._next()}' expected: '('")
        self._take()
        if not (self._at_value() or self._next() in {",", ")"}):
            raise self._unexpected("',', ')' or identifier")
        values = set[str]()
        while self._next() != ")":
            if self._at_value():
                values.add(self._take())
                if self._next() not in {",", ")"}:
                    raise self._unexpected("',' or ')'")
            elif self._next() == ",":
                self._take()
                if not values or self._next() in {",", ")"}:
                    values.add("")
            else:
                raise self._unexpected("',', or identifier")
        self._take()
        return values or {""}

    def _next(self) -> str:
        return self._tokens[-1] if self._tokens else _END

    def _take(self) -> str:
        return self._tokens.pop()

    def _at_value(self) -> bool:
        return self._next() not in _SYMBOLS and self._next() != _END

    def _unexpected(self, expected: str) -> InvalidValue:
        return InvalidValue(f"found '{self._next()}', expected: {expected}")


def _check_values(key: str, operator: str, values: list[str]) -> None:
    faults: list[str] = []
    if operator in _ORDERS and not _is_int64(values[0]):
        reason = "for 'Gt', 'Lt' operators, the value must be an integer"
        faults.append(f"values[0]: Invalid value: {quote(values[0])}: {reason}")
    for index, value in enumerate(values):
        reasons = value_faults(value)
        if reasons:
            place = f"values[{index}][{key}]"
            faults.append(f"{place}: Invalid value: {quote(value)}: {'; '.join(reasons)}")
    if faults:
        raise InvalidValue(faults[0] if len(faults) == 1 else f"[{', '.join(faults)}]")


def _is_int64(text: str) -> bool:
    return bool(_INT64.fullmatch(text)) and -(2**63) <= int(text) < 2**63
