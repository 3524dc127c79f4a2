"""Scrapes that bring the series of the last one are made the short way, and nobody can tell."""

import pytest

from promscrape.config.scrape import ScrapeConfig
from promscrape.errors import FetchError, StorageError
from promscrape.model.regex import Regex
from promscrape.relabel import RelabelAction, RelabelConfig
from promscrape.storage.interface import AppendCode
from tests.support.scraping import OneTarget, markers, values

BODY = b"a 1\nb 2\n"
DROP_A = RelabelConfig(source_labels=("__name__",), regex=Regex("a"), action=RelabelAction.DROP)


async def steady(target: OneTarget, body: bytes = BODY) -> OneTarget:
    """Scrape a target until its scrapes go the short way."""
    for _ in range(3):
        await target.scrape(body)
    assert target.storage.repeats == 1
    return target


async def test_the_third_scrape_of_the_same_series_goes_the_short_way() -> None:
    """L7, L13: with its report, in one transaction."""
    target = await steady(OneTarget())
    assert values(await target.scrape(b"a 5\nb 6\n")) == {"a": 5, "b": 6}
    assert target.storage.repeats == 2
    last = target.storage.transactions[-1]
    assert {sample.t_ms for sample in last} == {target.t_ms}
    report = {sample.name: sample.value for sample in last[2:]}
    assert report == {
        "up": 1,
        "scrape_duration_seconds": 0,
        "scrape_samples_scraped": 2,
        "scrape_samples_post_metric_relabeling": 2,
        "scrape_series_added": 0,
    }
    seen = target.target.report
    assert seen is not None
    assert (seen.t_ms, seen.samples, seen.body_bytes, seen.error) == (target.t_ms, 2, 8, "")


@pytest.mark.parametrize(
    "body",
    [
        b"a 1\nb 2\nc 3\n",
        b"a 1\n",
        b"b 2\na 1\n",
        b"a 1 1700000000000\nb 2\n",
        b"# TYPE a gauge\na 1\nb 2\n",
        b"a 1\nb 2\nc",
        b"",
    ],
    ids=["new", "gone", "moved", "timestamp", "type", "bad line", "empty"],
)
async def test_anything_else_takes_the_long_way(body: bytes) -> None:
    """C8, L8, L11, L12: and says all that it says without a short way before it."""
    target, other = await steady(OneTarget()), OneTarget()
    other.storage.gives_repeaters = False
    for _ in range(3):
        await other.scrape(BODY)
    assert other.storage.repeats == 0
    found, expected = await target.scrape(body), await other.scrape(body)
    assert target.storage.repeats == 1
    assert [(s.labels, s.t_ms, s.stale) for s in found] == [
        (s.labels, s.t_ms, s.stale) for s in expected
    ]
    for name in ("up", "scrape_samples_scraped", "scrape_series_added"):
        assert target.storage.report(name) == other.storage.report(name)


async def test_series_end_after_a_short_way_as_after_a_long_one() -> None:
    """C8, L30: a failed scrape marks them, and so does the end of the target."""
    target = await steady(OneTarget())
    assert markers(await target.scrape(FetchError("refused"))) == {"a", "b"}
    assert values(await target.scrape(BODY)) == {"a": 1, "b": 2}
    assert target.reported("scrape_series_added") == 0


async def test_it_is_taken_again_after_a_while() -> None:
    target = await steady(OneTarget())
    await target.scrape(b"a 1\n")
    for _ in range(3):
        await target.scrape(BODY)
    assert target.storage.repeats == 2


async def test_samples_that_the_storage_refuses_are_counted() -> None:
    """L26: by the long way, which asks for each."""
    target = await steady(OneTarget())
    target.storage.refuse = {"b": AppendCode.OUT_OF_ORDER}
    assert values(await target.scrape(BODY)) == {"a": 1}
    assert target.counted("scrapes_sample_out_of_order") == 1
    assert target.storage.repeats == 1


async def test_a_commit_that_fails_ends_the_scrape_alone() -> None:
    """L4: the next one goes on, and nothing was gone meanwhile."""
    target = await steady(OneTarget())
    target.storage.commit_error = StorageError("disk full")
    assert await target.scrape(BODY) == []
    target.storage.commit_error = None
    assert values(await target.scrape(b"a 7\nb 8\n")) == {"a": 7, "b": 8}
    assert markers(await target.scrape(b"a 7\n")) == {"b"}


async def test_handles_that_were_taken_back_are_found_again() -> None:
    """L5: the storage forgot the series, and gets their labels once more."""
    target = await steady(OneTarget())
    target.storage.take_back_handles()
    assert values(await target.scrape(BODY)) == {"a": 1, "b": 2}
    assert target.storage.repeats == 1


async def test_relabeling_selects_on_the_short_way_as_well() -> None:
    """S1: what it drops is not appended; the report counts both."""
    target = await steady(
        OneTarget(ScrapeConfig(job_name="j", metric_relabel_configs=(DROP_A,))), b"a 1\nb 2\nc 3\n"
    )
    assert values(await target.scrape(b"a 4\nb 5\nc 6\n")) == {"b": 5, "c": 6}
    assert target.storage.repeats == 2
    assert target.reported("scrape_samples_scraped") == 3
    assert target.reported("scrape_samples_post_metric_relabeling") == 2


async def test_repeated_samples_are_counted_at_each_scrape() -> None:
    """L26, C9: so that they take the long way, each time."""
    target = OneTarget()
    for _ in range(4):
        await target.scrape(b"a 1\na 1\n")
    assert target.storage.repeats == 0
    assert target.counted("scrapes_sample_duplicate_timestamp") == 4


async def test_a_limit_is_not_forgotten_on_the_short_way() -> None:
    """L27: a body that is over it fails at each scrape."""
    target = OneTarget(ScrapeConfig(job_name="j", sample_limit=2))
    await steady(target)
    for _ in range(3):
        await target.scrape(b"a 1\nb 2\nc 3\n")
        assert target.error == "sample limit exceeded"
    assert target.storage.repeats == 1
