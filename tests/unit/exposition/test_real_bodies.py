"""Real protobuf bodies beside text: that of the same messages, and that of a moment before."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from promscrape.exposition.body_format import PROTOBUF
from promscrape.exposition.text_format import PROMETHEUS_TEXT
from promscrape.model.sample import float_bits
from tests.support.columns import Read, read, values_of
from tests.support.protobuf_text import as_text

DATA = Path(__file__).parents[2] / "data"
NAMES = ("alertmanager", "prometheus")

# What counts up as long as the program runs.
COUNTS = re.compile(r"\w+_(?:total|bucket|count)(?:\{|$)")


def floats_of(samples: list[Read]) -> Iterator[tuple[str, float]]:
    for series, value in values_of(samples):
        assert isinstance(value, float)
        yield series, value


def bits_of(samples: list[Read]) -> dict[str, int]:
    return {series: float_bits(value) for series, value in floats_of(samples)}


@pytest.mark.parametrize("name", NAMES)
def test_a_real_body_has_the_series_of_its_text_twin(name: str) -> None:
    """The protobuf body was fetched after the text: only that request's own series are new."""
    proto = read((DATA / f"{name}.pb").read_bytes(), PROTOBUF)
    text = read((DATA / f"{name}.txt").read_bytes(), PROMETHEUS_TEXT)
    series = [sample.series for sample in proto]
    assert len(set(series)) == len(series)
    more = set(series) - {sample.series for sample in text}
    assert set(series) - more == {sample.series for sample in text}
    assert all('handler="/metrics"' in each and each.startswith(f"{name}_http_") for each in more)
    assert len(more) == 23 + (name == "prometheus")


@pytest.mark.parametrize("name", NAMES)
def test_a_real_body_has_the_values_of_its_text(name: str) -> None:
    """To the last bit, of the text that is made of the very same messages."""
    body = (DATA / f"{name}.pb").read_bytes()
    proto, text = read(body, PROTOBUF), read(as_text(body), PROMETHEUS_TEXT)
    assert bits_of(proto) == bits_of(text)
    assert len(proto) == len(text) > 200


@pytest.mark.parametrize("name", NAMES)
def test_a_real_body_goes_on_from_the_text_before_it(name: str) -> None:
    """The two were fetched one after the other: most values stand still, and no counter falls."""
    proto = dict(floats_of(read((DATA / f"{name}.pb").read_bytes(), PROTOBUF)))
    text = dict(floats_of(read((DATA / f"{name}.txt").read_bytes(), PROMETHEUS_TEXT)))
    assert sum(proto[series] == value for series, value in text.items()) > 0.8 * len(text)
    counters = [series for series in text if COUNTS.match(series)]
    assert len(counters) > 100
    assert [series for series in counters if proto[series] < text[series]] == []
