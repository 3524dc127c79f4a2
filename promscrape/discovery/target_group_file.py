"""Files of target groups, in YAML or JSON: what `file_sd_configs` names.

Source: Prometheus discovery/file/file.go, readFile; the texts are promtool's.
"""

from collections.abc import Iterable
from pathlib import Path, PurePath

import msgspec

from promscrape.decode.decoding import Decoding
from promscrape.discovery.static import StaticConfig
from promscrape.discovery.target_group import ADDRESS_LABEL, TargetGroup
from promscrape.errors import ConfigError, Problem
from promscrape.model.invalid import InvalidValue
from promscrape.model.quoting import quote


class _JsonGroup(msgspec.Struct, forbid_unknown_fields=True):
    targets: list[str] = []
    labels: dict[str, str] = {}


def read_target_groups(path: str) -> tuple[TargetGroup, ...]:
    """Return a file's groups, with `path:index` as their sources.

    Raises ConfigError with all that is wrong; a group that is wrong refuses the whole file.
    """
    try:
        source = Path(path).read_bytes()
    except OSError as exc:
        reason = (exc.strerror or "").lower()
        raise ConfigError(f"open {path}: {reason}") from exc
    extension = PurePath(path).suffix
    match extension.lower():
        case ".json":
            configs = _read_json(source, path)
        case ".yml" | ".yaml":
            configs = _read_yaml(source, path)
        case _:
            raise ConfigError(f"invalid file extension: {quote(extension)}")
    return tuple(
        TargetGroup(
            tuple({ADDRESS_LABEL: address} for address in config.targets),
            config.labels,
            f"{path}:{index}",
        )
        for index, config in enumerate(configs)
    )


def _read_yaml(source: bytes, path: str) -> Iterable[StaticConfig]:
    decoding = Decoding(source, path)
    items = decoding.read_items(StaticConfig)
    for index, item in enumerate(items):
        if item is None:
            decoding.refuse((index,), InvalidValue(_null_group(index)))
    error = decoding.error("")
    if error:
        raise error
    return [item for item in items if isinstance(item, StaticConfig)]


def _read_json(source: bytes, path: str) -> Iterable[StaticConfig]:
    # Not through YAML: there a number is as good as a string, and some of JSON's escapes are none.
    try:
        groups = msgspec.json.decode(source, type=list[_JsonGroup | None])
    except msgspec.DecodeError as exc:
        raise ConfigError(str(exc), (Problem(path, 0, 0, "", str(exc)),)) from exc
    for index, group in enumerate(groups):
        if group is None:
            raise ConfigError(_null_group(index))
    return [
        StaticConfig(targets=tuple(group.targets), labels=group.labels)
        for group in groups
        if group is not None
    ]


def _null_group(index: int) -> str:
    return f"nil target group item found (index {index})"
