"""From target groups to targets."""

import msgspec
import pytest

from promscrape.config.load import parse
from promscrape.config.scrape import ScrapeConfig
from promscrape.discovery.target_group import TargetGroup
from promscrape.model.duration import Duration
from promscrape.model.regex import Regex
from promscrape.relabel import RelabelAction, RelabelConfig
from promscrape.scrape.target import (
    Health,
    Report,
    Target,
    TargetError,
    build_target,
    discovered_labels,
)

JOB = ScrapeConfig(job_name="j", scrape_interval=Duration(15_000), scrape_timeout=Duration(10_000))


def discover(
    own: dict[str, str], config: ScrapeConfig = JOB, group: dict[str, str] | None = None
) -> dict[str, str]:
    return discovered_labels(TargetGroup((own,), group or {}, "0"), own, config)


def build(own: dict[str, str], config: ScrapeConfig = JOB) -> Target:
    target = build_target(discover(own, config), config)
    assert target is not None
    return target


def refusal(own: dict[str, str], config: ScrapeConfig = JOB) -> str:
    with pytest.raises(TargetError) as caught:
        build_target(discover(own, config), config)
    return str(caught.value)


def relabeled(**rule: object) -> ScrapeConfig:
    return msgspec.structs.replace(JOB, relabel_configs=(RelabelConfig(**rule),))  # type: ignore[arg-type]  # a test's shorthand


def test_a_job_fills_in_what_discovery_left_out() -> None:
    """T1 to T3: the target's own labels win over the group's, both over the job's."""
    config = msgspec.structs.replace(JOB, params={"q": ("v1", "v2"), "none": ()})
    labels = discover({"__address__": "a:1", "x": "own", "job": ""}, config, {"x": "g", "y": "g"})
    assert labels == {
        "__address__": "a:1",
        "x": "own",
        "y": "g",
        "job": "j",
        "__scrape_interval__": "15s",
        "__scrape_timeout__": "10s",
        "__metrics_path__": "/metrics",
        "__scheme__": "http",
        "__convert_classic_histograms_to_nhcb__": "false",
        "__always_scrape_classic_histograms__": "false",
        "__scrape_native_histograms__": "false",
        "__param_q": "v1",
    }


@pytest.mark.parametrize(
    ("own", "config", "url"),
    [
        pytest.param(
            {"__address__": "1.2.3.4", "__scheme__": "https"},
            JOB,
            "https://1.2.3.4/metrics",
            id="TC110-no-port-is-added",
        ),
        pytest.param(
            {"__address__": "a:80", "__param_q": "x y", "__param_r": "h"},
            msgspec.structs.replace(JOB, params={"q": ("v1", "v2")}),
            "http://a:80/metrics?q=x+y&q=v2&r=h",
            id="TC116-parameters",
        ),
        pytest.param(
            {"__address__": "a:1", "__metrics_path__": "/m?x=1"},
            JOB,
            "http://a:1/m%3Fx=1",
            id="TC117-question-mark",
        ),
        pytest.param(
            {"__address__": "a:1", "__metrics_path__": "m"}, JOB, "http://a:1/m", id="T17-slash"
        ),
        pytest.param(
            {"__address__": "a:1"},
            msgspec.structs.replace(JOB, metrics_path=""),
            "http://a:1",
            id="T17-no-path",
        ),
        pytest.param(
            {"__address__": "[::1]:9100", "__metrics_path__": "/ü %"},
            JOB,
            "http://[::1]:9100/%C3%BC%20%25",
            id="T17-encoded",
        ),
    ],
)
def test_the_url_is_made_of_labels(own: dict[str, str], config: ScrapeConfig, url: str) -> None:
    """T15, T17: and sent as it stands here."""
    assert build(own, config).url == url


def test_the_instance_is_the_address_unless_it_is_given() -> None:
    """T14: verbatim; meta labels are gone, other internal ones are not public (T13, T22)."""
    target = build({"__address__": "a", "__meta_x": "1", "__tmp": "2"})
    assert target.public_labels.to_map() == {"job": "j", "instance": "a"}
    assert build({"__address__": "a", "instance": "mine"}).instance == "mine"


