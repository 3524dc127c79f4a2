"""Targets from the servers, hypervisors and load balancers of OpenStack."""

import json
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from aiohttp import web

from promscrape.discovery.openstack.provider import KIND
from tests.support.clock import ManualClock
from tests.support.entries import pass_until, until
from tests.support.faults import Fault
from tests.support.web_api import FAILURES, FakeAPI

SERVER = {
    "id": "ef079b0c-e610-4dfb-b1aa-b49f07ac48e5",
    "status": "ACTIVE",
    "name": "herp",
    "tenant_id": "fcad67a6189847c4aecfa3c81a05783b",
    "user_id": "9349aff8be7545ac9d2f1d00999a23cd",
    "hostId": "29d3c8c896a45aa4c34e52247875d7fefc3d94bbcc9f622b5d204362",
    "flavor": {"vcpus": 2, "ram": 4096, "original_name": "m1.medium", "extra_specs": {}},
    "image": {"id": "f90f6034-2570-4974-8351-6b49732ef2eb", "links": []},
    "metadata": {"env.name": "prod"},
    "addresses": {
        "private": [
            {"version": 4, "addr": "10.0.0.32", "OS-EXT-IPS:type": "fixed"},
            {"version": 4, "addr": "10.10.10.2", "OS-EXT-IPS:type": "floating"},
        ],
        "mgmt": [{"version": 6, "addr": "fd00::5"}],
    },
}
VOLUME_BOOTED = {
    "id": "b",
    "name": "derp",
    "image": "",
    "flavor": {"id": "1"},
    "metadata": {},
    "addresses": {"private": [{"addr": "10.0.0.33"}]},
}
FLAVORLESS = {"id": "c", "flavor": {}, "addresses": {"private": [{"addr": "10.0.0.34"}]}}
ADDRESSLESS = {"id": "d", "flavor": {"id": "1"}, "addresses": {}}
FLOATING = {
    "floatingips": [
        {"floating_ip_address": "10.10.10.2", "fixed_ip_address": "10.0.0.32", "port_id": "p1"},
        {"floating_ip_address": "10.10.10.3", "fixed_ip_address": "10.0.0.33", "port_id": "gone"},
        {"floating_ip_address": "10.10.10.4", "fixed_ip_address": None, "port_id": None},
        {"floating_ip_address": "10.10.10.5", "fixed_ip_address": "10.0.0.9", "port_id": "vip"},
    ]
}
BALANCER = {
    "id": "lb1",
    "name": "lb-one",
    "operating_status": "ONLINE",
    "provisioning_status": "ACTIVE",
    "availability_zone": "az1",
    "vip_address": "10.0.0.9",
    "vip_port_id": "vip",
    "provider": "amphora",
    "project_id": "proj",
    "tags": ["a", "b"],
    "listeners": [{"id": "l1"}],
}
CATALOG = {"compute": "/compute/v2.1/", "network": "/network", "load-balancer": "/lb"}
ACCESS = (
    "identity_endpoint: '{url}/v3/', username: me, password: hidden, domain_name: Default, "
    "project_name: admin, region: RegionOne"
)


