"""The daemon under the public sender suite's launch rules: what whole requests look like.

Remote write 12.1, 12.3 and 12.4; each test names the suite's tests that it covers.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.background import Background
from tests.support.mock_target import MockTarget
from tests.support.peers import eventually
from tests.support.remote_write.launch import V1, V2, Launched, config
from tests.support.remote_write.receiver import Received, Receiver

REPORT_SERIES = {
    "up",
    "scrape_duration_seconds",
    "scrape_samples_scraped",
    "scrape_samples_post_metric_relabeling",
    "scrape_series_added",
}
MALFORMED = 'test_metric{a="1" 1\n'
MANY = "".join(f'test_many{{i="{index}"}} {index}\n' for index in range(12_000))

Run = Callable[[str, Callable[[Receiver], object]], Receiver]


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Run]:
    """Run the daemon on a body until a condition holds; return what was received."""
    with Background() as servers:

        def run_until(body: str, holds: Callable[[Receiver], object]) -> Receiver:
            target = servers.enter(MockTarget({"/metrics": body}))
            receiver = servers.enter(Receiver())
            text = config(target.address, [receiver.url])
            with Launched(tmp_path / "cwd", text) as daemon:
                eventually(lambda: holds(receiver), what="the requests", within_s=30)
                assert daemon.interrupt() == 0, daemon.output()
            assert receiver.faults == []
            return receiver

        yield run_until


def last(receiver: Receiver) -> Received:
    return receiver.requests[-1]


def test_requests_are_those_of_the_protocol(run: Run) -> None:
    """TestProtocolCompliance, TestHTTPMethod, TestContentTypeNegotiation, TestNoFallbackOn2xx."""
    receiver = run("test_metric 1\n", lambda receiver: receiver.requests)
    for request in receiver.requests:
        headers = request.headers
        assert headers["Content-Type"] == f"application/x-protobuf;proto={V2}"
        assert headers["Content-Encoding"] == "snappy"
        assert headers["X-Prometheus-Remote-Write-Version"] == "2.0.0"
        assert headers["User-Agent"].startswith("promscrape/")
        assert "Retry-Attempt" not in headers
        assert request.message is not None
        assert request.message.symbols


def test_the_last_request_is_no_handful_of_stale_markers(run: Run) -> None:
    """Remote write 4.5: validators of the suite look at the last request only."""
    receiver = run("test_metric 1\n", lambda receiver: receiver.requests)
    message = last(receiver).message
    assert message is not None
    samples = [sample for series in message.series for sample in series.samples]
    assert samples
    assert not any(sample.is_stale for sample in samples)


def test_few_series_need_few_symbols(run: Run) -> None:
    """TestSymbolTableEfficiency: at most 30 for four series and the report series."""
    body = "".join(f'test_shared{{method="GET",code="{code}"}} 1\n' for code in range(200, 204))
    receiver = run(body, lambda receiver: receiver.requests)
    for message in receiver.messages:
        assert len([text for text in message.symbols if text]) <= 30


def test_failed_scrapes_fill_a_request_with_a_message_a_sample(run: Run) -> None:
    """many_timeseries and high_cardinality of TestEdgeCases (12.4): at least 10 and 20 TimeSeries.

    Only the report series are left, so each of their samples has to be a message of its own, and
    a request has to wait for some scrapes.
    """
    receiver = run(
        MALFORMED, lambda receiver: any(len(message.series) >= 20 for message in receiver.messages)
    )
    assert receiver.names() == REPORT_SERIES
    assert all(len(one.samples) == 1 for message in receiver.messages for one in message.series)


def test_a_malformed_body_is_a_failed_scrape(run: Run) -> None:
    """future_timestamp and stale_marker of TestEdgeCases: nothing of the body, and `up` 0."""
    receiver = run("test_metric 1 never\n", lambda receiver: receiver.requests)
    assert {sample.value for sample in receiver.of("up")} == {0.0}
    assert receiver.names() == REPORT_SERIES


def test_a_large_scrape_is_split(run: Run) -> None:
    """batch_size_reasonable of TestBatchingBehavior, TestRobustnessUnderLoad; 7.1.

    TestConcurrentRequests: several requests are under way, and no series is out of order.
    """

    def is_whole(receiver: Receiver) -> bool:
        return len(receiver.series) >= 12_000 + len(REPORT_SERIES)

    receiver = run(MANY, is_whole)
    assert max(message.items for message in receiver.messages) <= 2000
    assert receiver.disorder() == []
    assert {dict(labels)["i"] for labels in receiver.series if dict(labels).get("i")} == {
        str(index) for index in range(12_000)
    }


def test_a_request_holds_what_one_scrape_brought(run: Run) -> None:
    """multiple_series_per_request, handles_varying_cardinality, metadata_batching, high_cardinality_labels."""
    body = "".join(f'test_{name}{{a="{a}"}} 1\n' for name in ("x", "y", "z") for a in "12")
    receiver = run(body, lambda receiver: receiver.requests)
    first = receiver.messages[0]
    assert {one.name for one in first.series} >= {"test_x", "test_y", "test_z", "up"}
    assert len([one for one in first.series if one.name.startswith("test_")]) >= 6


def test_the_first_version_is_spoken_by_its_own_rules(tmp_path: Path) -> None:
    """TestRemoteWrite1Compatibility and TestRemoteWrite1Configuration, which skip 2.0 senders."""
    body = "# HELP test_total Tested.\n# TYPE test_total counter\ntest_total 1\n"
    with Background() as servers:
        target = servers.enter(MockTarget({"/metrics": body}))
        receiver = servers.enter(Receiver(says_written=False))
        text = config(target.address, [receiver.url], V1).replace(
            "{send: true}", "{send: true, send_interval: 1s}"
        )
        with Launched(tmp_path / "cwd", text) as daemon:
            eventually(lambda: receiver.metadata and receiver.series, what="samples and metadata")
            assert daemon.interrupt() == 0, daemon.output()
    assert receiver.faults == []
    for request in receiver.requests:
        assert request.headers["Content-Type"] == "application/x-protobuf"
        assert request.headers["X-Prometheus-Remote-Write-Version"] == "0.1.0"
    assert {sample.value for sample in receiver.of("test_total")} == {1.0}
    assert not receiver.histograms
    metadata = {one.family: one for one in receiver.metadata}
    (tested,) = (one for family, one in metadata.items() if family.startswith("test"))
    assert (tested.kind, tested.help) == (1, "Tested.")
    with_both = [one for one in receiver.messages if one.metadata and one.series]
    assert with_both == []  # metadata goes by itself (4.6)


def test_a_receiver_of_the_first_version_alone_gets_it(tmp_path: Path) -> None:
    """TestFallbackBehavior: after one answer 415 the same samples again, and it stays at that."""
    with Background() as servers:
        target = servers.enter(MockTarget({"/metrics": "test_metric 1\n"}))
        receiver = servers.enter(Receiver(says_written=False, knows_v2=False))
        text = config(target.address, [receiver.url], V2, batch_send_deadline="200ms").replace(
            f"  protobuf_message: {V2}\n",
            f"  protobuf_message: {V2}\n  protobuf_message_fallback: true\n",
        )
        with Launched(tmp_path / "cwd", text) as daemon:
            eventually(lambda: len(receiver.requests) > 3 and receiver.series, what="requests")
            assert daemon.interrupt() == 0, daemon.output()
    assert receiver.faults == []
    first, *others = [one for one in receiver.messages if one.series]
    assert (first.version, {one.version for one in others}) == (2, {1})
    assert [one.status for one in receiver.requests][:2] == [415, 204]
    refused = {(one.labels, tuple(one.samples)) for one in first.series}
    again = {(one.labels, tuple(one.samples)) for one in others[0].series}
    assert refused == again


def test_a_send_that_is_no_longer_needed_is_said(tmp_path: Path) -> None:
    """T26: the suite's own configuration asks for what the second version does anyway."""
    with Background() as servers:
        target = servers.enter(MockTarget({"/metrics": "test_metric 1\n"}))
        receiver = servers.enter(Receiver())
        text = config(target.address, [receiver.url])
        with Launched(tmp_path / "cwd", text) as daemon:
            eventually(lambda: receiver.requests, what="a request")
            assert daemon.interrupt() == 0, daemon.output()
    assert daemon.output().count("usage of 'metadata_config.send' is redundant") == 1
