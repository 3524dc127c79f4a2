"""What was left out of a target's scrapes since it broke the format, for people to look at."""

from collections.abc import Sequence

import msgspec

from promscrape.exposition.columns import BadLine, Columns


class Quarantine(msgspec.Struct, frozen=True):
    """The last few bad lines of the newest scrape that had any.

    t_ms: that scrape's time. in_scrape: how many it had. total: those of all scrapes.
    """

    t_ms: int
    in_scrape: int
    total: int
    lines: Sequence[BadLine]


def add_bad_lines(known: Quarantine | None, columns: Columns, t_ms: int) -> Quarantine | None:
    """Return the quarantine after a scrape; without bad lines it stays as it was."""
    if not columns.bad_count:
        return known
    total = columns.bad_count + (known.total if known else 0)
    return Quarantine(t_ms, columns.bad_count, total, columns.bad_lines)
