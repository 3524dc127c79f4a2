"""The whole configuration: the file as it is written, and what takes effect."""

from collections.abc import Iterator
from typing import Annotated, ClassVar, final

import msgspec

from promscrape.config.global_ import GlobalConfig, RuntimeConfig
from promscrape.config.scrape import ScrapeConfig, ScrapeSection
from promscrape.config.unsupported import ROOT_KEYS
from promscrape.decode.schema import ConfigStruct, GoName, Opaque, Refused
from promscrape.model.invalid import InvalidValue
from promscrape.relabel import RelabelConfig


@final
class AlertingSection(ConfigStruct, frozen=True, kw_only=True):
    """The section `alerting`, of which an agent allows only the empty one."""

    go_type: ClassVar[str] = "config.plain"

    alert_relabel_configs: tuple[RelabelConfig | None, ...] = ()
    alertmanagers: Annotated[tuple[Opaque | None, ...], GoName("config.AlertmanagerConfigs")] = ()

    def check(self) -> Iterator[InvalidValue]:
        for index, rule in enumerate(self.alert_relabel_configs):
            if rule is None:
                yield InvalidValue(
                    "empty or null alert relabeling rule", at=("alert_relabel_configs", index)
                )

    def __bool__(self) -> bool:
        """Whether anything would be alerted to."""
        return bool(self.alert_relabel_configs or self.alertmanagers)


@final
class ConfigFile(ConfigStruct, frozen=True, kw_only=True):
    """A configuration file as it is written; parts that were refused stand as such."""

    go_type: ClassVar[str] = "config.plain"
    unsupported: ClassVar[frozenset[str]] = ROOT_KEYS

    global_: GlobalConfig | Refused = msgspec.field(default=GlobalConfig(), name="global")
    runtime: RuntimeConfig | Refused = RuntimeConfig()
    scrape_configs: tuple[ScrapeSection | Refused | None, ...] = ()
    alerting: AlertingSection | Refused = AlertingSection()
    rule_files: tuple[str, ...] = ()
    remote_read: Annotated[tuple[Opaque | None, ...], GoName("[]*config.RemoteReadConfig")] = ()


@final
class Config(msgspec.Struct, frozen=True, kw_only=True):
    """What takes effect. Two are equal where nothing would have to change between them."""

    global_: GlobalConfig = msgspec.field(default=GlobalConfig(), name="global")
    runtime: RuntimeConfig = RuntimeConfig()
    scrape_configs: tuple[ScrapeConfig, ...] = ()
