"""What the daemon sends of given bodies, by remote write 2.0.

The demands are those of the public sender suite (remote write 12.3); each test names the suite's
tests that it covers. One daemon scrapes all bodies, each as a job of its own.
"""

import math
import time
from collections.abc import Iterator, Sequence

import pytest

from tests.support.background import Background
from tests.support.mock_target import MockTarget
from tests.support.peers import eventually
from tests.support.remote_write.launch import V2, Launched
from tests.support.remote_write.message import NAN_BITS, WireSample, WireSeries
from tests.support.remote_write.receiver import Receiver

SAMPLES = """\
# TYPE test_float gauge
test_float 123.45
test_integer 42
test_zero 0
test_negative -15.5
test_infinity +Inf
test_negative_infinity -Inf
test_nan NaN
test_large 1.7976931348623157e308
test_small 2.2250738585072014e-308
test_scientific 1.23e-4
test_precise 0.1234567890123456789
test_explicit_zero 5 0
test:colons:in_name 1
test_twice{a="1"} 1
test_twice{a="2"} 2
"""

LABELS = (
    """\
test_order{zebra="1",alpha="2",Middle="3",_under="4"} 1
test_empty{empty="",full="x"} 1
test_unicode{name="Zürich 日本 🎉"} 1
test_special{text="a \\"quote\\", a \\\\ and a\\nline"} 1
test_many{a="1",b="2",c="3",d="4",e="5",f="6",g="7",h="8",i="9",j="10"} 1
"""
    f'test_long_name{{{"l" * 600}="x"}} 1\n'
    f'test_long_value{{a="{"v" * 10_000}"}} 1\n'
    f"{'m' * 757} 1\n"
    "test_without_line_end 1"
)

HISTOGRAM = """\
# HELP test_seconds How long HTTP requests take.
# TYPE test_seconds histogram
test_seconds_bucket{le="0.1"} 20
test_seconds_bucket{le="1"} 80
test_seconds_bucket{le="+Inf"} 100
test_seconds_sum 250.5
test_seconds_count 100
# TYPE test_empty_seconds histogram
test_empty_seconds_bucket{le="+Inf"} 0
test_empty_seconds_sum 0
test_empty_seconds_count 0
# TYPE test_large_seconds histogram
test_large_seconds_bucket{le="+Inf"} 1000000000
test_large_seconds_sum 5e9
test_large_seconds_count 1000000000
"""

METADATA = r"""# HELP test_requests_total Total HTTP requests.
# TYPE test_requests_total counter
test_requests_total{code="200"} 1
test_requests_total{code="500"} 2
# HELP test_temperature One line\nand another, and a \\
# TYPE test_temperature gauge
test_temperature 21
# HELP test_quiet
# TYPE test_quiet summary
test_quiet{quantile="0.5"} 1
test_quiet_sum 2
test_quiet_count 3
test_untold 1
"""

EXEMPLARS = """\
# TYPE test_traced_seconds counter
# UNIT test_traced_seconds seconds
# HELP test_traced_seconds With HTTP requests.
test_traced_seconds_total 7 # {trace_id="abc",span_id="def"} 0.67 {ago}
# TYPE test_count counter
test_count 5 # {trace_id="bare"} 1 {ago}
# TYPE test_latency histogram
test_latency_bucket{le="1"} 3 # {trace_id="h1",user="me"} 0.5 {ago}
test_latency_bucket{le="+Inf"} 4 # {trace_id="h2"} 5 {ago}
test_latency_sum 6
test_latency_count 4
"""

COMBINED = """\
# HELP test_mixed With a family of each type.
# TYPE test_mixed counter
test_mixed_total{method="GET",path="/a"} 1 # {trace_id="m1"} 1 {ago}
test_mixed_total{method="GET",path="/b"} 2
test_mixed_total{path="/c"} 3
# HELP test_level A gauge beside it.
# TYPE test_level gauge
test_level -4
# HELP test_duration A histogram beside both.
# TYPE test_duration histogram
test_duration_bucket{le="1"} 3 # {trace_id="m2"} 0.5 {ago}
test_duration_bucket{le="+Inf"} 4
test_duration_sum 6
test_duration_count 4
# HELP up What a program says of itself.
# TYPE up gauge
up 7
"""

UNTYPED = """\
test_untyped 1
test_untyped_bucket{le="1"} 2
test_untyped_bucket{le="+Inf"} 3
test_untyped_sum 4
test_untyped_count 5
"""

