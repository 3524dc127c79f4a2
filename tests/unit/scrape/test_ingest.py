"""What one scrape after the other commits: values, stale markers, reports, counters."""

import msgspec
import pytest

from promscrape.config.scrape import ScrapeConfig
from promscrape.errors import (
    BodySizeLimitExceeded,
    FetchError,
    InvalidSeries,
    ScrapeError,
    StorageError,
)
from promscrape.model.regex import Regex
from promscrape.model.sample import STALE_NAN_BITS, float_bits
from promscrape.relabel import RelabelAction, RelabelConfig
from promscrape.scrape.client import Response
from promscrape.storage.interface import AppendCode
from tests.support.scraping import OneTarget, markers, values
from tests.support.storage import REPORT_NAMES

JOB = ScrapeConfig(job_name="j")
DROP_B = (RelabelConfig(source_labels=("__name__",), regex=Regex("b"), action=RelabelAction.DROP),)


def job(**changes: object) -> ScrapeConfig:
    return msgspec.structs.replace(JOB, **changes)


async def test_a_scrape_commits_its_samples_and_its_report_together() -> None:
    """L4, L15 to L19, A1, A9: one transaction, one timestamp, the target's labels on everything."""
    target = OneTarget(labels={"job": "j", "instance": "i"})
    samples = await target.scrape(b'a 1\nb{x="y"} 2\n')
    assert values(samples) == {"a": 1.0, "b": 2.0}
    (transaction,) = target.storage.transactions
    assert {sample.t_ms for sample in transaction} == {target.t_ms}
    assert [sample.name for sample in transaction[2:]] == [
        "up",
        "scrape_duration_seconds",
        "scrape_samples_scraped",
        "scrape_samples_post_metric_relabeling",
        "scrape_series_added",
    ]
    assert transaction[1].labels.to_map() == {
        "__name__": "b",
        "x": "y",
        "job": "j",
        "instance": "i",
    }
    assert [sample.value for sample in transaction[4:]] == [2.0, 2.0, 2.0]
    assert target.error == ""
    assert target.target.health == "up"


async def test_known_series_are_not_added_again() -> None:
    """L19: and the report's own series never count."""
    target = OneTarget()
    for body in (b"a 1\n", b"a 2\n", b"a 2\nb 1\n"):
        await target.scrape(body)
    assert target.storage.report("scrape_series_added") == [1.0, 0.0, 1.0]


async def test_a_failed_scrape_marks_everything_stale_once() -> None:
    """TC151, C9: one sample, one stale marker at the first failure, five reports."""
    target = OneTarget()
    failure = FetchError("server returned HTTP status 404 Not Found")
    committed = [await target.scrape(b"a 42\n")]
    committed += [await target.scrape(failure) for _ in range(4)]
    assert values(committed[0]) == {"a": 42.0}
    assert [markers(samples) for samples in committed[1:]] == [{"a"}, set(), set(), set()]
    assert float_bits(committed[1][0].value) == STALE_NAN_BITS
    assert target.storage.report("up") == [1.0, 0.0, 0.0, 0.0, 0.0]
    assert len(target.storage.committed) == 2 + 5 * 5
    assert target.error == "server returned HTTP status 404 Not Found"
    assert target.failures == [target.error] * 4


async def test_a_parse_error_marks_what_it_did_not_reach() -> None:
    """TC152, C10: series before the bad line are marked at the next failure."""
    target = OneTarget()
    await target.scrape(b"a 1\nb 1\n")
    second = await target.scrape(b"a 1\n%%%\n")
    third = await target.scrape(FetchError("x"))
    assert [markers(second), markers(third)] == [{"b"}, {"a"}]
    assert values(second) == {}
    assert target.storage.rollbacks == 1


async def test_the_first_scrape_may_fail_in_the_middle() -> None:
    """TC032, L11: nothing is stored, and the report says how far it came."""
    target = OneTarget()
    assert await target.scrape(b"a 1\n%%%\n") == []
    assert target.reported("scrape_samples_scraped") == 1
    assert "expected a valid start token" in target.error


