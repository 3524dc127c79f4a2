import pytest

from promscrape.flags.features import FEATURES, Effect, Notice, notices


def test_an_unknown_feature_is_warned_of() -> None:
    """Service 58: never an error, so that a newer Prometheus's command line starts."""
    assert notices(["nope"]) == [Notice("Unknown option for --enable-feature", "nope")]


@pytest.mark.parametrize(
    ("name", "part", "warning"),
    [
        ("extra-scrape-metrics", "being phased out", True),
        ("native-histograms", "is a no-op", True),
        ("promql-duration-expr", "is a no-op", True),
        ("promql-per-step-stats", "has no effect in agent mode", False),
        ("auto-reload-config", "Use --config.auto-reload instead", True),
        ("st-storage", "Changed default global.scrape_protocols to prefer PrometheusProto", False),
        ("type-and-unit-labels", "enabled", False),
        ("st-synthesis", "is not implemented", True),
    ],
)
def test_what_a_feature_does_is_said_at_the_start(name: str, part: str, *, warning: bool) -> None:
    """Service 1.4: a feature that is enabled without effect would be a silent surprise."""
    (notice,) = notices([name])
    assert (notice.option, notice.warning) == (name, warning)
    assert part in notice.event


def test_notices_keep_the_order_of_the_command_line() -> None:
    """Service 1.4: the log follows what was typed."""
    assert [notice.option for notice in notices(["b", "a", "old-ui"])] == ["b", "a", "old-ui"]


@pytest.mark.parametrize("effect", Effect)
def test_every_effect_is_that_of_a_feature(effect: Effect) -> None:
    """Service 1.4: the table has no dead row."""
    assert effect in FEATURES.values()
