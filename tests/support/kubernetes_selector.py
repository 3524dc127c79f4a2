"""Label and field selectors, evaluated as an API server does; for selectors that are valid."""

import re
from collections.abc import Mapping
from typing import TypeAlias, cast

JSON: TypeAlias = dict[str, object]

_SET = re.compile(r"^(\S+)\s+(in|notin)\s+\(([^)]*)\)$")
_BETWEEN = re.compile(r",(?![^()]*\))")


def matches(item: JSON, query: Mapping[str, str]) -> bool:
    """Whether an object is among those that a request with this query is about."""
    labels = cast("dict[str, str]", cast("JSON", item["metadata"]).get("labels") or {})
    return all(
        _has_label(labels, one.strip())
        for one in _BETWEEN.split(query.get("labelSelector", ""))
        if one.strip()
    ) and all(_has_field(item, one) for one in query.get("fieldSelector", "").split(",") if one)


def _has_label(labels: Mapping[str, str], requirement: str) -> bool:
    found = _SET.match(requirement)
    if found:
        values = {value.strip() for value in found[3].split(",")}
        is_among = labels.get(found[1]) in values
        return is_among if found[2] == "in" else not is_among
    if requirement.startswith("!"):
        return requirement[1:] not in labels
    key, operator, value = re.split(r"(!=|==|=|$)", requirement, maxsplit=1)
    if operator == "!=":
        return labels.get(key) != value
    return labels.get(key) == value if operator else key in labels


def _has_field(item: JSON, term: str) -> bool:
    path, operator, value = re.split(r"(!=|==|=)", term, maxsplit=1)
    found: object = item
    for key in path.split("."):
        found = found.get(key, "") if isinstance(found, dict) else ""
    return (found == value) is (operator != "!=")
