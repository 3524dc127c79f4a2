"""What a job leaves out of a body on purpose: bad lines, and new series over the limit."""

import msgspec

from promscrape.config.scrape import ScrapeConfig
from promscrape.config.tolerance import OnBadLine, OnSampleLimit
from promscrape.errors import FetchError
from promscrape.exposition.columns import BadLine
from tests.support.scraping import OneTarget, markers, values

SKIP = ScrapeConfig(job_name="j", on_bad_line=OnBadLine.SKIP)
THINNED = ScrapeConfig(job_name="j", sample_limit=2, on_sample_limit=OnSampleLimit.KEEP_KNOWN)


def counted(target: OneTarget, metric: str) -> float | None:
    name = f"promscrape_scrape_{metric}_total"
    return target.metrics.registry.get_sample_value(name, {"scrape_job": "j"})


async def test_the_good_lines_of_a_scrape_are_stored() -> None:
    """The scrape succeeds, and the report counts what was read."""
    target = OneTarget(SKIP)
    samples = await target.scrape(b"a 1\n%%%\nb 2\n")
    assert values(samples) == {"a": 1, "b": 2}
    assert (target.error, target.reported("up")) == ("", 1)
    assert target.reported("scrape_samples_scraped") == 2
    assert counted(target, "bad_lines") == 1


async def test_a_series_whose_line_turned_bad_is_marked_stale() -> None:
    """It is missing as if the target no longer exposed it, and comes back the same way."""
    target = OneTarget(SKIP)
    await target.scrape(b"a 1\nb 2\n")
    second = await target.scrape(b"a 1\nb ?\n")
    assert (values(second), markers(second)) == ({"a": 1}, {"b"})
    assert values(await target.scrape(b"a 1\nb 3\n")) == {"a": 1, "b": 3}


async def test_the_target_keeps_its_last_bad_lines() -> None:
    """Also when they are gone; the total goes on over all scrapes."""
    target = OneTarget(SKIP)
    await target.scrape(b"a 1\nb ?\nc ?\n")
    await target.scrape(b"a 1\n?\n")
    bad_at_ms = target.t_ms
    await target.scrape(b"a 1\n")
    kept = target.target.quarantine
    assert kept is not None
    assert (kept.t_ms, kept.in_scrape, kept.total) == (bad_at_ms, 1, 3)
    (line,) = kept.lines
    assert line == BadLine(2, 1, line.reason, "?")
    assert "expected a valid start token" in line.reason


async def test_a_target_without_bad_lines_has_no_quarantine() -> None:
    """And by default a bad line fails the scrape, as ever."""
    target = OneTarget()
    await target.scrape(b"a 1\n?\n")
    assert target.target.quarantine is None
    assert target.reported("up") == 0
    assert counted(target, "bad_lines") is None


async def test_new_series_over_the_limit_are_left_out() -> None:
    """In the order of the body where none is known; the rest is counted, not lost silently."""
    target = OneTarget(THINNED)
    assert values(await target.scrape(b"a 1\nb 1\nc 1\n")) == {"a": 1, "b": 1}
    assert (target.error, target.reported("up")) == ("", 1)
    assert target.reported("scrape_samples_post_metric_relabeling") == 3
    assert target.reported("scrape_series_added") == 2
    assert counted(target, "samples_over_limit") == 1
    assert target.counted("scrapes_exceeded_sample_limit") == 1
    assert target.target.report is not None
    assert target.target.report.cut == 1


async def test_known_series_come_first_wherever_they_stand() -> None:
    """The same ones at every scrape, and nothing is marked stale for the others."""
    target = OneTarget(THINNED)
    await target.scrape(b"b 1\nc 1\n")
    for _ in range(3):
        samples = await target.scrape(b"a 1\nb 2\nb2 1\nc 2\nd 1\n")
        assert (values(samples), markers(samples)) == ({"b": 2, "c": 2}, set())


async def test_a_failed_scrape_does_not_reshuffle_the_series() -> None:
    """C13: what is known outlives an outage."""
    target = OneTarget(THINNED)
    await target.scrape(b"b 1\nc 1\n")
    await target.scrape(FetchError("x"))
    assert values(await target.scrape(b"a 1\nb 1\nc 1\n")).keys() == {"b", "c"}


async def test_the_place_of_a_vanished_series_goes_to_the_next_one() -> None:
    """And is not given back: the newcomer is known now."""
    target = OneTarget(THINNED)
    await target.scrape(b"b 1\nc 1\n")
    assert values(await target.scrape(b"a 1\nc 1\n")).keys() == {"a", "c"}
    third = await target.scrape(b"a 1\nb 1\nc 1\n")
    assert (values(third), markers(third)) == ({"a": 1, "c": 1}, set())


async def test_a_lowered_limit_thins_in_a_stable_way() -> None:
    """What loses its place is marked stale once, and stays out."""
    target = OneTarget(msgspec.structs.replace(THINNED, sample_limit=3))
    await target.scrape(b"a 1\nb 1\nc 1\n")
    target.config = THINNED
    target.loop = target.make_loop()
    first, second = [await target.scrape(b"a 1\nb 1\nc 1\n") for _ in range(2)]
    assert (values(first), markers(first)) == ({"a": 1, "b": 1}, {"c"})
    assert (values(second), markers(second)) == ({"a": 1, "b": 1}, set())
    assert values(await target.scrape(b"c 1\nb 1\na 1\n")).keys() == {"a", "b"}


async def test_samples_with_times_of_their_own_are_thinned_too() -> None:
    """Each counts, as for the limit itself."""
    target = OneTarget(THINNED)
    samples = await target.scrape(b"m 1 1001\nm 2 1002\nm 3 1003\n")
    assert [sample.value for sample in samples] == [1, 2]
