"""Targets from the containers of a Docker daemon."""

from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest

from promscrape.discovery.docker import KIND, Container, targets_of
from promscrape.discovery.moby import MobyFilter, encoded
from promscrape.errors import DiscoveryError
from tests.support.clock import ManualClock
from tests.support.discovery import Discovered, discovering
from tests.support.docker_daemon import (
    BRIDGE,
    FakeDocker,
    Json,
    attached,
    container,
    network,
    port,
)
from tests.support.entries import entry_of, pass_until, until
from tests.support.faults import Fault

HOST = "host: 'unix:///var/run/docker.sock'"


def targets(*containers: Json, text: str = HOST) -> list[dict[str, str]]:
    """Return the targets of containers, on networks that nobody lists."""
    decoded = msgspec.convert(containers, Sequence[Container])
    return list(targets_of(decoded, {}, entry_of(KIND, text)))


def addresses(*containers: Json, text: str = HOST) -> list[str]:
    return [target["__address__"] for target in targets(*containers, text=text)]


async def test_a_container_has_all_its_labels() -> None:
    """5.5, tests 109 and 124: each from its field, those of its network included."""
    async with FakeDocker() as daemon:
        daemon.lists["/networks"] = [network(labels={"a.b": "c"})]
        published = [port(80, public=8080, ip="198.51.100.7"), port(53, "udp"), port(9090)]
        daemon.lists["/containers/json"] = [
            container("web", ports=published, labels={"com.example/x": "y"})
        ]
        async with discovering(KIND, entry_of(KIND, f"host: '{daemon.server.url}'")) as found:
            (group,) = await found.published.update(1)
    common = {
        "__meta_docker_container_id": "web",
        "__meta_docker_container_name": "/web",
        "__meta_docker_container_network_mode": "default",
        "__meta_docker_container_image": "ubuntu:latest",
        "__meta_docker_container_image_id": (
            "sha256:d74508fb6632491cea586a1fd7d748dfc5274cd6fdfedee309ecdcbc2bf5cb82"
        ),
        "__meta_docker_container_label_com_example_x": "y",
        "__meta_docker_network_id": BRIDGE,
        "__meta_docker_network_name": "bridge",
        "__meta_docker_network_scope": "local",
        "__meta_docker_network_internal": "false",
        "__meta_docker_network_ingress": "false",
        "__meta_docker_network_label_a_b": "c",
        "__meta_docker_network_ip": "172.17.0.2",
    }
    assert (group.source, group.labels) == ("Docker", {})
    assert [dict(target) for target in group.targets] == [
        {
            **common,
            "__address__": "172.17.0.2:80",
            "__meta_docker_port_private": "80",
            "__meta_docker_port_public": "8080",
            "__meta_docker_port_public_ip": "198.51.100.7",
        },
        {**common, "__address__": "172.17.0.2:9090", "__meta_docker_port_private": "9090"},
    ]


def test_a_port_published_twice_is_two_targets() -> None:
    """5.5: on IPv4 and IPv6, which differ in the public address alone."""
    ports = [port(80, public=1, ip="198.51.100.7"), port(80, public=1, ip="::")]
    assert [
        target["__meta_docker_port_public_ip"] for target in targets(container("a", ports=ports))
    ] == [
        "198.51.100.7",
        "::",
    ]


def test_ports_of_other_protocols_lead_to_the_port_of_the_entry() -> None:
    """5.5, test 109: as does having none."""
    udp = container("a", ports=[port(53, "udp")])
    assert addresses(udp) == ["172.17.0.2:80"]
    assert addresses(container("a"), text=f"{HOST}, port: 9100") == ["172.17.0.2:9100"]
    assert "__meta_docker_port_private" not in targets(udp)[0]


