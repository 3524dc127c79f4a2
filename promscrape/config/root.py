"""The whole configuration: the file as it is written, and what takes effect."""

from typing import ClassVar, final

import msgspec

from promscrape.config.global_ import GlobalConfig, GlobalSection, RuntimeConfig
from promscrape.config.otlp import OTLPConfig
from promscrape.config.scrape import ScrapeConfig, ScrapeSection
from promscrape.config.server import AlertingSection, RemoteReadSection
from promscrape.config.storage import StorageConfig
from promscrape.config.tracing import TracingConfig
from promscrape.decode.schema import ConfigStruct, FilePath, Refused
from promscrape.storage.remote.config import RemoteWriteConfig


@final
class ConfigFile(ConfigStruct, frozen=True, kw_only=True):
    """A configuration file as it is written; parts that were refused stand as such."""

    go_type: ClassVar[str] = "config.plain"

    global_: GlobalSection | Refused = msgspec.field(default=GlobalSection(), name="global")
    runtime: RuntimeConfig | Refused = RuntimeConfig()
    alerting: AlertingSection | Refused = AlertingSection()
    rule_files: tuple[str, ...] = ()
    scrape_config_files: tuple[FilePath, ...] = ()
    scrape_configs: tuple[ScrapeSection | Refused | None, ...] = ()
    storage: StorageConfig | Refused = StorageConfig()
    tracing: TracingConfig | Refused | None = None
    remote_write: tuple[RemoteWriteConfig | Refused | None, ...] = ()
    remote_read: tuple[RemoteReadSection | Refused | None, ...] = ()
    otlp: OTLPConfig | Refused = OTLPConfig()


@final
class Config(msgspec.Struct, frozen=True, kw_only=True):
    """What takes effect. Two are equal where nothing would have to change between them."""

    global_: GlobalConfig = msgspec.field(default=GlobalConfig(), name="global")
    runtime: RuntimeConfig = RuntimeConfig()
    scrape_config_files: tuple[str, ...] = ()  # absolute patterns; what they match is read later
    scrape_configs: tuple[ScrapeConfig, ...] = ()
    storage: StorageConfig = StorageConfig()
    tracing: TracingConfig | None = None
    remote_write: tuple[RemoteWriteConfig, ...] = ()
    otlp: OTLPConfig = OTLPConfig()
