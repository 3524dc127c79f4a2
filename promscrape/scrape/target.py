"""A target: its labels, its address, its place in time, and how its last scrape went."""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from functools import cached_property
from typing import final
from urllib.parse import quote as percent_encode
from urllib.parse import urlencode

import msgspec

from promscrape.config.scrape import ScrapeConfig
from promscrape.discovery.target_group import TargetGroup
from promscrape.errors import ScrapeError
from promscrape.model.duration import Duration
from promscrape.model.labels import Labels, is_utf8
from promscrape.model.metadata import Metadata
from promscrape.model.quoting import quote
from promscrape.relabel import relabel
from promscrape.scrape.offset import first_scrape_delay_ns, target_hash
from promscrape.scrape.quarantine import Quarantine

ADDRESS = "__address__"
METRICS_PATH = "__metrics_path__"
SCHEME = "__scheme__"
SCRAPE_INTERVAL = "__scrape_interval__"
SCRAPE_TIMEOUT = "__scrape_timeout__"
PARAM_PREFIX = "__param_"
META_PREFIX = "__meta_"
UNIX_SOCKET = "__unix_socket__"
CONVERT_CLASSIC = "__convert_classic_histograms_to_nhcb__"
ALWAYS_CLASSIC = "__always_scrape_classic_histograms__"
SCRAPE_NATIVE = "__scrape_native_histograms__"

_SWITCHES = (
    (CONVERT_CLASSIC, "convert classic histograms to nhcb"),
    (ALWAYS_CLASSIC, "always scrape classic histograms"),
    (SCRAPE_NATIVE, "scrape native histograms"),
)
_TRUE = frozenset({"1", "t", "T", "TRUE", "true", "True"})
_FALSE = frozenset({"0", "f", "F", "FALSE", "false", "False"})

# What Go leaves as it is in the path of a URL; a `?` in `metrics_path` is part of the path.
_PATH_SAFE = "$&+,/:;=@"


class TargetError(ScrapeError):
    """Labels that make no target; counted, logged, and neither active nor dropped."""


class Health(StrEnum):
    """`unknown` until the first scrape has ended."""

    UNKNOWN = "unknown"
    UP = "up"
    DOWN = "down"


@final
class Report(msgspec.Struct):  # made without a line of Python, in each scrape
    """How a scrape went, as the API and the pages show it.

    t_ms: the timestamp of the scrape's samples. error: empty where it succeeded.
    cut: samples that were left out for `sample_limit` without failing the scrape.
    """

    t_ms: int
    duration_s: float
    error: str = ""
    samples: int = 0
    body_bytes: int = 0
    cut: int = 0


@final
class Target:
    """One address to scrape, with the labels that relabeling left it.

    `labels` are all of them, internal ones included; they are the target's identity together
    with its URL. `discovered_labels` change with the job's configuration and with what discovery
    says while the target lives on; everything else is fixed.
    """

    def __init__(
        self,
        labels: Mapping[str, str],
        discovered_labels: Labels,
        params: Mapping[str, Sequence[str]],
    ) -> None:
        own = sorted((name, value) for name, value in labels.items() if value)
        self._labels = Labels.from_pairs(own)
        self.discovered_labels = discovered_labels
        self.public_labels = Labels.from_pairs(
            (name, value) for name, value in labels.items() if not name.startswith("__")
        )
        self.address = labels[ADDRESS]
        self.interval_text = labels[SCRAPE_INTERVAL]
        self.timeout_text = labels[SCRAPE_TIMEOUT]
        self.interval_ns = Duration.parse(self.interval_text).ms * 1_000_000
        self.timeout_s = Duration.parse(self.timeout_text).seconds
        self.native_histograms = labels.get(SCRAPE_NATIVE, "") in _TRUE
        self.converts_classic = labels.get(CONVERT_CLASSIC, "") in _TRUE
        self.keeps_classic = labels.get(ALWAYS_CLASSIC, "") in _TRUE
        self.unix_socket = labels.get(UNIX_SOCKET, "")
        self.url = _url(labels, params)
        self.hash = target_hash(own, self.url)
        self.report: Report | None = None
        self.quarantine: Quarantine | None = None
        self.metadata: Mapping[str, Metadata] = {}

    @property
    def labels(self) -> Labels:
        return self._labels

    @property
    def health(self) -> Health:
        if self.report is None:
            return Health.UNKNOWN
        return Health.DOWN if self.report.error else Health.UP

    @cached_property
    def instance(self) -> str:
        return self.public_labels.get("instance")

    def first_delay_ns(self, now_ns: int, seed: int) -> int:
        """Return how long to wait before the first scrape; see `first_scrape_delay_ns`."""
        return first_scrape_delay_ns(now_ns, self.interval_ns, self.hash, seed)


