"""What the command line changes about a configuration."""

import pytest

from promscrape.config.load import parse
from promscrape.config.options import LoadOptions
from promscrape.model.protocol import PROTO_FIRST_PROTOCOLS, TEXT_PROTOCOLS


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ((), LoadOptions()),
        (("extra-scrape-metrics",), LoadOptions(extra_scrape_metrics=True)),
        (("created-timestamp-zero-ingestion",), LoadOptions(proto_first=True)),
        (("st-storage", "other"), LoadOptions(proto_first=True)),
    ],
)
def test_features_change_defaults(names: tuple[str, ...], expected: LoadOptions) -> None:
    """Config 4: by the names of `--enable-feature`."""
    assert LoadOptions.from_features(names) == expected


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("scrape_configs: [{job_name: a}]", True),
        ("global: {extra_scrape_metrics: }\nscrape_configs: [{job_name: a}]", True),
        ("global: {extra_scrape_metrics: false}\nscrape_configs: [{job_name: a}]", False),
        ("scrape_configs: [{job_name: a, extra_scrape_metrics: false}]", False),
    ],
)
def test_extra_scrape_metrics_are_on_unless_the_file_says_otherwise(
    source: str, *, expected: bool
) -> None:
    """Config 4: with the feature only the default is another; without it none has them."""
    featured = parse(source.encode(), "c.yml", {}, LoadOptions(extra_scrape_metrics=True))
    plain = parse(source.encode(), "c.yml", {})
    assert featured.scrape_configs[0].extra_scrape_metrics is expected
    assert plain.scrape_configs[0].extra_scrape_metrics is False


def test_protobuf_comes_first_unless_the_file_says_otherwise() -> None:
    """Config 4: where start timestamps are wanted, which the text formats mostly lack."""
    source = b"scrape_configs: [{job_name: a}, {job_name: b, scrape_protocols: [PrometheusProto]}]"
    featured = parse(source, "c.yml", {}, LoadOptions(proto_first=True)).scrape_configs
    plain = parse(source, "c.yml", {}).scrape_configs
    assert featured[0].scrape_protocols == PROTO_FIRST_PROTOCOLS
    assert plain[0].scrape_protocols == TEXT_PROTOCOLS
    assert len(featured[1].scrape_protocols) == 1
