"""What one job says of where its targets come from."""

from collections.abc import Iterator, Mapping
from typing import Annotated, ClassVar, TypeAlias, TypeVar, final

from promscrape.decode.schema import ConfigStruct, Keyed
from promscrape.discovery.registry import annotations
from promscrape.discovery.static import STATIC_KEY, StaticConfig
from promscrape.model.invalid import InvalidValue

S = TypeVar("S", bound=ConfigStruct)

Entry: TypeAlias = ConfigStruct | tuple[StaticConfig, ...]
"""What one provider is made from; all of `static_configs` make one."""


@final
class DiscoveryConfigs(ConfigStruct, frozen=True, kw_only=True):
    """Where the targets of one job come from; the keys stand in the job itself.

    What has passed `check` holds no None. Two that are equal lead to the same targets.

    by_key: the entries under each key that has any, such as `dns_sd_configs`.
    """

    go_type: ClassVar[str] = "config.ScrapeConfig"

    by_key: Annotated[Mapping[str, tuple[ConfigStruct | None, ...]], Keyed(annotations)] = {}

    def check(self) -> Iterator[InvalidValue]:
        for key in sorted(self.by_key):
            for index, config in enumerate(self.by_key[key]):
                if config is None:
                    yield InvalidValue(f"empty or null section in {key}", at=(key, index))

    def of(self, struct: type[S]) -> tuple[S, ...]:
        """Return the entries of one kind, by what its config is."""
        entries = (entry for entries in self.by_key.values() for entry in entries)
        return tuple(entry for entry in entries if isinstance(entry, struct))

    def entries(self) -> Iterator[tuple[str, Entry]]:
        """Yield what each provider is made from, with its key."""
        for key in sorted(self.by_key):
            if key == STATIC_KEY:
                yield key, self.of(StaticConfig)
                continue
            for entry in self.by_key[key]:
                if entry is not None:
                    yield key, entry
