"""Targets from the instances and bare metal servers of Scaleway."""

from pathlib import Path

import pytest

from promscrape.discovery.scaleway import KIND
from tests.support.clock import ManualClock
from tests.support.entries import pass_until
from tests.support.faults import Fault
from tests.support.web_api import FAILURES, FakeAPI

SECRET = "6d6579e5-a5b9-49fc-a35f-b4feb9b87301"
INSTANCE = {
    "id": "b4b0e8f4-4d45-43ad-8d5c-eb3dbd6a0cb6",
    "name": "scw-nervous-shirley",
    "arch": "x86_64",
    "commercial_type": "DEV1-S",
    "boot_type": "local",
    "organization": "20b3d507-96ac-454c-a795-bc731b46b12f",
    "project": "30b3d507-96ac-454c-a795-bc731b46b12f",
    "hostname": "scw-nervous-shirley",
    "image": {"id": "45a86b35", "name": "Ubuntu 20.04", "arch": "x86_64", "root_volume": {}},
    "volumes": {"0": {"id": "v"}},
    "tags": ["a", "b"],
    "state": "running",
    "public_ip": {"id": "i", "address": "51.158.183.115", "dynamic": False},
    "public_ips": [
        {"id": "i", "address": "51.158.183.115", "family": "inet"},
        {"id": "j", "address": "2001:bc8:630:1e1c::1", "family": "inet6"},
    ],
    "ipv6": {"address": "2001:bc8:630:1e1c::1", "gateway": "2001:bc8:630:1e1c::", "netmask": "64"},
    "private_ip": "10.70.60.57",
    "location": {
        "zone_id": "nl-ams-1",
        "cluster_id": "4",
        "hypervisor_id": "1601",
        "node_id": "29",
        "platform_id": "13",
    },
    "security_group": {"id": "a6a794b7", "name": "Default security group"},
    "zone": "nl-ams-1",
    "private_nics": [],
}
PRIVATE = {
    "id": "p",
    "zone": "nl-ams-1",
    "private_ip": None,
    "public_ip": None,
    "ipv6": None,
    "image": None,
    "private_nics": [{"id": "nic-0"}, {"id": "nic-1"}],
}
SIX = {"id": "s", "public_ip": {"address": "2001:bc8::5"}, "tags": None}
BARE = {"id": "b"}
SERVERS = "/instance/v1/zones/nl-ams-1/servers"
IPAM = "/ipam/v1/regions/nl-ams/ips"


def ipam(nic: str) -> str:
    return f"{IPAM}?page=1&page_size=100&resource_ids={nic}&resource_types=instance_private_nic"


INSTANCES: dict[str, object] = {
    f"{SERVERS}?page=1&per_page=100": {"servers": [INSTANCE, PRIVATE], "total_count": 4},
    ipam("nic-0"): {"ips": [{"address": "fd00::2/64", "is_ipv6": True}], "total_count": 1},
    ipam("nic-1"): {"ips": [{"address": "172.16.0.2/22", "is_ipv6": False}], "total_count": 1},
    f"{SERVERS}?page=2&per_page=100": {"servers": [SIX, BARE], "total_count": 4},
}
METAL = "/baremetal/v1/zones/nl-ams-1"
BAREMETAL: dict[str, object] = {
    f"{METAL}/servers?page=1&page_size=100": {
        "total_count": 2,
        "servers": [
            {
                "id": "m1",
                "organization_id": "o",
                "project_id": "p",
                "name": "metal",
                "status": "ready",
                "offer_id": "offer-1",
                "tags": ["x"],
                "ips": [
                    {"address": "2001:bc8::9", "version": "IPv6"},
                    {"address": "51.1.1.1", "version": "IPv4"},
                    {"address": "51.1.1.2", "version": "IPv4"},
                ],
                "zone": "nl-ams-1",
                "install": {"os_id": "os-1", "hostname": "h", "status": "completed"},
            },
            {"id": "m2", "install": None, "ips": None},
        ],
    },
    f"{METAL}/offers?page=1&page_size=100": {
        "total_count": 1,
        "offers": [{"id": "offer-1", "name": "EM-A210R"}],
    },
    f"{METAL}/os?page=1&page_size=100": {
        "total_count": 1,
        "os": [{"id": "os-1", "name": "Debian", "version": "12"}],
    },
}
ACCESS = (
    "api_url: '{url}', zone: nl-ams-1, access_key: SCWXXXXXXXXXXXXXXXXX, "
    "project_id: 30b3d507-96ac-454c-a795-bc731b46b12f"
)
TEXT = f"{ACCESS}, secret_key: {SECRET}, role: instance"
METAL_TEXT = f"{ACCESS}, secret_key: {SECRET}, role: baremetal"


