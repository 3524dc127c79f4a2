"""The names that `--enable-feature` takes, and what each does here.

Every name that Prometheus 3 knows is known, so that its command lines keep working; none of them
claims an effect that it has not.
"""

from collections.abc import Iterable, Sequence
from enum import Enum

import msgspec

AUTO_RELOAD = "auto-reload-config"
EXTRA_SCRAPE_METRICS = "extra-scrape-metrics"
CREATED_TIMESTAMPS = "created-timestamp-zero-ingestion"
EXEC_SD = "exec-sd"
START_TIMESTAMPS = "st-storage"
METADATA = "metadata-wal-records"
TYPE_AND_UNIT_LABELS = "type-and-unit-labels"

_EXCLUSIVE = ("otlp-deltatocumulative", "otlp-native-delta-ingestion")


class Effect(Enum):
    """What enabling a feature does; the value is what docs/flags.md says of it."""

    AUTO_RELOAD = "the same as `--config.auto-reload`, which is its new name"
    EXTRA_SCRAPE_METRICS = "makes `extra_scrape_metrics` true by default"
    ZEROS = (
        "reads when counters started, and writes a zero there before a counter's first sample if "
        "that is not older than the log; makes protobuf the first of the default `scrape_protocols`"
    )
    STARTS = (
        "reads when counters started, and logs that in records which Prometheus reads from 3.x on; "
        "makes protobuf the first of the default `scrape_protocols`"
    )
    METADATA = (
        "nothing: the second version of remote write always carries the type, help and unit of "
        "each series; the log of an agent has no place for them"
    )
    TYPE_AND_UNIT = "gives each series what is known of `__type__` and `__unit__` as labels"
    EXEC_SD = "lets `exec_sd_configs` run commands; promscrape's own"
    NATIVE_HISTOGRAMS = "nothing: set `scrape_native_histograms` in the configuration"
    ALWAYS_ON = "nothing: a Prometheus server has it always on"
    SERVER = "nothing: a feature of the Prometheus server"
    NOT_IMPLEMENTED = "nothing yet"


FEATURES = {
    AUTO_RELOAD: Effect.AUTO_RELOAD,
    "concurrent-rule-eval": Effect.SERVER,
    CREATED_TIMESTAMPS: Effect.ZEROS,
    "delayed-compaction": Effect.SERVER,
    EXEC_SD: Effect.EXEC_SD,
    "exemplar-storage": Effect.SERVER,
    EXTRA_SCRAPE_METRICS: Effect.EXTRA_SCRAPE_METRICS,
    "fast-startup": Effect.SERVER,
    "histograms-st-encoding": Effect.SERVER,
    "memory-snapshot-on-shutdown": Effect.SERVER,
    METADATA: Effect.METADATA,
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
    START_TIMESTAMPS: Effect.STARTS,
    "st-synthesis": Effect.NOT_IMPLEMENTED,
    TYPE_AND_UNIT_LABELS: Effect.TYPE_AND_UNIT,
    "use-start-timestamps": Effect.SERVER,
    "use-uncached-io": Effect.SERVER,
    "xor2-encoding": Effect.SERVER,
}


class Notice(msgspec.Struct, frozen=True):
    """What the log has to say about an enabled feature."""

    event: str
    option: str
    warning: bool = True


_EVENTS = {
    Effect.AUTO_RELOAD: "This option for --enable-feature is deprecated. "
    "Use --config.auto-reload instead.",
    Effect.EXTRA_SCRAPE_METRICS: "This option for --enable-feature is being phased out. It makes "
    "true the default of extra_scrape_metrics; set that in the configuration instead.",
    Effect.ZEROS: "Experimental created timestamp zero ingestion enabled. Changed default "
    "global.scrape_protocols to prefer PrometheusProto format.",
    Effect.STARTS: "Experimental start timestamp storage enabled. Changed default "
    "global.scrape_protocols to prefer PrometheusProto format.",
    Effect.METADATA: "This option for --enable-feature is a no-op. Remote write 2.0 always carries "
    "metadata.",
    Effect.TYPE_AND_UNIT: "Experimental type and unit labels enabled",
    Effect.EXEC_SD: "The commands in exec_sd_configs of the configuration are run",
    Effect.NATIVE_HISTOGRAMS: "This option for --enable-feature is a no-op. To scrape native "
    "histograms, set the scrape_native_histograms scrape config setting to true.",
    Effect.ALWAYS_ON: "This option for --enable-feature is a no-op.",
    Effect.SERVER: "This option for --enable-feature has no effect in agent mode",
    Effect.NOT_IMPLEMENTED: "This option for --enable-feature is not implemented and has no effect",
}

_QUIET = frozenset(
    {Effect.SERVER, Effect.ZEROS, Effect.STARTS, Effect.METADATA, Effect.TYPE_AND_UNIT}
)


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
    return Notice(_EVENTS[effect], name, warning=effect not in _QUIET)


def conflict(names: Sequence[str]) -> str | None:
    """Return why the features cannot be enabled together, if they cannot."""
    if not all(name in names for name in _EXCLUSIVE):
        return None
    return f"cannot enable {' and '.join(_EXCLUSIVE)} features at the same time"
