"""Targets from the instances of Vultr."""

import pytest

from promscrape.discovery.vultr import KIND
from tests.support.entries import until
from tests.support.faults import Fault
from tests.support.web_api import FAILURES, FakeAPI

INSTANCE = {
    "id": "4f0f12e5-1f84-404f-aa84-85f431ea5ec2",
    "os": "CentOS 8 Stream",
    "ram": 1024,
    "disk": 25,
    "main_ip": "192.0.2.123",
    "vcpu_count": 1,
    "region": "ewr",
    "plan": "vc2-1c-1gb",
    "date_created": "2021-09-14T13:22:20+00:00",
    "status": "active",
    "allowed_bandwidth": 1000,
    "power_status": "running",
    "server_status": "ok",
    "v6_networks": [],
    "v6_main_ip": "2001:0db8::1",
    "label": "Example Instance",
    "internal_ip": "10.0.0.1",
    "hostname": "my_hostname",
    "os_id": 401,
    "features": ["ipv6", "backups"],
    "tags": ["a", "b"],
}
PAGES = {
    "/v2/instances?per_page=100": {
        "instances": [INSTANCE],
        "meta": {"total": 2, "links": {"next": "bmV4dA==", "prev": ""}},
    },
    "/v2/instances?cursor=bmV4dA%3D%3D&per_page=100": {
        "instances": [{"id": "b", "main_ip": "::1", "tags": None}],
        "meta": {"total": 2, "links": {"next": "", "prev": "cHJldg=="}},
    },
}
TEXT = "authorization: {credentials: hidden}"


async def test_an_instance_has_all_its_labels() -> None:
    """5.24, test 124: of all pages."""
    async with FakeAPI(PAGES, {"Authorization": "Bearer hidden"}) as api:
        group = await api.group(KIND, TEXT)
    assert (group.source, api.paths) == ("Vultr", list(PAGES))
    full, bare = group.targets
    assert full == {
        "__address__": "192.0.2.123:80",
        "__meta_vultr_instance_id": "4f0f12e5-1f84-404f-aa84-85f431ea5ec2",
        "__meta_vultr_instance_label": "Example Instance",
        "__meta_vultr_instance_os": "CentOS 8 Stream",
        "__meta_vultr_instance_os_id": "401",
        "__meta_vultr_instance_region": "ewr",
        "__meta_vultr_instance_plan": "vc2-1c-1gb",
        "__meta_vultr_instance_main_ip": "192.0.2.123",
        "__meta_vultr_instance_main_ipv6": "2001:0db8::1",
        "__meta_vultr_instance_internal_ip": "10.0.0.1",
        "__meta_vultr_instance_hostname": "my_hostname",
        "__meta_vultr_instance_server_status": "ok",
        "__meta_vultr_instance_vcpu_count": "1",
        "__meta_vultr_instance_ram_mb": "1024",
        "__meta_vultr_instance_allowed_bandwidth_gb": "1000",
        "__meta_vultr_instance_disk_gb": "25",
        "__meta_vultr_instance_features": ",ipv6,backups,",
        "__meta_vultr_instance_tags": ",a,b,",
    }
    assert bare["__address__"] == "[::1]:80"
    assert not {"__meta_vultr_instance_features", "__meta_vultr_instance_tags"} & set(bare)


@pytest.mark.parametrize("fault", FAILURES)
async def test_a_failure_keeps_the_targets(fault: Fault) -> None:
    """C-4, B-6."""
    async with FakeAPI(PAGES) as api:
        await api.check_failure(KIND, TEXT, fault)


async def test_a_page_that_fails_takes_the_others_along() -> None:
    """C-4: half a list would end the other half's targets."""
    async with FakeAPI(PAGES) as api:
        del api.answers["/v2/instances?cursor=bmV4dA%3D%3D&per_page=100"]
        async with api.discovering(KIND, f"{TEXT}, refresh_interval: 100ms") as found:
            await until(lambda: found.refresh_failures)
            assert not found.published.updates


async def test_refused_access_is_told() -> None:
    """P-22."""
    async with FakeAPI({}) as api:
        await api.check_refused(KIND, TEXT, "hidden")
