"""What the HTTP service sees of the daemon."""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Protocol

from promscrape.config.root import Config
from promscrape.config.scrape import ScrapeConfig
from promscrape.model.labels import Labels
from promscrape.runtime import Limits
from promscrape.scrape.target import Target
from promscrape.storage.remote.status import DestinationStatus


class Phase(StrEnum):
    """Where the daemon stands; most of the API answers only while it is ready."""

    STARTING = "starting"
    READY = "ready"
    STOPPING = "stopping"


class PoolView(Protocol):
    """A scrape pool, as the HTTP service reads it."""

    @property
    def config(self) -> ScrapeConfig: ...

    @property
    def dropped_count(self) -> int:
        """How many targets relabeling dropped, kept or not."""

    def active_targets(self) -> Sequence[Target]:
        """Return the targets that are scraped, by their public labels."""

    def dropped_targets(self) -> Sequence[Labels]:
        """Return the discovered labels of dropped targets, as many as are kept."""


class Service(Protocol):
    """The daemon, as its HTTP service reads it. Everything may change between two awaits."""

    @property
    def phase(self) -> Phase: ...

    @property
    def started_ns(self) -> int:
        """Wall time of the start."""

    @property
    def config(self) -> Config:
        """The configuration in effect: another object after each reload."""

    @property
    def pools(self) -> Mapping[str, PoolView]:
        """The scrape pools by job name, in no order."""

    @property
    def last_reload_ok(self) -> bool: ...

    @property
    def last_reload_s(self) -> float:
        """Wall time in seconds of the last reload that succeeded."""

    @property
    def limits(self) -> Limits: ...

    @property
    def corruption_count(self) -> int:
        """How often the log was found damaged since the start."""

    def destinations(self) -> Sequence[DestinationStatus]:
        """Return how each destination of remote write stands, in the order of the file."""

    def flags(self) -> Mapping[str, str]:
        """Return the text of each flag's value."""

    async def reload(self) -> None:
        """Reload the configuration once earlier reloads are done.

        Raises PromscrapeError with the whole reason where that failed.
        """

    def quit(self) -> bool:
        """Begin to stop. Returns False where that has begun already."""