async def test_a_limited_scrape_writes_only_its_report() -> None:
    """TC153, S14: the series under the limit are not stale, and are rolled back, too."""
    target = OneTarget(job(sample_limit=4))
    four, five = b"a 1\nb 1\nc 1\nd 1\n", b"a 1\nb 1\nc 1\nd 1\ne 1\n"
    assert len(await target.scrape(four)) == 4
    assert await target.scrape(five) == []
    assert target.error == "sample limit exceeded"
    assert len(await target.scrape(four)) == 4
    assert markers(await target.scrape(FetchError("x"))) == {"a", "b", "c", "d"}


async def test_series_over_the_limit_are_never_marked() -> None:
    """TC154, C11: they were never accepted."""
    target = OneTarget(job(sample_limit=4))
    await target.scrape(b"a 1\nb 1\nc 1\n")
    assert await target.scrape(b"a 1\nb 1\nc 1\nd 1\ne 1\nf 1\n") == []
    third = await target.scrape(b"a 1\nb 1\n")
    assert values(third).keys() == {"a", "b"}
    assert markers(third) == {"c", "d"}


async def test_the_counts_of_a_limited_scrape_are_those_of_the_whole_body() -> None:
    """TC088, L27: parsing goes on to count; only what was appended was added."""
    target = OneTarget(job(sample_limit=1))
    await target.scrape(b"a 1\nb 1\nc 1\n")
    assert target.reported("scrape_samples_scraped") == 3
    assert target.reported("scrape_samples_post_metric_relabeling") == 3
    assert target.reported("scrape_series_added") == 1
    assert target.counted("scrapes_exceeded_sample_limit") == 1


async def test_report_series_do_not_count_against_the_limit() -> None:
    """TC089: four samples under a limit of four."""
    target = OneTarget(job(sample_limit=4))
    await target.scrape(b"a 1\nb 1\nc 1\nd 1\n")
    assert target.reported("up") == 1


async def test_dropped_samples_do_not_count_against_the_limit() -> None:
    """TC090, L18: relabeling comes first."""
    target = OneTarget(job(sample_limit=1, metric_relabel_configs=DROP_B))
    for _ in range(2):
        assert values(await target.scrape(b"a 1\nb 1\n")) == {"a": 1.0}
        assert target.reported("scrape_samples_scraped") == 2
        assert target.reported("scrape_samples_post_metric_relabeling") == 1


async def test_an_explicit_timestamp_keeps_a_series_from_being_marked() -> None:
    """TC155, C8: by default."""
    target = OneTarget()
    (sample,) = await target.scrape(b"a 1 1000\n")
    assert sample.t_ms == 1000
    assert await target.scrape(b"") == []
    assert target.reported("up") == 1


async def test_explicit_timestamps_may_be_tracked() -> None:
    """TC155: the marker stands at the scrape's time."""
    target = OneTarget(job(track_timestamps_staleness=True))
    await target.scrape(b"a 1 1000\n")
    (marker,) = await target.scrape(b"")
    assert marker.stale
    assert marker.t_ms == target.t_ms


async def test_explicit_timestamps_may_be_ignored() -> None:
    """TC155, S1: honor_timestamps false, for staleness, too."""
    target = OneTarget(job(honor_timestamps=False))
    (sample,) = await target.scrape(b"a 1 1000\n")
    assert sample.t_ms == target.t_ms
    assert markers(await target.scrape(b"")) == {"a"}


async def test_a_series_that_gets_a_timestamp_is_marked_once() -> None:
    """TC156, C11: though it is still exposed."""
    target = OneTarget()
    await target.scrape(b"a 1\n")
    later = target.t_ms + 15_000
    value, marker = await target.scrape(f"a 2 {later}\n".encode())
    assert (value.value, value.t_ms) == (2.0, later)
    assert marker.stale
    assert marker.t_ms == target.t_ms


async def test_a_repeated_series_counts_once() -> None:
    """TC157: the first one is stored, the others are duplicates, even with equal values."""
    target = OneTarget()
    for _ in range(2):
        assert values(await target.scrape(b"m 1\nm 2\nm 3\n")) == {"m": 1.0}
    assert target.storage.report("scrape_samples_scraped") == [3.0, 3.0]
    assert target.storage.report("scrape_samples_post_metric_relabeling") == [3.0, 3.0]
    assert target.storage.report("scrape_series_added") == [1.0, 0.0]
    assert target.counted("scrapes_sample_duplicate_timestamp") == 4
    assert target.storage.report("up") == [1.0, 1.0]