def test_a_container_on_the_hosts_network_has_the_entrys_address() -> None:
    """5.5, test 109: as it stands, without a port."""
    on_host = container("a", mode="host", networks={"host": attached("h", "")})
    (target,) = targets(on_host)
    assert (target["__address__"], target["__meta_docker_network_ip"]) == ("localhost", "")
    assert addresses(on_host, text=f"{HOST}, host_networking_host: 'h:1'") == ["h:1"]


def test_of_several_networks_the_first_by_name_counts() -> None:
    """5.5, test 109: unless all are asked for; one without a content is none."""
    both = container("c", networks={"b": attached("2", "10.0.0.2"), "a": attached("1", "10.0.0.1")})
    assert addresses(both) == ["10.0.0.1:80"]
    assert addresses(both, text=f"{HOST}, match_first_network: false") == [
        "10.0.0.1:80",
        "10.0.0.2:80",
    ]


def test_a_container_can_use_the_networks_of_another() -> None:
    """5.5, test 109: over several steps; the ports stay its own."""
    containers = [
        container("a", mode="container:b", networks={}, ports=[port(1)]),
        container("b", mode="container:c", networks={}),
        container("c", networks={"x": attached("x", "10.0.0.3")}),
    ]
    assert addresses(*containers) == ["10.0.0.3:1", "10.0.0.3:80", "10.0.0.3:80"]


@pytest.mark.parametrize(
    "containers",
    [
        [container("a", networks={})],
        [container("a", mode="container:gone", networks={})],
        [container("a", mode="container:a", networks={})],
        [
            container("a", mode="container:b", networks={}),
            container("b", mode="container:a", networks={}),
        ],
        [{**container("a"), "Names": []}],
    ],
    ids=["none", "gone", "itself", "circle", "nameless"],
)
def test_without_a_network_or_a_name_there_is_no_target(containers: list[Json]) -> None:
    """5.5: containers that lend each other networks that none of them has would never end."""
    assert targets(*containers) == []


def test_an_ipv6_address_is_taken_where_there_is_no_other() -> None:
    """5.5."""
    six = container("a", networks={"n": attached("n", "", "fd00::2")}, ports=[port(1)])
    (target,) = targets(six)
    assert (target["__address__"], target["__meta_docker_network_ip"]) == ("[fd00::2]:1", "fd00::2")


async def test_nulls_and_missing_fields_are_nothing(tmp_path: Path) -> None:
    """5.5, test 124: what Podman's socket answers, too."""
    path = tmp_path / "podman.sock"
    async with FakeDocker(unix_socket=path) as daemon:
        bare: Json = {"Id": "b", "Names": ["/b"], "Labels": None, "NetworkSettings": {}}
        half = container("a", networks={"x": None, "y": attached("y", "10.0.0.1")})
        daemon.lists["/containers/json"] = [{**half, "Labels": None, "Ports": None}, bare]
        async with discovering(KIND, entry_of(KIND, f"host: 'unix://{path}'")) as found:
            (group,) = await found.published.update(1)
    (target,) = group.targets
    assert target["__address__"] == "10.0.0.1:80"
    assert not {"None", "null"} & set(target.values())


@pytest.mark.parametrize(
    ("version", "spoken"), [("1.41", "1.41"), ("1.99", "1.44"), ("", "1.24"), ("odd", "1.24")]
)
async def test_the_daemon_is_asked_in_a_version_that_it_speaks(version: str, spoken: str) -> None:
    """5.5: `/_ping` first, once; one that does not say what it speaks is taken for an old one."""
    async with FakeDocker() as daemon:
        daemon.version = version
        daemon.lists["/containers/json"] = []
        entry, clock = entry_of(KIND, f"host: 'tcp://{daemon.server.url[7:]}'"), ManualClock()
        async with discovering(KIND, entry, clock) as found:
            await pass_until(clock, lambda: len(found.published.updates) == 2)
    lists = [f"/v{spoken}/containers/json", f"/v{spoken}/networks"]
    assert daemon.paths[:5] == ["/_ping", *lists, *lists]