def discovered_labels(
    group: TargetGroup, own: Mapping[str, str], config: ScrapeConfig
) -> dict[str, str]:
    """Return a target's labels before relabeling (rules T1 to T3)."""
    labels = {**group.labels, **own}
    defaults = {
        "job": config.job_name,
        SCRAPE_INTERVAL: str(config.scrape_interval),
        SCRAPE_TIMEOUT: str(config.scrape_timeout),
        METRICS_PATH: config.metrics_path,
        SCHEME: config.scheme,
        CONVERT_CLASSIC: _switch(on=config.convert_classic_histograms_to_nhcb),
        ALWAYS_CLASSIC: _switch(on=config.always_scrape_classic_histograms),
        SCRAPE_NATIVE: _switch(on=config.scrape_native_histograms),
        **{PARAM_PREFIX + name: values[0] for name, values in config.params.items() if values},
    }
    for name, value in defaults.items():
        if not labels.get(name):
            labels[name] = value
    return {name: value for name, value in labels.items() if value}


def build_target(discovered: Mapping[str, str], config: ScrapeConfig) -> Target | None:
    """Return the target that relabeling makes of `discovered`, None where it drops it.

    Raises TargetError where what is left cannot be scraped (rules T4 to T14).
    """
    labels = relabel(discovered, config.relabel_configs, config.metric_name_validation_scheme)
    if not labels:
        return None
    _check_address(labels.get(ADDRESS, ""))
    _check_times(labels)
    for name, words in _SWITCHES:
        _check_switch(labels.get(name, ""), words)
    kept = {name: value for name, value in labels.items() if not name.startswith(META_PREFIX)}
    kept["instance"] = kept.get("instance") or kept[ADDRESS]
    for name, value in kept.items():
        if not is_utf8(value):
            raise TargetError(f'invalid label value for "{name}": {quote(value)}')
    return Target(kept, Labels.from_map(discovered), config.params)


def _switch(*, on: bool) -> str:
    return "true" if on else "false"


def _check_address(address: str) -> None:
    if not address:
        raise TargetError("no address")
    if "/" in address:
        raise TargetError(f"{quote(address)} is not a valid hostname")


def _check_times(labels: Mapping[str, str]) -> None:
    interval = _check_duration(labels.get(SCRAPE_INTERVAL, ""), "scrape interval")
    timeout = _check_duration(labels.get(SCRAPE_TIMEOUT, ""), "scrape timeout")
    if timeout > interval:
        raise TargetError(
            "scrape timeout cannot be greater than scrape interval "
            f'("{labels[SCRAPE_TIMEOUT]}" > "{labels[SCRAPE_INTERVAL]}")'
        )


def _check_duration(text: str, words: str) -> int:
    try:
        ms = Duration.parse(text).ms
    except ValueError as exc:
        raise TargetError(f"error parsing {words}: {exc}") from exc
    if ms == 0:
        raise TargetError(f"{words} cannot be 0")
    return ms


def _check_switch(text: str, words: str) -> None:
    if text and text not in _TRUE and text not in _FALSE:
        raise TargetError(
            f"error parsing {words}: strconv.ParseBool: parsing {quote(text)}: invalid syntax"
        )


def _url(labels: Mapping[str, str], params: Mapping[str, Sequence[str]]) -> str:
    """Return the URL to scrape, already encoded (rule T17)."""
    query = {name: list(values) for name, values in params.items()}
    for name, value in labels.items():
        if name.startswith(PARAM_PREFIX):
            query.setdefault(name.removeprefix(PARAM_PREFIX), [""])[:1] = [value]
    path = percent_encode(
        labels.get(METRICS_PATH, "").encode("utf-8", "surrogateescape"), safe=_PATH_SAFE
    )
    if path and not path.startswith("/"):
        path = "/" + path
    text = urlencode(sorted(query.items()), doseq=True)
    return f"{labels.get(SCHEME, '')}://{labels[ADDRESS]}{path}{'?' + text if text else ''}"
