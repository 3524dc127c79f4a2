"""Targets from the instances of Linode."""

import json

import pytest

from promscrape.discovery.linode import KIND
from tests.support.clock import ManualClock
from tests.support.entries import pass_until, until
from tests.support.faults import Fault
from tests.support.web_api import FAILURES, FakeAPI

INSTANCE = {
    "id": 26838044,
    "label": "prometheus-1",
    "group": "g",
    "status": "running",
    "created": "2021-05-12T04:23:44",
    "type": "g6-standard-2",
    "ipv4": ["45.33.82.151", "96.126.108.16", "192.168.170.51", "192.168.201.25", "9.9.9.9"],
    "ipv6": "2600:3c03::f03c:92ff:fe1a:1382/128",
    "image": "linode/arch",
    "region": "us-east",
    "specs": {"disk": 81920, "memory": 4096, "vcpus": 2, "gpus": 1, "transfer": 4000},
    "alerts": {"cpu": 180},
    "backups": {"enabled": True, "schedule": {"day": None}},
    "hypervisor": "kvm",
    "tags": ["monitoring", "a"],
}
BARE = {"id": 1, "ipv4": ["203.0.113.9"], "ipv6": None, "tags": None, "image": None}
ADDRESSES = [
    {"address": "45.33.82.151", "public": True, "rdns": "li1028-151.members.linode.com"},
    {"address": "96.126.108.16", "public": True, "rdns": "li365-16.members.linode.com"},
    {"address": "192.168.170.51", "public": False, "rdns": None},
    {"address": "192.168.201.25", "public": False, "rdns": "null"},
    {"address": "2600:3c03::f03c:92ff:fe1a:1382", "public": True, "rdns": "six.example.com"},
]
RANGES = [
    {"range": "2600:3c03:e000:123::", "prefix": 64, "route_target": INSTANCE["ipv6"][:-4]},  # type: ignore[index]  # a text
    {"range": "2600:3c03:e000:124::", "prefix": 64, "route_target": "other"},
]
ONE = "page=1&page_size=500"
EVENTS = "/account/events?page=1&page_size=25"
ANSWERS: dict[str, object] = {
    f"/linode/instances?{ONE}": {"data": [INSTANCE], "page": 1, "pages": 2, "results": 3},
    "/linode/instances?page=2&page_size=500": {"data": [BARE, {"id": 2}], "page": 2, "pages": 2},
    f"/networking/ips?{ONE}": {"data": ADDRESSES, "page": 1, "pages": 1},
    f"/networking/ipv6/ranges?{ONE}": {"data": RANGES, "page": 1, "pages": 1},
    EVENTS: {"data": [], "page": 1, "pages": 1},
}
DATA = list(ANSWERS)[:4]
TEXT = "authorization: {credentials: hidden}"


async def test_an_instance_has_all_its_labels() -> None:
    """5.11, test 124: of all pages; one without an IPv4 address is left out."""
    async with FakeAPI(ANSWERS, {"Authorization": "Bearer hidden"}) as api:
        group = await api.group(KIND, TEXT)
    assert (group.source, api.paths) == ("Linode", DATA)
    full, bare = group.targets
    assert full == {
        "__address__": "45.33.82.151:80",
        "__meta_linode_instance_id": "26838044",
        "__meta_linode_instance_label": "prometheus-1",
        "__meta_linode_image": "linode/arch",
        "__meta_linode_private_ipv4": "192.168.170.51",
        "__meta_linode_public_ipv4": "45.33.82.151",
        "__meta_linode_public_ipv6": "2600:3c03::f03c:92ff:fe1a:1382",
        "__meta_linode_private_ipv4_rdns": "",
        "__meta_linode_public_ipv4_rdns": "li1028-151.members.linode.com",
        "__meta_linode_public_ipv6_rdns": "six.example.com",
        "__meta_linode_region": "us-east",
        "__meta_linode_type": "g6-standard-2",
        "__meta_linode_status": "running",
        "__meta_linode_group": "g",
        "__meta_linode_gpus": "1",
        "__meta_linode_hypervisor": "kvm",
        "__meta_linode_backups": "enabled",
        "__meta_linode_specs_disk_bytes": "85899345920",
        "__meta_linode_specs_memory_bytes": "4294967296",
        "__meta_linode_specs_transfer_bytes": "4194304000",
        "__meta_linode_specs_vcpus": "2",
        "__meta_linode_tags": ",monitoring,a,",
        "__meta_linode_extra_ips": ",96.126.108.16,192.168.201.25,",
        "__meta_linode_ipv6_ranges": ",2600:3c03:e000:123::/64,",
    }
    assert bare["__address__"] == ":80"
    assert bare["__meta_linode_backups"] == "disabled"
    assert not {"tags", "extra_ips", "ipv6_ranges"} & {name[14:] for name in bare}
    assert not {"None", "null"} & set(bare.values())


async def test_a_region_is_asked_for_in_a_header() -> None:
    """5.11: in all three lists."""
    async with FakeAPI(ANSWERS) as api:
        await api.targets(KIND, f"{TEXT}, region: us-east, tag_separator: ';'")
    assert set(api.server.sent("X-Filter")) == {'{"region": "us-east"}'}


async def test_without_events_the_data_is_asked_for_every_tenth_time() -> None:
    """5.11, test 115: the nine refreshes before publish what is known."""
    clock = ManualClock()
    async with FakeAPI(ANSWERS) as api, api.discovering(KIND, TEXT, clock) as found:
        await pass_until(clock, lambda: len(found.published.updates) == 11, 20)
        assert api.paths == [*DATA, *[EVENTS] * 10, *DATA]
        since = json.loads(api.server.requests[-5].headers["X-Filter"])
        assert since == {"created": {"+gte": "2023-11-14T22:13:20"}}
        api.answers[EVENTS] = {"data": [{"id": 1, "action": "linode_create"}]}
        await pass_until(clock, lambda: len(found.published.updates) == 12, 20)
        assert api.paths[-5:] == [EVENTS, *DATA]


async def test_a_token_that_may_not_read_events_reloads_each_time() -> None:
    """5.11, test 115: and is not asked for them again."""
    clock = ManualClock()
    async with (
        FakeAPI(ANSWERS | {EVENTS: 401}) as api,
        api.discovering(KIND, TEXT, clock) as found,
    ):
        await pass_until(clock, lambda: len(found.published.updates) == 3, 20)
    assert api.paths == [*DATA, EVENTS, *DATA, *DATA]
    assert found.counted("linode_failures_total") == 0


async def test_a_failure_of_the_events_fails_the_refresh() -> None:
    """5.11: and is none of the data's."""
    clock = ManualClock()
    async with (
        FakeAPI(ANSWERS | {EVENTS: 500}) as api,
        api.discovering(KIND, TEXT, clock) as found,
    ):
        await pass_until(clock, lambda: found.refresh_failures, 20)
        assert len(found.published.updates) == 1
    assert found.counted("linode_failures_total") == 0


@pytest.mark.parametrize("fault", FAILURES)
async def test_a_failure_keeps_the_targets(fault: Fault) -> None:
    """C-4, B-6."""
    async with FakeAPI(ANSWERS) as api:
        await api.check_failure(KIND, TEXT, fault)


async def test_a_failure_of_the_data_is_counted() -> None:
    """5.11."""
    async with FakeAPI({}) as api, api.discovering(KIND, TEXT) as found:
        await until(lambda: found.counted("linode_failures_total") == 1)


async def test_refused_access_is_told() -> None:
    """P-22."""
    async with FakeAPI({}) as api:
        await api.check_refused(KIND, TEXT, "hidden")
