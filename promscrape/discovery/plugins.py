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
from promscrape.discovery.kind import AnyKind, Kind, key_of
from promscrape.discovery.provider import Provider, Publish
from promscrape.discovery.target_group import ADDRESS_LABEL, TargetGroup
from promscrape.errors import ConfigError, DiscoveryError
from promscrape.model.labels import ValidationScheme, is_utf8

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
        return key_of(self.name)

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


@final
class Guarded:
    """A plug-in's provider, of which nothing is taken on trust that it publishes."""

    def __init__(self, provider: Provider) -> None:
        self._provider = provider

    async def run(self, publish: Publish) -> None:
        await self._provider.run(lambda groups: publish([_checked(group) for group in groups]))


def _checked(group: object) -> TargetGroup:
    """Return a copy that nobody else can change. Raises DiscoveryError where it is no group."""
    if not isinstance(group, TargetGroup) or not isinstance(group.source, str):
        raise DiscoveryError(f"published {type(group).__name__} instead of a TargetGroup")
    targets = tuple(_checked_labels(target) for target in group.targets)
    if not all(target.get(ADDRESS_LABEL) for target in targets):
        raise DiscoveryError(f"published a target without {ADDRESS_LABEL}")
    return TargetGroup(targets, _checked_labels(group.labels), group.source)


def _checked_labels(labels: object) -> dict[str, str]:
    if not isinstance(labels, Mapping):
        raise DiscoveryError(f"published {type(labels).__name__} instead of labels")
    for name, value in labels.items():
        if not isinstance(name, str) or not ValidationScheme.UTF8.allows_label(name):
            raise DiscoveryError(f"published {name!r} as a label's name")
        if not isinstance(value, str) or not is_utf8(value):
            raise DiscoveryError(f"published {type(value).__name__} as the value of {name}")
    return dict(labels)
