"""Targets from the containers and compute nodes of Triton."""

import functools

import msgspec
import pytest

from promscrape.discovery.triton import KIND
from tests.support.clock import ManualClock
from tests.support.entries import pass_until
from tests.support.faults import Fault
from tests.support.web_api import FakeAPI

# The container monitor speaks TLS alone; a certificate would say nothing of what is tested here.
PLAIN = msgspec.structs.replace(KIND, make=functools.partial(KIND.make, scheme="http"))  # type: ignore[call-arg]  # its own
CONTAINERS = {
    "containers": [
        {
            "groups": ["foo", "bar"],
            "server_uuid": "44454c4c-5000-104d-8037-b7c04f5a5131",
            "vm_alias": "server01",
            "vm_brand": "lx",
            "vm_image_uuid": "7b27a514-89d7-11e6-bee6-3f96f367bee7",
            "vm_uuid": "ad466fbf-46a2-4027-9b64-8d3cdb7e9072",
        },
        {"vm_uuid": "b", "groups": None},
    ]
}
NODES = {"cns": [{"server_uuid": "44454c4c", "server_hostname": "server01"}]}


def text_of(api: FakeAPI, more: str = "") -> str:
    endpoint, port = api.url.removeprefix("http://").split(":")
    return f"account: a, dns_suffix: triton.example.com, endpoint: {endpoint}, port: {port}{more}"


async def targets(api: FakeAPI, more: str = "") -> list[dict[str, str]]:
    return await api.targets(PLAIN, text_of(api, more))


async def test_a_container_has_all_its_labels() -> None:
    """5.22, test 124: at its name in the DNS of the data center."""
    async with FakeAPI({"/v1/discover": CONTAINERS}) as api:
        full, bare = await targets(api)
        port = api.server.port
    assert full == {
        "__address__": f"ad466fbf-46a2-4027-9b64-8d3cdb7e9072.triton.example.com:{port}",
        "__meta_triton_machine_id": "ad466fbf-46a2-4027-9b64-8d3cdb7e9072",
        "__meta_triton_machine_alias": "server01",
        "__meta_triton_machine_brand": "lx",
        "__meta_triton_machine_image": "7b27a514-89d7-11e6-bee6-3f96f367bee7",
        "__meta_triton_server_id": "44454c4c-5000-104d-8037-b7c04f5a5131",
        "__meta_triton_groups": ",foo,bar,",
    }
    assert "__meta_triton_groups" not in bare
    assert bare["__meta_triton_machine_alias"] == ""


async def test_groups_and_version_are_in_the_url() -> None:
    """5.22: which is the source as well."""
    async with FakeAPI({"/v2/discover": {"containers": []}}) as api:
        group = await api.group(PLAIN, text_of(api, ", groups: [a, b], version: 2"))
        assert group.source == f"{api.url}/v2/discover?groups=a%2Cb"
    assert api.paths == ["/v2/discover?groups=a%2Cb"]


async def test_a_compute_node_has_all_its_labels() -> None:
    """5.22, test 124."""
    async with FakeAPI({"/v1/gz/discover": NODES}) as api:
        (target,) = await targets(api, ", role: cn")
        port = api.server.port
    assert target == {
        "__address__": f"44454c4c.triton.example.com:{port}",
        "__meta_triton_machine_id": "44454c4c",
        "__meta_triton_machine_alias": "server01",
    }


@pytest.mark.parametrize("fault", [Fault.ERROR, Fault.CUT, Fault.GARBAGE, Fault.WRONG_SHAPE])
async def test_a_failure_keeps_the_targets(fault: Fault) -> None:
    """C-4: whatever the status, what is no JSON of this shape fails."""
    clock = ManualClock()
    async with (
        FakeAPI({"/v1/gz/discover": NODES}) as api,
        api.discovering(PLAIN, text_of(api, ", role: cn"), clock) as found,
    ):
        await found.published.update(1)
        api.faults.active = fault
        await pass_until(clock, lambda: found.refresh_failures, 10)
        assert len(found.published.addresses) == 1
        api.faults.active = None
        await pass_until(clock, lambda: len(found.published.updates) == 2, 10)


async def test_the_monitor_is_asked_over_tls() -> None:
    """5.22: a server that speaks none is told from one that does."""
    clock = ManualClock()
    async with FakeAPI({}) as api, api.discovering(KIND, text_of(api), clock) as found:
        await pass_until(clock, lambda: found.refresh_failures, 10)
    assert 'Get "https://127.0.0.1:' in str(found.logs.entries[0]["err"])
    assert not api.paths
