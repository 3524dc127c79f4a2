"""Targets from the servers of Hetzner Cloud and Hetzner Robot."""

import pytest

from promscrape.discovery.hetzner import KIND
from tests.support.faults import Fault
from tests.support.web_api import FAILURES, FakeAPI

SERVER = {
    "id": 42,
    "name": "my-resource",
    "status": "running",
    "created": "2016-01-30T23:55:00+00:00",
    "public_net": {
        "ipv4": {"ip": "1.2.3.4", "blocked": False, "dns_ptr": "server.example.com"},
        "ipv6": {"ip": "2001:db8::/64", "blocked": False, "dns_ptr": []},
        "floating_ips": [478],
    },
    "private_net": [
        {"network": 4711, "ip": "10.0.0.2", "alias_ips": [], "mac_address": "86:00:ff:2a:7d:e1"},
        {"network": 4712, "ip": "10.0.1.2"},
    ],
    "server_type": {
        "id": 1,
        "name": "cpx11",
        "cores": 2,
        "memory": 2.5,
        "disk": 40,
        "cpu_type": "shared",
        "architecture": "x86",
    },
    "datacenter": {
        "id": 1,
        "name": "fsn1-dc8",
        "location": {"id": 1, "name": "fsn1", "network_zone": "eu-central"},
    },
    "image": {
        "id": 4711,
        "name": "ubuntu-20.04",
        "description": "Ubuntu 20.04 Standard 64 bit",
        "os_flavor": "ubuntu",
        "os_version": "20.04",
    },
    "labels": {"my/key": "my-value", "empty": ""},
}
BARE = {
    "id": 43,
    "public_net": {"ipv4": None, "ipv6": None},
    "private_net": [{"network": 4711, "ip": "10.0.0.3"}],
    "image": None,
    "location": {"name": "hel1", "network_zone": "eu-central"},
}
CLOUD = {
    "/servers?page=1&per_page=50": {
        "servers": [SERVER],
        "meta": {"pagination": {"page": 1, "next_page": 2, "last_page": 2}},
    },
    "/servers?page=2&per_page=50": {
        "servers": [BARE],
        "meta": {"pagination": {"page": 2, "next_page": None}},
    },
    "/networks?page=1&per_page=50": {
        "networks": [{"id": 4711, "name": "my net"}],
        "meta": {"pagination": {"page": 1, "next_page": None}},
    },
}
ROBOT = {
    "/server": [
        {
            "server": {
                "server_ip": "123.123.123.123",
                "server_number": 321,
                "server_name": "server1",
                "product": "DS 3000",
                "dc": "FSN1-DC1",
                "traffic": "5 TB",
                "status": "ready",
                "cancelled": True,
                "paid_until": "2010-09-02",
                "ip": ["123.123.123.123"],
                "subnet": [
                    {"ip": "123.123.124.0", "mask": "29"},
                    {"ip": "2a01:4f8:111:4221::", "mask": "64"},
                    {"ip": "2a01:4f8:111:4222::", "mask": "64"},
                ],
            }
        },
        {"server": {"server_ip": None, "server_number": 322, "dc": "NBG1-DC1", "subnet": None}},
    ]
}
TEXT = "role: hcloud, authorization: {credentials: hidden}"
ROBOT_TEXT = "role: robot, basic_auth: {username: me, password: hidden}"


