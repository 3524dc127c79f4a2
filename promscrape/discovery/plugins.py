"""Kinds of discovery that other packages bring: entry points of the group `promscrape.discovery`.

An entry point's name is the kind's, and its value a `Kind`. At first only names are read: the
package is imported when a configuration first has its key.
"""

import functools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.metadata import EntryPoint
from typing import final

from promscrape.decode.schema import ConfigStruct
from promscrape.discovery.kind import AnyKind, Kind
from promscrape.errors import ConfigError, DiscoveryError

GROUP = "promscrape.discovery"


@final
@dataclass(frozen=True)
class Plugin:
    """One kind that a package brings, not imported yet."""

    entry_point: EntryPoint

    @property
    def name(self) -> str:
        return self.entry_point.name

    @property
    def key(self) -> str:
        return f"{self.name}_sd_configs"

    @property
    def package(self) -> str:
        return _package(self.entry_point)

    @functools.cached_property
    def kind(self) -> AnyKind:
        """The kind, imported at the first call. Raises whatever the package raises."""
        kind = self.entry_point.load()
        if not isinstance(kind, Kind) or kind.name != self.name:
            raise DiscoveryError(f"{self.entry_point.value} is not a Kind named {self.name}")
        if not issubclass(kind.config, ConfigStruct):
            raise DiscoveryError(f"the config of {self.entry_point.value} is no ConfigStruct")
        return kind


def plugins_among(entry_points: Iterable[EntryPoint], built_in: Iterable[str]) -> Iterable[Plugin]:
    """Yield the plug-ins. Raises ConfigError where two have one name, or one has ours."""
    owners: dict[str, str] = dict.fromkeys(built_in, "promscrape")
    for entry_point in entry_points:
        package = _package(entry_point)
        owner = owners.setdefault(entry_point.name, package)
        if owner != package:
            raise ConfigError(
                f"both {owner} and {package} bring the service discovery {entry_point.name}: "
                "uninstall one of them"
            )
        yield Plugin(entry_point)


def plugins_by_key(
    entry_points: Iterable[EntryPoint], built_in: Iterable[str]
) -> Mapping[str, Plugin]:
    return {plugin.key: plugin for plugin in plugins_among(entry_points, built_in)}


def _package(entry_point: EntryPoint) -> str:
    return entry_point.dist.name if entry_point.dist else entry_point.value
