"""Target groups in JSON: what HTTP servers, commands and `.json` files list (T-3, T-4, T-6)."""

from typing import TypeAlias

import msgspec

from promscrape.discovery.static import StaticConfig
from promscrape.errors import DiscoveryError
from promscrape.model.labels import ValidationScheme
from promscrape.model.quoting import quote


class _JsonGroup(msgspec.Struct, forbid_unknown_fields=True):
    targets: list[str] | None = None
    labels: dict[str, str] | None = None


_Groups: TypeAlias = list[_JsonGroup | None] | None


def decode_groups(source: bytes) -> tuple[StaticConfig, ...]:
    """Return the groups of a JSON list. Raises DiscoveryError; one wrong group refuses them all."""
    return tuple(_config(group, index) for index, group in enumerate(_decode(source) or ()))


def null_group(index: int) -> str:
    return f"nil target group item found (index {index})"


def _decode(source: bytes) -> _Groups:
    try:
        try:
            return _decoded(source)
        except msgspec.ValidationError:
            # Go takes a key in whatever case.
            return _decoded(msgspec.json.encode(_with_lower_keys(source)))
    except (msgspec.DecodeError, RecursionError) as exc:
        raise DiscoveryError(str(exc)) from exc


def _decoded(source: bytes) -> _Groups:
    groups: _Groups = msgspec.json.decode(source, type=_Groups)
    return groups


def _with_lower_keys(source: bytes) -> object:
    value = msgspec.json.decode(source)
    if not isinstance(value, list):
        return value
    return [
        {key.lower() if key.isascii() else key: each for key, each in item.items()}
        if isinstance(item, dict)
        else item
        for item in value
    ]


def _config(group: _JsonGroup | None, index: int) -> StaticConfig:
    if group is None:
        raise DiscoveryError(null_group(index))
    labels = group.labels or {}
    for name in labels:
        if not ValidationScheme.UTF8.allows_label(name):
            raise DiscoveryError(f"{quote(name)} is not a valid label name (group {index})")
    return StaticConfig(targets=tuple(group.targets or ()), labels=labels)
