"""The compiled way from a series text to its label set agrees with the rules of the scrape."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from promscrape.config.scrape import ScrapeConfig
from promscrape.errors import ScrapeError
from promscrape.exposition.columns import Columns, NewTexts
from promscrape.exposition.text_format import OPENMETRICS_TEXT, PROMETHEUS_TEXT, TextFormat
from promscrape.model.labels import Labels, ValidationScheme
from promscrape.scrape.limits import SeriesRules
from promscrape.twins import COMPILED

if not COMPILED:
    pytest.skip("the plain twins run", allow_module_level=True)

from promscrape.exposition._scanner_c import TextScanner

# Few names, so that they meet: with each other, with the target's, and with renamed ones.
NAMES = st.sampled_from(
    ["job", "exported_job", "exported_exported_job", "le", "quantile", "e", "exported_", "z", "__x"]
)
VALUES = st.sampled_from(["", "a", "1", "1e3", "+Inf", "0x1p4", "b" * 127, "c" * 128, "d" * 20_000])
TARGETS = st.dictionaries(
    st.one_of(NAMES, st.sampled_from(["instance", "ä", "z" * 130])),
    st.sampled_from(["x", "ü", "y" * 128]),
    max_size=5,
)
METRICS = st.sampled_from(["m", "m_bucket", ":m", "_"])
TYPES = st.sampled_from(["histogram", "summary", "counter", "nonsense"])


@st.composite
def lines(draw: st.DrawFn) -> str:
    """A TYPE line, or a sample: mostly plain, with one name twice or escapes now and then."""
    metric = draw(METRICS)
    if draw(st.integers(0, 4)) == 0:
        return f"# TYPE {metric} {draw(TYPES)}\n"
    names = draw(st.lists(st.one_of(NAMES, st.just("__name__")), max_size=5))
    pairs = [f'{name}="{draw(VALUES)}"' for name in names]
    pairs += draw(st.sampled_from([(), (), (), ('"q.x"="1"',), ('e2="\\n"',), ('u="ö"',)]))
    if draw(st.integers(0, 9)) == 0:
        return "{" + ",".join(['"quoted.m"', *pairs]) + "} 1\n"
    return f"{metric}{{{','.join(pairs)}}} 1\n" if pairs else f"{metric} 1\n"


def scanned(body: bytes, text_format: TextFormat) -> Columns:
    columns = TextScanner().scan(body, text_format, skip_bad_lines=True)
    assert not columns.new or isinstance(columns.new, NewTexts)
    return columns


@settings(max_examples=500)
@given(
    st.lists(lines(), max_size=12),
    TARGETS,
    st.booleans(),
    st.sampled_from(ValidationScheme),
    st.sampled_from([PROMETHEUS_TEXT, OPENMETRICS_TEXT]),
)
def test_label_sets_are_those_of_the_rules(
    body: list[str],
    target: dict[str, str],
    honors: bool,  # noqa: FBT001 - drawn
    scheme: ValidationScheme,
    text_format: TextFormat,
) -> None:
    """S3, S4, S10, N5: the same bytes, or the compiled way leaves it to the rules."""
    config = ScrapeConfig(job_name="j", honor_labels=honors, metric_name_validation_scheme=scheme)
    rules = SeriesRules(config, Labels.from_map(target))
    new = scanned("".join(body).encode(), text_format).new
    wires = rules.wires(new, 0, len(new))
    assert len(wires) == len(new)
    for series, wire in zip(new, wires, strict=True):
        if wire is not None:
            resolved = rules.resolve(series.labels)
            assert resolved is not None
            assert wire == resolved.wire


def test_the_common_kinds_are_not_left_to_the_rules() -> None:
    """A conflict with a label of the target is common; so are buckets."""
    body = b'# TYPE h histogram\nh_bucket{le="1"} 1\nh_bucket{job="x",le="+Inf"} 1\nh_count 1\n'
    new = scanned(body, PROMETHEUS_TEXT).new
    rules = SeriesRules(ScrapeConfig(job_name="j"), Labels.from_map({"job": "j"}))
    wires = [wire for wire in rules.wires(new, 0, 100) if wire is not None]
    assert [str(Labels(wire)) for wire in wires] == [
        '{__name__="h_bucket", job="j", le="1.0"}',
        '{__name__="h_bucket", exported_job="x", job="j", le="+Inf"}',
        '{__name__="h_count", job="j"}',
    ]


@pytest.mark.parametrize(
    ("config", "target"),
    [
        pytest.param(ScrapeConfig(job_name="j", label_limit=2), {}, id="label_limit"),
        pytest.param(
            ScrapeConfig(job_name="j", metric_name_validation_scheme=ValidationScheme.LEGACY),
            {"ä": "x"},
            id="a-bad-name-of-the-target",
        ),
    ],
)
def test_what_the_rules_may_refuse_is_left_to_them(
    config: ScrapeConfig, target: dict[str, str]
) -> None:
    """L9, S8: the error is told by the rules alone."""
    new = scanned(b'a{b="1",c="2"} 1\n', PROMETHEUS_TEXT).new
    rules = SeriesRules(config, Labels.from_map(target))
    assert list(rules.wires(new, 0, 1)) == [None]
    with pytest.raises(ScrapeError):
        rules.resolve(new[0].labels)


def test_more_labels_than_are_common_are_left_to_the_rules() -> None:
    """Sixty-four with those of the target; none is lost."""
    rules = SeriesRules(ScrapeConfig(job_name="j"), Labels.from_map({"job": "j", "zone": "z"}))
    for count, is_known in ((61, True), (62, False), (63, False), (64, False), (100, False)):
        labels = ",".join(f'l{at}="v"' for at in range(count))
        new = scanned(f"m{{{labels}}} 1\n".encode(), PROMETHEUS_TEXT).new
        (wire,) = rules.wires(new, 0, 1)
        assert (wire is not None) == is_known
        assert wire is None or len(Labels(wire)) == count + 3


def test_new_series_are_a_sequence() -> None:
    """As the plain scanner's list of them."""
    new = scanned(b'a 1\nb{c="d"} 1\n{"q.r"} 1\n', PROMETHEUS_TEXT).new
    assert [series.labels[0][1] for series in new] == ["a", "b", "q.r"]
    assert new[-1] == new[2] == list(new)[2]
    assert list(new[:2]) == [new[0], new[1]]
    with pytest.raises(IndexError):
        new[3]