JOBS = ("samples", "labels", "histogram", "metadata", "exemplars", "combined", "untyped", "empty")
SCRAPES = 3


def bodies() -> dict[str, str]:
    ago = f"{time.time() - 5:.3f}"
    return {
        "/samples": SAMPLES,
        "/labels": LABELS,
        "/histogram": HISTOGRAM,
        "/metadata": METADATA,
        "/exemplars": EXEMPLARS.replace("{ago}", ago),
        "/combined": COMBINED.replace("{ago}", ago),
        "/untyped": UNTYPED,
        "/empty": "",
    }


def config(target: str, url: str, message: str = V2) -> str:
    lines = [
        "global: {scrape_interval: 1s}",
        "remote_write:",
        f"- url: {url}",
        f"  protobuf_message: {message}",
        "  send_exemplars: true",
        "  metadata_config: {send: true, send_interval: 1s}",
        "  queue_config: {batch_send_deadline: 200ms}",
        "scrape_configs:",
    ]
    for job in JOBS:
        lines += [
            f"- job_name: {job}",
            f"  metrics_path: /{job}",
            "  scrape_protocols: [OpenMetricsText1.0.0, PrometheusText0.0.4]",
            f"  static_configs: [{{targets: ['{target}']}}]",
        ]
    return "\n".join([*lines, ""])


def scraped_often(receiver: Receiver) -> bool:
    report = ("__name__", "scrape_samples_scraped")
    ups = [taken for labels, taken in receiver.series.items() if report in labels]
    return len(ups) == len(JOBS) and all(len(taken) >= SCRAPES for taken in ups)


@pytest.fixture(scope="module")
def sent(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Receiver]:
    """Yield what has received some scrapes of each body from a daemon that has ended."""
    with Background() as servers:
        receiver, target = servers.enter(Receiver()), servers.enter(MockTarget(bodies()))
        text = config(target.address, receiver.url)
        with Launched(tmp_path_factory.mktemp("contents") / "cwd", text) as daemon:
            eventually(lambda: scraped_often(receiver), what="some scrapes of each body")
            assert daemon.interrupt() == 0, daemon.output()
        yield receiver


def messages_of(sent: Receiver, name: str) -> Sequence[WireSeries]:
    """Return every TimeSeries of a metric, in the order of their arrival."""
    found = [one for message in sent.messages for one in message.series if one.name == name]
    assert found, name
    return found


def values_of(sent: Receiver, name: str) -> set[float]:
    return {sample.value for sample in sent.of(name)}


def test_nothing_breaks_a_demand_of_either_document(sent: Receiver) -> None:
    """TestSymbolTable, TestLabelValidation, TestProtocolCompliance, efficient_symbol_reuse.

    The receiver has checked every request: headers, snappy, symbols, references, order and
    uniqueness of labels, no empty ones, ascending timestamps, samples or histograms.
    """
    assert sent.faults == []
    assert sent.disorder() == []
    assert {message.version for message in sent.messages} == {2}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("test_float", 123.45),
        ("test_integer", 42.0),
        ("test_zero", 0.0),
        ("test_negative", -15.5),
        ("test_infinity", math.inf),
        ("test_negative_infinity", -math.inf),
        ("test_large", 1.7976931348623157e308),
        ("test_small", 2.2250738585072014e-308),
        ("test_scientific", 1.23e-4),
        ("test_precise", 0.1234567890123456789),
        ("test:colons:in_name", 1.0),
        ("m" * 757, 1.0),
        ("test_without_line_end", 1.0),
    ],
)
def test_values_arrive_as_they_were_exposed(sent: Receiver, name: str, value: float) -> None:
    """TestSampleEncoding; special_float_combinations and others of TestEdgeCases.

    These are metric_name_with_colons and very_long_metric_name.
    """
    assert values_of(sent, name) == {value}
    assert messages_of(sent, name)[0].samples


def test_nan_is_the_one_that_is_no_stale_marker(sent: Receiver) -> None:
    """TestSampleEncoding nan_encoding; T7."""
    assert {sample.bits for sample in sent.of("test_nan")} == {NAN_BITS}


def test_timestamps_are_recent_milliseconds(sent: Receiver) -> None:
    """TestTimestampEncoding, timestamp_milliseconds_format and _recent of TestSampleEncoding."""
    now_ms = time.time() * 1000
    for name in ("test_float", "test_seconds_count", "up"):
        for series in messages_of(sent, name):
            for sample in series.samples:
                assert 1e12 < sample.t_ms < 1e16
                assert now_ms - 300_000 < sample.t_ms < now_ms + 1_000


