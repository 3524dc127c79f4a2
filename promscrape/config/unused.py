"""Sections that load and that this version does not put to use: said aloud, never passed over."""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Final, final

import msgspec
from prometheus_client import CollectorRegistry, Gauge
from structlog.typing import FilteringBoundLogger

from promscrape.config.root import Config

# What happens instead, by the key of the section.
_INSTEAD: Final[Mapping[str, str]] = {
    "tracing": "tracing is not built in this version; no traces are sent",
}


@final
class UnusedSection(msgspec.Struct, frozen=True):
    """One section without effect: its key, where it stands, and where it would send to."""

    key: str
    path: str
    destination: str


@final
class UnusedSections:
    """Counts the sections without effect, and logs an error for each at every load."""

    def __init__(self, registry: CollectorRegistry, log: FilteringBoundLogger) -> None:
        self._log = log
        self._count = Gauge(
            "promscrape_config_unused_sections",
            "Sections of the configuration in effect that this version does not put to use.",
            ("section",),
            registry=registry,
        )
        for key in _INSTEAD:
            self._count.labels(key)

    def note(self, config: Config) -> None:
        """Take note of a configuration that takes effect."""
        unused = list(unused_sections(config))
        counts = Counter(section.key for section in unused)
        for key in _INSTEAD:
            self._count.labels(key).set(counts[key])
        for section in unused:
            self._log.error(
                _INSTEAD[section.key], section=section.path, destination=section.destination
            )


def unused_sections(config: Config) -> Iterator[UnusedSection]:
    """Yield the sections without effect, in the order of the file."""
    if config.tracing:
        yield UnusedSection("tracing", "tracing", config.tracing.endpoint)
