from promscrape.config.dump import dump, dump_job
from promscrape.config.load import parse
from promscrape.config.root import Config


def config_of(source: str) -> Config:
    return parse(source.encode(), "/etc/p/c.yml", {})


OTLP = """\
otlp:
  translation_strategy: UnderscoreEscapingWithSuffixes
  label_name_underscore_sanitization: true
  label_name_preserve_multiple_underscores: true
"""


def test_the_defaults_are_dumped_as_by_prometheus() -> None:
    """Config 14: with nothing written, `global`, `runtime` and `otlp` stand there all the same."""
    assert dump(config_of("")) == (
        "global:\n"
        "  scrape_interval: 1m\n"
        "  scrape_timeout: 10s\n"
        "  evaluation_interval: 1m\n"
        "  metric_name_validation_scheme: utf8\n"
        "  scrape_native_histograms: false\n"
        "  extra_scrape_metrics: false\n"
        "runtime:\n"
        "  gogc: 75\n"
        f"{OTLP}"
    )


JOB = """\
scrape_configs:
- job_name: a
  static_configs:
  - targets: [x:1]
    labels: {b: 1, a: x}
  relabel_configs:
  - source_labels: [a, b]
    target_label: c
  sample_limit: 5
  params: {p: [q]}
"""

DUMPED_JOB = """\
job_name: a
honor_timestamps: true
track_timestamps_staleness: false
params:
  p:
  - q
scrape_interval: 1m
scrape_timeout: 10s
scrape_protocols:
- OpenMetricsText1.0.0
- OpenMetricsText0.0.1
- PrometheusText1.0.0
- PrometheusText0.0.4
scrape_native_histograms: false
always_scrape_classic_histograms: false
convert_classic_histograms_to_nhcb: false
extra_scrape_metrics: false
metrics_path: /metrics
scheme: http
enable_compression: true
sample_limit: 5
metric_name_validation_scheme: utf8
metric_name_escaping_scheme: allow-utf-8
follow_redirects: true
enable_http2: true
relabel_configs:
- source_labels: [a, b]
  separator: ;
  target_label: c
  replacement: $1
  action: replace
static_configs:
- targets:
  - x:1
  labels:
    a: x
    b: "1"
"""


def test_a_job_is_dumped_in_a_fixed_order_with_all_that_it_inherits() -> None:
    """Config 14: the HTTP client's keys, the rules, then discovery; lists not indented."""
    assert dump_job(config_of(JOB).scrape_configs[0]) == DUMPED_JOB


def test_a_job_stands_in_the_whole_as_it_stands_alone() -> None:
    """Config 14: `/api/v1/status/config` and `/api/v1/scrape_pools/config` agree."""
    lines = DUMPED_JOB.splitlines()
    entry = "\n".join([f"- {lines[0]}", *(f"  {line}" for line in lines[1:])])
    assert dump(config_of(JOB)).endswith(f"scrape_configs:\n{entry}\n{OTLP}")


def dumped_target(text: str) -> str:
    """Return how a target of that text is dumped."""
    source = f"scrape_configs: [{{job_name: a, static_configs: [{{targets: [{text}]}}]}}]"
    return f"  {dump_job(config_of(source).scrape_configs[0]).splitlines()[-1]}"


def test_text_that_would_read_as_something_else_is_quoted() -> None:
    """Config 14, 17.23."""
    for text in ("0x1F", "y", "null", "1.5", "2020-01-01", ".inf", "12:30", "1_0"):
        assert dumped_target(f"'{text}'") == f'    - "{text}"'
    for text in ("plain", "x:1", "10.0.0.1:80", "y1"):
        assert dumped_target(f"'{text}'") == f"    - {text}"
    assert dumped_target("''") == '    - ""'


def test_text_that_yaml_cannot_carry_plainly_is_escaped() -> None:
    """What is dumped has to load again."""
    assert dumped_target(r'"a\nb"') == r'    - "a\nb"'
    assert dumped_target(r'"\x7f"') == r'    - "\x7F"'
    assert dumped_target("'# x'") == "    - '# x'"
    assert dumped_target("é") == "    - é"
    assert dumped_target("!!binary /w==") == "    - !!binary /w=="


def test_a_long_text_is_not_folded() -> None:
    """Config 14: a regular expression stays in one line."""
    text = "word " * 100 + "end"
    assert dumped_target(text) == f"    - {text}"


def test_values_that_an_explicit_null_set_are_dumped() -> None:
    """Config 1.2, 14: left out they would come back as their defaults."""
    job = dump(config_of("scrape_configs: [{job_name: a, metrics_path: , honor_timestamps: }]"))
    assert '  metrics_path: ""\n' in job
    assert "  honor_timestamps: false\n" in job


def test_numbers_are_dumped_as_yaml_reads_them() -> None:
    """Config 1.2: also those that are none."""
    for text, dumped in (("1.1", "1.1"), ("3", "3"), ("1e30", "1e+30"), (".inf", ".inf")):
        source = f"scrape_configs: [{{job_name: a, native_histogram_min_bucket_factor: {text}}}]"
        assert f"  native_histogram_min_bucket_factor: {dumped}\n" in dump(config_of(source))
    for text in ("-.inf", ".nan"):
        source = f"scrape_configs: [{{job_name: a, native_histogram_min_bucket_factor: {text}}}]"
        assert f"  native_histogram_min_bucket_factor: {text}\n" in dump(config_of(source))


def test_a_negative_zero_keeps_its_sign() -> None:
    """Config 9.4, 14: as a claim; what is dumped loads to the same and dumps the same."""
    source = (
        "scrape_configs: [{job_name: a, "
        "oauth2: {client_id: i, token_url: t, claims: {a: -0.0, b: 0, c: 2.0}}}]"
    )
    text = dump(config_of(source))
    assert "      a: -0.0\n      b: 0\n      c: 2\n" in text
    assert dump(config_of(text)) == text


def test_a_default_regex_is_left_out_and_one_that_is_written_is_not() -> None:
    """Config 8.2, 14: keepequal refuses a written one, so that the dump has to tell them apart."""
    source = (
        "scrape_configs: [{job_name: a, relabel_configs: ["
        "{action: keepequal, source_labels: [a], target_label: b}, "
        "{action: drop, regex: (.*)}]}]"
    )
    config = config_of(source)
    assert dump(config).count("regex: (.*)") == 1
    assert config_of(dump(config)) == config
