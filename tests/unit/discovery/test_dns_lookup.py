"""What is asked, of whom, and what each answer means."""

from collections.abc import Callable, Mapping
from pathlib import Path

import dns.rcode
import pytest
import structlog

from promscrape.discovery.dns_lookup import Record, Resolver, ResolverConfig
from promscrape.errors import DiscoveryError
from tests.support.name_server import Rule, ScriptedServers

NXDOMAIN, SERVFAIL, REFUSED = dns.rcode.NXDOMAIN, dns.rcode.SERVFAIL, dns.rcode.REFUSED
WEB = ["web.a.test. 1 IN A 10.0.0.1"]
TIMEOUT_S = 1.0  # long enough for a busy machine; who is silent costs it


def by_name(
    rules: Mapping[str, Rule] | None = None, otherwise: Rule = NXDOMAIN
) -> Callable[[str, bool], Rule]:
    known = rules or {}
    return lambda name, _: known.get(name, otherwise)


def resolver(servers: ScriptedServers, tmp_path: Path, more: str = "") -> Resolver:
    """Return one that asks these servers, in their order."""
    path = tmp_path / "resolv.conf"
    path.write_text("".join(f"nameserver {each}\n" for each in servers.addresses) + more)
    return Resolver(structlog.get_logger(), str(path), servers.port, TIMEOUT_S)


@pytest.mark.parametrize(
    ("name", "candidates"),
    [
        ("web", ["web.a.test.", "web.b.test.", "web."]),
        ("web.x", ["web.x.", "web.x.a.test.", "web.x.b.test."]),
        ("web.", ["web."]),
        (r"a\.b", [r"a\.b.a.test.", r"a\.b.b.test.", r"a\.b."]),
    ],
)
def test_a_name_stands_for_several(name: str, candidates: list[str]) -> None:
    """D-3, test 53: a short one is looked for under the search domains first."""
    config = ResolverConfig.parse("search a.test b.test\noptions ndots:1\n")
    assert list(config.candidates(name)) == candidates


def test_ndots_says_what_is_short() -> None:
    """D-2, D-3: as in a Kubernetes pod, where it is 5."""
    config = ResolverConfig.parse("search a.test.\noptions timeout:1 ndots:5\n")
    assert list(config.candidates("a.b.c.d.e")) == ["a.b.c.d.e.a.test.", "a.b.c.d.e."]
    assert list(config.candidates("a.b.c.d.e.f")) == ["a.b.c.d.e.f.", "a.b.c.d.e.f.a.test."]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("nameserver ::1 # local\n;x\nnameserver 10.0.0.1\n", ResolverConfig(("::1", "10.0.0.1"))),
        ("domain a.test\n", ResolverConfig((), ("a.test",))),
        ("domain a.test\nsearch b.test c.test\n", ResolverConfig((), ("b.test", "c.test"))),
        ("options ndots:99\n", ResolverConfig(ndots=15)),
        ("options ndots:x rotate\nsortlist 1\nnameserver\n", ResolverConfig()),
        ("", ResolverConfig()),
    ],
)
def test_the_lines_of_resolv_conf(text: str, expected: ResolverConfig) -> None:
    """D-2: what does not matter is passed over; there is no limit of three servers."""
    assert ResolverConfig.parse(text) == expected


async def test_the_next_server_is_asked_where_one_cannot_say(tmp_path: Path) -> None:
    """D-4, test 51: errors, refusals and silence are no answers."""
    async with ScriptedServers(
        by_name(otherwise=SERVFAIL),
        by_name(otherwise=REFUSED),
        by_name(otherwise=None),
        by_name({"web.": WEB}),
        by_name(otherwise=None),
    ) as servers:
        assert await resolver(servers, tmp_path).look_up("web.", "A") == [Record("A", "10.0.0.1")]
        assert [server for server, _, _ in servers.asked] == servers.addresses[:4]


async def test_no_answer_from_anyone_is_a_failure(tmp_path: Path) -> None:
    """D-4, D-5, test 51: and names what could not be found out."""
    async with ScriptedServers(by_name(otherwise=SERVFAIL), by_name(otherwise=SERVFAIL)) as servers:
        with pytest.raises(DiscoveryError, match=r"could not resolve web\. \(A\).*web\.$"):
            await resolver(servers, tmp_path).look_up("web.", "A")
        assert len(servers.asked) == 2


async def test_a_name_that_is_nowhere_has_no_records(tmp_path: Path) -> None:
    """D-5, test 52: which is an answer, once every candidate was asked for."""
    async with ScriptedServers(by_name(), by_name()) as servers:
        found = await resolver(servers, tmp_path, "search a.test b.test\n").look_up("web", "A")
        assert found == ()
        assert servers.names == ["web.a.test.", "web.b.test.", "web."]


