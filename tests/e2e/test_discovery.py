"""The installed daemon, with kinds of discovery that it has no provider of."""

from tests.support.peers import Launcher, eventually

FAILED = "prometheus_sd_failed_configs"


def test_a_kind_without_a_provider_takes_nothing_with_it(launcher: Launcher) -> None:
    """M-3, M-4: its job is there without targets, it is logged and counted, others are scraped."""
    exporter = launcher.node_exporter()
    daemon = launcher.promscrape(
        "global: {scrape_interval: 1s, scrape_timeout: 1s}\n"
        "scrape_configs:\n"
        f"- {{job_name: node, static_configs: [{{targets: ['{exporter.address}']}}]}}\n"
        "- {job_name: cloud, ec2_sd_configs: [{port: 1}, {port: 2}]}\n",
        flags=("--web.enable-lifecycle",),
    )
    assert {target.scrape_pool for target in daemon.wait_up()} == {"node"}
    pools = daemon.api("scrape_pools", dict[str, list[str]])["scrapePools"]
    assert sorted(pools) == ["cloud", "node"]
    assert daemon.metric(FAILED, name="scrape") == 2
    assert daemon.metric("prometheus_sd_discovered_targets", name="scrape", config="cloud") == 0
    errors = [line for line in daemon.output().splitlines() if "level=error" in line.lower()]
    assert len(errors) == 2
    for line in errors:
        assert 'msg="Cannot create service discovery"' in line
        assert "type=ec2" in line
        assert "config=cloud" in line

    daemon.config_path.write_text("scrape_configs: [{job_name: cloud}]\n")
    assert daemon.request("POST", "/-/reload").status == 200
    eventually(lambda: daemon.metric(FAILED, name="scrape") == 0, what="nothing to fail")
