"""The sections `global` and `runtime`, and the field types that jobs share with them."""

from collections.abc import Iterator, Sequence
from typing import Annotated, ClassVar, TypeAlias, final

import msgspec

from promscrape.decode.schema import ConfigStruct, FilePath, GoName, UInt, Via
from promscrape.model.duration import Duration
from promscrape.model.invalid import InvalidValue
from promscrape.model.labels import EMPTY_LABELS, Labels, ValidationScheme, is_utf8
from promscrape.model.protocol import ScrapeProtocol
from promscrape.model.quoting import quote
from promscrape.model.size import Size

ByteSize: TypeAlias = Annotated[Size, GoName("units.Base2Bytes")]
ProtocolName: TypeAlias = Annotated[str, GoName("config.ScrapeProtocol")]

DEFAULT_INTERVAL = Duration(60_000)
DEFAULT_TIMEOUT = Duration(10_000)


def validation_scheme(text: str) -> ValidationScheme | None:
    """Read a scheme's name, None for an empty one. Raises InvalidValue."""
    if not text:
        return None
    try:
        return ValidationScheme(text)
    except ValueError:
        raise InvalidValue(
            f"unrecognized ValidationScheme: {quote(text)}", hint="the schemes are utf8 and legacy"
        ) from None


def _global_validation_scheme(text: str = "") -> ValidationScheme:
    return validation_scheme(text) or ValidationScheme.UTF8


class GlobalSection(ConfigStruct, frozen=True, kw_only=True):
    """The section `global` as it is written. Intervals of 0 take their defaults."""

    go_type: ClassVar[str] = "config.plain"
    null_is_default: ClassVar[bool] = True

    scrape_interval: Duration = DEFAULT_INTERVAL
    scrape_timeout: Duration = Duration()  # 0: 10s, or the interval where that is shorter
    scrape_protocols: tuple[ProtocolName, ...] | None = None
    evaluation_interval: Duration = DEFAULT_INTERVAL  # kept for the format's sake
    rule_query_offset: Duration = Duration()  # kept for the format's sake
    query_log_file: FilePath = ""  # kept for the format's sake
    scrape_failure_log_file: FilePath = ""
    external_labels: Labels = EMPTY_LABELS
    body_size_limit: ByteSize = Size()
    sample_limit: UInt = 0
    target_limit: UInt = 0
    label_limit: UInt = 0
    label_name_length_limit: UInt = 0
    label_value_length_limit: UInt = 0
    keep_dropped_targets: UInt = 0
    metric_name_validation_scheme: Annotated[
        ValidationScheme, Via(_global_validation_scheme, _global_validation_scheme)
    ] = ValidationScheme.UTF8
    # Any text: Prometheus looks at it only where a job inherits it.
    metric_name_escaping_scheme: str = ""
    scrape_native_histograms: bool = False
    convert_classic_histograms_to_nhcb: bool = False
    always_scrape_classic_histograms: bool = False
    extra_scrape_metrics: bool | None = None

    def __post_init__(self) -> None:
        """Fill in what depends on other fields, so that no reader has to."""
        interval = self.scrape_interval or DEFAULT_INTERVAL
        msgspec.structs.force_setattr(self, "scrape_interval", interval)
        timeout = self.scrape_timeout or min(DEFAULT_TIMEOUT, interval)
        msgspec.structs.force_setattr(self, "scrape_timeout", timeout)
        evaluation = self.evaluation_interval or DEFAULT_INTERVAL
        msgspec.structs.force_setattr(self, "evaluation_interval", evaluation)

    def check(self) -> Iterator[InvalidValue]:
        yield from _check_labels(self.external_labels, self.metric_name_validation_scheme)
        if self.scrape_timeout > self.scrape_interval:
            yield InvalidValue(
                "global scrape timeout greater than scrape interval", at=("scrape_timeout",)
            )
        if self.scrape_protocols is not None:
            yield from check_protocols(self.scrape_protocols, "global config")


@final
class GlobalConfig(GlobalSection, frozen=True, kw_only=True):
    """The section `global` as it takes effect: what jobs inherit."""

    extra_scrape_metrics: bool = False


@final
class RuntimeConfig(ConfigStruct, frozen=True, kw_only=True):
    """The section `runtime`: settings of Go, kept for the API."""

    go_type: ClassVar[str] = "config.RuntimeConfig"
    null_is_default: ClassVar[bool] = True

    gogc: int = 0  # 0: the environment's GOGC, or 75


def check_protocols(names: Sequence[str], owner: str) -> Iterator[InvalidValue]:
    """Yield what is wrong with a list `scrape_protocols` of `owner`, as Prometheus names it."""
    if not names:
        yield InvalidValue(
            f"scrape_protocols cannot be empty for {owner}",
            at=("scrape_protocols",),
            hint="leave the key out to get the default list",
        )
    elif len({name.lower() for name in names}) < len(names):
        yield InvalidValue(
            f"duplicated protocol in scrape_protocols, got [{' '.join(names)}] for {owner}",
            at=("scrape_protocols",),
        )
    for index, name in enumerate(names):
        if name not in set(ScrapeProtocol):
            yield InvalidValue(
                f"scrape_protocols: {unknown_protocol(name)} for {owner}",
                at=("scrape_protocols", index),
            )


def unknown_protocol(name: str) -> str:
    """Return what Prometheus says of a protocol that it does not know."""
    return f"unknown scrape protocol {name}, supported: [{' '.join(ScrapeProtocol)}]"


def _check_labels(labels: Labels, scheme: ValidationScheme) -> Iterator[InvalidValue]:
    for name, value in labels:
        at = ("external_labels", name)
        if not scheme.allows_label(name):
            yield InvalidValue(f"{quote(name)} is not a valid label name", at=at, on_key=True)
        elif not is_utf8(value):
            yield InvalidValue(f"{quote(value)} is not a valid label value", at=at)
