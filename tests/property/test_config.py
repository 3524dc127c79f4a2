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
from promscrape.config.otlp import OTLPConfig
from promscrape.config.root import Config, ConfigFile
from promscrape.config.scrape import ScrapeConfig
from promscrape.discovery.registry import registered
from promscrape.errors import ConfigError
from promscrape.httpclient.auth import OAuth2
from promscrape.httpclient.config import HTTPClientConfig
from promscrape.storage.remote.config import QueueConfig, RemoteWriteConfig, WriteMessage

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
        *ConfigFile.__struct_fields__,
        *HTTPClientConfig.__struct_fields__,
        *OAuth2.__struct_fields__,
        *RemoteWriteConfig.__struct_fields__,
        *QueueConfig.__struct_fields__,
        *OTLPConfig.__struct_fields__,
        *registered(),
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
numbers = st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False)
urls = st.sampled_from(["", "http://h:1/p?q#f", "localhost:9090", "http://u@h", "a b", "é"])
headers = st.dictionaries(st.sampled_from(["X-A", "x-b", "y", "1"]), texts)
# Without what is masked: a masked configuration is another one when it is loaded again.
tokens = sections(
    {"client_id": texts.filter(bool), "token_url": texts.filter(bool)},
    {
        "client_secret_file": texts,
        "scopes": st.lists(texts),
        "claims": st.dictionaries(
            texts,
            st.recursive(
                st.none() | st.booleans() | numbers | texts,
                lambda inner: st.lists(inner) | st.dictionaries(texts, inner),
                max_leaves=4,
            ),
        ),
        "proxy_url": urls,
        "tls_config": st.just({"ca_file": "a"}) | st.none(),
    },
)
clients = {
    "oauth2": tokens | st.none(),
    "tls_config": sections(
        {}, {"server_name": texts, "ca_file": texts, "insecure_skip_verify": st.booleans()}
    ),
    "proxy_url": urls,
    "http_headers": st.dictionaries(
        st.sampled_from(["X-A", "x-b"]), sections({}, {"values": st.lists(texts)})
    ),
    "enable_http2": st.booleans() | st.none(),
}
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
        **clients,
    },
)
remote_writes = sections(
    {"url": urls},
    {
        "remote_timeout": durations | st.none(),
        "headers": headers,
        "write_relabel_configs": st.lists(rules, max_size=2),
        "send_exemplars": st.booleans(),
        "protobuf_message": st.sampled_from([message.value for message in WriteMessage]),
        "queue_config": sections(
            {}, {"capacity": st.integers(1, 99), "max_backoff": st.just("1h")}
        ),
        "metadata_config": st.none() | sections({}, {"send": st.booleans()}),
        **clients,
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
        "remote_write": st.lists(remote_writes, max_size=2),
        "storage": sections({}, {"tsdb": sections({}, {"out_of_order_time_window": durations})}),
        "tracing": sections({"endpoint": texts.filter(bool)}, {"sampling_fraction": numbers}),
        "otlp": sections(
            {},
            {
                "translation_strategy": st.sampled_from(["NoTranslation", ""]),
                "label_name_underscore_sanitization": st.booleans(),
                "promote_resource_attributes": st.sampled_from([[], ["a", " b "]]),
            },
        )
        | st.none(),
    },
)


GOOD = """\
global: &g
  scrape_interval: 15s
  external_labels: {site: ams, "a b": '1'}
scrape_configs:
- job_name: node
  <<: {honor_labels: yes}
  authorization:
    credentials: |
      token
  tls_config: {ca: x, min_version: TLS12}
  relabel_configs:
  - {source_labels: [a, b], regex: "(.*)x", target_label: "${1}"}
  static_configs:
  - targets: ['a:1', "b:2"]
    labels: {x: !!binary YQ==}
- job_name: "blackbox"
  params: {module: [http_2xx]}
  http_headers: {X-A: {secrets: [s], values: [v]}}
remote_write:
- url: https://u:p@h/push  # comment
  queue_config: {max_shards: 0x10}
  sigv4: {}
otlp: ~
"""
edits = st.lists(
    st.tuples(
        st.integers(0, len(GOOD)),
        st.integers(0, 6),
        st.sampled_from(
            ["", "\n", "\n  ", ": ", "- ", "[", "}", "*g", "&g ", "x", "0", "'", "%", "é"]
        ),
    ),
    min_size=1,
    max_size=3,
)


def test_the_good_file_is_good() -> None:
    """Otherwise its changes would mostly be refused for the same thing."""
    assert config_of(GOOD.encode())


@given(edits)
def test_any_change_of_a_good_file_loads_or_is_refused(changes: list[tuple[int, int, str]]) -> None:
    """What people do to files: a piece is deleted, replaced or put in; never a traceback."""
    source = GOOD
    for begin, length, text in changes:
        source = source[:begin] + text + source[begin + length :]
    config_of(source.encode())


@given(documents)
def test_what_is_dumped_loads_to_the_same_configuration(document: Section) -> None:
    """Config 14: and dumping it again changes nothing."""
    config = config_of(yaml.safe_dump(document, allow_unicode=True).encode())
    assert config is not None
    text = dump(config)
    again = parse(text.encode(), "c.yml", {})

    assert again == config
    assert dump(again) == text