async def test_an_instance_has_all_its_labels() -> None:
    """5.20, tests 120 and 124: of all pages; the private address wins."""
    async with FakeAPI(INSTANCES, {"X-Auth-Token": SECRET}) as api:
        group = await api.group(KIND, TEXT)
    assert (group.source, api.paths) == ("scaleway", list(INSTANCES))
    full, private, six = group.targets
    assert full == {
        "__address__": "10.70.60.57:80",
        "__meta_scaleway_instance_boot_type": "local",
        "__meta_scaleway_instance_hostname": "scw-nervous-shirley",
        "__meta_scaleway_instance_id": "b4b0e8f4-4d45-43ad-8d5c-eb3dbd6a0cb6",
        "__meta_scaleway_instance_name": "scw-nervous-shirley",
        "__meta_scaleway_instance_organization_id": "20b3d507-96ac-454c-a795-bc731b46b12f",
        "__meta_scaleway_instance_project_id": "30b3d507-96ac-454c-a795-bc731b46b12f",
        "__meta_scaleway_instance_status": "running",
        "__meta_scaleway_instance_type": "DEV1-S",
        "__meta_scaleway_instance_zone": "nl-ams-1",
        "__meta_scaleway_instance_region": "nl-ams",
        "__meta_scaleway_instance_image_arch": "x86_64",
        "__meta_scaleway_instance_image_id": "45a86b35",
        "__meta_scaleway_instance_image_name": "Ubuntu 20.04",
        "__meta_scaleway_instance_location_cluster_id": "4",
        "__meta_scaleway_instance_location_hypervisor_id": "1601",
        "__meta_scaleway_instance_location_node_id": "29",
        "__meta_scaleway_instance_security_group_id": "a6a794b7",
        "__meta_scaleway_instance_security_group_name": "Default security group",
        "__meta_scaleway_instance_private_ipv4": "10.70.60.57",
        "__meta_scaleway_instance_public_ipv4": "51.158.183.115",
        "__meta_scaleway_instance_public_ipv6": "2001:bc8:630:1e1c::1",
        "__meta_scaleway_instance_tags": ",a,b,",
        "__meta_scaleway_instance_public_ipv4_addresses": ",51.158.183.115,",
        "__meta_scaleway_instance_public_ipv6_addresses": ",2001:bc8:630:1e1c::1,",
    }
    assert private["__address__"] == "172.16.0.2:80"
    assert six["__address__"] == "[2001:bc8::5]:80"
    assert "__meta_scaleway_instance_public_ipv4" not in six
    assert "__meta_scaleway_instance_image_id" not in six


async def test_a_bare_metal_server_has_all_its_labels() -> None:
    """5.20, test 124: one without an address is there without one."""
    async with FakeAPI(BAREMETAL) as api:
        full, bare = await api.targets(KIND, f"{METAL_TEXT}, port: 9")
    assert full == {
        "__address__": "51.1.1.1:9",
        "__meta_scaleway_baremetal_id": "m1",
        "__meta_scaleway_baremetal_name": "metal",
        "__meta_scaleway_baremetal_zone": "nl-ams-1",
        "__meta_scaleway_baremetal_status": "ready",
        "__meta_scaleway_baremetal_project_id": "p",
        "__meta_scaleway_baremetal_type": "EM-A210R",
        "__meta_scaleway_baremetal_os_name": "Debian",
        "__meta_scaleway_baremetal_os_version": "12",
        "__meta_scaleway_baremetal_public_ipv4": "51.1.1.1",
        "__meta_scaleway_baremetal_public_ipv6": "2001:bc8::9",
        "__meta_scaleway_baremetal_tags": ",x,",
    }
    assert {name for name, value in bare.items() if value} == {"__meta_scaleway_baremetal_id"}
    assert "__address__" not in bare


@pytest.mark.parametrize(
    ("text", "path"),
    [
        (TEXT, f"{SERVERS}?name=web&page=1&per_page=100&tags=a%2Cb"),
        (METAL_TEXT, f"{METAL}/servers?name=web&page=1&page_size=100&tags=a&tags=b"),
    ],
    ids=["instance", "baremetal"],
)
async def test_filters_reach_the_api(text: str, path: str) -> None:
    """5.20: in the manner of each API."""
    empty: dict[str, object] = {f"{METAL}/offers": {}, f"{METAL}/os": {}}
    async with FakeAPI({path: {"servers": []}, **empty}) as api:
        assert await api.targets(KIND, f"{text}, name_filter: web, tags_filter: [a, b]") == []
    assert api.paths[0] == path


async def test_the_key_of_a_file_is_read_for_each_request(tmp_path: Path) -> None:
    """5.20."""
    path, clock = tmp_path / "key", ManualClock()
    path.write_text("first\n")
    text = f"{ACCESS}, role: instance, secret_key_file: '{path}'"
    async with (
        FakeAPI({SERVERS: {"servers": []}}) as api,
        api.discovering(KIND, text, clock) as found,
    ):
        await found.published.update(1)
        path.write_text("second\n")
        await pass_until(clock, lambda: "second" in api.server.sent("X-Auth-Token"))
    assert api.server.sent("X-Auth-Token")[0] == "first"


@pytest.mark.parametrize("fault", FAILURES)
@pytest.mark.parametrize(
    ("text", "answers"),
    [
        (TEXT, {SERVERS: {"servers": [INSTANCE], "total_count": 1}}),
        (
            METAL_TEXT,
            {
                **BAREMETAL,
                f"{METAL}/servers?page=1&page_size=100": {
                    "servers": [{"ips": [{"address": "1.1.1.1", "version": "IPv4"}]}],
                    "total_count": 1,
                },
            },
        ),
    ],
    ids=["instance", "baremetal"],
)
async def test_a_failure_keeps_the_targets(
    text: str, answers: dict[str, object], fault: Fault
) -> None:
    """C-4, B-6."""
    async with FakeAPI(answers) as api:
        await api.check_failure(KIND, text, fault)


async def test_refused_access_is_told() -> None:
    """P-22."""
    async with FakeAPI({}) as api:
        await api.check_refused(KIND, TEXT, SECRET)
