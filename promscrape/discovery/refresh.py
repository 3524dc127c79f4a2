"""What every provider that polls its source has in common."""

from collections.abc import Iterator

from promscrape.model.duration import Duration
from promscrape.model.invalid import InvalidValue


def check_interval(interval: Duration) -> Iterator[InvalidValue]:
    """Yield what is wrong with a `refresh_interval`.

    Prometheus loads an interval of 0 and ends with a panic when its provider starts.
    """
    if not interval:
        yield InvalidValue(
            f"refresh_interval must be positive, got {interval}", at=("refresh_interval",)
        )
