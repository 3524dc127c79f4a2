"""A daemon whose configuration asks for more than this version does."""

from tests.support.peers import Launcher, eventually

CONFIG = """\
remote_write:
- url: http://u:s3cr3t@127.0.0.1:1/push
  headers: {X-Open: open}
- url: http://127.0.0.1:1/other
  basic_auth: {username: u, password: s3cr3t}
"""
METRIC = "promscrape_config_unused_sections"


def test_destinations_that_get_nothing_are_said_at_each_load(launcher: Launcher) -> None:
    """One error for each in the log, their number in the metrics, and no secret anywhere."""
    daemon = launcher.promscrape(CONFIG, flags=("--web.enable-lifecycle",))
    event = "remote_write is not built in this version; samples stay in the log"
    assert daemon.output().count(event) == 2
    metrics = daemon.get("/metrics").text
    assert f'{METRIC}{{section="remote_write"}} 2.0' in metrics
    shown = daemon.get("/api/v1/status/config").text
    assert "http://u:xxxxx@127.0.0.1:1/push" in shown
    assert "s3cr3t" not in daemon.output() + metrics + shown

    assert daemon.request("POST", "/-/reload").status == 200
    eventually(lambda: daemon.output().count(event) == 4, what="the errors of the second load")
    daemon.config_path.write_text("")
    assert daemon.request("POST", "/-/reload").status == 200
    assert f'{METRIC}{{section="remote_write"}} 0.0' in daemon.get("/metrics").text
