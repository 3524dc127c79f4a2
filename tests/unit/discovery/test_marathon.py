"""Targets from the applications that Marathon runs."""

from collections.abc import Mapping
from pathlib import Path

import msgspec
import pytest

from promscrape.discovery.marathon import KIND, App, group_of
from promscrape.errors import DiscoveryError
from tests.support.clock import ManualClock
from tests.support.discovery import Discovered
from tests.support.entries import entry_of, pass_until
from tests.support.faults import Fault
from tests.support.web_api import FAILURES, FakeAPI

TEXT = "servers: ['{url}/']"
PATH = "/v2/apps/?embed=apps.tasks"
TASK = {
    "id": "t1",
    "host": "mesos-1",
    "ports": [31000, 31001],
    "ipAddresses": [{"ipAddress": "172.17.0.2", "protocol": "IPv4"}],
    "state": "TASK_RUNNING",
    "slaveId": "s",
}


def app(**fields: object) -> dict[str, object]:
    """Return an entry of `apps` with one task, and what Marathon writes besides."""
    return {
        "id": "/web",
        "cpus": 0.1,
        "labels": {"team.name": "a"},
        "tasksRunning": 1,
        "tasks": [TASK],
        "versionInfo": {"lastScalingAt": "2020-01-01T00:00:00.000Z"},
        **fields,
    }


def targets(**fields: object) -> list[Mapping[str, str]]:
    return list(group_of(msgspec.convert(app(**fields), App)).targets)


def addresses(**fields: object) -> list[str]:
    return [target["__address__"] for target in targets(**fields)]


def test_an_app_is_a_group_with_all_its_labels() -> None:
    """5.12, test 124: by its id; a target for each task and port."""
    mappings = [{"containerPort": 80, "hostPort": 31000, "labels": {"a.b": "c"}}]
    docker = {"type": "DOCKER", "docker": {"image": "nginx:1"}, "portMappings": mappings}
    group = group_of(msgspec.convert(app(container=docker), App))
    assert group.source == "/web"
    assert group.labels == {
        "__meta_marathon_app": "/web",
        "__meta_marathon_image": "nginx:1",
        "__meta_marathon_app_label_team_name": "a",
    }
    assert [dict(target) for target in group.targets] == [
        {
            "__address__": "mesos-1:31000",
            "__meta_marathon_task": "t1",
            "__meta_marathon_port_index": "0",
            "__meta_marathon_port_mapping_label_a_b": "c",
        }
    ]


def test_an_app_without_anything_has_no_targets() -> None:
    """5.12, test 124."""
    group = group_of(msgspec.convert({"id": "/a"}, App))
    assert group.targets == ()
    assert group.labels == {"__meta_marathon_app": "/a", "__meta_marathon_image": ""}


def test_port_definitions_count_where_the_ports_are_required() -> None:
    """5.12, test 111: else the task has the ports that Mesos gave it."""
    definitions = [{"port": 10000, "labels": {"x": "y"}}, {"port": 10001}]
    assert addresses(portDefinitions=definitions, requirePorts=True) == [
        "mesos-1:10000",
        "mesos-1:10001",
    ]
    found = targets(portDefinitions=definitions, requirePorts=False)
    assert [one["__address__"] for one in found] == ["mesos-1:31000", "mesos-1:31001"]
    assert found[0]["__meta_marathon_port_definition_label_x"] == "y"
    assert addresses(portDefinitions=definitions[:1]) == ["mesos-1:0"]


def test_a_container_network_has_its_own_addresses_and_ports() -> None:
    """5.12, test 111."""
    mappings = [{"containerPort": 80, "hostPort": 31000}]
    network = [{"name": "dcos", "mode": "container"}]
    container = {"portMappings": mappings}
    assert addresses(container=container, networks=network) == ["172.17.0.2:80"]
    task = TASK | {"ipAddresses": []}
    assert addresses(container=container, networks=network, tasks=[task]) == ["mesos-1:80"]


def test_the_older_place_of_port_mappings_is_known() -> None:
    """5.12: within `docker`, until Marathon 1.5; a host port of 0 is the task's."""
    docker = {"docker": {"portMappings": [{"containerPort": 1}, {"hostPort": 31009}]}}
    assert addresses(container=docker) == ["mesos-1:31000", "mesos-1:31009"]


def test_without_declared_ports_those_of_the_first_task_are_everyones() -> None:
    """5.12 (REF-Q)."""
    other = TASK | {"id": "t2", "host": "mesos-2", "ports": [31005]}
    assert addresses(tasks=[TASK, other]) == [
        "mesos-1:31000",
        "mesos-1:31001",
        "mesos-2:31000",
        "mesos-2:31001",
    ]


async def test_an_app_that_is_gone_gets_an_empty_group() -> None:
    """5.12, test 111: once; a failure in between does not forget it."""
    clock = ManualClock()
    async with (
        FakeAPI({PATH: {"apps": [app(), app(id="/db")]}}) as api,
        api.discovering(KIND, TEXT, clock) as found,
    ):
        await found.published.update(1)
        api.faults.active = Fault.ERROR
        await pass_until(clock, lambda: found.refresh_failures)
        api.answers[PATH] = {"apps": [app()]}
        api.faults.active = None
        await pass_until(clock, lambda: len(found.published.updates) == 3)
        assert found.published.sources[1:] == [["/web", "-/db"], ["/web"]]


async def test_the_token_of_a_file_is_read_for_each_request(tmp_path: Path) -> None:
    """5.12: trimmed, in a scheme of Marathon's own."""
    path = tmp_path / "token"
    path.write_text(" first\n")
    text, clock = f"{TEXT}, auth_token_file: '{path}'", ManualClock()
    async with FakeAPI({PATH: {"apps": []}}) as api, api.discovering(KIND, text, clock) as found:
        await found.published.update(1)
        assert api.server.sent("Authorization")[0] == "token=first"
        path.write_text("second")
        await pass_until(clock, lambda: "token=second" in api.server.sent("Authorization"))


def test_a_token_file_that_is_not_there_fails_the_entry(tmp_path: Path) -> None:
    """5.12, M-3: when the provider is made."""
    entry = entry_of(KIND, f"servers: [a], auth_token_file: '{tmp_path}/none'")
    with pytest.raises(DiscoveryError, match="unable to read auth token"):
        Discovered(KIND, entry)


@pytest.mark.parametrize("fault", FAILURES)
async def test_a_failure_keeps_the_targets(fault: Fault) -> None:
    """C-4, B-6."""
    async with FakeAPI({PATH: {"apps": [app()]}}) as api:
        await api.check_failure(KIND, TEXT, fault)


async def test_refused_access_is_told() -> None:
    """P-22."""
    async with FakeAPI({}) as api:
        await api.check_refused(KIND, f"{TEXT}, auth_token: hidden", "hidden")
