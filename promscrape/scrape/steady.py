"""A scrape that brings the series of the last one, and nothing but other values.

That is nearly every scrape. What such a scrape does follows from the one before it, so that it is
made ready once: one row of values, the report's behind the body's, for a storage that knows
already whose they are. Whatever is out of the ordinary is left to the long way, which decides
everything; this page may only do what that would have done.
"""

from array import array
from typing import final

from msgspec.structs import replace

from promscrape.exposition.columns import Columns
from promscrape.scrape.cache import SeriesCache
from promscrape.scrape.ingest import Ingested
from promscrape.scrape.plan import Plan
from promscrape.scrape.report import ReportSeries
from promscrape.scrape.samples import select
from promscrape.storage.interface import Appendable, Repeater

MAX_STEADY_SAMPLES = 5_000
"""A larger body has so much work of its own that a second set of arrays for it saves nothing."""

_NO_VALUES = array("d")


@final
class SteadyPath:
    """What one target's scrapes go on with. It is let go before the long way, and sought after it.

    ingested: what the report says of each of these scrapes.
    """

    def __init__(self, storage: Appendable, cache: SeriesCache, report: ReportSeries) -> None:
        self._storage, self._cache, self._report = storage, cache, report
        self._columns: Columns | None = None
        self._plan: Plan | None = None
        self._repeater: Repeater | None = None
        self.ingested = Ingested()

    def leave(self) -> None:
        """Take note that the long way is taken."""
        self._repeater = None

    def seek(self, columns: Columns | None, ingested: Ingested) -> None:
        """Make ready for more of what the long way was taken with, if it was taken with it twice."""
        # Nothing is asked of the last body's values and new series, which take as much as a plan.
        kept = columns and replace(columns, values=_NO_VALUES, new=())
        before, self._columns = self._columns, kept
        if columns is None or before is None or before.series is not columns.series:
            return
        if ingested.error is not None or ingested.added or ingested.cut or not _is_plain(columns):
            return
        plan = self._cache.settled_plan()
        if plan is None or plan.series is not columns.series or plan.repeated:
            return
        if not 0 < len(plan.ids) <= MAX_STEADY_SAMPLES or 0 in self._report.refs:
            return
        self._plan = plan
        self.ingested = Ingested(ingested.scraped, ingested.relabeled)
        self._repeater = self._storage.repeater(plan.refs + self._report.refs)

    def append(self, columns: Columns, t_ms: int, duration_s: float, body_bytes: int) -> bool:
        """Append a body with its report, and commit; False where that takes the long way.

        Raises StorageError where the commit fails; the scrape is over then all the same.
        """
        repeater, plan, before = self._repeater, self._plan, self._columns
        if repeater is None or plan is None or before is None:
            return False
        if (
            columns.series is not before.series
            or columns.metadata is not before.metadata
            or columns.metadata_at is not before.metadata_at
            or not _is_plain(columns)
        ):
            return False
        report = self._report.values(self.ingested, duration_s, body_bytes)
        try:
            if not repeater.append(select(columns.values, plan) + report, t_ms):
                return False
        except BaseException:
            self._cache.repeat()
            raise
        self._cache.repeat()
        return True


def _is_plain(columns: Columns) -> bool:
    """Whether a body is nothing but values, all of which count."""
    return (
        columns.timestamps is None
        and not columns.histograms
        and not columns.exemplars
        and columns.starts is None
        and columns.error is None
        and not columns.bad_count
    )