async def test_a_repeated_series_with_timestamps_is_several_samples() -> None:
    """TC158, A3: no duplicates, and in the order of the body."""
    target = OneTarget()
    samples = await target.scrape(b"m 1 1001\nm 2 1002\nm 3 1003\n")
    assert [sample.t_ms for sample in samples] == [1001, 1002, 1003]
    assert target.counted("scrapes_sample_duplicate_timestamp") == 0


async def test_refused_samples_are_counted_by_kind() -> None:
    """TC159, L26, A5: the scrape succeeds, and they count as scraped."""
    target = OneTarget()
    target.storage.refuse = {
        "b": AppendCode.OUT_OF_ORDER,
        "c": AppendCode.DUPLICATE,
        "d": AppendCode.OUT_OF_BOUNDS,
    }
    assert values(await target.scrape(b"a 1\nb 1\nc 1\nd 1\n")) == {"a": 1.0}
    assert [
        target.counted(f"scrapes_sample_{kind}")
        for kind in ("out_of_order", "duplicate_timestamp", "out_of_bounds")
    ] == [1, 1, 1]
    assert target.reported("scrape_samples_scraped") == 4
    assert target.reported("scrape_samples_post_metric_relabeling") == 4
    assert target.reported("scrape_series_added") == 1
    assert target.reported("up") == 1


async def test_a_series_that_is_refused_later_is_marked_in_the_same_scrape() -> None:
    """TC160, C11: the storage did not take what the target says."""
    target = OneTarget()
    await target.scrape(b"a 1\nb 1\n")
    target.storage.refuse = {"a": AppendCode.DUPLICATE}
    target.storage.refuses_markers = False
    assert markers(await target.scrape(b"a 2\nb 2\n")) == {"a"}


async def test_a_sample_far_in_the_future_is_out_of_bounds() -> None:
    """TC161: ten minutes and a bit; the others are kept."""
    target = OneTarget()
    now_ms = target.clock.now_ns() // 1_000_000
    near, far = now_ms + 10 * 60_000, now_ms + 20 * 60_000
    samples = await target.scrape(f"a 1 {near}\nb 1 {far}\nc 1\n".encode())
    assert values(samples).keys() == {"a", "c"}
    assert target.counted("scrapes_sample_out_of_bounds") == 1
    assert target.reported("up") == 1


async def test_a_changed_handle_is_no_disappearance() -> None:
    """TC162, C15: and exactly one marker when the series really goes."""
    target = OneTarget()
    await target.scrape(b"a 1\n")
    target.storage.rename_handles()
    assert markers(await target.scrape(b"a 2\n")) == set()
    assert markers(await target.scrape(b"")) == {"a"}
    assert markers(await target.scrape(b"")) == set()


async def test_handles_that_were_taken_back_are_asked_for_again() -> None:
    """C16: the storage made room; the series go on and none of them is new."""
    target = OneTarget()
    await target.scrape(b"a 1\nb 1\n")
    target.storage.take_back_handles()
    assert values(await target.scrape(b"a 2\nb 2\n")) == {"a": 2.0, "b": 2.0}
    assert target.reported("scrape_series_added") == 0
    target.storage.take_back_handles()
    assert markers(await target.scrape(b"a 3\n")) == {"b"}


async def test_a_storage_without_handles_gets_no_markers() -> None:
    """TC163, C8, A2: a handle of 0 is never cached."""
    target = OneTarget()
    target.storage.gives_handles = False
    await target.scrape(b"a 1\n")
    await target.scrape(b"a 2\n")
    assert await target.scrape(b"") == []
    assert target.storage.report("scrape_series_added") == [0.0, 0.0, 0.0]


async def test_failing_scrapes_do_not_grow_the_cache_without_bound() -> None:
    """TC164, C6, C12: four failures with 500 new names each."""
    target = OneTarget()
    for round_ in range(4):
        names = "".join(f"m{round_}_{i} 1\n" for i in range(500))
        await target.scrape(f"{names}%%%\n".encode())
        assert len(target.cache) <= 2000
    assert target.counted("scrapes_cache_flush_forced") >= 1