@pytest.mark.parametrize(
    ("labels", "error"),
    [
        pytest.param({"__address__": "host/x"}, '"host/x" is not a valid hostname', id="TC111"),
        pytest.param({"__address__": ""}, "no address", id="T6"),
        pytest.param(
            {"__address__": "a", "__scrape_interval__": "5parsecs"},
            'error parsing scrape interval: unknown unit "parsecs" in duration "5parsecs"',
            id="TC113",
        ),
        pytest.param(
            {"__address__": "a", "__scrape_interval__": "0"},
            "scrape interval cannot be 0",
            id="T8-zero",
        ),
        pytest.param(
            {"__address__": "a", "__scrape_timeout__": "x"},
            'error parsing scrape timeout: not a valid duration string: "x"',
            id="T9",
        ),
        pytest.param(
            {"__address__": "a", "__scrape_timeout__": "0s"},
            "scrape timeout cannot be 0",
            id="T9-zero",
        ),
        pytest.param(
            {"__address__": "a", "__scrape_interval__": "1s", "__scrape_timeout__": "2s"},
            'scrape timeout cannot be greater than scrape interval ("2s" > "1s")',
            id="TC114",
        ),
        pytest.param(
            {"__address__": "a", "__convert_classic_histograms_to_nhcb__": "perhaps"},
            "error parsing convert classic histograms to nhcb: "
            'strconv.ParseBool: parsing "perhaps": invalid syntax',
            id="TC115",
        ),
        pytest.param(
            {"__address__": "a", "x": "\udcff"}, r'invalid label value for "x": "\xff"', id="T12"
        ),
    ],
)
def test_labels_that_make_no_target_are_refused(labels: dict[str, str], error: str) -> None:
    """T6 to T12: the first failure is named; the target is neither active nor dropped."""
    assert refusal(labels) == error


def test_a_short_interval_shortens_the_inherited_timeout() -> None:
    """TC122: 5 s under the global 10 s; the label says so, too."""
    text = b"scrape_configs: [{job_name: j, scrape_interval: 5s}]"
    (config,) = parse(text, "prometheus.yml", {}).scrape_configs
    assert discover({"__address__": "a"}, config)["__scrape_timeout__"] == "5s"


def test_relabeling_may_take_the_address_away() -> None:
    """TC112, T4: that is a failure, not a drop."""
    config = relabeled(regex=Regex("foo"), action=RelabelAction.LABEL_KEEP)
    assert refusal({"__address__": "a", "foo": "x"}, config) == "no address"


def test_relabeling_may_drop_the_target() -> None:
    """T5: no target and no error."""
    config = relabeled(source_labels=("__address__",), regex=Regex("a"), action=RelabelAction.DROP)
    assert build_target(discover({"__address__": "a"}, config), config) is None


def test_relabeling_sets_interval_and_timeout() -> None:
    """T20, TC174: the loop goes by the target's own labels."""
    config = msgspec.structs.replace(
        JOB,
        relabel_configs=(
            RelabelConfig(target_label="__scrape_interval__", replacement="3s"),
            RelabelConfig(target_label="__scrape_timeout__", replacement="1500ms"),
        ),
    )
    target = build({"__address__": "a"}, config)
    assert (target.interval_ns, target.timeout_s) == (3_000_000_000, 1.5)
    assert (target.interval_text, target.timeout_text) == ("3s", "1500ms")


def test_a_changed_interval_is_another_target() -> None:
    """M9, T16: the hash covers all labels."""
    other = msgspec.structs.replace(JOB, scrape_interval=Duration(30_000))
    assert build({"__address__": "a"}).hash != build({"__address__": "a"}, other).hash
    assert build({"__address__": "a"}).hash == build({"__address__": "a"}).hash


def test_health_follows_the_last_report() -> None:
    """T19: unknown before the first."""
    target = build({"__address__": "a"})
    seen = [target.health]
    for error in ("", "server returned HTTP status 500"):
        target.report = Report(1, 0.1, error)
        seen.append(target.health)
    assert seen == [Health.UNKNOWN, Health.UP, Health.DOWN]
