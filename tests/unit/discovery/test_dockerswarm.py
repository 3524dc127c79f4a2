"""Targets from the services, tasks and nodes of a Docker swarm."""

from collections.abc import AsyncIterator, Mapping

import pytest
import pytest_asyncio

from promscrape.discovery.dockerswarm import KIND
from tests.support.clock import ManualClock
from tests.support.discovery import discovering
from tests.support.docker_daemon import OVERLAY, FakeDocker
from tests.support.entries import entry_of, pass_until
from tests.support.faults import Fault
from tests.support.swarm_objects import node, published, service, swarm_network, task

NODE = {
    "__meta_dockerswarm_node_id": "n1",
    "__meta_dockerswarm_node_role": "manager",
    "__meta_dockerswarm_node_availability": "active",
    "__meta_dockerswarm_node_hostname": "host-n1",
    "__meta_dockerswarm_node_platform_architecture": "x86_64",
    "__meta_dockerswarm_node_platform_os": "linux",
    "__meta_dockerswarm_node_status": "ready",
    "__meta_dockerswarm_node_address": "192.0.2.1",
    "__meta_dockerswarm_node_label_rack_id": "r1",
}
MANAGER = {
    "__meta_dockerswarm_node_engine_version": "19.03.8",
    "__meta_dockerswarm_node_manager_leader": "true",
    "__meta_dockerswarm_node_manager_reachability": "reachable",
    "__meta_dockerswarm_node_manager_address": "192.0.2.1:2377",
}
SERVICE = {
    "__meta_dockerswarm_service_id": "s1",
    "__meta_dockerswarm_service_name": "name-s1",
    "__meta_dockerswarm_service_mode": "replicated",
    "__meta_dockerswarm_service_label_tier": "web",
}
TEMPLATE = {
    "__meta_dockerswarm_service_task_container_hostname": "h",
    "__meta_dockerswarm_service_task_container_image": "nginx:1.27",
}
NETWORK = {
    "__meta_dockerswarm_network_id": OVERLAY,
    "__meta_dockerswarm_network_name": "ingress",
    "__meta_dockerswarm_network_scope": "swarm",
    "__meta_dockerswarm_network_internal": "true",
    "__meta_dockerswarm_network_ingress": "true",
}
TASK = {
    "__meta_dockerswarm_task_id": "t1",
    "__meta_dockerswarm_task_desired_state": "running",
    "__meta_dockerswarm_task_state": "running",
    "__meta_dockerswarm_task_slot": "2",
    "__meta_dockerswarm_task_container_id": "container-t1",
    "__meta_dockerswarm_container_label_app_x": "y",
}


@pytest_asyncio.fixture(name="daemon")
async def run_daemon() -> AsyncIterator[FakeDocker]:
    async with FakeDocker() as daemon:
        daemon.lists = {
            "/networks": [swarm_network()],
            "/nodes": [node("n1")],
            "/services": [service("s1")],
            "/tasks": [task("t1", "s1", "n1")],
        }
        yield daemon


async def targets(daemon: FakeDocker, role: str, more: str = "") -> list[Mapping[str, str]]:
    """Return what a refresh makes of the daemon's lists."""
    entry = entry_of(KIND, f"host: '{daemon.server.url}', role: {role}{more}")
    async with discovering(KIND, entry) as found:
        (group,) = await found.published.update(1)
    assert (group.source, group.labels) == ("DockerSwarm", {})
    return [dict(target) for target in group.targets]


async def test_a_node_has_all_its_labels(daemon: FakeDocker) -> None:
    """5.6, test 124: the manager's where it is one."""
    daemon.lists["/nodes"] = [node("n1"), node("n2", "fd00::2", is_manager=False)]
    manager, worker = await targets(daemon, "nodes", ", port: 9323")
    assert manager == {"__address__": "192.0.2.1:9323", **NODE, **MANAGER}
    assert worker["__address__"] == "[fd00::2]:9323"
    assert not any("manager_" in name for name in worker)
    assert daemon.paths[1:] == ["/v1.41/nodes"]


async def test_a_service_is_a_target_for_each_port_and_address(daemon: FakeDocker) -> None:
    """5.6, test 110: at the published port; the protocols other than TCP are left out."""
    ports = [published(80, 8080, name="http"), published(53, 5353, protocol="udp")]
    daemon.lists["/services"] = [
        service("s1", ports=ports, ips=("10.0.0.5/24", "10.0.1.5/24"), state="updating")
    ]
    found = await targets(daemon, "services")
    common = {
        **SERVICE,
        **TEMPLATE,
        **NETWORK,
        "__meta_dockerswarm_service_updating_status": "updating",
        "__meta_dockerswarm_service_endpoint_port_name": "http",
        "__meta_dockerswarm_service_endpoint_port_publish_mode": "ingress",
    }
    assert found == [
        {"__address__": "10.0.0.5:8080", **common},
        {"__address__": "10.0.1.5:8080", **common},
    ]


