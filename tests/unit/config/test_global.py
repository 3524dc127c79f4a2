import msgspec
import pytest

from promscrape.config.global_ import GlobalConfig, validation_scheme
from promscrape.model.duration import Duration
from promscrape.model.invalid import InvalidValue
from promscrape.model.labels import Labels, ValidationScheme

SECOND_MS = 1000


def faults(config: GlobalConfig) -> list[tuple[str, tuple[str | int, ...]]]:
    return [(str(fault), fault.at) for fault in config.check()]


def test_the_defaults_are_those_of_prometheus() -> None:
    """Config 4, 17.1."""
    config = GlobalConfig()
    assert str(config.scrape_interval) == "1m"
    assert str(config.scrape_timeout) == "10s"
    assert str(config.evaluation_interval) == "1m"
    assert faults(config) == []


def test_a_timeout_that_is_not_set_fits_into_the_interval() -> None:
    """Config 4: min(10s, scrape_interval)."""
    config = GlobalConfig(scrape_interval=Duration(5 * SECOND_MS))
    assert config.scrape_timeout == Duration(5 * SECOND_MS)


def test_intervals_of_zero_are_not_set() -> None:
    """Config 4: 0 gives the default."""
    assert GlobalConfig(scrape_interval=Duration(), evaluation_interval=Duration()) == (
        GlobalConfig()
    )


def test_a_changed_copy_is_filled_in_too() -> None:
    """The load replaces labels and paths in it."""
    config = msgspec.structs.replace(GlobalConfig(), scrape_interval=Duration())
    assert config == GlobalConfig()


def test_external_labels_obey_the_validation_scheme() -> None:
    """Config 4, 17.27: each wrong label is named, by its name or by its value."""
    labels = Labels.from_map({"a-b": "1", "c": "\udcff", "\udcff": "2"})
    assert faults(GlobalConfig(external_labels=labels)) == [
        (r'"\xff" is not a valid label value', ("external_labels", "c")),
        (r'"\xff" is not a valid label name', ("external_labels", "\udcff")),
    ]
    legacy = GlobalConfig(
        external_labels=labels, metric_name_validation_scheme=ValidationScheme.LEGACY
    )
    assert faults(legacy)[0] == ('"a-b" is not a valid label name', ("external_labels", "a-b"))


def test_all_wrong_protocols_are_named() -> None:
    """Config 5.4: a repetition first, as Prometheus finds it first."""
    config = GlobalConfig(scrape_protocols=("x", "X", "PrometheusProto"))
    assert [at for _, at in faults(config)] == [
        ("scrape_protocols",),
        ("scrape_protocols", 0),
        ("scrape_protocols", 1),
    ]


@pytest.mark.parametrize(
    ("text", "scheme"),
    [("utf8", ValidationScheme.UTF8), ("legacy", ValidationScheme.LEGACY), ("", None)],
)
def test_validation_schemes_have_names(text: str, scheme: ValidationScheme | None) -> None:
    """Config 4: an empty one is not set."""
    assert validation_scheme(text) is scheme


def test_other_schemes_are_refused() -> None:
    """Config 4: their case matters."""
    with pytest.raises(InvalidValue, match='unrecognized ValidationScheme: "UTF8"'):
        validation_scheme("UTF8")
