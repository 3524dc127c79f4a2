"""The kinds of service discovery, and entries as values."""

import pytest
import yaml

from promscrape.config.dump import dump
from promscrape.config.load import parse
from promscrape.discovery.configs import DiscoveryConfigs
from promscrape.discovery.dns import DnsSDConfig
from promscrape.discovery.file import FileSDConfig
from promscrape.discovery.kind import BuiltIn, Unbuilt
from promscrape.discovery.registry import KINDS, registered
from promscrape.discovery.static import StaticConfig
from promscrape.errors import ConfigError

NAMES = """
    aws azure consul digitalocean dns docker dockerswarm ec2 ecs elasticache eureka file gce hetzner
    http ionos kubernetes kuma lightsail linode marathon msk nerve nomad oci openstack outscale
    ovhcloud puppetdb rds scaleway serverset stackit triton uyuni vultr
"""


def discovery_of(text: str) -> DiscoveryConfigs:
    """Return what a job in a file in /etc/p says of its targets."""
    source = f"scrape_configs: [{{job_name: a, {text}}}]"
    return parse(source.encode(), "/etc/p/c.yml", {}).scrape_configs[0].discovery


def test_the_registered_kinds_are_those_of_prometheus() -> None:
    """R-1: each under its key, sorted as a dump shows them; `static_configs` is the exception."""
    keys = list(registered())
    assert sorted(keys) == keys
    ours = {"static_configs", "exec_sd_configs"}
    assert set(keys) == {f"{kind}_sd_configs" for kind in NAMES.split()} | ours


@pytest.mark.parametrize("row", KINDS, ids=lambda row: row.name)
def test_what_is_said_of_a_kind_before_it_is_imported_is_so(row: BuiltIn) -> None:
    """R-1, 1.6: its name, and the metrics that stand at 0 from the start."""
    assert row.kind.name == row.name
    assert (None if isinstance(row.kind, Unbuilt) else row.kind.metrics) is row.metrics


@pytest.mark.parametrize("key", registered())
def test_a_null_entry_is_refused_by_its_key(key: str) -> None:
    """R-2, test 23: whatever the kind, and before the job's own rules."""
    with pytest.raises(ConfigError) as caught:
        parse(f"scrape_configs:\n- {key}:\n  - null\n".encode(), "c.yml", {})
    text = f"empty or null section in {key}"
    assert str(caught.value) == f"parsing YAML file c.yml: {text}"
    assert [problem.line for problem in caught.value.problems if problem.message == text] == [3]


@pytest.mark.parametrize("key", registered())
def test_a_list_may_be_null_or_empty(key: str) -> None:
    """Config 1.2: either is a job without entries of the kind."""
    assert discovery_of(f"{key}: null") == discovery_of(f"{key}: []") == DiscoveryConfigs()


@pytest.mark.parametrize("kind", ["consul", "nomad", "ec2", "linode", "vultr", "digitalocean"])
def test_an_empty_entry_goes_through_the_rules_of_its_kind(kind: str) -> None:
    """R-2: where nothing is required, nothing is missing."""
    assert len(discovery_of(f"{kind}_sd_configs: [{{}}]").by_key[f"{kind}_sd_configs"]) == 1


def test_a_misspelt_kind_is_told_from_a_known_one() -> None:
    """Test 26: the text is Prometheus's, the hint names the kind that was meant."""
    with pytest.raises(ConfigError) as caught:
        discovery_of("consult_sd_configs: []")
    (problem,) = caught.value.problems
    assert "field consult_sd_configs not found in type config.ScrapeConfig" in str(caught.value)
    assert problem.hint == "did you mean `consul_sd_configs`?"