def test_an_explicit_timestamp_is_kept(sent: Receiver) -> None:
    """TestEdgeCases zero_timestamp: no negative time comes of 0."""
    assert {sample.t_ms for sample in sent.of("test_explicit_zero")} == {0}


def test_each_scrape_is_sent_in_order(sent: Receiver) -> None:
    """TestSampleOrdering, multiple_samples_same_series."""
    times = [sample.t_ms for sample in sent.of("test_float")]
    assert len(times) >= SCRAPES
    assert times == sorted(set(times))


def test_job_and_instance_are_there(sent: Receiver) -> None:
    """TestSampleEncoding job_instance_labels_present."""
    labels = dict(messages_of(sent, "test_float")[0].labels)
    assert labels["job"] == "samples"
    assert labels["instance"].startswith("127.0.0.1:")


def labels_of(sent: Receiver, name: str) -> dict[str, str]:
    return dict(messages_of(sent, name)[0].labels)


def test_labels_are_ordered_by_bytes(sent: Receiver) -> None:
    """TestLabelValidation label_lexicographic_ordering; remote write 4.4."""
    names = [name for name, _ in messages_of(sent, "test_order")[0].labels]
    assert names == ["Middle", "__name__", "_under", "alpha", "instance", "job", "zebra"]


def test_label_values_are_kept(sent: Receiver) -> None:
    """TestLabelValidation, huge_label_values and unicode_in_labels of TestEdgeCases; T14.

    Values in any script, special characters, very long and many are kept; empty ones go.
    """
    assert labels_of(sent, "test_unicode")["name"] == "Zürich 日本 🎉"
    assert labels_of(sent, "test_special")["text"] == 'a "quote", a \\ and a\nline'
    assert labels_of(sent, "test_long_value")["a"] == "v" * 10_000
    assert labels_of(sent, "test_long_name")["l" * 600] == "x"
    assert len(labels_of(sent, "test_many")) == 13
    assert "empty" not in labels_of(sent, "test_empty")


def test_no_label_is_reserved(sent: Receiver) -> None:
    """TestLabelValidation reserved_label_prefix."""
    names = {name for labels in sent.series for name, _ in labels}
    assert {name for name in names if name.startswith("__")} == {"__name__"}


def test_a_classic_histogram_is_whole(sent: Receiver) -> None:
    """TestHistogramEncoding, complete_metric_family of TestCombinedFeatures."""
    assert values_of(sent, "test_seconds_count") == {100}
    assert values_of(sent, "test_seconds_sum") == {250.5}
    buckets = [
        (labels["le"], {sample.value for sample in taken})
        for pairs, taken in sent.series.items()
        if (labels := dict(pairs))["__name__"] == "test_seconds_bucket"
    ]
    assert sorted(buckets) == [("+Inf", {100.0}), ("0.1", {20.0}), ("1.0", {80.0})]
    assert values_of(sent, "test_empty_seconds_count") == {0}
    assert values_of(sent, "test_large_seconds_count") == {1e9}


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        pytest.param("test_requests_total", 1, id="counter"),
        pytest.param("test_temperature", 2, id="gauge"),
        pytest.param("test_seconds_count", 3, id="histogram"),
        pytest.param("test_quiet_count", 5, id="summary"),
    ],
)
def test_types_ride_on_every_series(sent: Receiver, name: str, kind: int) -> None:
    """TestMetadataEncoding metadata_type_*, samples_with_metadata of TestCombinedFeatures; 4.7."""
    assert {series.metadata.kind for series in messages_of(sent, name)} == {kind}


def test_helps_are_unescaped_and_the_same_for_a_family(sent: Receiver) -> None:
    """TestMetadataEncoding metadata_help_*, metadata_empty_help_allowed.

    Also metadata_consistent_across_series.
    """
    helps = {series.metadata.help for series in messages_of(sent, "test_requests_total")}
    assert helps == {"Total HTTP requests."}
    (text,) = {series.metadata.help for series in messages_of(sent, "test_temperature")}
    assert text == "One line\nand another, and a \\"
    assert {series.metadata.help for series in messages_of(sent, "test_quiet_sum")} == {""}


def test_units_ride_along(sent: Receiver) -> None:
    """TestMetadataEncoding metadata_unit."""
    assert {series.metadata.unit for series in messages_of(sent, "test_traced_seconds_total")} == {
        "seconds"
    }