async def test_filters_reach_the_daemon() -> None:
    """5.5: several of one name are one."""
    async with FakeDocker() as daemon:
        daemon.lists["/containers/json"] = [
            container("a", labels={"scrape": "yes"}),
            container("b", labels={"scrape": "no"}),
        ]
        text = (
            f"host: '{daemon.server.url}', filters: [{{name: label, values: [scrape=yes]}}, "
            "{name: status, values: [running, paused]}]"
        )
        async with discovering(KIND, entry_of(KIND, text)) as found:
            (group,) = await found.published.update(1)
    assert [target["__meta_docker_container_id"] for target in group.targets] == ["a"]
    assert daemon.paths[1] == (
        "/v1.41/containers/json?filters=%7B%22label%22%3A%7B%22scrape%3Dyes%22%3Atrue%7D%2C"
        "%22status%22%3A%7B%22paused%22%3Atrue%2C%22running%22%3Atrue%7D%7D"
    )


def test_filters_of_one_name_are_one() -> None:
    """5.5: the API has a mapping of names."""
    filters = [MobyFilter(name="a", values=("x",)), MobyFilter(name="a", values=("y",))]
    assert encoded(filters) == '{"a":{"x":true,"y":true}}'


@pytest.mark.parametrize(
    "fault", [Fault.ERROR, Fault.HANG, Fault.TRICKLE, Fault.CUT, Fault.GARBAGE, Fault.WRONG_SHAPE]
)
async def test_a_failure_keeps_the_targets(tmp_path: Path, fault: Fault) -> None:
    """Test 109, B-6: also where the daemon takes a request on its socket and says nothing."""
    path = tmp_path / "docker.sock"
    async with FakeDocker(unix_socket=path) as daemon:
        daemon.lists["/containers/json"] = [container("a")]
        entry = entry_of(KIND, f"host: 'unix://{path}', refresh_interval: 100ms")
        async with discovering(KIND, entry) as found:
            await found.published.update(1)
            daemon.faults.active = fault
            await until(lambda: failures(found) >= 1)
            before = len(found.published.updates)
            assert found.published.addresses == ["172.17.0.2:80"]
            daemon.faults.active = None
            await until(lambda: len(found.published.updates) > before)


async def test_a_daemon_may_come_back_in_another_version(tmp_path: Path) -> None:
    """5.5: it is asked again what it speaks."""
    async with FakeDocker() as daemon:
        daemon.lists["/containers/json"] = [container("a")]
        entry, clock = entry_of(KIND, f"host: '{daemon.server.url}'"), ManualClock()
        async with discovering(KIND, entry, clock) as found:
            await found.published.update(1)
            daemon.version = "1.30"
            await pass_until(clock, lambda: len(found.published.updates) == 2)
            assert daemon.paths[-1] == "/v1.30/networks"
            assert failures(found) == 1


async def test_the_http_clients_settings_hold_for_http_alone() -> None:
    """5.5: as in Prometheus, which dials other hosts by itself."""
    async with FakeDocker() as daemon:
        daemon.lists["/containers/json"] = []
        for scheme, sent in (("http", "Bearer t"), ("tcp", None)):
            text = f"host: '{scheme}://{daemon.server.url[7:]}', authorization: {{credentials: t}}"
            daemon.server.requests.clear()
            async with discovering(KIND, entry_of(KIND, text)) as found:
                await found.published.update(1)
            assert set(daemon.server.sent("Authorization")) == {sent}


def test_another_kind_of_host_is_refused_when_the_provider_is_made() -> None:
    """5.5, M-3: named pipes are Windows's."""
    with pytest.raises(DiscoveryError, match='unsupported scheme "npipe"'):
        Discovered(KIND, entry_of(KIND, "host: 'npipe:////./pipe/docker_engine'"))


def failures(found: Discovered) -> float:
    return found.refresh_failures or 0.0
