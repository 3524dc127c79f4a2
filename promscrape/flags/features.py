"""The names that `--enable-feature` takes, and what each does here.

Every name that Prometheus 3 knows is known, so that its command lines keep working; none of them
claims an effect that it has not.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum

AUTO_RELOAD = "auto-reload-config"
EXTRA_SCRAPE_METRICS = "extra-scrape-metrics"
CREATED_TIMESTAMPS = "created-timestamp-zero-ingestion"
START_TIMESTAMPS = "st-storage"

_EXCLUSIVE = ("otlp-deltatocumulative", "otlp-native-delta-ingestion")


class Effect(Enum):
    """What enabling a feature does; the value is what docs/flags.md says of it."""

    AUTO_RELOAD = "the same as `--config.auto-reload`, which is its new name"
    EXTRA_SCRAPE_METRICS = "makes `extra_scrape_metrics` true by default"
    PROTO_FIRST = "makes protobuf the first of the default `scrape_protocols`, and nothing else yet"
    NATIVE_HISTOGRAMS = "nothing: set `scrape_native_histograms` in the configuration"
    ALWAYS_ON = "nothing: a Prometheus server has it always on"
    SERVER = "nothing: a feature of the Prometheus server"
    NOT_IMPLEMENTED = "nothing yet"


FEATURES = {
    AUTO_RELOAD: Effect.AUTO_RELOAD,
    "concurrent-rule-eval": Effect.SERVER,
    CREATED_TIMESTAMPS: Effect.PROTO_FIRST,
    "delayed-compaction": Effect.SERVER,
    "exemplar-storage": Effect.SERVER,
    EXTRA_SCRAPE_METRICS: Effect.EXTRA_SCRAPE_METRICS,
    "fast-startup": Effect.SERVER,
    "histograms-st-encoding": Effect.SERVER,
    "memory-snapshot-on-shutdown": Effect.SERVER,
    "metadata-wal-records": Effect.NOT_IMPLEMENTED,
    "native-histograms": Effect.NATIVE_HISTOGRAMS,
    "old-ui": Effect.SERVER,
    "ooo-native-histograms": Effect.ALWAYS_ON,
    "otlp-deltatocumulative": Effect.NOT_IMPLEMENTED,
    "otlp-native-delta-ingestion": Effect.NOT_IMPLEMENTED,
    "promql-binop-fill-modifiers": Effect.SERVER,
    "promql-delayed-name-removal": Effect.SERVER,
    "promql-duration-expr": Effect.ALWAYS_ON,
    "promql-experimental-functions": Effect.SERVER,
    "promql-extended-range-selectors": Effect.SERVER,
    "promql-per-step-stats": Effect.SERVER,
    "search-api": Effect.SERVER,
    START_TIMESTAMPS: Effect.PROTO_FIRST,
    "st-synthesis": Effect.NOT_IMPLEMENTED,
    "type-and-unit-labels": Effect.NOT_IMPLEMENTED,
    "use-start-timestamps": Effect.SERVER,
    "use-uncached-io": Effect.SERVER,
    "xor2-encoding": Effect.SERVER,
}


@dataclass(frozen=True, slots=True)
class Notice:
    """What the log has to say about an enabled feature."""

    event: str
    option: str
    warning: bool = True


_EVENTS = {
    Effect.AUTO_RELOAD: "This option for --enable-feature is deprecated. "
    "Use --config.auto-reload instead.",
    Effect.EXTRA_SCRAPE_METRICS: "This option for --enable-feature is being phased out. It makes "
    "true the default of extra_scrape_metrics; set that in the configuration instead.",
    Effect.PROTO_FIRST: "This option for --enable-feature only makes protobuf the first of the "
    "default scrape_protocols. Start timestamps are not implemented.",
    Effect.NATIVE_HISTOGRAMS: "This option for --enable-feature is a no-op. To scrape native "
    "histograms, set the scrape_native_histograms scrape config setting to true.",
    Effect.ALWAYS_ON: "This option for --enable-feature is a no-op.",
    Effect.SERVER: "This option for --enable-feature has no effect in agent mode",
    Effect.NOT_IMPLEMENTED: "This option for --enable-feature is not implemented and has no effect",
}


def split_features(values: Iterable[str]) -> tuple[str, ...]:
    """Return the names in the flag's values, in their order. Names are not trimmed."""
    return tuple(name for value in values for name in value.split(","))


def notices(names: Sequence[str]) -> list[Notice]:
    """Return what to log about the enabled features."""
    return [_notice(name) for name in names]


def _notice(name: str) -> Notice:
    effect = FEATURES.get(name)
    if effect is None:
        return Notice("Unknown option for --enable-feature", name)
    return Notice(_EVENTS[effect], name, warning=effect is not Effect.SERVER)


def conflict(names: Sequence[str]) -> str | None:
    """Return why the features cannot be enabled together, if they cannot."""
    if not all(name in names for name in _EXCLUSIVE):
        return None
    return f"cannot enable {' and '.join(_EXCLUSIVE)} features at the same time"
