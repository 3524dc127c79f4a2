"""Histograms, starts and metadata on their way from a body to the storage."""

from typing import Any

from promscrape.config.scrape import ScrapeConfig
from promscrape.exposition.text_format import PROMETHEUS_TEXT
from promscrape.model.histogram import Histogram
from promscrape.model.metadata import Metadata, MetricType
from promscrape.model.regex import Regex
from promscrape.relabel import RelabelAction, RelabelConfig
from promscrape.scrape.client import Response
from tests.support.metric_family import COUNTER, HISTOGRAM, delimited, exemplar, family, pairs
from tests.support.scraping import OneTarget, markers, values
from tests.support.storage import REPORT_NAMES

NATIVE = {"__scrape_native_histograms__": "true"}
CONVERT = {"__convert_classic_histograms_to_nhcb__": "true"}
KEEP = {"__always_scrape_classic_histograms__": "true"}
OPENMETRICS = "application/openmetrics-text; version=1.0.0"

CLASSIC = (
    b'# TYPE h histogram\nh_bucket{le="1"} 1\nh_bucket{le="2"} 3\nh_bucket{le="+Inf"} 4\n'
    b"h_sum 5.5\nh_count 4\n"
)


def job(**fields: Any) -> ScrapeConfig:
    return ScrapeConfig(job_name="j", **fields)


def protobuf(*messages: Any) -> Response:
    return Response(delimited(messages), "application/vnd.google.protobuf; encoding=delimited")


def sparse(*runs: int, schema: int = 0, count: int = 1, **fields: Any) -> Any:
    """Return a family of one histogram with runs of buckets, one bucket between two of them."""
    spans = [{"offset": 1, "length": length} for length in runs]
    deltas = [count, *[0] * (sum(runs) - 1)]
    return family(
        "h",
        HISTOGRAM,
        {
            "histogram": {
                "sample_count": count * sum(runs),
                "sample_sum": 1.5,
                "schema": schema,
                "positive_span": spans,
                "positive_delta": deltas,
                **fields,
            }
        },
    )


def histogram_of(target: OneTarget) -> Histogram:
    """Return the one histogram that was stored."""
    (found,) = [sample.histogram for sample in target.storage.committed if sample.histogram]
    return found


async def test_a_native_histogram_is_one_sample() -> None:
    """L17, T20: the switch is a label of the target, which relabeling can set."""
    target = OneTarget(labels=NATIVE)
    await target.scrape(protobuf(sparse(3), family("c", COUNTER, {"counter": {"value": 2.0}})))
    assert target.error == ""
    assert histogram_of(target).schema == 0
    assert target.reported("scrape_samples_scraped") == 2
    assert target.reported("scrape_series_added") == 2


async def test_a_converted_histogram_counts_beside_its_series() -> None:
    """TC070, TC071: five series and the sample made of them."""
    target = OneTarget(labels=CONVERT)
    await target.scrape(CLASSIC)
    assert histogram_of(target).custom_bounds == (1.0, 2.0)
    assert target.reported("scrape_samples_scraped") == 1
    both = OneTarget(labels={**CONVERT, **KEEP})
    for _ in range(3):
        await both.scrape(CLASSIC)
        assert both.reported("scrape_samples_scraped") == 6
    assert both.storage.report("scrape_series_added") == [6.0, 0.0, 0.0]


async def test_converting_keeps_the_series_known() -> None:
    """C12: those that no sample was made of are not forgotten, and read anew, at each scrape."""
    target = OneTarget(labels=CONVERT)
    for _ in range(3):
        await target.scrape(CLASSIC + b"a 1\n")
    column = target.cache.scan(CLASSIC + b"a 2\n", PROMETHEUS_TEXT).series
    assert target.cache.scan(CLASSIC + b"a 3\n", PROMETHEUS_TEXT).series is column
    assert target.storage.report("scrape_series_added") == [2.0, 0.0, 0.0]


