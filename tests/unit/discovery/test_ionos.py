"""Targets from the servers of IONOS Cloud."""

import pytest

from promscrape.discovery.ionos import KIND
from tests.support.faults import Fault
from tests.support.web_api import FAILURES, FakeAPI

SERVER = {
    "id": "523415e6-ff8c-4dc0-86d3-09c256039b30",
    "type": "server",
    "href": "https://api.ionos.com/cloudapi/v6/datacenters/d/servers/523415e6",
    "metadata": {"etag": "e", "state": "AVAILABLE"},
    "properties": {
        "name": "prometheus-1",
        "cores": 1,
        "ram": 2048,
        "availabilityZone": "ZONE_1",
        "vmState": "RUNNING",
        "bootCdrom": {"id": "cd", "type": "image"},
        "bootVolume": {"id": "e5e3a12d", "type": "volume"},
        "cpuFamily": "INTEL_SKYLAKE",
        "type": "ENTERPRISE",
    },
    "entities": {
        "cdroms": {"items": []},
        "volumes": {"items": [{"properties": {"image": "23a2b7a1", "size": 10}}]},
        "nics": {
            "items": [
                {"properties": {"name": "my nic", "ips": ["1.1.1.1"]}},
                {"properties": {"name": None, "ips": ["2.2.2.2", "3.3.3.3"]}},
            ]
        },
    },
}
BARE = {"id": "b", "entities": {"nics": {"items": [{"properties": {"ips": ["fd00::1"]}}]}}}
NICLESS = {"id": "n", "entities": {"nics": {"items": []}}, "properties": {"bootCdrom": None}}
PATH = "/cloudapi/v6/datacenters/d%2F1/servers?depth=3"
ANSWERS = {PATH: {"id": "d/servers", "type": "collection", "items": [SERVER, BARE, NICLESS]}}
TEXT = "datacenter_id: d/1, basic_auth: {username: me, password: hidden}"


async def test_a_server_has_all_its_labels() -> None:
    """5.9, tests 113 and 124: the last interface comes first; without an address it is left out."""
    async with FakeAPI(ANSWERS, {"Authorization": "Basic bWU6aGlkZGVu"}) as api:
        group = await api.group(KIND, f"{TEXT}, port: 9100")
    assert group.source == "ionos"
    full, bare = group.targets
    assert full == {
        "__address__": "2.2.2.2:9100",
        "__meta_ionos_server_availability_zone": "ZONE_1",
        "__meta_ionos_server_boot_cdrom_id": "cd",
        "__meta_ionos_server_boot_image_id": "23a2b7a1",
        "__meta_ionos_server_boot_volume_id": "e5e3a12d",
        "__meta_ionos_server_cpu_family": "INTEL_SKYLAKE",
        "__meta_ionos_server_id": "523415e6-ff8c-4dc0-86d3-09c256039b30",
        "__meta_ionos_server_ip": ",2.2.2.2,3.3.3.3,1.1.1.1,",
        "__meta_ionos_server_lifecycle": "AVAILABLE",
        "__meta_ionos_server_name": "prometheus-1",
        "__meta_ionos_server_nic_ip_my_nic": ",1.1.1.1,",
        "__meta_ionos_server_nic_ip_unnamed": ",2.2.2.2,3.3.3.3,",
        "__meta_ionos_server_servers_id": "d/servers",
        "__meta_ionos_server_state": "RUNNING",
        "__meta_ionos_server_type": "ENTERPRISE",
    }
    assert bare == {
        "__address__": "[fd00::1]:9100",
        "__meta_ionos_server_id": "b",
        "__meta_ionos_server_ip": ",fd00::1,",
        "__meta_ionos_server_nic_ip_unnamed": ",fd00::1,",
        "__meta_ionos_server_servers_id": "d/servers",
    }


@pytest.mark.parametrize("fault", FAILURES)
async def test_a_failure_keeps_the_targets(fault: Fault) -> None:
    """C-4, B-6."""
    async with FakeAPI(ANSWERS) as api:
        await api.check_failure(KIND, TEXT, fault)


async def test_refused_access_is_told() -> None:
    """P-22."""
    async with FakeAPI({}) as api:
        await api.check_refused(KIND, TEXT, "hidden")
