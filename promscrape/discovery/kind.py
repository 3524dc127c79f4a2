"""A kind of service discovery: what its file gives to the registry."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeAlias, TypeVar, final

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
@dataclass(frozen=True, slots=True)
class Kind(Generic[C, M]):
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
        return "static_configs" if self.name == "static" else f"{self.name}_sd_configs"


@final
@dataclass(frozen=True, slots=True)
class Unbuilt:
    """A kind that this version has no provider for: its entries load, and find no targets."""

    name: str
    config: type[ConfigStruct]

    @property
    def key(self) -> str:
        return f"{self.name}_sd_configs"


AnyKind: TypeAlias = Kind[Any, Any]
