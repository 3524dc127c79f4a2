"""The installed daemon with the servers that providers ask: what they list is scraped."""

import asyncio
from pathlib import Path

from tests.support.consul_server import FakeConsul, instance
from tests.support.docker_daemon import FakeDocker, attached, container, port
from tests.support.faults import Fault
from tests.support.nomad_server import FakeNomad, registration
from tests.support.peers import Launcher, Scraper, eventually
from tests.support.swarm_objects import node, published, service, task

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


async def test_a_provider_that_fails_takes_no_other_with_it(
    launcher: Launcher, tmp_path: Path
) -> None:
    """Discovery 5.5, 5.6, 5.14, C-4: Docker over its socket, a swarm and Nomad in one daemon."""
    exporter = await asyncio.to_thread(launcher.node_exporter)
    other = await asyncio.to_thread(launcher.node_exporter)
    path = tmp_path / "docker.sock"
    async with FakeDocker(path) as docker, FakeDocker() as swarm, FakeNomad() as nomad:
        networks = {"bridge": attached(ip="127.0.0.1")}
        docker.lists["/containers/json"] = [
            container("node", networks=networks, ports=[port(exporter.port)])
        ]
        swarm.lists |= {
            "/nodes": [node("n", "127.0.0.1")],
            "/services": [service("s")],
            "/tasks": [
                task("t", "s", "n", addresses=(), on_host=[published(1, exporter.port)]),
            ],
        }
        nomad.registrations = [registration("node", address="127.0.0.1", port=exporter.port)]
        daemon = await asyncio.to_thread(
            launcher.promscrape,
            f"{GLOBAL}"
            "- job_name: docker\n"
            f"  docker_sd_configs: [{{host: 'unix://{path}', refresh_interval: 1s}}]\n"
            "- job_name: swarm\n"
            f"  dockerswarm_sd_configs: [{{host: '{swarm.server.url}', role: tasks,"
            " refresh_interval: 1s}]\n"
            "- job_name: nomad\n"
            f"  nomad_sd_configs: [{{server: '{nomad.server.url}', refresh_interval: 1s}}]\n",
        )
        for job in ("docker", "swarm", "nomad"):
            await scraped(daemon, job, exporter.address)

        docker.faults.active, swarm.faults.active = Fault.HANG, Fault.GARBAGE
        nomad.registrations = [registration("node", address="127.0.0.1", port=other.port)]
        await scraped(daemon, "nomad", other.address)
        await asyncio.to_thread(
            eventually,
            lambda: all(_failures(daemon, kind) for kind in ("docker", "dockerswarm")),
            what="both to have failed",
        )
        await scraped(daemon, "docker", exporter.address)
        await scraped(daemon, "swarm", exporter.address)

        docker.lists["/containers/json"] = []
        docker.faults.active = None
        await scraped(daemon, "docker")


def _failures(daemon: Scraper, kind: str) -> float:
    job = kind.removeprefix("docker") or kind
    name = "prometheus_sd_refresh_failures_total"
    return daemon.metric(name, mechanism=kind, config=job) or 0.0
