"""The installed daemon with the servers that providers ask: what they list is scraped."""

import asyncio

from tests.support.consul_server import FakeConsul, instance
from tests.support.peers import Launcher, Scraper, eventually

GLOBAL = "global: {scrape_interval: 1s, scrape_timeout: 1s}\nscrape_configs:\n"


async def scraped(daemon: Scraper, job: str, *addresses: str) -> None:
    """Return once the targets of a job are these, each scraped with success."""

    def seen() -> bool:
        targets = [target for target in daemon.targets() if target.scrape_pool == job]
        healths = {target.labels["instance"]: target.health for target in targets}
        return healths == dict.fromkeys(addresses, "up")

    await asyncio.to_thread(eventually, seen, what=f"{job} to scrape {addresses}", within_s=30)


async def test_a_service_of_consul_is_scraped_as_long_as_it_is_there(launcher: Launcher) -> None:
    """Discovery 4, tests 93 and 99: with its address, and with the labels that rules make."""
    exporter = await asyncio.to_thread(launcher.node_exporter)
    async with FakeConsul() as consul:
        await consul.register("node", instance("node-1", address="127.0.0.1", port=exporter.port))
        daemon = await asyncio.to_thread(
            launcher.promscrape,
            f"{GLOBAL}"
            "- job_name: consul\n"
            f"  consul_sd_configs: [{{server: '{consul.address}', tags: [http]}}]\n"
            "  relabel_configs:\n"
            "  - {source_labels: [__meta_consul_service], target_label: service}\n",
        )
        await scraped(daemon, "consul", exporter.address)
        (target,) = await asyncio.to_thread(daemon.targets)
        assert target.labels["service"] == "node"
        await consul.deregister("node")
        await scraped(daemon, "consul")
