"""The installed daemon with kinds of discovery that other packages bring, good and bad ones."""

import re
import signal
from pathlib import Path

import pytest

from tests.support.peers import Launcher, Scraper, eventually, run_promscrape
from tests.support.plugin import example_sources, install, install_example

CRASHES = "promscrape_sd_provider_crashes_total"
FAILED = "prometheus_sd_failed_configs"

# One kind for each way to fail that a test needs.
BAD = """
import asyncio, sys
from promscrape import extend

class Config(extend.ConfigStruct, frozen=True, kw_only=True):
    mode: str = ""
    secret: extend.Secret = extend.Secret()

    def check(self):
        if self.mode == "check":
            raise AttributeError("a bug in check")
        if self.mode == "wrong":
            yield extend.InvalidValue("there is no such mode", at=("mode",))

class Provider:
    def __init__(self, mode):
        self.mode = mode

    async def run(self, publish):
        if self.mode == "exit":
            sys.exit(1)
        if self.mode == "lie":
            publish([extend.TargetGroup(({"__address__": 1},), {}, "s")])
        publish([extend.TargetGroup(({"__address__": "ADDRESS"},), {"mode": self.mode}, "s")])
        if self.mode == "crash":
            raise KeyError("a bug in run")
        while True:
            try:
                await asyncio.sleep(3600)
            except asyncio.CancelledError:
                if self.mode != "cling":
                    raise

def make(config, context, metrics):
    if config.mode == "make":
        raise RuntimeError("a bug in make")
    return Provider(config.mode)

bad = extend.Kind("bad", Config, extend.NoMetrics, make)
"""


