"""The series that a scrape writes about itself."""

import msgspec
from structlog.testing import capture_logs

from promscrape.config.scrape import ScrapeConfig
from promscrape.errors import FetchError, StorageError
from promscrape.model.labels import Labels
from promscrape.scrape.client import Response
from promscrape.storage.interface import AppendCode
from tests.support.scraping import OneTarget, markers
from tests.support.storage import REPORT_NAMES, RecordingStorage, Sample

JOB = ScrapeConfig(job_name="j")


def job(**changes: object) -> ScrapeConfig:
    return msgspec.structs.replace(JOB, **changes)


async def test_a_scraped_series_of_a_report_s_name_is_another_entry() -> None:
    """L23: both are written; when the target stops saying it, only its own goes stale."""
    target = OneTarget()
    await target.scrape(b'up 7\nup{own="1"} 8\n')
    values = [sample.value for sample in target.storage.committed if sample.name == "up"]
    assert sorted(values) == [1, 7, 8]
    await target.scrape(b"a 1\n")
    stale = {sample.labels for sample in target.storage.committed if sample.stale}
    assert Labels.from_map({"__name__": "up", "own": "1"}) in stale
    assert target.target.health == "up"


async def test_report_samples_that_come_too_late_are_no_error() -> None:
    """L24, L13: out of order and duplicate are passed over; the scrape stands."""
    target = OneTarget()
    target.storage.refuse = {
        "up": AppendCode.OUT_OF_ORDER,
        "scrape_series_added": AppendCode.DUPLICATE,
    }
    (sample,) = await target.scrape(b"a 1\n")
    assert (sample.name, target.error) == ("a", "")
    assert {s.name for s in target.storage.committed} & {"up", "scrape_series_added"} == set()


async def test_report_series_have_the_target_s_labels_and_no_others() -> None:
    """L25, S6: nothing of metric relabeling or of clashing names; also with honor_labels."""
    for honors in (False, True):
        target = OneTarget(job(honor_labels=honors), labels={"job": "j", "exported_job": "x"})
        await target.scrape(b'a{job="own"} 1\n')
        reports = [s.labels.to_map() for s in target.storage.committed if s.name in REPORT_NAMES]
        for labels in reports:
            assert labels == {"__name__": labels["__name__"], "job": "j", "exported_job": "x"}


async def test_report_series_survive_every_flush() -> None:
    """C14: they go stale with their target alone, whatever the target exposes."""
    target = OneTarget()
    for body in (b"a 1\n", b"b 1\n", b"", b"c 1\n"):
        assert not markers(await target.scrape(body)) & REPORT_NAMES
    assert not {s.name for s in target.storage.committed if s.stale} & REPORT_NAMES


async def test_the_duration_ends_before_the_report() -> None:
    """L14: what the commit takes is not part of it."""
    target = OneTarget(ScrapeConfig(job_name="j", extra_scrape_metrics=True))
    take = target.storage.take

    def slowly(samples: list[Sample]) -> None:
        target.clock.work(5.0)
        take(samples)

    target.storage.take = slowly  # type: ignore[method-assign]  # a disk that takes its time
    await target.scrape(b"a 1\n")
    assert target.reported("scrape_duration_seconds") == 0
    name = "prometheus_target_scrape_duration_seconds_sum"
    assert target.metrics.registry.get_sample_value(name) == 5


async def test_the_reported_size_is_that_of_the_unpacked_body() -> None:
    """L7: also where its parsing failed afterwards."""
    target = OneTarget(job(extra_scrape_metrics=True))
    target.client.unpack = lambda response: b"a 1\n?\n"  # type: ignore[method-assign]  # noqa: ARG005
    await target.scrape(Response(b"packed", "text/plain", "gzip"))
    assert target.reported("scrape_body_size_bytes") == len(b"a 1\n?\n")
    assert target.reported("up") == 0


async def test_what_is_left_out_is_said_in_the_log() -> None:
    """Z3: with Prometheus's words, which alerts on logs look for, and with how many there were."""
    target = OneTarget()
    target.storage.refuse = {
        "b": AppendCode.OUT_OF_ORDER,
        "c": AppendCode.DUPLICATE,
        "d": AppendCode.OUT_OF_BOUNDS,
    }
    with capture_logs() as logs:
        target.loop = target.make_loop()
        await target.scrape(b"a 1\nb 1\nc 1\nd 1\n")
    assert [(line["event"], line["num_dropped"]) for line in logs] == [
        ("Error on ingesting out-of-order samples", 1),
        ("Error on ingesting samples with different value but same timestamp", 1),
        ("Error on ingesting samples that are too old or are too far into the future", 1),
    ]


async def test_failures_of_the_storage_are_said_in_the_log() -> None:
    """Z3: one line each, by the words that Prometheus has for them."""
    storage = RecordingStorage()
    target = OneTarget(storage=storage)
    with capture_logs() as logs:
        target.loop = target.make_loop()
        storage.commit_error = StorageError("disk full")
        await target.scrape(b"a 1\n")
        storage.commit_error = None
        storage.broken = {"up": StorageError("broken")}
        await target.scrape(b"a 1\n")
        storage.broken = {}
        await target.scrape(FetchError("x"))
    said = [(line["log_level"], line["event"]) for line in logs]
    assert ("error", "Scrape commit failed") in said
    assert ("warning", "Appending scrape report failed") in said
    assert ("debug", "Scrape failed") in said
