"""What a job takes from `global`, and the rules that can only be checked once it has."""

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from promscrape.config.global_ import (
    GlobalConfig,
    GlobalSection,
    check_protocols,
    unknown_protocol,
)
from promscrape.config.scrape import ScrapeConfig, ScrapeSection
from promscrape.model.duration import Duration
from promscrape.model.invalid import InvalidValue
from promscrape.model.labels import ValidationScheme
from promscrape.model.protocol import (
    PROTO_FIRST_PROTOCOLS,
    TEXT_PROTOCOLS,
    EscapingScheme,
    ScrapeProtocol,
)
from promscrape.model.quoting import quote
from promscrape.relabel import RelabelConfig

# A job cannot say "none" against a global value of these: its 0 or empty text means "not set".
INHERITED_WHERE_ZERO = (
    "scrape_interval",
    "scrape_failure_log_file",
    "body_size_limit",
    "sample_limit",
    "target_limit",
    "label_limit",
    "label_name_length_limit",
    "label_value_length_limit",
    "keep_dropped_targets",
    "metric_name_validation_scheme",
)
INHERITED_WHERE_NULL = (
    "scrape_native_histograms",
    "always_scrape_classic_histograms",
    "convert_classic_histograms_to_nhcb",
    "extra_scrape_metrics",
)


def inherit(section: ScrapeSection, global_: GlobalConfig) -> ScrapeConfig:
    """Return the job as it takes effect. Both must have passed `check_inheritance`."""
    values: dict[str, Any] = msgspec.structs.asdict(section)
    for name in INHERITED_WHERE_ZERO:
        values[name] = values[name] or getattr(global_, name)
    for name in INHERITED_WHERE_NULL:
        if values[name] is None:
            values[name] = getattr(global_, name)
    fallback = section.fallback_scrape_protocol
    values |= {
        "scrape_timeout": _timeout(section, global_),
        "scrape_protocols": _protocols(section, global_, native=values["scrape_native_histograms"]),
        "fallback_scrape_protocol": ScrapeProtocol(fallback) if fallback else None,
        "metric_name_escaping_scheme": EscapingScheme(_escaping(section, global_)),
    }
    return ScrapeConfig(**values)


def check_inheritance(section: ScrapeSection, global_: GlobalSection) -> Iterator[InvalidValue]:
    """Yield each rule that the job breaks together with `global`, in Prometheus's order."""
    owner = f"scrape config with job name {quote(section.job_name)}"
    if _timeout(section, global_) > _interval(section, global_):
        yield InvalidValue(
            f"scrape timeout greater than scrape interval for {owner}", at=("scrape_timeout",)
        )
    if section.scrape_protocols is not None:
        yield from check_protocols(section.scrape_protocols, owner)
    fallback = section.fallback_scrape_protocol
    if fallback and fallback not in set(ScrapeProtocol):
        yield InvalidValue(
            f"invalid fallback_scrape_protocol for {owner}: {unknown_protocol(fallback)}",
            at=("fallback_scrape_protocol",),
        )
    yield from _check_escaping(section, global_)
    scheme = _scheme(section, global_)
    yield from check_rules("relabel_configs", section.relabel_configs, scheme)
    yield from check_rules("metric_relabel_configs", section.metric_relabel_configs, scheme)


def check_rules(
    key: str, rules: Sequence[RelabelConfig | None], scheme: ValidationScheme
) -> Iterator[InvalidValue]:
    """Yield the first check that fails of each rule in the list at `key`."""
    for index, rule in enumerate(rules):
        fault = rule.fault(scheme) if rule else None
        if fault:
            yield InvalidValue(str(fault), at=(key, index, *fault.at), hint=fault.hint)


def check_global_escaping(global_: GlobalSection) -> Iterator[InvalidValue]:
    """Yield what is wrong with the global escaping scheme; it matters where there is a job."""
    yield from _check_escaping_name("global", global_.metric_name_escaping_scheme)


def _check_escaping(section: ScrapeSection, global_: GlobalSection) -> Iterator[InvalidValue]:
    yield from _check_escaping_name("scrape config", section.metric_name_escaping_scheme)
    utf8 = _scheme(section, global_) is ValidationScheme.UTF8
    if _escaping(section, global_) == EscapingScheme.ALLOW_UTF_8 and not utf8:
        yield InvalidValue(
            "utf8 metric names requested but validation scheme is not set to UTF8",
            at=("metric_name_escaping_scheme",),
        )


def _check_escaping_name(owner: str, name: str) -> Iterator[InvalidValue]:
    if name and name not in set(EscapingScheme):
        yield InvalidValue(
            f"unknown {owner} name escaping method specified, must be one of 'allow-utf-8', "
            f"'underscores', 'dots', or 'values', got {quote(name)}",
            at=("metric_name_escaping_scheme",),
        )


def _interval(section: ScrapeSection, global_: GlobalSection) -> Duration:
    return section.scrape_interval or global_.scrape_interval


def _timeout(section: ScrapeSection, global_: GlobalSection) -> Duration:
    return section.scrape_timeout or min(global_.scrape_timeout, _interval(section, global_))


def _scheme(section: ScrapeSection, global_: GlobalSection) -> ValidationScheme:
    return section.metric_name_validation_scheme or global_.metric_name_validation_scheme


def _escaping(section: ScrapeSection, global_: GlobalSection) -> str:
    """Return the name of the escaping scheme: written, or what goes with the validation scheme."""
    own_scheme = section.metric_name_validation_scheme
    if section.metric_name_escaping_scheme:
        return section.metric_name_escaping_scheme
    if own_scheme is None and global_.metric_name_escaping_scheme:
        return global_.metric_name_escaping_scheme
    if _scheme(section, global_) is ValidationScheme.LEGACY:
        return EscapingScheme.UNDERSCORES
    return EscapingScheme.ALLOW_UTF_8


def _protocols(
    section: ScrapeSection, global_: GlobalConfig, *, native: bool
) -> tuple[ScrapeProtocol, ...]:
    names = section.scrape_protocols or global_.scrape_protocols
    if names:
        return tuple(map(ScrapeProtocol, names))
    return PROTO_FIRST_PROTOCOLS if native else TEXT_PROTOCOLS
