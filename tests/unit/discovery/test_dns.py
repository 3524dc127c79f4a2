"""Targets from DNS records."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import dns.rcode
import pytest

from promscrape.config.load import parse
from promscrape.discovery.dns import KIND, DnsRefresher, DnsSDConfig
from promscrape.discovery.dns_lookup import Resolver
from promscrape.discovery.kind import Kind
from promscrape.discovery.kind_metrics import DnsMetrics
from promscrape.discovery.provider import Provider, ProviderContext
from promscrape.discovery.refresh import Refreshed
from promscrape.errors import ConfigError
from promscrape.model.duration import Duration
from tests.support.discovery import Discovered, discovering
from tests.support.name_server import NSD, Rule, ScriptedServers

ZONE = """
@ NS ns
@ NS ns.other.test.
ns A 10.9.9.9
@ MX 10 mail
@ MX 20 mail.other.test.
web A 10.0.0.1
web A 10.0.0.2
web AAAA 2001:db8::1
alias CNAME web
empty TXT none
_db._tcp SRV 0 0 3306 db1
_db._tcp SRV 9 9 3307 db2
"""


@asynccontextmanager
async def looking_up(
    resolver_file: Path, port: int, config: DnsSDConfig
) -> AsyncIterator[Discovered]:
    """Run a provider that asks the servers of this file, on this port."""

    def make(config: DnsSDConfig, context: ProviderContext, metrics: DnsMetrics) -> Provider:
        resolver = Resolver(context.log, str(resolver_file), port, 5.0)
        refresher = DnsRefresher(config, resolver, context, metrics)
        return Refreshed(refresher, config.refresh_interval, context)

    kind = Kind("dns", DnsSDConfig, DnsMetrics, make, KIND.labels)
    async with discovering(kind, config) as discovered:
        yield discovered


@asynccontextmanager
async def asking_nsd(tmp_path: Path, config: DnsSDConfig) -> AsyncIterator[Discovered]:
    """Run a provider that asks NSD, the authority for a.test, which it searches as well."""
    big = "\n".join(f"_big._tcp SRV 0 0 {port} host{port}" for port in range(1, 201))
    nsd = NSD(tmp_path, {"a.test": f"{ZONE}{big}"})
    try:
        nsd.wait_ready()
        path = tmp_path / "resolv.conf"
        path.write_text("nameserver 127.0.0.1\nsearch a.test\n")
        async with looking_up(path, nsd.port, config) as discovered:
            yield discovered
    finally:
        nsd.stop()


def labels(name: str, **more: str) -> dict[str, str]:
    keys = ("srv_record_target", "srv_record_port", "mx_record_target", "ns_record_target")
    return {"__meta_dns_name": name} | {
        f"__meta_dns_{key}": more.get(key.removesuffix("_record_target"), more.get(key, ""))
        for key in keys
    }


def targets(discovered: Discovered) -> list[Mapping[str, str]]:
    groups = discovered.published.groups.values()
    found = (target for group in groups for target in group.targets)
    return sorted(found, key=lambda target: target["__address__"])


@pytest.mark.may_block  # it waits for NSD to start
@pytest.mark.parametrize(
    ("record_type", "name", "expected"),
    [
        (
            "SRV",
            "_db._tcp.a.test.",
            {
                "db1.a.test:3306": {"srv": "db1.a.test.", "srv_record_port": "3306"},
                "db2.a.test:3307": {"srv": "db2.a.test.", "srv_record_port": "3307"},
            },
        ),
        ("a", "web", {"10.0.0.1:80": {}, "10.0.0.2:80": {}}),
        ("AAAA", "web", {"[2001:db8::1]:80": {}}),
        ("A", "alias", {"10.0.0.1:80": {}, "10.0.0.2:80": {}}),
        (
            "MX",
            "a.test",
            {
                "mail.a.test:80": {"mx": "mail.a.test."},
                "mail.other.test:80": {"mx": "mail.other.test."},
            },
        ),
        (
            "NS",
            "a.test",
            {"ns.a.test:80": {"ns": "ns.a.test."}, "ns.other.test:80": {"ns": "ns.other.test."}},
        ),
    ],
)
async def test_each_type_of_record_makes_targets(
    tmp_path: Path, record_type: str, name: str, expected: Mapping[str, dict[str, str]]
) -> None:
    """D-6, D-7, tests 49 and 50: from NSD; every target has all five labels."""
    config = DnsSDConfig(names=(name,), type=record_type, port=80)
    async with asking_nsd(tmp_path, config) as discovered:
        (group,) = await discovered.published.update(1)
        assert group.source == name
        assert targets(discovered) == [
            {"__address__": address, **labels(name, **own)} for address, own in expected.items()
        ]
        assert discovered.counted("dns_lookups_total") == 1
        assert discovered.counted("dns_lookup_failures_total") == 0


@pytest.mark.may_block
async def test_a_long_answer_comes_whole(tmp_path: Path) -> None:
    """D-4, test 55: NSD cuts it off over UDP."""
    async with asking_nsd(tmp_path, DnsSDConfig(names=("_big._tcp",))) as discovered:
        (group,) = await discovered.published.update(1)
        assert len(group.targets) == 200


@pytest.mark.may_block
@pytest.mark.parametrize("name", ["gone.a.test.", "gone", "empty.a.test."])
async def test_the_two_kinds_of_no_empty_the_group(tmp_path: Path, name: str) -> None:
    """D-5, test 52: a name that is not there, and one without such records."""
    # Beyond its zones NSD refuses, which is no answer: the bare name is a failure then.
    async with asking_nsd(tmp_path, DnsSDConfig(names=(name,), type="A", port=1)) as discovered:
        update = await discovered.published.update(1)
        if name.endswith("."):
            assert [(group.source, group.targets) for group in update] == [(name, ())]
        else:
            assert update == []
            assert discovered.counted("dns_lookup_failures_total") == 1


def of(rules: Mapping[str, Sequence[Rule]]) -> ScriptedServers:
    """Return a server that gives each name's answers one after the other, the last for ever."""
    left = {name: list(answers) for name, answers in rules.items()}

    def rule(name: str, _: bool) -> Rule:  # noqa: FBT001
        answers = left[name]
        return answers.pop(0) if len(answers) > 1 else answers[0]

    return ScriptedServers(rule)