async def test_metadata_outlives_its_family_by_ten_good_scrapes() -> None:
    """TC165, C1, C5, C13: gone after the eleventh."""
    target = OneTarget()
    await target.scrape(b"# HELP a words\na 1\n")
    for _ in range(10):
        await target.scrape(b"b 1\n")
    assert target.target.metadata["a"].help == "words"
    await target.scrape(b"b 1\n")
    assert "a" not in target.target.metadata


async def test_failed_scrapes_forget_no_metadata() -> None:
    """C13: an outage is not the end of a family."""
    target = OneTarget()
    await target.scrape(b"# HELP a words\na 1\n")
    for _ in range(20):
        await target.scrape(FetchError("x"))
    assert target.target.metadata["a"].help == "words"


async def test_what_a_target_stops_saying_stays_known() -> None:
    """C18, TC172: a HELP line that changes is taken over, a TYPE that vanishes is kept."""
    target = OneTarget()
    await target.scrape(b"# TYPE a counter\n# HELP a old\na 1\n")
    await target.scrape(b"# HELP a new\na 1\n")
    known = target.target.metadata["a"]
    assert (known.type, known.help) == ("counter", "new")


async def test_a_report_that_fails_takes_the_scrape_with_it() -> None:
    """TC166, L13: whole or not at all."""
    target = OneTarget()
    target.storage.broken = {"up": StorageError("no")}
    assert await target.scrape(b"a 1\n") == []
    assert target.storage.committed == []
    assert target.storage.rollbacks == 1


async def test_a_failed_commit_leaves_the_target_up() -> None:
    """L13: the target did its part; the log says that the storage did not."""
    target = OneTarget()
    target.storage.commit_error = StorageError("disk full")
    assert await target.scrape(b"a 1\n") == []
    assert target.target.health == "up"


async def test_an_empty_body_is_a_success_without_samples() -> None:
    """TC144, L8: whatever its content type, with markers for what was there."""
    target = OneTarget()
    await target.scrape(b"a 1\n")
    assert markers(await target.scrape(Response(b"", ""))) == {"a"}
    assert target.reported("up") == 1
    assert target.reported("scrape_samples_scraped") == 0


async def test_a_body_without_samples_is_a_success() -> None:
    """Comments are a body, too."""
    target = OneTarget()
    assert await target.scrape(b"# nothing\n") == []
    assert target.reported("up") == 1


@pytest.mark.parametrize(
    ("content_type", "error"),
    [
        ("", "non-compliant scrape target sending blank Content-Type and no fallback"),
        ("text/html", 'received unsupported Content-Type "text/html" and no fallback'),
    ],
)
async def test_a_body_of_an_unknown_kind_fails(content_type: str, error: str) -> None:
    """TC145, H17: its size is still the real one."""
    target = OneTarget(job(extra_scrape_metrics=True))
    await target.scrape(Response(b"a 1\n", content_type))
    assert error in target.error
    assert target.reported("scrape_body_size_bytes") == 4


async def test_extra_metrics_are_eight_series() -> None:
    """TC171, L20 to L22: limits of 0 included."""
    target = OneTarget(job(extra_scrape_metrics=True))
    await target.scrape(b"a 1\n")
    assert {sample.name for sample in target.storage.committed} == REPORT_NAMES | {"a"}
    assert target.reported("scrape_sample_limit") == 0
    assert target.reported("scrape_timeout_seconds") == 10
    assert target.reported("scrape_body_size_bytes") == 4


@pytest.mark.parametrize(
    ("error", "size"),
    [(BodySizeLimitExceeded("body size limit exceeded"), -1), (FetchError("x"), 0)],
)
async def test_a_failed_fetch_reports_its_size(error: ScrapeError, size: int) -> None:
    """TC143, TC147, L9, L22: -1 for a body over its limit, 0 for none."""
    target = OneTarget(job(extra_scrape_metrics=True))
    await target.scrape(error)
    assert target.reported("scrape_body_size_bytes") == size
    assert target.counted("scrapes_exceeded_body_size_limit") == (size == -1)


async def test_a_repeated_label_name_fails_the_scrape() -> None:
    """TC031, S10, L29: what came before is rolled back, and counted."""
    target = OneTarget()
    assert await target.scrape(b'ok 1\na{b="1",b="2"} 1\nlater 1\n') == []
    assert target.error == 'label name "b" is not unique: invalid sample'
    assert target.reported("scrape_samples_scraped") == 2
    assert target.reported("scrape_samples_post_metric_relabeling") == 1


