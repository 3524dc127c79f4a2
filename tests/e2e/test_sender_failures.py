"""The daemon under the public sender suite's launch rules, against receivers that fail.

Remote write 12.3; each test names the suite's tests that it covers. One daemon has a destination
for every kind of failure, which also shows that none of them holds up another.
"""

from collections.abc import Iterator, Mapping
from itertools import pairwise
from pathlib import Path

import pytest

from tests.support.background import Background
from tests.support.mock_target import MockTarget
from tests.support.peers import eventually, free_port
from tests.support.remote_write.faults import (
    CUT,
    HANG,
    TRUNCATE,
    Fault,
    Way,
    answer,
    partly,
)
from tests.support.remote_write.launch import Launched, config
from tests.support.remote_write.receiver import Receiver

FINAL = (400, 401, 404, 413)
RETRIED = (500, 502, 503, 504)
SCRAPES, ATTEMPTS = 6, 5

DEFAULTS: Mapping[str, Fault] = {
    **{f"status-{status}": answer(status, "no") for status in (*FINAL, *RETRIED)},
    "status-429": answer(429, Retry_After="1"),
    "status-999": answer(999),
    "status-200": Fault(Way.SERVE, 200),
    "status-204": Fault(Way.SERVE, 204),
    "empty": Fault(Way.SERVE, 200, ""),
    "partial-400": partly(1, 400),
    "large-error": answer(400, "x" * 1_000_000),
    "large-500": answer(500, "x" * 1_000_000),
    "hang": HANG,
    "cut": CUT,
    "malformed": TRUNCATE,
}

QUICK = {"batch_send_deadline": "1s"}


class Run:
    """What every receiver got in a run, and how the run ended."""

    def __init__(
        self, receivers: Mapping[str, Receiver], scrapes: int, exit_code: int, output: str
    ) -> None:
        self.receivers, self.scrapes = receivers, scrapes
        self.exit_code, self.output = exit_code, output

    def attempts(self, name: str) -> int:
        return len(self.receivers[name].requests)

    def first_batch(self, name: str) -> int:
        """How often the first body came."""
        requests = self.receivers[name].requests
        return sum(request.body == requests[0].body for request in requests)


def is_failed_often(receivers: Mapping[str, Receiver]) -> bool:
    """Whether what is retried was, some times: whatever else was to be sent again would be."""
    retried = [receivers[f"status-{status}"] for status in RETRIED]
    return (
        all(receiver.requests for receiver in receivers.values())
        and all(
            len(receiver.requests) >= ATTEMPTS
            for receiver in (*retried, receivers["cut"], receivers["malformed"])
        )
        and len(receivers["hang"].requests) >= 2
    )


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    with Background() as servers:
        target = servers.enter(MockTarget({"/metrics": "test_metric 1\n"}))
        receivers = {name: servers.enter(Receiver()) for name in DEFAULTS}
        for name, receiver in receivers.items():
            receiver.default = DEFAULTS[name]
        urls = [
            *(receiver.url for receiver in receivers.values()),
            f"http://127.0.0.1:{free_port()}/refused",
            "http://nobody.invalid/dns",
            "invalid://localhost:9999",
        ]
        text = config(target.address, urls, **QUICK).replace(
            f"- url: {receivers['hang'].url}",
            f"- url: {receivers['hang'].url}\n  remote_timeout: 1s",
        )
        folder = tmp_path_factory.mktemp("failures") / "cwd"
        with Launched(folder, text, "--storage.remote.flush-deadline=2s") as daemon:
            eventually(
                lambda: target.scrapes >= SCRAPES and is_failed_often(receivers),
                what="attempts at every receiver",
                within_s=60,
            )
            assert daemon.is_running, daemon.output()
            exit_code = daemon.interrupt()
        yield Run(receivers, target.scrapes, exit_code, daemon.output())


def test_the_daemon_stays_up_and_ends_in_order(run: Run) -> None:
    """TestErrorHandling, TestNetworkErrors: a refused connection, a name and a scheme that are none.

    The suite aborts altogether where a sender has ended before its SIGINT (12.1).
    """
    assert run.exit_code == 0, run.output
    assert "Traceback" not in run.output