async def test_a_name_without_records_ends_the_search(tmp_path: Path) -> None:
    """D-5, test 52: it exists, so no other candidate is meant."""
    async with ScriptedServers(by_name({"web.a.test.": []})) as servers:
        found = await resolver(servers, tmp_path, "search a.test b.test\n").look_up("web", "A")
        assert list(found) == []
        assert servers.names == ["web.a.test."]


async def test_a_candidate_without_an_answer_leaves_it_open(tmp_path: Path) -> None:
    """D-5, test 54: unless a later one is found."""
    more = "search a.test\n"
    async with ScriptedServers(by_name({"web.a.test.": None})) as servers:
        with pytest.raises(DiscoveryError, match=r"web\.a\.test\.$"):
            await resolver(servers, tmp_path, more).look_up("web", "A")
        assert servers.names == ["web.a.test.", "web."]
    found = ["web. 1 IN A 10.0.0.2"]
    async with ScriptedServers(by_name({"web.a.test.": None, "web.": found})) as servers:
        records = await resolver(servers, tmp_path, more).look_up("web", "A")
        assert records == [Record("A", "10.0.0.2")]


async def test_a_long_answer_is_asked_for_over_tcp(tmp_path: Path) -> None:
    """D-4, test 55: the same server again."""
    records = [f"web. 1 IN SRV 0 0 {port} web{port}.a.test." for port in range(1, 201)]
    async with ScriptedServers(by_name({"web.": records})) as servers:
        found = await resolver(servers, tmp_path).look_up("web.", "SRV")
        assert {record.port for record in found} == set(range(1, 201))
        assert servers.asked == [("127.0.0.1", "udp", "web."), ("127.0.0.1", "tcp", "web.")]


async def test_later_servers_are_asked_over_tcp_then(tmp_path: Path) -> None:
    """D-4: a quirk that is kept; the next candidate begins anew."""
    long = [f"web. 1 IN TXT {'x' * 200}{number}" for number in range(20)]

    def only_udp(_: str, over_tcp: bool) -> Rule:  # noqa: FBT001
        return None if over_tcp else long

    async with ScriptedServers(only_udp, by_name()) as servers:
        await resolver(servers, tmp_path).look_up("web.", "TXT")
        assert [transport for _, transport, _ in servers.asked] == ["udp", "tcp", "tcp"]


async def test_an_answer_that_is_too_long_for_tcp_is_a_failure(tmp_path: Path) -> None:
    """D-4: part of the targets would be worse than those of before."""
    records = [f"web. 1 IN SRV 0 0 {port} web.a.test." for port in range(1, 201)]
    async with ScriptedServers(by_name({"web.": records})) as servers:
        servers.truncates_tcp = True
        with pytest.raises(DiscoveryError, match="could not resolve"):
            await resolver(servers, tmp_path).look_up("web.", "SRV")


@pytest.mark.parametrize("server", ["not-an-address", "127.0.0.1", "::1"])
async def test_a_server_that_is_not_there_is_passed_over(tmp_path: Path, server: str) -> None:
    """D-4: whatever stands in the file."""
    async with ScriptedServers(by_name({"web.": WEB})) as servers:
        path = tmp_path / "resolv.conf"
        path.write_text(f"nameserver {server}\n")
        look_up = Resolver(structlog.get_logger(), str(path), 1, TIMEOUT_S).look_up
        with pytest.raises(DiscoveryError, match="could not resolve"):
            await look_up("web.", "A")
        assert servers.asked == []


@pytest.mark.parametrize("name", ["a..b", "x" * 64, "."])
async def test_what_is_no_name_is_a_failure_of_its_own(tmp_path: Path, name: str) -> None:
    """D-1: no other name is concerned."""
    async with ScriptedServers(by_name(otherwise=SERVFAIL)) as servers:
        with pytest.raises(DiscoveryError, match="could not resolve"):
            await resolver(servers, tmp_path).look_up(name, "A")


async def test_the_file_is_read_at_every_lookup(tmp_path: Path) -> None:
    """D-2: a new one is heeded; without one nothing can be looked up."""
    async with ScriptedServers(by_name(), by_name({"web.": WEB})) as servers:
        look_up = resolver(servers, tmp_path).look_up
        assert await look_up("web.", "A") == ()
        (tmp_path / "resolv.conf").write_text("nameserver 127.0.0.2\n")
        assert await look_up("web.", "A") == [Record("A", "10.0.0.1")]
        (tmp_path / "resolv.conf").unlink()
        with pytest.raises(DiscoveryError, match=r"resolv\.conf: no such file or directory"):
            await look_up("web.", "A")