async def test_a_repeated_label_name_fails_behind_dropped_series() -> None:
    """S10: positions count the body's samples, also with relabeling at work."""
    target = OneTarget(job(metric_relabel_configs=DROP_B))
    await target.scrape(b'b 1\nok 1\na{x="1",x="2"} 1\n')
    assert target.error == 'label name "x" is not unique: invalid sample'
    assert target.reported("scrape_samples_scraped") == 3


async def test_a_storage_s_fatal_error_fails_the_scrape() -> None:
    """L29: at that sample; the next good scrape has no markers to write for it."""
    target = OneTarget()
    target.storage.broken = {"b": InvalidSeries("no")}
    assert await target.scrape(b"a 1\nb 1\nc 1\n") == []
    assert target.error == "no"
    target.storage.broken = {}
    assert values(await target.scrape(b"a 1\nb 1\nc 1\n")).keys() == {"a", "b", "c"}


async def test_two_spellings_of_one_series_are_one_series() -> None:
    """3.4: labels in another order are the same series to the storage, so nothing went stale."""
    target = OneTarget()
    await target.scrape(b'a{x="1",y="2"} 1\n')
    assert markers(await target.scrape(b'a{y="2",x="1"} 1\n')) == set()
    assert markers(await target.scrape(b"")) == {"a"}


async def test_a_target_over_its_job_s_limit_is_not_asked() -> None:
    """L12, M16: no request, markers for what was there, and a report of zeros."""
    target = OneTarget()
    await target.scrape(b"a 1\n")
    target.forced_error = ScrapeError("target_limit exceeded (number of targets: 2, limit: 1)")
    assert markers(await target.scrape(b"a 2\n")) == {"a"}
    assert target.client.requests == 1
    assert target.error == "target_limit exceeded (number of targets: 2, limit: 1)"
    assert target.reported("scrape_samples_scraped") == 0


async def test_a_large_body_takes_the_same_way_through_a_thread() -> None:
    """Only where it is read differs."""
    target = OneTarget()
    body = b"".join(b'm{i="%d"} %d\n' % (i, i) for i in range(10_000))
    samples = await target.scrape(body)
    assert [sample.value for sample in samples] == [float(i) for i in range(10_000)]


OPENMETRICS = "application/openmetrics-text; version=1.0.0"


async def test_exemplars_reach_the_storage_with_their_samples() -> None:
    """S19: by their places, whatever relabeling and limits leave out before them."""
    target = OneTarget(job(metric_relabel_configs=DROP_B))
    body = b'b 1 # {id="b"} 1\na 1\nc 2 # {id="c"} 0.5\n# EOF\n'
    for _ in range(2):
        await target.scrape(Response(body, OPENMETRICS))
        assert target.error == ""
        (found,) = target.storage.exemplars
        assert found[0].get("__name__") == "c"
        assert found[1].labels.get("id") == "c"
        target.storage.exemplars.clear()


async def test_openmetrics_without_its_end_fails_the_scrape() -> None:
    """TC040: and what came is counted."""
    target = OneTarget()
    assert await target.scrape(Response(b"a 1\n", OPENMETRICS)) == []
    assert target.error == "data does not end with # EOF"
    assert target.reported("scrape_samples_scraped") == 1


async def test_an_exemplar_of_a_sample_over_the_limit_goes_with_it() -> None:
    """S14: and one of a sample too far in the future."""
    ahead = OneTarget().clock.now_ns() // 1_000_000_000 + 20 * 60
    body = f'far 1 {ahead} # {{id="f"}} 1\na 1 # {{id="a"}} 1\nb 1 # {{id="b"}} 1\n# EOF\n'
    target = OneTarget()
    await target.scrape(Response(body.encode(), OPENMETRICS))
    assert [labels.get("__name__") for labels, _ in target.storage.exemplars] == ["a", "b"]
    limited = OneTarget(job(sample_limit=2))
    await limited.scrape(Response(body.encode(), OPENMETRICS))
    assert limited.error == "sample limit exceeded"
    assert [labels.get("__name__") for labels, _ in limited.storage.exemplars] == []