def test_a_list_is_called_as_in_prometheus() -> None:
    """Config 1.3: the types of lists, of which some are of another package than their kind."""
    for kind, item in (("dns", "dns.SDConfig"), ("nerve", "zookeeper.NerveSDConfig")):
        with pytest.raises(ConfigError) as caught:
            discovery_of(f"{kind}_sd_configs: a")
        assert f"cannot unmarshal !!str `a` into []*{item}" in str(caught.value)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("dns_sd_configs: [{names: [a]}]", "dns_sd_configs: [{names: [a], type: SRV, port: 0}]"),
        (
            "dns_sd_configs: [{names: [a], refresh_interval: 60s}]",
            "dns_sd_configs: [{refresh_interval: 1m, names: [a]}]",
        ),
        ("file_sd_configs: [{files: [a.yml]}]", "file_sd_configs: [{files: [/etc/p/a.yml]}]"),
        ("consul_sd_configs: [{token: a}]", 'consul_sd_configs: [{token: "a"}]'),
        (
            "consul_sd_configs: [{username: a, password: b}]",
            "consul_sd_configs: [{basic_auth: {username: a, password: b}}]",
        ),
        (
            "linode_sd_configs: [{bearer_token: a}]",
            "linode_sd_configs: [{authorization: {credentials: a}}]",
        ),
    ],
)
def test_entries_with_the_same_effect_are_equal(one: str, other: str) -> None:
    """R-5: what counts is neither the source text nor which object it is."""
    assert discovery_of(one) == discovery_of(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("consul_sd_configs: [{token: a}]", "consul_sd_configs: [{token: b}]"),
        ("nerve_sd_configs: [{servers: [a], paths: [/b]}]", "nerve_sd_configs: []"),
        (
            "nerve_sd_configs: [{servers: [a], paths: [/b]}]",
            "serverset_sd_configs: [{servers: [a], paths: [/b]}]",
        ),
        ("ec2_sd_configs: [{region: a}]", "ec2_sd_configs: [{region: a}, {region: a}]"),
    ],
)
def test_entries_with_another_effect_differ(one: str, other: str) -> None:
    """R-5: in a secret, too."""
    assert discovery_of(one) != discovery_of(other)


def test_each_entry_makes_a_provider_and_static_ones_make_one() -> None:
    """R-3: the static ones of a job together, all others by themselves, in the order of keys."""
    static = (StaticConfig(targets=("a:1",)), StaticConfig(targets=("b:1",)))
    files = FileSDConfig(files=("a.yml",))
    one, other = DnsSDConfig(names=("a",)), DnsSDConfig(names=("b",))
    configs = DiscoveryConfigs(
        by_key={
            "static_configs": static,
            "file_sd_configs": (files,),
            "dns_sd_configs": (one, other),
        }
    )
    assert list(configs.entries()) == [
        ("dns_sd_configs", one),
        ("dns_sd_configs", other),
        ("file_sd_configs", files),
        ("static_configs", static),
    ]
    assert configs.of(DnsSDConfig) == (one, other)


def test_a_dump_has_the_lists_behind_the_rules_and_sorted() -> None:
    """Config 14: by their keys, `static_configs` among them."""
    text = (
        "vultr_sd_configs: [{}], static_configs: [{}], nomad_sd_configs: [{}], "
        "aws_sd_configs: [{role: ec2}], relabel_configs: [{target_label: a}]"
    )
    config = parse(f"scrape_configs: [{{job_name: a, {text}}}]".encode(), "c.yml", {})
    (job,) = yaml.safe_load(dump(config))["scrape_configs"]
    assert list(job)[-5:] == [
        "relabel_configs",
        "aws_sd_configs",
        "nomad_sd_configs",
        "static_configs",
        "vultr_sd_configs",
    ]


def test_no_secret_of_an_entry_shows() -> None:
    """Config 14: neither in a dump nor in a `repr`."""
    source = (
        "scrape_configs: [{job_name: a, "
        "consul_sd_configs: [{token: hunter2}, {username: u, password: hunter2}], "
        "marathon_sd_configs: [{servers: [a], auth_token: hunter2}], "
        "kubernetes_sd_configs: [{role: pod, api_server: 'https://u:hunter2@a'}], "
        "ec2_sd_configs: [{secret_key: hunter2, endpoint: 'https://u:hunter2@a'}], "
        "http_sd_configs: [{url: 'https://u:hunter2@a/b?c=d'}], "
        "nomad_sd_configs: [{server: 'https://u:hunter2@a'}]}]"
    )
    config = parse(source.encode(), "c.yml", {})
    assert "hunter2" not in dump(config)
    assert "https://u:xxxxx@a/b?c=d" in dump(config)
    assert "hunter2" not in repr(config)


def test_no_secret_of_a_wrong_entry_shows() -> None:
    """Config 14: neither in the text nor in the line that is shown with it."""
    for entry in (
        "stackit_sd_configs: [{endpoint: 'http://u:hunter2@['}]",
        "kuma_sd_configs: [{server: '//u:hunter2@a'}]",
        "scaleway_sd_configs: [{role: instance, secret_key: hunter2}]",
        "consul_sd_configs: [{token: hunter2, authorization: {credentials: hunter2}}]",
    ):
        with pytest.raises(ConfigError) as caught:
            discovery_of(entry)
        assert "hunter2" not in f"{caught.value} {caught.value.report()}"
