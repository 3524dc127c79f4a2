import msgspec
import pytest

from promscrape.config.dump import dump_job
from promscrape.config.global_ import GlobalConfig
from promscrape.config.inherit import INHERITED_WHERE_NULL, INHERITED_WHERE_ZERO, inherit
from promscrape.config.load import parse
from promscrape.config.scrape import ScrapeConfig, ScrapeSection
from promscrape.config.tolerance import OnBadLine, OnSampleLimit
from promscrape.discovery.configs import DiscoveryConfigs
from promscrape.discovery.static import StaticConfig
from promscrape.httpclient.config import HTTPClientConfig
from promscrape.model.duration import Duration
from promscrape.model.labels import ValidationScheme
from promscrape.model.protocol import EscapingScheme, ScrapeProtocol
from promscrape.model.size import Size
from promscrape.relabel import RelabelConfig


def faults(section: ScrapeSection) -> list[str]:
    return [str(fault) for fault in section.check()]


def test_a_job_that_says_nothing_is_the_default_job() -> None:
    """Config 5.1: what takes effect with an empty `global` is what the struct's defaults say."""
    assert inherit(ScrapeSection(job_name="a"), GlobalConfig()) == ScrapeConfig(job_name="a")


def test_a_job_has_the_same_keys_as_written_and_in_effect() -> None:
    """Config 14: and in the same order, which is the order of the dump."""
    assert ScrapeSection.__struct_fields__ == ScrapeConfig.__struct_fields__


def test_every_inherited_key_is_one_of_both_sections() -> None:
    """Config 5.1: a key that `global` has too is inherited, one way or another."""
    resolved = {"scrape_timeout", "scrape_protocols", "metric_name_escaping_scheme"}
    both = set(GlobalConfig.__struct_fields__) & set(ScrapeConfig.__struct_fields__)
    assert {*INHERITED_WHERE_ZERO, *INHERITED_WHERE_NULL, *resolved} == both


def test_a_job_inherits_what_it_leaves_open() -> None:
    """Config 5.1, 17.34."""
    global_ = GlobalConfig(
        scrape_interval=Duration(5000),
        scrape_failure_log_file="f",
        body_size_limit=Size(1),
        sample_limit=2,
        target_limit=3,
        label_limit=4,
        label_name_length_limit=5,
        label_value_length_limit=6,
        keep_dropped_targets=7,
        metric_name_validation_scheme=ValidationScheme.LEGACY,
        scrape_native_histograms=True,
        convert_classic_histograms_to_nhcb=True,
        always_scrape_classic_histograms=True,
        extra_scrape_metrics=True,
    )
    job = inherit(ScrapeSection(job_name="a"), global_)
    for name in (*INHERITED_WHERE_ZERO, *INHERITED_WHERE_NULL, "scrape_timeout"):
        assert getattr(job, name) == getattr(global_, name), name
    assert job.metric_name_escaping_scheme is EscapingScheme.UNDERSCORES


def test_what_a_job_says_wins() -> None:
    """Config 5.1: an explicit false wins over a global true."""
    section = ScrapeSection(
        job_name="a",
        scrape_interval=Duration(7000),
        scrape_timeout=Duration(3000),
        sample_limit=1,
        scrape_native_histograms=False,
        scrape_protocols=("PrometheusText0.0.4",),
        fallback_scrape_protocol="PrometheusText1.0.0",
    )
    global_ = GlobalConfig(sample_limit=2, scrape_native_histograms=True)
    job = inherit(section, global_)
    assert (job.scrape_interval.ms, job.scrape_timeout.ms, job.sample_limit) == (7000, 3000, 1)
    assert job.scrape_native_histograms is False
    assert job.scrape_protocols == (ScrapeProtocol.PROMETHEUS_TEXT_0_0_4,)
    assert job.fallback_scrape_protocol is ScrapeProtocol.PROMETHEUS_TEXT_1_0_0


def test_a_section_names_all_that_is_wrong_in_prometheus_order() -> None:
    """Config 5.3: null discovery entries, the name, addresses, then null rules."""
    section = ScrapeSection(
        discovery=DiscoveryConfigs(
            by_key={"static_configs": (StaticConfig(targets=("ok:1", "http://x")), None)}
        ),
        metric_relabel_configs=(None,),
    )
    assert faults(section) == [
        "empty or null section in static_configs",
        "job_name is empty",
        '"http://x" is not a valid hostname',
        "empty or null metric relabeling rule in scrape config",
    ]


def test_addresses_are_left_to_relabeling_where_there_is_any() -> None:
    """T7, R-4, test 25: a rule can still rewrite them; a null one counts, and is refused itself."""
    static = DiscoveryConfigs(by_key={"static_configs": (StaticConfig(targets=("http://x",)),)})
    rules = (RelabelConfig(target_label="a"),)
    assert faults(ScrapeSection(job_name="a", discovery=static, relabel_configs=rules)) == []
    assert faults(ScrapeSection(job_name="a", discovery=static, relabel_configs=(None,))) == [
        "empty or null target relabeling rule in scrape config"
    ]


def test_the_http_client_can_be_compared_alone() -> None:
    """A reload that leaves it alone keeps the job's connections."""
    job = ScrapeConfig(job_name="a")
    other = msgspec.structs.replace(job, sample_limit=1)
    assert job != other
    assert job.http_client == other.http_client == HTTPClientConfig()
    assert job.http_client != HTTPClientConfig(follow_redirects=False)


def test_what_is_left_out_is_chosen_by_name() -> None:
    """Beyond Prometheus; an empty key is the default, as nothing was chosen."""
    source = "scrape_configs: [{job_name: a, on_bad_line: skip, on_sample_limit: keep_known}]"
    (job,) = parse(source.encode(), "c.yml", {}).scrape_configs
    assert (job.on_bad_line, job.on_sample_limit) == (OnBadLine.SKIP, OnSampleLimit.KEEP_KNOWN)
    assert {"on_bad_line: skip", "on_sample_limit: keep_known"} < set(dump_job(job).splitlines())
    (job,) = parse(b"scrape_configs: [{job_name: a, on_bad_line: }]", "c.yml", {}).scrape_configs
    assert job.on_bad_line is OnBadLine.FAIL
    assert "on_bad_line" not in dump_job(job)


@pytest.mark.parametrize(
    ("own", "global_", "expected"),
    [
        ({}, {}, EscapingScheme.ALLOW_UTF_8),
        ({}, {"metric_name_validation_scheme": ValidationScheme.LEGACY}, "underscores"),
        ({}, {"metric_name_escaping_scheme": "dots"}, "dots"),
        ({"metric_name_validation_scheme": ValidationScheme.LEGACY}, {}, "underscores"),
        (
            {"metric_name_validation_scheme": ValidationScheme.UTF8},
            {"metric_name_escaping_scheme": "dots"},
            "allow-utf-8",
        ),
        (
            {"metric_name_escaping_scheme": "values"},
            {"metric_name_escaping_scheme": "dots"},
            "values",
        ),
    ],
)
def test_the_escaping_scheme_goes_with_the_validation_scheme(
    own: dict[str, object], global_: dict[str, object], expected: str
) -> None:
    """N4: a job with a validation scheme of its own does not inherit the escaping scheme."""
    section = msgspec.structs.replace(ScrapeSection(job_name="a"), **own)
    whole = msgspec.structs.replace(GlobalConfig(), **global_)
    assert inherit(section, whole).metric_name_escaping_scheme == expected
