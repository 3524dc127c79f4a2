"""Loading: any bytes either load or are refused with a place, and what loads can be dumped."""

import json
from collections.abc import Mapping
from typing import TypeAlias

import yaml
from hypothesis import given
from hypothesis import strategies as st

from promscrape.config.dump import dump
from promscrape.config.global_ import GlobalConfig
from promscrape.config.load import parse
from promscrape.config.root import Config
from promscrape.config.scrape import ScrapeConfig
from promscrape.config.unsupported import JOB_KEYS, ROOT_KEYS
from promscrape.errors import ConfigError

KEYS = sorted(
    {
        "global",
        "runtime",
        "scrape_configs",
        "alerting",
        "rule_files",
        "remote_read",
        "targets",
        "labels",
        "<<",
        "a-b",
        "",
        *GlobalConfig.__struct_fields__,
        *ScrapeConfig.__struct_fields__,
        *ROOT_KEYS,
        *JOB_KEYS,
    }
)
Section: TypeAlias = dict[str, object]

words = st.sampled_from(
    [
        "",
        "a",
        "5s",
        "1.5s",
        "10MB",
        "0x1F",
        "yes",
        "(",
        "(.*)",
        "$1",
        "http://x/y",
        "legacy",
        "dots",
    ]
)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | words | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=4)
    ),
    max_leaves=20,
)
yaml_pieces = st.lists(
    st.sampled_from(
        [
            "global:", "scrape_configs:", "\n", "\n  ", "\n- ", "job_name: a", "*x", "&x ", "<<: ",
            "{", "}", "[", "]", ", ", ": ", "!!binary ", "!!int ", "'", '"', "|", "#", "---\n", "~",
            "scrape_interval: ", "5s", "labels", "targets: ", "\t", "é", "1", "? ", "- ",
        ]
    ),
    max_size=25,
).map("".join)  # fmt: skip


def config_of(source: bytes) -> Config | None:
    """Return what loads, None for what is refused; any other outcome fails the test."""
    refused = None
    try:
        return parse(source, "c.yml", {})
    except ConfigError as error:
        refused = error
    assert str(refused)
    assert refused.problems
    for problem in refused.problems:
        assert problem.message
        assert problem.line > 0
        assert problem.column > 0
        assert str(problem) in refused.report()
    return None


@given(st.binary() | st.text().map(str.encode))
def test_any_bytes_load_or_are_refused(source: bytes) -> None:
    """Nothing on disk is trusted: no other error comes out of a file, whatever is in it."""
    config_of(source)


@given(yaml_pieces)
def test_any_pieces_of_yaml_load_or_are_refused(source: str) -> None:
    """The same for text that is nearly a configuration."""
    config_of(source.encode())


@given(st.dictionaries(st.sampled_from(KEYS), json_values, max_size=5))
def test_any_document_loads_or_is_refused(document: Section) -> None:
    """The same for documents with the right keys in the wrong places."""
    config_of(json.dumps(document).encode())


def sections(
    required: Mapping[str, st.SearchStrategy[object]],
    optional: Mapping[str, st.SearchStrategy[object]],
) -> st.SearchStrategy[Section]:
    """Draw sections with these keys."""
    return st.fixed_dictionaries(dict(required), optional=dict(optional))


texts = st.text(st.characters(codec="utf-8"), max_size=8) | words
label_values = texts | st.sampled_from(["$a", "x$", "$$", "${a}", "12:30", "null", " x "])
limits = st.integers(0, 2**64 - 1)
durations = st.integers(1, 10**10).map(lambda ms: f"{ms}ms")
rules = sections(
    {"target_label": st.sampled_from(["a", "$1"])},
    {
        "source_labels": st.lists(st.text(st.characters(codec="utf-8"), min_size=1, max_size=5)),
        "regex": st.sampled_from(["(.*)", "", None, "a|b", "x: y", "# z"]),
        "separator": texts,
        "replacement": texts | st.none(),
        "action": st.sampled_from(["replace", "keep", "DROP"]),
    },
)
static_configs = sections(
    {},
    {
        "targets": st.lists(texts.filter(lambda text: "/" not in text)),
        "labels": st.dictionaries(
            st.text(st.characters(codec="utf-8"), min_size=1, max_size=5), label_values
        ),
    },
)
jobs = sections(
    {"job_name": texts.filter(bool)},
    {
        "honor_labels": st.booleans(),
        "honor_timestamps": st.booleans() | st.none(),
        "params": st.dictionaries(texts, st.lists(texts)),
        "scrape_interval": durations,
        "scrape_protocols": st.just(["PrometheusText0.0.4", "PrometheusProto"]),
        "fallback_scrape_protocol": st.just("PrometheusText0.0.4"),
        "scrape_native_histograms": st.booleans() | st.none(),
        "scrape_failure_log_file": texts,
        "metrics_path": texts | st.none(),
        "scheme": texts,
        "follow_redirects": st.booleans(),
        "body_size_limit": st.integers(-(10**9), 10**9).map(lambda number: f"{number}B"),
        "sample_limit": limits,
        "native_histogram_min_bucket_factor": st.floats(allow_nan=False),
        "metric_name_validation_scheme": st.sampled_from(["utf8", "legacy", ""]),
        "relabel_configs": st.lists(rules, max_size=3),
        "static_configs": st.lists(static_configs, max_size=3),
    },
)
documents = sections(
    {},
    {
        "global": sections(
            {},
            {
                "scrape_interval": durations,
                "external_labels": st.dictionaries(st.sampled_from(["a", "b", "y"]), label_values),
                "label_limit": limits,
                "extra_scrape_metrics": st.booleans(),
                "query_log_file": texts,
            },
        ),
        "scrape_configs": st.lists(jobs, max_size=3, unique_by=lambda job: str(job["job_name"])),
    },
)


@given(documents)
def test_what_is_dumped_loads_to_the_same_configuration(document: Section) -> None:
    """Config 14: and dumping it again changes nothing."""
    config = config_of(yaml.safe_dump(document, allow_unicode=True).encode())
    assert config is not None
    text = dump(config)
    again = parse(text.encode(), "c.yml", {})

    assert again == config
    assert dump(again) == text