def test_an_unknown_type_is_none(sent: Receiver) -> None:
    """T25: type 0, no help, no unit."""
    assert {series.metadata for series in messages_of(sent, "test_untold")} == {(0, "", "", "")}


def test_exemplars_ride_with_their_samples(sent: Receiver) -> None:
    """TestExemplarEncoding, samples_with_exemplars of TestCombinedFeatures; T24."""
    series = messages_of(sent, "test_traced_seconds_total")
    exemplars = [exemplar for one in series for exemplar in one.exemplars]
    assert {frozenset(one.labels) for one in exemplars} == {
        frozenset({("trace_id", "abc"), ("span_id", "def")})
    }
    assert {one.value for one in exemplars} == {0.67}
    assert all(one.t_ms > 1e12 for one in exemplars)
    bare = [one for series in messages_of(sent, "test_count") for one in series.exemplars]
    assert {one.labels for one in bare} == {(("trace_id", "bare"),)}
    traces = {
        dict(one.labels)["trace_id"]
        for series in messages_of(sent, "test_latency_bucket")
        for one in series.exemplars
    }
    assert traces == {"h1", "h2"}
    assert all(series.samples for series in messages_of(sent, "test_latency_bucket"))


def test_families_of_all_types_come_together(sent: Receiver) -> None:
    """multiple_metric_types, mixed_labels_and_metadata, real_world_scenario of TestCombinedFeatures."""
    kinds = {"test_mixed_total": 1, "test_level": 2, "test_duration_sum": 3}
    for name, kind in kinds.items():
        assert {one.metadata.kind for one in messages_of(sent, name)} == {kind}
    mixed = {frozenset(dict(one.labels).items()) for one in messages_of(sent, "test_mixed_total")}
    assert {dict(labels)["path"] for labels in mixed} == {"/a", "/b", "/c"}
    assert len(mixed) == 3
    assert not any(series.histograms for message in sent.messages for series in message.series)


def test_an_exposed_up_breaks_nothing(sent: Receiver) -> None:
    """real_world_scenario of TestCombinedFeatures: it is the very series that the scrape reports."""
    assert 1.0 in values_of_job(sent, "combined", "up") <= {1.0, 7.0}
    assert values_of_job(sent, "combined", "test_level") == {-4.0}


def test_one_request_has_a_histogram_with_all_that_belongs_to_it(sent: Receiver) -> None:
    """histogram_with_metadata_and_exemplars of TestCombinedFeatures: each request that has it."""
    requests = [
        [one for one in message.series if one.name.startswith("test_duration")]
        for message in sent.messages
    ]
    parts = [one for one in requests if one]
    assert parts
    for series in parts:
        names = {one.name for one in series}
        assert names == {f"test_duration_{part}" for part in ("bucket", "sum", "count")}
        assert {one.metadata.help for one in series} == {"A histogram beside both."}
    exemplars = [one for series in parts for each in series for one in each.exemplars]
    assert {one.labels for one in exemplars} == {(("trace_id", "m2"),)}


def test_names_like_a_histograms_parts_are_plain_series(sent: Receiver) -> None:
    """mixed_sample_and_histogram_families of TestEdgeCases: untyped, each with its own value."""
    for name, value in (("", 1), ("_sum", 4), ("_count", 5)):
        assert values_of(sent, f"test_untyped{name}") == {value}
    buckets = messages_of(sent, "test_untyped_bucket")
    assert {dict(one.labels)["le"] for one in buckets} == {"1", "+Inf"}
    assert {one.metadata.kind for one in buckets} == {0}


def test_start_timestamps_are_before_their_samples(sent: Receiver) -> None:
    """TestTimestampEncoding start_timestamp_*: 0 where unknown, else a time in milliseconds."""
    samples: list[WireSample] = [one for taken in sent.series.values() for one in taken]
    assert all(one.start_ms == 0 or 1e12 < one.start_ms <= one.t_ms for one in samples)


def test_an_empty_scrape_is_a_scrape(sent: Receiver) -> None:
    """TestEdgeCases empty_scrape: the report series are all that there is."""
    assert values_of_job(sent, "empty", "up") == {1.0}
    assert values_of_job(sent, "empty", "scrape_samples_scraped") == {0.0}


def values_of_job(sent: Receiver, job: str, name: str) -> set[float]:
    return {sample.value for sample in sent.of(name, job=job)}


def test_no_stale_markers_are_made_at_the_stop(sent: Receiver) -> None:
    """Remote write 4.5: the process is expected back."""
    assert not any(sample.is_stale for taken in sent.series.values() for sample in taken)
