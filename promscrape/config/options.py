"""What the command line says about the meaning of a configuration file."""

from collections.abc import Container
from typing import Self, final

import msgspec

from promscrape.flags.features import (
    CREATED_TIMESTAMPS,
    EXTRA_SCRAPE_METRICS,
    START_TIMESTAMPS,
)


@final
class LoadOptions(msgspec.Struct, frozen=True):
    """Defaults of `global` that features change; a file that sets the key wins.

    extra_scrape_metrics: the default of the key of this name.
    proto_first: the default of `scrape_protocols` begins with protobuf for every job.
    """

    extra_scrape_metrics: bool = False
    proto_first: bool = False

    @classmethod
    def from_features(cls, names: Container[str]) -> Self:
        """Return what the names of `--enable-feature` ask for. Source: Prometheus cmd/prometheus."""
        return cls(
            extra_scrape_metrics=EXTRA_SCRAPE_METRICS in names,
            proto_first=CREATED_TIMESTAMPS in names or START_TIMESTAMPS in names,
        )


DEFAULT_OPTIONS = LoadOptions()