async def test_a_name_that_fails_keeps_its_targets_and_no_others(tmp_path: Path) -> None:
    """D-1, test 51: the refresh succeeds all the same; only the lookup is counted as failed."""
    one, other = ["one. 1 IN A 10.0.0.1"], ["other. 1 IN A 10.0.0.2"]
    changed = ["other. 1 IN A 10.0.0.3"]
    servers = of({"one.": [one, dns.rcode.SERVFAIL], "other.": [other, changed]})
    path = tmp_path / "resolv.conf"
    path.write_text("nameserver 127.0.0.1\n")
    config = DnsSDConfig(names=("one.", "other."), type="A", port=1, refresh_interval=Duration(20))
    async with servers, looking_up(path, servers.port, config) as discovered:
        await discovered.published.update(1)
        assert discovered.published.addresses == ["10.0.0.1:1", "10.0.0.2:1"]
        second = await discovered.published.update(2)
        assert [group.source for group in second] == ["other."]
        assert discovered.published.addresses == ["10.0.0.1:1", "10.0.0.3:1"]
        assert (discovered.counted("dns_lookup_failures_total") or 0) >= 1
        assert discovered.refresh_failures == 0
        assert discovered.logs.entries[0]["event"] == "Error refreshing DNS targets"


async def test_a_name_that_goes_away_takes_its_targets_along(tmp_path: Path) -> None:
    """D-5, test 52: NXDOMAIN is knowledge, unlike silence."""
    servers = of({"one.": [["one. 1 IN A 10.0.0.1"], dns.rcode.NXDOMAIN]})
    path = tmp_path / "resolv.conf"
    path.write_text("nameserver 127.0.0.1\n")
    config = DnsSDConfig(names=("one.",), type="A", port=1, refresh_interval=Duration(20))
    async with servers, looking_up(path, servers.port, config) as discovered:
        await discovered.published.update(2)
        assert discovered.published.sources[:2] == [["one."], ["-one."]]


async def test_records_of_another_type_are_passed_over(tmp_path: Path) -> None:
    """D-6: with a word in the log, but for the CNAME on the way."""
    answer = ["one. 1 IN CNAME b.", "b. 1 IN A 10.0.0.1", "b. 1 IN TXT x"]
    servers = of({"one.": [answer]})
    path = tmp_path / "resolv.conf"
    path.write_text("nameserver 127.0.0.1\n")
    config = DnsSDConfig(names=("one.",), type="A", port=1)
    async with servers, looking_up(path, servers.port, config) as discovered:
        await discovered.published.update(1)
        assert discovered.published.addresses == ["10.0.0.1:1"]
        assert [(entry["event"], entry["type"]) for entry in discovered.logs.entries] == [
            ("Invalid record", "TXT")
        ]


async def test_without_a_resolver_file_the_lookup_fails(tmp_path: Path) -> None:
    """D-2: and the refresh does not."""
    config = DnsSDConfig(names=("one.",), type="A", port=1)
    async with looking_up(tmp_path / "none", 53, config) as discovered:
        assert await discovered.published.update(1) == []
        assert discovered.counted("dns_lookup_failures_total") == 1
        assert discovered.refresh_failures == 0


@pytest.mark.parametrize(
    ("entry", "error"),
    [
        ("names: [a], type: a", "a port is required in DNS-SD configs"),
        ("names: [a], type: TXT", "invalid DNS-SD records type TXT"),
        ("type: SRV", "must contain at least one SRV record name"),
    ],
)
def test_a_wrong_entry_is_refused(entry: str, error: str) -> None:
    """D config, test 48."""
    with pytest.raises(ConfigError, match=error):
        parse(f"scrape_configs: [{{job_name: a, dns_sd_configs: [{{{entry}}}]}}]".encode(), "c", {})


def test_an_srv_entry_needs_no_port() -> None:
    """D config, test 48: in whatever case the type is written."""
    source = b"scrape_configs: [{job_name: a, dns_sd_configs: [{names: [a], type: srv}]}]"
    assert parse(source, "c", {}).scrape_configs
