"""One job: an entry of `scrape_configs`, as it is written and as it takes effect."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, ClassVar, final

from promscrape.config.global_ import (
    DEFAULT_INTERVAL,
    DEFAULT_TIMEOUT,
    ByteSize,
    ProtocolName,
    validation_scheme,
)
from promscrape.config.tolerance import (
    BadLineChoice,
    OnBadLine,
    OnSampleLimit,
    SampleLimitChoice,
)
from promscrape.decode.schema import INLINE, ConfigStruct, FilePath, GoName, UInt, Via
from promscrape.discovery.configs import DiscoveryConfigs
from promscrape.discovery.static import STATIC_KEY, StaticConfig
from promscrape.httpclient.config import HTTPClientConfig
from promscrape.model.duration import Duration
from promscrape.model.invalid import InvalidValue
from promscrape.model.labels import ValidationScheme
from promscrape.model.protocol import (
    TEXT_PROTOCOLS,
    EscapingScheme,
    ScrapeProtocol,
)
from promscrape.model.quoting import quote
from promscrape.model.size import Size
from promscrape.relabel import RelabelConfig


class ScrapeSection(ConfigStruct, frozen=True, kw_only=True):
    """An entry as it is written: what it leaves to `global` is None, 0 or empty."""

    go_type: ClassVar[str] = "config.ScrapeConfig"
    go_item: ClassVar[str] = "*config.ScrapeConfig"

    job_name: str = ""
    honor_labels: bool = False
    honor_timestamps: bool = True
    track_timestamps_staleness: bool = False
    params: Annotated[Mapping[str, tuple[str, ...]], GoName("url.Values")] = {}
    scrape_interval: Duration = Duration()
    scrape_timeout: Duration = Duration()
    scrape_protocols: tuple[ProtocolName, ...] | None = None
    fallback_scrape_protocol: ProtocolName | None = None
    scrape_native_histograms: bool | None = None
    always_scrape_classic_histograms: bool | None = None
    convert_classic_histograms_to_nhcb: bool | None = None
    extra_scrape_metrics: bool | None = None
    scrape_failure_log_file: FilePath = ""
    metrics_path: str = "/metrics"
    scheme: str = "http"
    enable_compression: bool = True
    body_size_limit: ByteSize = Size()
    sample_limit: UInt = 0  # samples left after metric relabeling
    target_limit: UInt = 0
    label_limit: UInt = 0
    label_name_length_limit: UInt = 0
    label_value_length_limit: UInt = 0
    keep_dropped_targets: UInt = 0
    on_bad_line: BadLineChoice = OnBadLine.FAIL  # promscrape's own
    on_sample_limit: SampleLimitChoice = OnSampleLimit.FAIL  # promscrape's own
    native_histogram_bucket_limit: UInt = 0
    native_histogram_min_bucket_factor: float = 0.0
    metric_name_validation_scheme: Annotated[
        ValidationScheme | None, Via(validation_scheme, lambda: None)
    ] = None
    metric_name_escaping_scheme: str = ""
    http_client: Annotated[HTTPClientConfig, INLINE] = HTTPClientConfig()
    relabel_configs: tuple[RelabelConfig | None, ...] = ()
    metric_relabel_configs: tuple[RelabelConfig | None, ...] = ()
    discovery: Annotated[DiscoveryConfigs, INLINE] = DiscoveryConfigs()

    def check(self) -> Iterator[InvalidValue]:
        yield from self.discovery.check()
        if not self.job_name:
            yield InvalidValue("job_name is empty", at=("job_name",))
        yield from self.http_client.check()
        if not self.relabel_configs:
            yield from address_faults(self.discovery)
        yield from null_faults(
            "relabel_configs",
            self.relabel_configs,
            "empty or null target relabeling rule in scrape config",
        )
        yield from null_faults(
            "metric_relabel_configs",
            self.metric_relabel_configs,
            "empty or null metric relabeling rule in scrape config",
        )


def address_faults(discovery: DiscoveryConfigs) -> Iterator[InvalidValue]:
    """Yield the static targets that are no addresses.

    For a section without relabel rules: those could still rewrite the address, and then each
    target is checked at run time.
    """
    for index, config in enumerate(discovery.by_key.get(STATIC_KEY, ())):
        targets = config.targets if isinstance(config, StaticConfig) else ()
        for position, address in enumerate(targets):
            if "/" in address:
                yield InvalidValue(
                    f"{quote(address)} is not a valid hostname",
                    at=(STATIC_KEY, index, "targets", position),
                    hint="a target is `host:port`; see `scheme` and `metrics_path`",
                )


def null_faults(key: str, items: Sequence[object], message: str) -> Iterator[InvalidValue]:
    """Yield the message for each null in the list at `key`."""
    for index, item in enumerate(items):
        if item is None:
            yield InvalidValue(message, at=(key, index))


@final
class ScrapeConfig(ScrapeSection, frozen=True, kw_only=True):
    """An entry as it takes effect: all that it inherits is filled in, and every rule holds."""

    job_name: str
    scrape_interval: Duration = DEFAULT_INTERVAL
    scrape_timeout: Duration = DEFAULT_TIMEOUT
    scrape_protocols: tuple[ScrapeProtocol, ...] = TEXT_PROTOCOLS
    fallback_scrape_protocol: ScrapeProtocol | None = None
    scrape_native_histograms: bool = False
    always_scrape_classic_histograms: bool = False
    convert_classic_histograms_to_nhcb: bool = False
    extra_scrape_metrics: bool = False
    metric_name_validation_scheme: ValidationScheme = ValidationScheme.UTF8
    metric_name_escaping_scheme: EscapingScheme = EscapingScheme.ALLOW_UTF_8
    relabel_configs: tuple[RelabelConfig, ...] = ()
    metric_relabel_configs: tuple[RelabelConfig, ...] = ()