async def test_a_histogram_that_goes_is_marked_like_any_series() -> None:
    """A8: the marker is a float; what it becomes is the storage's business."""
    target = OneTarget(labels=NATIVE)
    await target.scrape(protobuf(sparse(3)))
    gone = await target.scrape(protobuf(family("c", COUNTER, {"counter": {"value": 2.0}})))
    assert markers(gone) == {"h"}


def two_sided() -> Any:
    """Return a family of one histogram with the buckets 0, 1 and 2 on either side."""
    side: dict[str, Any] = {"span": [{"offset": 0, "length": 3}], "delta": [1, 0, 0]}
    negative = {f"negative_{name}": value for name, value in side.items()}
    positive = {f"positive_{name}": value for name, value in side.items()}
    return sparse(6, **negative, **positive)


async def test_a_histogram_over_the_bucket_limit_is_made_coarser() -> None:
    """TC075, S13: six buckets become four."""
    target = OneTarget(job(native_histogram_bucket_limit=4), labels=NATIVE)
    await target.scrape(protobuf(two_sided()))
    assert target.error == ""
    assert (histogram_of(target).schema, histogram_of(target).bucket_count) == (-1, 4)


async def test_a_histogram_that_cannot_be_made_to_fit_fails_the_scrape() -> None:
    """TC075, L19, L27: all of it is rolled back, and the failure is counted once."""
    target = OneTarget(job(native_histogram_bucket_limit=3), labels=NATIVE)
    first = family("a", COUNTER, {"counter": {"value": 1.0}})
    last = family("z", COUNTER, {"counter": {"value": 1.0}})
    assert await target.scrape(protobuf(first, two_sided(), last)) == []
    assert target.error == "histogram bucket limit exceeded"
    assert target.counted("scrapes_exceeded_native_histogram_bucket_limit") == 1
    assert target.reported("scrape_samples_scraped") == 3
    assert target.reported("scrape_samples_post_metric_relabeling") == 3
    assert target.reported("scrape_series_added") == 1


async def test_custom_buckets_cannot_be_made_fewer() -> None:
    """TC076: three of them, and room for two."""
    target = OneTarget(job(native_histogram_bucket_limit=2), labels=CONVERT)
    await target.scrape(CLASSIC)
    assert target.error == "histogram bucket limit exceeded"


async def test_of_two_limits_the_samples_is_named() -> None:
    """L27: both are counted."""
    limits = job(native_histogram_bucket_limit=2, sample_limit=1)
    target = OneTarget(limits, labels=CONVERT)
    await target.scrape(CLASSIC + b"# TYPE a gauge\na 1\nb 1\n")
    assert target.error == "sample limit exceeded"
    assert target.counted("scrapes_exceeded_native_histogram_bucket_limit") == 1
    assert target.counted("scrapes_exceeded_sample_limit") == 1


async def test_the_least_factor_of_buckets_is_kept() -> None:
    """TC077, S12: schema 3 becomes 2, and custom bounds stay as they are."""
    target = OneTarget(job(native_histogram_min_bucket_factor=1.1), labels={**NATIVE, **CONVERT})
    await target.scrape(protobuf(sparse(6, schema=3)))
    assert histogram_of(target).schema == 2
    custom = OneTarget(job(native_histogram_min_bucket_factor=1.1), labels=CONVERT)
    await custom.scrape(CLASSIC)
    assert histogram_of(custom).schema == -53


async def test_a_histogram_is_relabeled_like_any_sample() -> None:
    """S6: what is dropped before it does not move it, and takes its own histogram along."""
    drop = RelabelConfig(
        source_labels=("__name__",), regex=Regex("dropped"), action=RelabelAction.DROP
    )
    target = OneTarget(job(metric_relabel_configs=(drop,)), labels=NATIVE)
    dropped = sparse(2)
    dropped.name = "dropped"
    await target.scrape(protobuf(dropped, sparse(3)))
    assert histogram_of(target).count == 3
    assert target.reported("scrape_samples_post_metric_relabeling") == 1