@pytest_asyncio.fixture(name="cloud")
async def run_cloud() -> AsyncIterator[FakeAPI]:
    """Run the four services behind one port, with a token that changes each time."""

    async def token(request: web.Request) -> web.StreamResponse:
        number = sum(path.endswith("/auth/tokens") for path in cloud.paths)
        catalog = [
            {
                "type": kind,
                "endpoints": [
                    {"interface": "admin", "region": "RegionOne", "url": "http://127.0.0.1:1"},
                    {"interface": "public", "region": "Other", "url": "http://127.0.0.1:1"},
                    {"interface": "public", "region_id": "RegionOne", "url": cloud.url + path},
                ],
            }
            for kind, path in CATALOG.items()
        ]
        headers = {"X-Subject-Token": f"token-{number}"}
        body = {"token": {"methods": ["password"], "catalog": catalog, "user": {"name": "me"}}}
        return web.json_response(body, status=201, headers=headers)

    cloud = FakeAPI(
        {
            "/v3/auth/tokens": token,
            "/compute/v2.1/os-hypervisors/detail": {
                "hypervisors": [
                    {
                        "id": 1,
                        "hypervisor_hostname": "nc14.cloud.com",
                        "host_ip": "172.16.70.14",
                        "status": "enabled",
                        "state": "up",
                        "hypervisor_type": "QEMU",
                        "cpu_info": "{}",
                    },
                    {"id": "e0e7a4ac", "host_ip": "172.16.70.13", "hypervisor_type": None},
                ]
            },
            "/network/v2.0/ports": {"ports": [{"id": "p1", "device_id": SERVER["id"]}]},
            "/network/v2.0/floatingips": FLOATING,
            "/compute/v2.1/servers/detail": {
                "servers": [SERVER, VOLUME_BOOTED],
                "servers_links": [
                    {"rel": "next", "href": "http://elsewhere.invalid/servers/detail?marker=b"}
                ],
            },
            "/compute/v2.1/servers/detail?marker=b": {"servers": [FLAVORLESS, ADDRESSLESS]},
            "/lb/v2.0/lbaas/loadbalancers": {
                "loadbalancers": [BALANCER, {"id": "lb2", "vip_address": "10.0.0.10"}]
            },
            "/lb/v2.0/lbaas/listeners": {
                "listeners": [
                    {"protocol": "HTTP", "protocol_port": 80, "loadbalancers": [{"id": "lb1"}]},
                    {"protocol": "HTTP", "protocol_port": 80, "loadbalancers": [{"id": "lb2"}]},
                    {
                        "protocol": "PROMETHEUS",
                        "protocol_port": 9091,
                        "loadbalancers": [{"id": "lb1"}],
                    },
                    {
                        "protocol": "PROMETHEUS",
                        "protocol_port": 9092,
                        "loadbalancers": [{"id": "lb1"}],
                    },
                ]
            },
        }
    )
    async with cloud:
        yield cloud


async def test_a_server_has_all_its_labels(cloud: FakeAPI) -> None:
    """5.16, tests 118 and 124: a target for each address that is not a floating one."""
    group = await cloud.group(KIND, f"{ACCESS}, role: instance, port: 9100")
    assert group.source == "OS_RegionOne"
    mgmt, private, booted = group.targets
    common = {
        "__meta_openstack_instance_id": "ef079b0c-e610-4dfb-b1aa-b49f07ac48e5",
        "__meta_openstack_instance_status": "ACTIVE",
        "__meta_openstack_instance_name": "herp",
        "__meta_openstack_project_id": "fcad67a6189847c4aecfa3c81a05783b",
        "__meta_openstack_user_id": "9349aff8be7545ac9d2f1d00999a23cd",
        "__meta_openstack_instance_flavor": "m1.medium",
        "__meta_openstack_instance_image": "f90f6034-2570-4974-8351-6b49732ef2eb",
        "__meta_openstack_tag_env_name": "prod",
    }
    assert private == {
        **common,
        "__address__": "10.0.0.32:9100",
        "__meta_openstack_address_pool": "private",
        "__meta_openstack_private_ip": "10.0.0.32",
        "__meta_openstack_public_ip": "10.10.10.2",
    }
    assert mgmt == {
        **common,
        "__address__": "[fd00::5]:9100",
        "__meta_openstack_address_pool": "mgmt",
        "__meta_openstack_private_ip": "fd00::5",
    }
    assert booted["__meta_openstack_instance_flavor"] == "1"
    assert not {"__meta_openstack_instance_image", "__meta_openstack_public_ip"} & set(booted)