@pytest.mark.parametrize("status", FINAL)
def test_a_refusal_is_not_repeated(run: Run, status: int) -> None:
    """TestRetryBehavior no_retry_on_*; T28.

    The same bytes never come twice. What a refused batch is split into are other requests.
    """
    name = f"status-{status}"
    assert run.attempts(name) >= 1
    assert run.first_batch(name) == 1
    assert not any("Retry-Attempt" in request.headers for request in run.receivers[name].requests)


@pytest.mark.parametrize("status", RETRIED)
def test_a_server_s_failure_is_retried(run: Run, status: int) -> None:
    """TestRetryBehavior retry_on_*, sender_continues_after_errors of TestErrorHandling."""
    name = f"status-{status}"
    assert run.first_batch(name) >= 3
    attempts = [
        request.headers.get("Retry-Attempt", "0")
        for request in run.receivers[name].requests
        if request.body == run.receivers[name].requests[0].body
    ]
    assert attempts[:3] == ["0", "1", "2"]


@pytest.mark.parametrize("status", [502, 503])
def test_waits_grow(run: Run, status: int) -> None:
    """TestBackoffBehavior: each wait at least 0.8 of the one before, none over 60 s, none of 0 s.

    To the end of the run, the stop included (7.11).
    """
    times = [request.t_s for request in run.receivers[f"status-{status}"].requests]
    waits = [later - earlier for earlier, later in pairwise(times)]
    assert len(waits) >= 2
    assert all(later >= 0.8 * earlier for earlier, later in pairwise(waits)), waits
    assert min(waits) >= 0.001
    assert max(waits) <= 60


@pytest.mark.parametrize(
    "name",
    [
        "status-429",
        "status-999",
        "status-200",
        "status-204",
        "empty",
        "partial-400",
        "large-error",
        "large-500",
        "hang",
        "cut",
        "malformed",
    ],
)
def test_a_request_comes_whatever_is_answered(run: Run, name: str) -> None:
    """TestResponseProcessing, TestErrorHandling, may_retry_on_429: at least one request."""
    assert run.attempts(name) >= 1
    assert run.receivers[name].faults == []


@pytest.mark.parametrize("name", ["hang", "cut", "malformed"])
def test_an_answer_that_does_not_come_is_retried(run: Run, name: str) -> None:
    """TestErrorHandling handle_timeout, handle_malformed_response; T36."""
    assert run.first_batch(name) >= 2


def test_a_status_that_does_not_exist_is_final(run: Run) -> None:
    """T29: handle_invalid_status_code."""
    assert run.first_batch("status-999") == 1


def test_a_healthy_destination_among_them_gets_everything(run: Run) -> None:
    """Issue 5.4: a dead destination never slows another."""
    receiver = run.receivers["status-204"]
    # The scrape under way at the stop may have been given up.
    assert len(receiver.of("up")) >= run.scrapes - 1 > 1
    assert receiver.disorder() == []


def test_the_log_has_the_peer_s_words_and_not_all_of_them(run: Run) -> None:
    """T42: log_error_messages_verbatim, handle_large_error_response."""
    assert "server returned HTTP status 400 Bad Request: " in run.output
    longest = max(len(line) for line in run.output.splitlines())
    assert longest < 8_000


def test_the_suite_s_own_backoff_run(tmp_path: Path) -> None:
    """exponential_backoff_on_retries with the suite's own configuration, deadline of 5 s and all."""
    with Background() as servers:
        target = servers.enter(MockTarget({"/metrics": "test_metric 1\n"}))
        receiver = servers.enter(Receiver())
        receiver.default = answer(503)
        text = config(target.address, [receiver.url])
        flags = ("--storage.remote.flush-deadline=1s",)
        with Launched(tmp_path / "cwd", text, *flags) as daemon:
            eventually(lambda: len(receiver.requests) >= 7, what="attempts", within_s=30)
            assert daemon.interrupt() == 0, daemon.output()
    waits = [later.t_s - earlier.t_s for earlier, later in pairwise(receiver.requests)]
    assert all(later >= 0.8 * earlier for earlier, later in pairwise(waits)), waits