async def test_starts_go_with_their_samples() -> None:
    """S17, TC053: what becomes of them is the storage's business."""
    counter = {"value": 2.0, "start_timestamp": {"seconds": 5}}
    body = protobuf(family("c", COUNTER, {"counter": counter}, {"label": pairs(a="b")}))
    target = OneTarget(start_timestamps=True)
    assert [sample.start_ms for sample in await target.scrape(body)] == [5000, 0]
    text = Response(b"# TYPE a counter\na_total 1\na_created 2.5\n# EOF\n", OPENMETRICS)
    found = await target.scrape(text)
    assert [(s.name, s.start_ms) for s in found if not s.stale] == [("a_total", 2500)]
    assert [sample.start_ms for sample in await OneTarget().scrape(body)] == [0, 0]


async def test_exemplars_that_come_too_late_are_counted() -> None:
    """L28: their sample stands, and the scrape is good."""
    target = OneTarget(labels=NATIVE)
    target.storage.late_exemplars = 2
    late = [exemplar(1.0, 5), exemplar(2.0, 6)]
    await target.scrape(protobuf(sparse(3, exemplars=late)))
    assert target.error == ""
    # The report is a batch of its own, whose answer is not looked at.
    assert target.counted("scrapes_exemplar_out_of_order") == 2


METADATA = (
    b"# HELP a Words.\n# TYPE a counter\na_total 1\nstranger 1\na 1\n"
    b"# TYPE s summary\n" + b's{quantile="1"} 1\ns_count 1\nx_sum 1\n# EOF\n'
)


async def test_samples_carry_the_metadata_of_their_family() -> None:
    """S21: a stranger hides it from those behind it, up to the next metadata line."""
    body = Response(METADATA, OPENMETRICS)
    target = OneTarget()
    target.storage.keeps_metadata = True
    await target.scrape(body)
    counter, summary = Metadata(MetricType.COUNTER, "Words."), Metadata(MetricType.SUMMARY)
    found = target.storage.metadata
    assert {name: found[name] for name in found if name not in REPORT_NAMES} == {
        "a_total": counter,
        "stranger": None,
        "a": None,
        "s": summary,
        "s_count": summary,
        "x_sum": None,
    }
    of_up = found["up"]
    assert of_up is not None
    assert (of_up.type, of_up.unit) == (MetricType.GAUGE, "targets")


async def test_what_no_one_has_a_use_for_is_not_attached() -> None:
    """S21: it costs memory for each series, and half of the work of a first sight."""
    target, body = OneTarget(), b"# TYPE a gauge\na 1\n"
    for is_kept, expected in ((False, None), (True, Metadata(MetricType.GAUGE)), (False, None)):
        target.storage.keeps_metadata = is_kept
        target.storage.metadata.clear()
        await target.scrape(body)
        assert target.storage.metadata.get("a") == expected


async def test_metadata_is_the_same_column_until_it_changes() -> None:
    """S22: a storage need look at it only once."""
    target = OneTarget()
    target.storage.keeps_metadata = True
    columns = []
    for help_ in (b"x", b"x", b"y", b"y"):
        await target.scrape(b"# HELP a " + help_ + b"\na 1\n")
        found = target.cache.scan(b"# HELP a " + help_ + b"\na 1\n", PROMETHEUS_TEXT)
        plan = target.cache.plan(found.series, None, None)  # type: ignore[arg-type]  # nothing is new
        columns.append(target.cache.metadata_of(plan, found))
    assert columns[0] is columns[1]
    assert columns[1] is not columns[2]
    assert columns[2] is columns[3]
    assert values(await target.scrape(b"a 1\n")) == {"a": 1.0}


async def test_a_family_that_is_no_longer_described_keeps_its_samples_bare() -> None:
    """S21: a sample without a metadata line before it has none, whatever was said once."""
    target = OneTarget()
    target.storage.keeps_metadata = True
    await target.scrape(b"# TYPE a gauge\na 1\n")
    await target.scrape(b"a 1\n")
    assert target.storage.metadata["a"] is None
