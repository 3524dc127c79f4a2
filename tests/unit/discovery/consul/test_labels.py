"""From an answer of the health API to the labels of targets."""

import msgspec
import pytest

from promscrape.discovery.consul.labels import Check, Instance, aggregated_status, target_group
from tests.support.consul_server import instance


def labels_of(entry: object, separator: str = ",") -> dict[str, str]:
    """Return the labels of the one target that comes of an entry."""
    decoded = msgspec.convert(entry, list[Instance])
    (target,) = target_group("web", "dc1", separator, decoded).targets
    return dict(target)


def test_an_instance_has_all_its_labels() -> None:
    """Section 4.3, test 124: each from its field, whatever else an agent says."""
    group = target_group(
        "web", "dc1", ",", msgspec.convert([instance("web-1", address="10.0.0.1")], list[Instance])
    )
    assert group.source == "web"
    assert group.labels == {"__meta_consul_service": "web", "__meta_consul_dc": "dc1"}
    assert [dict(target) for target in group.targets] == [
        {
            "__address__": "10.0.0.1:8080",
            "__meta_consul_address": "192.0.2.1",
            "__meta_consul_node": "node-1",
            "__meta_consul_service_address": "10.0.0.1",
            "__meta_consul_service_port": "8080",
            "__meta_consul_service_id": "web-1",
            "__meta_consul_namespace": "ns1",
            "__meta_consul_partition": "default",
            "__meta_consul_tags": ",http,v1,",
            "__meta_consul_health": "passing",
            "__meta_consul_metadata_rack_name": "2304",
            "__meta_consul_service_metadata_version": "4",
            "__meta_consul_service_metadata_a_b": "c",
            "__meta_consul_tagged_address_lan": "192.0.2.1",
            "__meta_consul_tagged_address_wan_v4": "198.51.100.1",
        }
    ]


def test_what_an_agent_leaves_out_is_empty() -> None:
    """Test 124: the labels that are always there are, and no `None` is in a value."""
    labels = labels_of([{"Node": {"Address": "::1"}, "Service": {"Port": 1}}])
    assert labels == {
        "__address__": "[::1]:1",
        "__meta_consul_address": "::1",
        "__meta_consul_node": "",
        "__meta_consul_service_address": "",
        "__meta_consul_service_port": "1",
        "__meta_consul_service_id": "",
        "__meta_consul_namespace": "",
        "__meta_consul_partition": "",
        "__meta_consul_tags": ",,",
        "__meta_consul_health": "passing",
    }


def test_the_address_is_that_of_the_service_where_it_has_one() -> None:
    """Test 97: else that of its node."""
    assert labels_of([instance("web-1")])["__address__"] == "192.0.2.1:8080"
    assert labels_of([instance("web-1", address="a.b")])["__address__"] == "a.b:8080"


def test_tags_stand_between_separators() -> None:
    """Test 97: two of them where there is no tag."""
    assert labels_of([instance("web-1", tags=())])["__meta_consul_tags"] == ",,"
    assert labels_of([instance("web-1", tags=("a",))], "--")["__meta_consul_tags"] == "--a--"


@pytest.mark.parametrize(
    ("checks", "status"),
    [
        ([], "passing"),
        ([("a", "passing"), ("b", "critical"), ("c", "warning")], "critical"),
        ([("a", "passing"), ("b", "warning")], "warning"),
        ([("a", "critical"), ("_service_maintenance:web", "critical")], "maintenance"),
        ([("_node_maintenance", "critical"), ("a", "passing")], "maintenance"),
        ([("a", "passing"), ("b", "odd")], ""),
        ([("a", "odd"), ("_node_maintenance", "critical")], ""),
        ([("_node_maintenance_of_mine", "passing")], "passing"),
    ],
)
def test_the_health_is_the_worst_of_the_checks(checks: list[tuple[str, str]], status: str) -> None:
    """C-19, test 98."""
    assert aggregated_status([Check(id=name, status=state) for name, state in checks]) == status
