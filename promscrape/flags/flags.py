"""The values of all flags, as the daemon reads them."""

import socket
from typing import Literal

import msgspec

from promscrape.flags.external_url import ExternalUrl
from promscrape.flags.features import AUTO_RELOAD, split_features
from promscrape.flags.kind import Value, print_value
from promscrape.flags.table import SETTINGS, TABLE, Flag
from promscrape.log_options import LogFormat, LogLevel
from promscrape.model.duration import Duration
from promscrape.model.go_duration import GoDuration
from promscrape.model.regex import Regex
from promscrape.model.size import Size

_SHORTEST_AUTO_RELOAD_S = 1.0


class Flags(msgspec.Struct, frozen=True, kw_only=True):
    """A field a flag, by the flag's name; promscrape/flags/table.py says what each is for.

    storage_agent_wal_segment_size, storage_agent_wal_truncate_frequency: zero where not given;
        the storage's own default holds then.
    """

    config_file: str
    config_auto_reload: bool
    config_auto_reload_interval: Duration
    web_listen_address: tuple[str, ...]
    web_read_timeout: Duration
    web_max_connections: int
    web_external_url: str
    web_route_prefix: str
    web_enable_lifecycle: bool
    web_enable_admin_api: bool
    web_console_templates: str
    web_console_libraries: str
    web_page_title: str
    web_cors_origin: str
    auto_gomaxprocs: bool
    auto_gomemlimit: bool
    auto_gomemlimit_ratio: float
    auto_gomemlimit_refresh_interval: Duration
    storage_agent_path: str
    storage_agent_wal_segment_size: Size
    storage_agent_wal_compression: bool
    storage_agent_wal_compression_type: Literal["snappy", "zstd"]
    storage_agent_wal_truncate_frequency: Duration
    storage_agent_wal_fsync: Literal["segment", "interval", "commit"]
    storage_agent_retention_min_time: Duration
    storage_agent_retention_max_time: Duration
    storage_agent_retention_max_bytes: Size | None
    storage_agent_checkpoint_from_in_memory_series: bool
    storage_agent_checkpoint_batch_size: int
    storage_agent_no_lockfile: bool
    storage_remote_flush_deadline: Duration
    scrape_adjust_timestamps: bool
    scrape_timestamp_tolerance: GoDuration
    scrape_discovery_reload_interval: Duration
    enable_feature: tuple[str, ...]
    agent: bool
    log_level: LogLevel
    log_format: LogFormat

    @property
    def features(self) -> tuple[str, ...]:
        """The names given to --enable-feature, known or not."""
        return split_features(self.enable_feature)

    @property
    def auto_reload_interval_s(self) -> float | None:
        """How often to look for a changed configuration, None for never."""
        if not self.config_auto_reload and AUTO_RELOAD not in self.features:
            return None
        return max(self.config_auto_reload_interval.seconds, _SHORTEST_AUTO_RELOAD_S)

    def external_url(self) -> ExternalUrl:
        """Return --web.external-url or what stands for it. Raises InvalidValue."""
        if self.web_external_url:
            return ExternalUrl.parse(self.web_external_url)
        return ExternalUrl.derive(socket.gethostname(), self.web_listen_address[0])

    def route_prefix(self) -> str:
        """Return the prefix of every route: `/`, or a path with no slash at its end."""
        return f"/{(self.web_route_prefix or self.external_url().path).strip('/')}"

    def cors_origin(self) -> Regex:
        """Return the origins that may read the API. Raises InvalidValue."""
        return Regex(self.web_cors_origin)

    def effective(self) -> dict[str, str]:
        """Return the text of every flag's value, by its name, as `/api/v1/status/flags` shows it.

        Those of a Prometheus server, which cannot be given, are there with their defaults.
        """
        values = msgspec.structs.asdict(self)
        texts = {flag.name: print_value(values[field_of(flag)]) for flag in SETTINGS}
        for flag in TABLE:
            if flag.server_only:
                texts[flag.name] = print_value(default_of(flag))
        return texts | {"web.route-prefix": self.route_prefix()}


def field_of(flag: Flag) -> str:
    """Return the name of the field of `Flags` that has the flag's value."""
    return flag.name.replace(".", "_").replace("-", "_")


def default_of(flag: Flag) -> Value:
    """Return the value of a flag that is not given."""
    if flag.repeatable:
        return (flag.default,) if flag.default else ()
    return flag.kind.parse(flag.default) if flag.default else flag.kind.zero


def build(given: dict[str, Value]) -> Flags:
    """Return all values from those that were given, by the flags' names, and the defaults."""
    values = {field_of(flag): given.get(flag.name, default_of(flag)) for flag in SETTINGS}
    return msgspec.convert(values, Flags)
