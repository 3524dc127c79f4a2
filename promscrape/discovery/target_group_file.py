"""Files of target groups, in YAML or JSON: what `file_sd_configs` names.

Source: Prometheus discovery/file/file.go, readFile; the texts are promtool's.
"""

from collections.abc import Iterable
from pathlib import Path, PurePath

from promscrape.decode.decoding import Decoding
from promscrape.discovery.static import StaticConfig
from promscrape.discovery.target_group import ADDRESS_LABEL, TargetGroup
from promscrape.discovery.target_group_json import decode_groups, null_group
from promscrape.errors import ConfigError, DiscoveryError, Problem
from promscrape.model.invalid import InvalidValue
from promscrape.model.quoting import quote

# A file that is larger is none of target groups; it would fill the memory of the process.
_MAX_BYTES = 1 << 26


def read_target_groups(path: str) -> tuple[TargetGroup, ...]:
    """Return a file's groups, with `path:index` as their sources.

    Raises ConfigError with all that is wrong; a group that is wrong refuses the whole file.
    """
    try:
        with Path(path).open("rb") as file:
            source = file.read(_MAX_BYTES + 1)
    except OSError as exc:
        reason = (exc.strerror or "").lower()
        raise ConfigError(f"open {path}: {reason}") from exc
    if len(source) > _MAX_BYTES:
        raise ConfigError(f"{path} is larger than {_MAX_BYTES >> 20} MiB")
    name = PurePath(path).name
    extension = name[name.rfind(".") :] if "." in name else ""  # A hidden file may have one.
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
            decoding.refuse((index,), InvalidValue(null_group(index)))
    error = decoding.error("")
    if error:
        raise error
    return [item for item in items if isinstance(item, StaticConfig)]


def _read_json(source: bytes, path: str) -> Iterable[StaticConfig]:
    # Not through YAML: there a number is as good as a string, and some of JSON's escapes are none.
    try:
        return decode_groups(source)
    except DiscoveryError as exc:
        raise ConfigError(str(exc), (Problem(path, 0, 0, "", str(exc)),)) from exc
