"""The harness itself: each real program starts, answers, and ends when told to."""

import signal
from pathlib import Path

import pytest

from tests.support.peers import Launcher, Program, eventually, free_port, run_promscrape

ROOT = Path(__file__).parents[2]


def scrape_of(target: Program) -> str:
    """Return a configuration that scrapes `target` every 200 ms."""
    return (
        "global: {scrape_interval: 200ms, scrape_timeout: 200ms}\n"
        "scrape_configs:\n"
        f'- {{job_name: peer, static_configs: [{{targets: ["{target.address}"]}}]}}\n'
    )


def test_node_exporter_exposes_this_machine(node_exporter: Program) -> None:
    """The body that most fleets serve; the daemon is measured and compared on it."""
    assert (node_exporter.metric("node_memory_MemTotal_bytes") or 0) > 0


def test_alertmanager_exposes_its_own_metrics(alertmanager: Program) -> None:
    """A second Go program, with histograms and summaries in its body."""
    assert alertmanager.metric("alertmanager_alerts", state="active") == 0


def test_haproxy_exposes_its_own_metrics(haproxy: Program) -> None:
    """An exposition that no Prometheus client library wrote."""
    assert haproxy.metric("haproxy_frontend_status", proxy="metrics", state="UP") == 1


def test_prometheus_answers_queries_on_what_it_scraped(launcher: Launcher) -> None:
    """The second opinion of every comparison: the same targets, read back through PromQL."""
    target = launcher.alertmanager()
    prometheus = launcher.prometheus(scrape_of(target))
    (scraped,) = prometheus.wait_up()
    assert scraped.labels == {"instance": target.address, "job": "peer"}

    samples = eventually(lambda: prometheus.query('up{job="peer"}'), what="a sample of up")
    assert [(sample.labels["instance"], sample.value) for sample in samples] == [
        (target.address, 1.0)
    ]

    def three_points() -> bool:
        return any(len(series.points) >= 3 for series in prometheus.raw("up[1m]"))

    eventually(three_points, what="three samples of up")
    (raw,) = prometheus.raw("up[1m]")
    (ranged,) = prometheus.query_range(
        "up", start_s=raw.points[0].t_s, end_s=raw.points[-1].t_s, step_s=0.2
    )
    assert {value for _, value in ranged.points} == {1.0}
    assert ranged.labels == raw.labels == {"__name__": "up", **scraped.labels}


def test_a_prometheus_server_opens_the_log_of_an_agent(launcher: Launcher, tmp_path: Path) -> None:
    """Storage 5.1: what a daemon wrote is judged by opening its directory with another program."""
    target, data = launcher.alertmanager(), tmp_path / "data"
    agent = launcher.prometheus_agent(scrape_of(target), data_dir=data)
    agent.wait_up()
    eventually(
        lambda: (agent.metric("prometheus_agent_samples_appended_total", type="float") or 0) > 0,
        what="samples in the agent's log",
    )
    assert agent.stop() == 0

    server = launcher.prometheus(data_dir=data)
    (up,) = server.raw('up{job="peer"}[1h]')
    assert {value for _, value in up.points} == {1.0}


def test_a_program_that_ends_early_is_reported_with_its_output(launcher: Launcher) -> None:
    """A wrong configuration must show its error, not a time-out."""
    with pytest.raises(AssertionError, match=r"(?s)ended with 2:.*field nonsense not found"):
        launcher.prometheus("nonsense: 1\n")


def test_a_program_is_told_apart_from_its_crash(alertmanager: Program) -> None:
    """Crash tests end a program by SIGKILL and look at what it left behind."""
    alertmanager.kill()

    assert alertmanager.exit_code == -signal.SIGKILL
    with pytest.raises(ConnectionError):
        alertmanager.get("/-/ready")


def test_promscrape_scrapes_what_prometheus_scrapes(launcher: Launcher) -> None:
    """The daemon under the same harness: one target, one configuration, the same series."""
    target = launcher.alertmanager()
    promscrape = launcher.promscrape(scrape_of(target))
    prometheus = launcher.prometheus(scrape_of(target))

    (ours,), (theirs,) = promscrape.wait_up(), prometheus.wait_up()
    assert (ours.labels, ours.scrape_url) == (theirs.labels, theirs.scrape_url)
    assert promscrape.metric("prometheus_ready") == 1
    assert promscrape.stop() == 0


def test_the_default_configuration_scrapes_the_daemon_itself(launcher: Launcher) -> None:
    """What `make run` starts has to show something: its own target, up."""
    port = free_port()
    config = (ROOT / "config" / "promscrape.yml").read_text()
    for written, quick in (
        ("localhost:9090", f"127.0.0.1:{port}"),
        (" 15s", " 1s"),
        (" 10s", " 1s"),
    ):
        assert written in config
        config = config.replace(written, quick)
    promscrape = launcher.promscrape(config, port=port)

    (itself,) = promscrape.wait_up()
    assert itself.labels == {"instance": promscrape.address, "job": "promscrape"}


def test_a_command_line_runs_to_its_end() -> None:
    """Service 1: the version goes to stdout, and the exit code is 0."""
    run = run_promscrape("--version")

    assert run.returncode == 0
    assert run.stdout.startswith("promscrape, version ")