@pytest.fixture(name="packages")
def make_packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder of packages that every daemon of the test sees."""
    folder = tmp_path / "packages"
    folder.mkdir()
    monkeypatch.setenv("PYTHONPATH", str(folder))
    return folder


def pools(daemon: Scraper) -> set[str]:
    return {target.scrape_pool for target in daemon.targets()}


def test_the_example_of_the_documentation_works(
    launcher: Launcher, packages: Path, tmp_path: Path
) -> None:
    """Issue 6, P-4, test 27: built and installed as anybody would, and followed when it changes."""
    install_example(packages, tmp_path / "sources")
    exporter = launcher.node_exporter()
    hosts = tmp_path / "hosts.txt"
    hosts.write_text("127.0.0.1\n")
    config = (
        "global: {scrape_interval: 1s, scrape_timeout: 1s}\n"
        "scrape_configs:\n"
        "- job_name: node\n"
        "  relabel_configs: [{source_labels: [__meta_hosts_path], target_label: path}]\n"
        "  hosts_sd_configs:\n"
        f"  - {{path: {hosts}, port: {exporter.port}, refresh_interval: 1s}}\n"
    )
    daemon = launcher.promscrape(config)
    (target,) = daemon.wait_up()
    assert target.labels == {"instance": exporter.address, "job": "node", "path": str(hosts)}
    assert target.discovered_labels["__meta_hosts_path"] == str(hosts)
    hosts.write_text("")
    eventually(lambda: not daemon.targets(), what="the target to go")


def test_the_example_has_the_thirty_lines_that_it_is_said_to_have() -> None:
    """Issue 6: a plug-in is a small thing."""
    lines = [line for line in example_sources()["promscrape_hosts.py"].splitlines() if line]
    assert len(lines) <= 32


def test_what_is_wrong_in_an_entry_is_placed(packages: Path, tmp_path: Path) -> None:
    """Issue 6, T: as for the kinds that promscrape has; the secret next to it is not shown."""
    install(packages, "bad-discovery", "bad", BAD)
    config = tmp_path / "c.yml"
    for mode, message in (
        ("wrong", "there is no such mode"),
        ("check", "plug-in bad-discovery: AttributeError: a bug in check"),
    ):
        config.write_text(
            "scrape_configs:\n- job_name: a\n  bad_sd_configs:\n"
            f"  - {{mode: {mode}, secret: hunter2}}\n"
        )
        checked = run_promscrape("check", "config", str(config))
        assert checked.returncode == 1
        assert message in checked.stderr
        assert "c.yml:4:" in checked.stderr
        assert "hunter2" not in checked.stderr + checked.stdout
    config.write_text("scrape_configs: [{job_name: a, bad_sd_configs: [{mood: x}]}]\n")
    assert "did you mean `mode`?" in run_promscrape("check", "config", str(config)).stderr


def test_a_package_that_cannot_be_imported_matters_where_it_is_used(
    packages: Path, tmp_path: Path
) -> None:
    """Issue 6, P-4: a file without its key is not concerned; one with it says why, and where."""
    install(packages, "broken-discovery", "broken", "import no_such_library")
    config = tmp_path / "c.yml"
    config.write_text("scrape_configs: [{job_name: a, static_configs: [{targets: [b]}]}]\n")
    assert run_promscrape("check", "config", str(config)).returncode == 0
    config.write_text("scrape_configs:\n- job_name: a\n  broken_sd_configs: [{token: hunter2}]\n")
    checked = run_promscrape("check", "config", str(config))
    assert checked.returncode == 1
    assert "plug-in broken-discovery: ModuleNotFoundError: No module named" in checked.stderr
    assert "c.yml:3:" in checked.stderr
    assert "hunter2" not in checked.stderr


@pytest.mark.parametrize("name", ["demo", "dns"])
def test_one_name_from_two_packages_is_refused(packages: Path, tmp_path: Path, name: str) -> None:
    """P-4, test 27: nobody could say which one is meant."""
    config = tmp_path / "c.yml"
    config.write_text("scrape_configs: []\n")
    install(packages, "one-discovery", name, "")
    if name == "demo":
        install(packages, "other-discovery", name, "")
    ended = run_promscrape(f"--config.file={config}", f"--storage.agent.path={tmp_path / 'data'}")
    assert ended.returncode == 2
    others = ("one-discovery", "other-discovery") if name == "demo" else ("promscrape",)
    assert all(other in ended.stderr for other in others)
    assert f"bring the service discovery {name}" in ended.stderr


def test_no_failure_touches_the_others(launcher: Launcher, packages: Path) -> None:
    """P-8, test 28, issue 6: each is counted and shown, and what was good stays."""
    exporter = launcher.node_exporter()
    install(packages, "bad-discovery", "bad", BAD.replace("ADDRESS", exporter.address))
    modes = ["make", "exit", "lie", "crash", "cling"]
    jobs = [
        f"- {{job_name: {mode}, bad_sd_configs: [{{mode: {mode}, secret: hunter2}}]}}\n"
        for mode in modes
    ]
    good = f"- {{job_name: good, static_configs: [{{targets: ['{exporter.address}']}}]}}\n"
    head = "global: {scrape_interval: 1s, scrape_timeout: 1s}\nscrape_configs:\n"
    daemon = launcher.promscrape(f"{head}{''.join(jobs)}{good}", flags=("--web.enable-lifecycle",))
    eventually(lambda: pools(daemon) == {"good", "crash", "cling"}, what="the good targets")
    daemon.wait_up()
    assert daemon.metric(FAILED, name="scrape") == 1
    eventually(lambda: (daemon.metric(CRASHES, provider="bad") or 0) >= 3, what="three crashes")
    output = daemon.output()
    assert "a bug in make" in output
    assert "a bug in run" in output
    assert re.search(r"published int as the value of __address__", output)
    assert "hunter2" not in output + daemon.get("/api/v1/status/config").text

    # A provider that heeds no cancellation holds a reload up for its patience, and no longer.
    daemon.config_path.write_text(f"{head}{good}")
    daemon.signal(signal.SIGHUP)
    eventually(lambda: pools(daemon) == {"good"}, what="the others to go", within_s=30)
    daemon.wait_up()
    eventually(lambda: "does not end" in daemon.output(), what="a word about it", within_s=30)
    assert daemon.stop(within_s=30) == 0