async def test_the_next_page_is_asked_for_where_the_first_was(cloud: FakeAPI) -> None:
    """5.16: a link to another host must not get the token."""
    await cloud.group(KIND, f"{ACCESS}, role: instance, all_tenants: true")
    assert cloud.paths[-2:] == [
        "/compute/v2.1/servers/detail?all_tenants=true",
        "/compute/v2.1/servers/detail?marker=b",
    ]


async def test_a_hypervisor_has_all_its_labels(cloud: FakeAPI) -> None:
    """5.16, test 124."""
    full, bare = await cloud.targets(KIND, f"{ACCESS}, role: hypervisor")
    assert full == {
        "__address__": "172.16.70.14:80",
        "__meta_openstack_hypervisor_id": "1",
        "__meta_openstack_hypervisor_hostname": "nc14.cloud.com",
        "__meta_openstack_hypervisor_host_ip": "172.16.70.14",
        "__meta_openstack_hypervisor_status": "enabled",
        "__meta_openstack_hypervisor_state": "up",
        "__meta_openstack_hypervisor_type": "QEMU",
    }
    assert bare["__meta_openstack_hypervisor_id"] == "e0e7a4ac"
    assert bare["__meta_openstack_hypervisor_type"] == ""


async def test_a_load_balancer_has_all_its_labels(cloud: FakeAPI) -> None:
    """5.16, tests 118 and 124: one without a listener for Prometheus is none."""
    (found,) = await cloud.targets(KIND, f"{ACCESS}, role: loadbalancer")
    assert found == {
        "__address__": "10.0.0.9:9091",
        "__meta_openstack_loadbalancer_id": "lb1",
        "__meta_openstack_loadbalancer_name": "lb-one",
        "__meta_openstack_loadbalancer_operating_status": "ONLINE",
        "__meta_openstack_loadbalancer_provisioning_status": "ACTIVE",
        "__meta_openstack_loadbalancer_availability_zone": "az1",
        "__meta_openstack_loadbalancer_vip": "10.0.0.9",
        "__meta_openstack_loadbalancer_provider": "amphora",
        "__meta_openstack_loadbalancer_tags": "a,b",
        "__meta_openstack_loadbalancer_floating_ip": "10.10.10.5",
        "__meta_openstack_project_id": "proj",
    }


async def test_each_refresh_authenticates_anew(cloud: FakeAPI) -> None:
    """5.16: a token that was revoked meanwhile does no harm."""
    clock = ManualClock()
    async with cloud.discovering(KIND, f"{ACCESS}, role: hypervisor", clock) as found:
        await pass_until(clock, lambda: len(found.published.updates) == 2, 20)
    assert cloud.server.sent("X-Auth-Token") == [None, "token-1", None, "token-2"]
    domain = {"name": "Default"}
    assert json.loads(cloud.server.bodies[0]) == {
        "auth": {
            "identity": {
                "methods": ["password"],
                "password": {"user": {"name": "me", "domain": domain, "password": "hidden"}},
            },
            "scope": {"project": {"name": "admin", "domain": domain}},
        }
    }


async def test_a_service_that_the_catalog_does_not_have_is_named(cloud: FakeAPI) -> None:
    """5.16: by type, region and interface."""
    text = f"{ACCESS}, role: hypervisor, availability: internal"
    async with cloud.discovering(KIND, text) as found:
        await until(lambda: found.logs.entries)
    assert str(found.logs.entries[0]["err"]) == (
        'no internal endpoint of "compute" in the region "RegionOne"'
    )


@pytest.mark.parametrize("where", ["/auth/tokens", "/detail"])
@pytest.mark.parametrize("fault", FAILURES)
async def test_a_failure_keeps_the_targets(cloud: FakeAPI, fault: Fault, where: str) -> None:
    """C-4, B-6: of the identity service, or of the one that lists."""
    await cloud.check_failure(KIND, f"{ACCESS}, role: hypervisor", fault, where)


async def test_refused_access_is_told(cloud: FakeAPI) -> None:
    """P-22."""
    await cloud.check_refused(KIND, f"{ACCESS}, role: hypervisor", "hidden")
