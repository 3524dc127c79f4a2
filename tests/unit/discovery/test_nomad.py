"""Targets from the services that Nomad runs."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from promscrape.discovery.nomad import KIND
from promscrape.errors import DiscoveryError
from tests.support.discovery import Discovered, discovering
from tests.support.entries import entry_of, until
from tests.support.faults import Fault
from tests.support.nomad_server import FakeNomad, registration

FAILURES = "nomad_failures_total"


@pytest_asyncio.fixture(name="nomad")
async def run_nomad() -> AsyncIterator[FakeNomad]:
    async with FakeNomad() as nomad:
        nomad.registrations = [registration("web")]
        yield nomad


async def test_an_instance_has_all_its_labels(nomad: FakeNomad) -> None:
    """5.14, test 124; the tags are wrapped, and left out where there are none."""
    nomad.registrations.append(registration("web", address="fd00::2", port=1, tags=()))
    async with discovering(KIND, entry_of(KIND, f"server: '{nomad.server.url}'")) as found:
        (group,) = await found.published.update(1)
    assert (group.source, group.labels) == ("Nomad", {})
    tagged, bare = group.targets
    assert tagged == {
        "__address__": "10.0.0.1:25123",
        "__meta_nomad_address": "10.0.0.1",
        "__meta_nomad_dc": "dc1",
        "__meta_nomad_namespace": "default",
        "__meta_nomad_node_id": "d92fdc3c-9c2b-298a-e8f4-c33f3a449f09",
        "__meta_nomad_service": "web",
        "__meta_nomad_service_address": "10.0.0.1",
        "__meta_nomad_service_id": "_nomad-task-06971ad9-web-25123",
        "__meta_nomad_service_port": "25123",
        "__meta_nomad_tags": ",prod,v1,",
    }
    assert bare["__address__"] == "[fd00::2]:1"
    assert "__meta_nomad_tags" not in bare
    assert found.counted(FAILURES) == 0


async def test_each_service_is_asked_for_in_the_scope(nomad: FakeNomad) -> None:
    """5.14: the list, then each of it, with namespace, region and `stale`."""
    nomad.registrations = [registration("web"), registration("a/b c")]
    async with discovering(KIND, entry_of(KIND, f"server: '{nomad.server.url}/ui/'")) as found:
        await found.published.update(1)
    query = "namespace=default&region=global&stale="
    assert nomad.paths == [
        f"/v1/services?{query}",
        f"/v1/service/web?{query}",
        f"/v1/service/a%2Fb%20c?{query}",
    ]


async def test_the_scope_is_the_entrys(nomad: FakeNomad) -> None:
    """5.14: in all namespaces, a name that is in two of them is asked for once."""
    nomad.registrations = [
        registration("web"),
        registration("web", namespace="other", address="10.0.0.2"),
    ]
    text = (
        f"server: '{nomad.server.url}', namespace: '*', region: eu, allow_stale: false, "
        "tag_separator: ';'"
    )
    async with discovering(KIND, entry_of(KIND, text)) as found:
        (group,) = await found.published.update(1)
    assert nomad.paths == [
        "/v1/services?namespace=%2A&region=eu",
        "/v1/service/web?namespace=%2A&region=eu",
    ]
    assert [target["__meta_nomad_namespace"] for target in group.targets] == ["default", "other"]
    assert group.targets[0]["__meta_nomad_tags"] == ";prod;v1;"


async def test_no_services_are_an_update(nomad: FakeNomad) -> None:
    """B-4: one source, which is empty then; a null is no service either."""
    nomad.registrations = []
    async with discovering(KIND, entry_of(KIND, f"server: '{nomad.server.url}'")) as found:
        (group,) = await found.published.update(1)
    assert (group.source, group.targets) == ("Nomad", ())


@pytest.mark.parametrize("where", ["/v1/services", "/v1/service/web"])
@pytest.mark.parametrize("fault", [Fault.ERROR, Fault.HANG, Fault.CUT, Fault.GARBAGE])
async def test_a_failure_keeps_the_targets(nomad: FakeNomad, fault: Fault, where: str) -> None:
    """5.14, C-4, B-6: of either call, counted twice over: for Nomad, and as a refresh."""
    text = f"server: '{nomad.server.url}', refresh_interval: 100ms"
    async with discovering(KIND, entry_of(KIND, text)) as found:
        await found.published.update(1)
        nomad.faults.active, nomad.faults.where = fault, where
        await until(lambda: found.counted(FAILURES))
        assert found.counted(FAILURES) == found.refresh_failures
        before = len(found.published.updates)
        assert found.published.addresses == ["10.0.0.1:25123"]
        nomad.faults.active = None
        await until(lambda: len(found.published.updates) > before)


async def test_a_token_goes_in_the_clients_way(nomad: FakeNomad) -> None:
    """5.14: the HTTP client's settings hold."""
    nomad.token = "hidden"
    text = f"server: '{nomad.server.url}', authorization: {{credentials: hidden}}"
    async with discovering(KIND, entry_of(KIND, text)) as found:
        (group,) = await found.published.update(1)
    assert group.targets


@pytest.mark.parametrize(
    ("server", "error"),
    [
        ("localhost:4646", "server localhost:4646: it is `http://<host>:<port>`"),
        ("http://a:b", 'server: parse "http://a:b": invalid port ":b" after host'),
        ("ftp://me:hidden@a", "server ftp://me:xxxxx@a: it is `http://<host>:<port>`"),
    ],
)
def test_an_address_that_is_none_is_refused_when_the_provider_is_made(
    server: str, error: str
) -> None:
    """5.14, M-3: and not when the file is loaded."""
    entry = entry_of(KIND, f"server: '{server}'")
    with pytest.raises(DiscoveryError) as caught:
        Discovered(KIND, entry)
    assert str(caught.value) == error


async def test_an_agent_may_listen_on_a_unix_socket(tmp_path: Path) -> None:
    """5.14: as Nomad's own client has it."""
    entry = entry_of(KIND, f"server: 'unix://{tmp_path}/nomad.sock'")
    async with discovering(KIND, entry) as found:
        await until(lambda: found.logs.entries)
    assert f"dial unix {tmp_path}/nomad.sock" in str(found.logs.entries[0]["err"])
