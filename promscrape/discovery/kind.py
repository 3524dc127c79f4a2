"""A kind of service discovery: what its file gives to the registry, and what the registry has of it."""

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeAlias, TypeVar, final

import msgspec
from prometheus_client import CollectorRegistry

from promscrape.decode.schema import ConfigStruct
from promscrape.discovery.provider import Provider, ProviderContext

C = TypeVar("C")
M = TypeVar("M")


@final
class NoMetrics:
    """The metrics of a kind that has none of its own."""

    def __init__(self, registry: CollectorRegistry) -> None:
        """Register nothing."""


@final
class Kind(msgspec.Struct, Generic[C, M], frozen=True):
    """A kind that finds targets.

    name: a job has it under `<name>_sd_configs`.
    config: what an entry is; two entries that are equal share one provider.
    metrics: called once a process, at its start; for a plug-in, before its first provider.
    make: called on the event loop, for each entry and again after its provider crashed. Does no
        network I/O. Raises DiscoveryError or ConfigError where no provider can be made.
    labels: those that its targets may carry beside `__address__` and what users choose; `<...>` in
        one stands for a part that the source chooses.
    """

    name: str
    config: type[ConfigStruct]
    metrics: Callable[[CollectorRegistry], M]
    make: Callable[[C, ProviderContext, M], Provider]
    labels: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        return key_of(self.name)


@final
class Unbuilt(msgspec.Struct, frozen=True):
    """A kind that this version has no provider for: its entries load, and find no targets."""

    name: str
    config: type[ConfigStruct]


AnyKind: TypeAlias = Kind[Any, Any]


@final
@dataclass(frozen=True)
class BuiltIn:
    """A kind of promscrape's own, not imported yet: a configuration mostly uses two or three.

    load: imports it; called once, when a configuration first has its key.
    metrics: the kind's own, which stand at 0 before it is imported; None where it is `Unbuilt`.
    """

    name: str
    load: Callable[[], AnyKind | Unbuilt]
    metrics: Callable[[CollectorRegistry], object] | None = NoMetrics

    @property
    def key(self) -> str:
        return key_of(self.name)

    @functools.cached_property
    def kind(self) -> AnyKind | Unbuilt:
        return self.load()


def key_of(name: str) -> str:
    """Return the key that a job has a kind under."""
    return "static_configs" if name == "static" else f"{name}_sd_configs"
