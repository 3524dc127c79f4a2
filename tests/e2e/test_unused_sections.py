"""A daemon whose configuration asks for more than this version does."""

from pathlib import Path

from tests.support.peers import Launcher, eventually, run_promscrape

CONFIG = """\
tracing: {endpoint: 127.0.0.1:1}
remote_write:
- url: http://u:s3cr3t@127.0.0.1:1/push
  headers: {X-Open: open}
- url: http://127.0.0.1:1/other
  basic_auth: {username: u, password: s3cr3t}
"""
TWICE = "remote_write: [{url: 'http://u:a@h/p'}, {url: 'http://u:b@h/p'}]"
METRIC = "promscrape_config_unused_sections"


def test_sections_without_effect_are_said_at_each_load(launcher: Launcher) -> None:
    """One error for each in the log, their number in the metrics, and no secret anywhere."""
    daemon = launcher.promscrape(CONFIG, flags=("--web.enable-lifecycle",))
    event = "tracing is not built in this version; no traces are sent"
    assert daemon.output().count(event) == 1
    metrics = daemon.get("/metrics").text
    assert f'{METRIC}{{section="tracing"}} 1.0' in metrics
    shown = daemon.get("/api/v1/status/config").text
    assert "http://u:xxxxx@127.0.0.1:1/push" in shown
    assert "s3cr3t" not in daemon.output() + metrics + shown

    assert daemon.request("POST", "/-/reload").status == 200
    eventually(lambda: daemon.output().count(event) == 2, what="the error of the second load")
    daemon.config_path.write_text("")
    assert daemon.request("POST", "/-/reload").status == 200
    assert f'{METRIC}{{section="tracing"}} 0.0' in daemon.get("/metrics").text


def test_a_destination_that_stands_twice_ends_the_start(tmp_path: Path) -> None:
    """Config 46, service 14: found when it is applied; the password makes no difference."""
    path = tmp_path / "twice.yml"
    path.write_text(TWICE)
    ended = run_promscrape(
        f"--config.file={path}",
        f"--storage.agent.path={tmp_path / 'data'}",
        "--web.listen-address=127.0.0.1:0",
    )
    assert ended.returncode == 1
    assert "Fatal error" in ended.stderr
    assert (
        "duplicate remote write configs are not allowed, "
        "found duplicate for URL: http://u:xxxxx@h/p"
    ) in ended.stderr


def test_a_destination_that_stands_twice_fails_a_reload(launcher: Launcher) -> None:
    """Config 46: the jobs of the new file are taken over all the same."""
    daemon = launcher.promscrape("", flags=("--web.enable-lifecycle",))
    job = f"{{job_name: new, static_configs: [{{targets: ['{daemon.address}']}}]}}"
    daemon.config_path.write_text(f"{TWICE}\nscrape_configs: [{job}]\n")
    answer = daemon.request("POST", "/-/reload")
    assert answer.status == 500
    assert "one or more errors occurred while applying the new configuration" in answer.text
    assert daemon.metric("prometheus_config_last_reload_successful") == 0
    eventually(
        lambda: [target.scrape_pool for target in daemon.targets()] == ["new"], what="the new job"
    )