async def test_a_cloud_server_has_all_its_labels() -> None:
    """5.8, test 124: of all pages, with the names of its private networks."""
    async with FakeAPI(CLOUD, {"Authorization": "Bearer hidden"}) as api:
        group = await api.group(KIND, TEXT)
    assert (group.source, api.paths) == ("hetzner", list(CLOUD))
    assert dict(group.targets[0]) == {
        "__address__": "1.2.3.4:80",
        "__meta_hetzner_role": "hcloud",
        "__meta_hetzner_server_id": "42",
        "__meta_hetzner_server_name": "my-resource",
        "__meta_hetzner_server_status": "running",
        "__meta_hetzner_public_ipv4": "1.2.3.4",
        "__meta_hetzner_public_ipv6_network": "2001:db8::/64",
        "__meta_hetzner_hcloud_location": "fsn1",
        "__meta_hetzner_hcloud_location_network_zone": "eu-central",
        "__meta_hetzner_hcloud_datacenter_location": "fsn1",
        "__meta_hetzner_hcloud_datacenter_location_network_zone": "eu-central",
        "__meta_hetzner_hcloud_server_type": "cpx11",
        "__meta_hetzner_hcloud_cpu_cores": "2",
        "__meta_hetzner_hcloud_cpu_type": "shared",
        "__meta_hetzner_hcloud_memory_size_gb": "2",
        "__meta_hetzner_hcloud_disk_size_gb": "40",
        "__meta_hetzner_hcloud_image_name": "ubuntu-20.04",
        "__meta_hetzner_hcloud_image_description": "Ubuntu 20.04 Standard 64 bit",
        "__meta_hetzner_hcloud_image_os_version": "20.04",
        "__meta_hetzner_hcloud_image_os_flavor": "ubuntu",
        "__meta_hetzner_hcloud_private_ipv4_my_net": "10.0.0.2",
        "__meta_hetzner_hcloud_label_my_key": "my-value",
        "__meta_hetzner_hcloud_label_empty": "",
        "__meta_hetzner_hcloud_labelpresent_my_key": "true",
        "__meta_hetzner_hcloud_labelpresent_empty": "true",
    }


async def test_a_server_without_a_public_address_has_none() -> None:
    """5.8, test 112 (DEV): where Prometheus writes `<nil>`; nor has it an image."""
    async with FakeAPI(CLOUD) as api:
        _, bare = await api.targets(KIND, TEXT)
    assert "__address__" not in bare
    assert bare["__meta_hetzner_public_ipv4"] == bare["__meta_hetzner_public_ipv6_network"] == ""
    assert bare["__meta_hetzner_hcloud_private_ipv4_my_net"] == "10.0.0.3"
    assert bare["__meta_hetzner_hcloud_location"] == "hel1"
    assert not any("image" in name for name in bare)
    assert not {"None", "<nil>"} & set(bare.values())


async def test_the_api_chooses_by_labels() -> None:
    """5.8, test 112: of servers, not of networks."""
    query = "label_selector=env%3Dprod&page=1&per_page=50"
    answers: dict[str, object] = {
        f"/servers?{query}": {"servers": []},
        "/networks?page=1&per_page=50": {},
    }
    async with FakeAPI(answers) as api:
        assert await api.targets(KIND, f"{TEXT}, label_selector: env=prod") == []
    assert api.paths == list(answers)


async def test_a_robot_server_has_all_its_labels() -> None:
    """5.8, tests 112 and 124: its data center in lower case."""
    async with FakeAPI(ROBOT, {"Authorization": "Basic bWU6aGlkZGVu"}) as api:
        full, bare = await api.targets(KIND, f"{ROBOT_TEXT}, port: 9")
    assert full == {
        "__address__": "123.123.123.123:9",
        "__meta_hetzner_role": "robot",
        "__meta_hetzner_server_id": "321",
        "__meta_hetzner_server_name": "server1",
        "__meta_hetzner_server_status": "ready",
        "__meta_hetzner_public_ipv4": "123.123.123.123",
        "__meta_hetzner_public_ipv6_network": "2a01:4f8:111:4221::/64",
        "__meta_hetzner_datacenter": "fsn1-dc1",
        "__meta_hetzner_robot_datacenter": "fsn1-dc1",
        "__meta_hetzner_robot_product": "DS 3000",
        "__meta_hetzner_robot_cancelled": "true",
    }
    assert "__meta_hetzner_public_ipv6_network" not in bare


@pytest.mark.parametrize("fault", FAILURES)
@pytest.mark.parametrize(
    ("answers", "text"),
    [(CLOUD, TEXT), (ROBOT, ROBOT_TEXT)],
    ids=["cloud", "robot"],
)
async def test_a_failure_keeps_the_targets(
    answers: dict[str, object], text: str, fault: Fault
) -> None:
    """C-4, B-6."""
    trimmed = answers | {
        "/servers?page=1&per_page=50": {"servers": [SERVER]},
        "/server": ROBOT["/server"][:1],
    }
    async with FakeAPI(trimmed) as api:
        await api.check_failure(KIND, text, fault)


async def test_refused_access_is_told() -> None:
    """P-22."""
    async with FakeAPI({}) as api:
        await api.check_refused(KIND, TEXT, "hidden")
