"""Targets from the control plane of a Kuma mesh."""

import json

import pytest

from promscrape.discovery.kuma import KIND
from promscrape.errors import DiscoveryError
from tests.support.clock import ManualClock
from tests.support.discovery import Discovered
from tests.support.entries import entry_of, pass_until, until
from tests.support.faults import Fault
from tests.support.web_api import FakeAPI

TEXT = "server: '{url}/base', client_id: me"
PATH = "/base/v3/discovery:monitoringassignments"
TYPE = "type.googleapis.com/kuma.observability.v1.MonitoringAssignment"
ASSIGNMENT = {
    "@type": TYPE,
    "mesh": "default",
    "service": "web",
    "targets": [
        {
            "name": "web-1",
            "scheme": "http",
            "address": "192.0.2.1:5670",
            "metricsPath": "/stats",
            "labels": {"kuma.io/zone": "a", "both": "target"},
        },
        {"name": "web-2", "address": "192.0.2.2:5670"},
    ],
    "labels": {"team_name": "t", "both": "assignment"},
}
ANSWER = {
    "versionInfo": "v1",
    "typeUrl": TYPE,
    "nonce": "n1",
    "resources": [ASSIGNMENT],
    "controlPlane": {"identifier": "cp"},
}


async def test_a_target_has_all_its_labels() -> None:
    """5.10, test 124: those of the assignment win."""
    async with FakeAPI({PATH: ANSWER}) as api:
        group = await api.group(KIND, TEXT)
    assert (group.source, group.labels) == ("kuma", {})
    full, bare = group.targets
    assert full == {
        "__address__": "192.0.2.1:5670",
        "instance": "web-1",
        "__scheme__": "http",
        "__metrics_path__": "/stats",
        "__meta_kuma_mesh": "default",
        "__meta_kuma_service": "web",
        "__meta_kuma_dataplane": "web-1",
        "__meta_kuma_label_kuma_io_zone": "a",
        "__meta_kuma_label_team_name": "t",
        "__meta_kuma_label_both": "assignment",
    }
    assert bare == {
        "__address__": "192.0.2.2:5670",
        "instance": "web-2",
        "__scheme__": "",
        "__metrics_path__": "",
        "__meta_kuma_mesh": "default",
        "__meta_kuma_service": "web",
        "__meta_kuma_dataplane": "web-2",
        "__meta_kuma_label_team_name": "t",
        "__meta_kuma_label_both": "assignment",
    }


async def test_a_request_tells_what_is_known() -> None:
    """5.10, test 114: nothing at first, then the version and the nonce of the last answer."""
    clock = ManualClock()
    async with FakeAPI({PATH: ANSWER}) as api, api.discovering(KIND, TEXT, clock) as found:
        await found.published.update(1)
        api.answers[PATH] = {"version_info": "v2", "type_url": TYPE, "nonce": "n2"}
        await pass_until(clock, lambda: len(found.published.updates) == 2)
        assert clock.monotonic_s() == 15
        await pass_until(clock, lambda: len(api.server.bodies) == 3)
    assert api.paths[0] == f"{PATH}?fetch-timeout=2m"
    assert api.server.requests[0].headers["Content-Type"] == "application/json"
    first, second, third = map(json.loads, api.server.bodies[:3])
    assert first == {"node": {"id": "me"}, "type_url": TYPE}
    assert second == first | {"version_info": "v1", "response_nonce": "n1"}
    assert third == first | {"version_info": "v2", "response_nonce": "n2"}
    assert found.published.addresses == []


async def test_fields_may_be_spelled_in_two_ways() -> None:
    """5.10: as in JSON of protobuf, or as in protobuf; the names of labels are none of them."""
    target = {"name": "a", "address": "a:1", "metrics_path": "/m", "labels": {"a_b": "c", "n": "1"}}
    answer = {"type_url": TYPE, "resources": [{"targets": [target], "labels": None}], "nonce": None}
    async with FakeAPI({PATH: answer}) as api:
        (found,) = await api.targets(KIND, TEXT)
    assert (found["__metrics_path__"], found["__meta_kuma_label_a_b"]) == ("/m", "c")


async def test_what_has_not_changed_is_skipped() -> None:
    """5.10, test 114: counted, and nothing is sent."""
    clock = ManualClock()
    async with FakeAPI({PATH: ANSWER}) as api, api.discovering(KIND, TEXT, clock) as found:
        await found.published.update(1)
        api.answers[PATH] = 304
        await pass_until(clock, lambda: found.counted("kuma_fetch_skipped_updates_total") == 2)
        assert len(found.published.updates) == 1
    assert found.counted("kuma_fetch_failures_total") == 0
    assert (found.counted("kuma_fetch_duration_seconds_count") or 0) >= 3


@pytest.mark.parametrize("fault", [Fault.ERROR, Fault.CUT, Fault.GARBAGE, Fault.WRONG_SHAPE, None])
async def test_a_failure_keeps_the_targets(fault: Fault | None) -> None:
    """5.10, test 114, C-4: also resources of another type."""
    clock = ManualClock()
    async with FakeAPI({PATH: ANSWER}) as api, api.discovering(KIND, TEXT, clock) as found:
        await found.published.update(1)
        api.faults.active = fault
        api.answers[PATH] = ANSWER | {"typeUrl": "other"}
        await pass_until(clock, lambda: found.counted("kuma_fetch_failures_total"))
        assert len(found.published.addresses) == 2
        api.faults.active, api.answers[PATH] = None, ANSWER
        await pass_until(clock, lambda: len(found.published.updates) == 2)


async def test_without_a_name_the_client_has_its_hosts() -> None:
    """5.10 (DEV): the control plane tells clients apart by it."""
    async with (
        FakeAPI({PATH: ANSWER}) as api,
        api.discovering(KIND, "server: '{url}/base'") as found,
    ):
        await until(lambda: found.published.updates)
    assert json.loads(api.server.bodies[0])["node"]["id"]


def test_another_scheme_is_refused_when_the_provider_is_made() -> None:
    """5.10, M-3."""
    with pytest.raises(DiscoveryError, match="its scheme is http or https"):
        Discovered(KIND, entry_of(KIND, "server: 'grpc://a:1'"))