async def test_a_service_without_ports_has_the_entrys(daemon: FakeDocker) -> None:
    """5.6."""
    (found,) = await targets(daemon, "services")
    assert found == {"__address__": "10.0.0.5:80", **SERVICE, **TEMPLATE, **NETWORK}


async def test_a_service_of_a_plugin_has_no_container(daemon: FakeDocker) -> None:
    """5.6, test 110."""
    plugin = service("s1", has_container=False, mode={"Global": {}})
    daemon.lists["/services"] = [plugin]
    (found,) = await targets(daemon, "services")
    assert not set(TEMPLATE) & set(found)
    assert found["__meta_dockerswarm_service_mode"] == "global"


async def test_a_mode_that_is_neither_is_empty(daemon: FakeDocker) -> None:
    """5.6: a job runs its tasks to their end."""
    daemon.lists["/services"] = [service("s1", mode={"ReplicatedJob": {"MaxConcurrent": 1}})]
    (found,) = await targets(daemon, "services")
    assert found["__meta_dockerswarm_service_mode"] == ""


async def test_a_task_is_a_target_on_its_node_and_in_its_networks(daemon: FakeDocker) -> None:
    """5.6, test 124: with the labels of its service and its node."""
    daemon.lists["/services"] = [service("s1", ports=[published(80, 8080)])]
    on_host = [published(90, 9090) | {"PublishMode": "host"}, published(1, 2, protocol="udp")]
    daemon.lists["/tasks"] = [task("t1", "s1", "n1", on_host=on_host)]
    host, in_network = await targets(daemon, "tasks")
    assert host == {
        "__address__": "192.0.2.1:9090",
        "__meta_dockerswarm_task_port_publish_mode": "host",
        **TASK,
        **SERVICE,
        **NODE,
    }
    assert in_network == {
        "__address__": "10.0.0.7:8080",
        "__meta_dockerswarm_task_port_publish_mode": "ingress",
        **TASK,
        **SERVICE,
        **NODE,
        **NETWORK,
    }


async def test_a_task_without_ports_has_the_entrys(daemon: FakeDocker) -> None:
    """5.6: also where its service or its node is gone, as during a deployment."""
    daemon.lists["/tasks"] = [
        task("t1", "s1", "n1"),
        task("t2", "gone", "gone", addresses=["10.0.0.8/24", "fd00::8/64"]),
    ]
    found = await targets(daemon, "tasks", ", port: 9")
    assert [one["__address__"] for one in found] == ["10.0.0.7:9", "10.0.0.8:9", "[fd00::8]:9"]
    assert not any("_service_" in name or "_node_" in name for name in found[1])


async def test_filters_are_for_the_list_of_the_role(daemon: FakeDocker) -> None:
    """5.6: what it refers to is wanted whole."""
    await targets(daemon, "tasks", ", filters: [{name: desired-state, values: [running]}]")
    encoded = "%7B%22desired-state%22%3A%7B%22running%22%3Atrue%7D%7D"
    assert daemon.paths == [
        "/_ping",
        f"/v1.41/tasks?filters={encoded}",
        "/v1.41/services",
        "/v1.41/nodes",
        "/v1.41/networks",
    ]


@pytest.mark.parametrize("address", ["", "10.0.0.5", "a/24", "10.0.0.5/64"])
@pytest.mark.parametrize("role", ["services", "tasks"])
async def test_an_address_that_is_none_fails_the_refresh(
    daemon: FakeDocker, role: str, address: str
) -> None:
    """5.6, C-4: half of the targets would be worse than those of before."""
    entry, clock = entry_of(KIND, f"host: '{daemon.server.url}', role: {role}"), ManualClock()
    async with discovering(KIND, entry, clock) as found:
        await found.published.update(1)
        daemon.lists["/services"] = [service("s1"), service("s2", ips=[address])]
        daemon.lists["/tasks"] = [task("t1", "s1", "n1", addresses=[address])]
        await pass_until(clock, lambda: (found.refresh_failures or 0) > 1)
        assert len(found.published.updates) == 1
        assert f'invalid CIDR address: "{address}"' in str(found.logs.entries[0]["err"])
    assert len(found.published.addresses) == 1


async def test_nothing_of_a_half_answered_refresh_is_published(daemon: FakeDocker) -> None:
    """C-4: a list that fails takes those before it along."""
    daemon.faults.where, daemon.faults.active = "/nodes", Fault.ERROR
    entry, clock = entry_of(KIND, f"host: '{daemon.server.url}', role: tasks"), ManualClock()
    async with discovering(KIND, entry, clock) as found:
        await pass_until(clock, lambda: found.refresh_failures)
        assert not found.published.updates
        daemon.faults.active = None
        await pass_until(clock, lambda: found.published.updates)
