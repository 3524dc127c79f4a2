"""From exposed labels to a series' labels."""

import msgspec
import pytest

from promscrape.config.scrape import ScrapeConfig
from promscrape.errors import LabelLimitExceeded
from promscrape.exposition.entries import LabelPairs
from promscrape.model.labels import Labels, ValidationScheme
from promscrape.model.regex import Regex
from promscrape.relabel import RelabelAction, RelabelConfig
from promscrape.scrape.limits import InvalidNameError, SeriesRules

JOB = ScrapeConfig(job_name="j")


def resolve(
    exposed: dict[str, str] | LabelPairs,
    target: dict[str, str] | None = None,
    config: ScrapeConfig = JOB,
) -> dict[str, str] | None:
    pairs = exposed if isinstance(exposed, tuple) else tuple(exposed.items())
    if not any(name == "__name__" for name, _ in pairs):
        pairs = (("__name__", "a"), *pairs)
    labels = SeriesRules(config, Labels.from_map(target or {})).resolve(pairs)
    if labels is None:
        return None
    found = labels.to_map()
    del found["__name__"]
    return found


@pytest.mark.parametrize(
    ("target", "exposed", "merged"),
    [
        pytest.param({"job": "j"}, {"job": "x"}, {"job": "j", "exported_job": "x"}, id="TC080"),
        pytest.param(
            {"zone": "b", "exported_zone": "c"},
            {"zone": "a"},
            {"zone": "b", "exported_zone": "c", "exported_exported_zone": "a"},
            id="TC081",
        ),
        pytest.param(
            {"exported_zone": "b"},
            {"zone": "z", "exported_zone": "a"},
            {"zone": "z", "exported_zone": "b", "exported_exported_zone": "a"},
            id="TC082",
        ),
        pytest.param(
            {"zone": "3", "exported_zone": "4"},
            {"zone": "1", "exported_zone": "2"},
            {
                "zone": "3",
                "exported_zone": "4",
                "exported_exported_zone": "1",
                "exported_exported_exported_zone": "2",
            },
            id="S4-shorter-name-first",
        ),
        pytest.param({"job": "j"}, {"job": ""}, {"job": "j"}, id="TC084-empty-is-no-conflict"),
        pytest.param({"job": "j"}, {"x": "1"}, {"job": "j", "x": "1"}, id="S4-no-conflict"),
        pytest.param({}, {"x": ""}, {}, id="S5-empty-values-vanish"),
    ],
)
def test_the_target_s_labels_win(
    target: dict[str, str], exposed: dict[str, str], merged: dict[str, str]
) -> None:
    """S4: and the exposed ones are renamed, never lost."""
    assert resolve(exposed, target) == merged


@pytest.mark.parametrize(
    ("exposed", "merged"),
    [
        pytest.param({"job": "x"}, {"job": "x", "instance": "t"}, id="S3-exposed-wins"),
        pytest.param({"job": "", "instance": "i"}, {"instance": "i"}, id="TC083-empty-counts"),
        pytest.param({}, {"job": "j", "instance": "t"}, id="S3-missing-are-added"),
    ],
)
def test_honor_labels_lets_the_exposed_ones_win(
    exposed: dict[str, str], merged: dict[str, str]
) -> None:
    """S3: for federation and push gateways."""
    config = msgspec.structs.replace(JOB, honor_labels=True)
    assert resolve(exposed, {"job": "j", "instance": "t"}, config) == merged


def relabeled(*rules: RelabelConfig) -> ScrapeConfig:
    return msgspec.structs.replace(JOB, metric_relabel_configs=rules)


def test_metric_relabeling_sees_the_merged_labels() -> None:
    """S6: the name and the target's public labels; what it makes is stored as it is."""
    rule = RelabelConfig(
        source_labels=("__name__", "job"), target_label="__tmp_x", replacement="$1"
    )
    assert resolve({}, {"job": "j"}, relabeled(rule)) == {"job": "j", "__tmp_x": "a;j"}


def test_metric_relabeling_may_drop_the_series() -> None:
    """S6: then there are no labels at all."""
    rule = RelabelConfig(source_labels=("__name__",), regex=Regex("a"), action=RelabelAction.DROP)
    assert resolve({}, {}, relabeled(rule)) is None


def test_a_series_without_a_name_fails_the_scrape() -> None:
    """TC101, S7: relabeling may take it away."""
    rule = RelabelConfig(regex=Regex("__name__"), action=RelabelAction.LABEL_DROP)
    with pytest.raises(InvalidNameError, match=r"missing metric name \(__name__ label\)"):
        resolve({"x": "1"}, {}, relabeled(rule))


def test_an_empty_metric_name_is_none() -> None:
    """TC019: `{""} 1` parses and fails here."""
    with pytest.raises(InvalidNameError, match="missing metric name"):
        resolve((("__name__", ""),))


@pytest.mark.parametrize("names", [{"__name__": "a.b"}, {"k.v": "1"}, {"__name__": " a"}])
def test_legacy_names_are_enforced_where_the_job_says_so(names: dict[str, str]) -> None:
    """TC020, S8, N1, N2: the whole set is named, its odd names quoted."""
    config = msgspec.structs.replace(JOB, metric_name_validation_scheme=ValidationScheme.LEGACY)
    with pytest.raises(InvalidNameError, match="invalid metric name or label names: "):
        resolve(names, {}, config)
    assert resolve(names) is not None


def test_names_must_be_utf8() -> None:
    """N1: whatever the scheme; the bad byte shows in the error."""
    with pytest.raises(InvalidNameError, match=r'{__name__="a", "\\xff"="1"}'):
        resolve({"\udcff": "1"})


def limited(**limits: int) -> ScrapeConfig:
    return msgspec.structs.replace(JOB, **limits)


@pytest.mark.parametrize(
    ("config", "exposed", "error"),
    [
        pytest.param(
            limited(label_limit=5),
            {f"l{i}": "1" for i in range(5)},
            "label_limit exceeded (metric: a, number of labels: 6, limit: 5)",
            id="TC085",
        ),
        pytest.param(
            limited(label_name_length_limit=7),
            {},
            "label_name_length_limit exceeded (metric: a, label name: __name__, length: 8, "
            "limit: 7)",
            id="TC086-the-name-label-counts",
        ),
        pytest.param(
            limited(label_value_length_limit=3),
            {"x": "éé"},
            'label_value_length_limit exceeded (metric: a, label name: x, value: "éé", '
            "length: 4, limit: 3)",
            id="TC087-bytes",
        ),
        pytest.param(
            limited(label_value_length_limit=60),
            {"x": "v" * 61},
            f'(metric: a, label name: x, value: "{"v" * 50}", length: 61, limit: 60)',
            id="S9-truncated",
        ),
    ],
)
def test_label_limits_fail_the_scrape(
    config: ScrapeConfig, exposed: dict[str, str], error: str
) -> None:
    """S9: all labels count, after relabeling, in bytes."""
    with pytest.raises(LabelLimitExceeded) as caught:
        resolve(exposed, {}, config)
    assert error in str(caught.value)


def test_at_the_limit_is_within_it() -> None:
    """S9: more than the limit violates it."""
    config = limited(label_limit=2, label_name_length_limit=8, label_value_length_limit=4)
    assert resolve({"x": "éé"}, {}, config) == {"x": "éé"}
