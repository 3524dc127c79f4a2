"""Every flag: its name, its kind, its default and what it is for.

The names and defaults are Prometheus's own, except for the flags under `promscrape's own` in
docs/flags.md, which tests compare with this table. A flag whose part of Prometheus does not
exist here is not accepted and then ignored, but unknown. The flags of a Prometheus server are
known only in order to say that they belong to one.
"""

import msgspec

from promscrape.flags import kind as kinds
from promscrape.flags.kind import Kind


class Flag(msgspec.Struct, frozen=True):
    """One flag.

    default: the text that stands for the value where the flag is not given; "" for a value that
        is empty, zero or false.
    placeholder: what the usage shows for the value instead of its default.
    hidden: not in the usage.
    repeatable: each occurrence adds to the value; the first replaces the default.
    server_only: of a Prometheus server, refused here.
    """

    name: str
    kind: Kind = kinds.TEXT
    default: str = ""
    help: str = ""
    placeholder: str = ""
    short: str = ""
    hidden: bool = False
    repeatable: bool = False
    server_only: bool = False

    @property
    def is_boolean(self) -> bool:
        return self.kind is kinds.BOOLEAN


HELP = Flag("help", kinds.BOOLEAN, help="Show this help.", short="h")
VERSION = Flag("version", kinds.BOOLEAN, help="Show the version.")

_CONFIG = (
    Flag("config.file", default="prometheus.yml", help="The configuration file."),
    Flag(
        "config.auto-reload",
        kinds.BOOLEAN,
        default="false",
        help="Reload the configuration when its file, or one that it includes, changes.",
    ),
    Flag(
        "config.auto-reload-interval",
        kinds.DURATION,
        default="30s",
        help="How often --config.auto-reload looks for changes, at most every second.",
    ),
)

_WEB = (
    Flag(
        "web.listen-address",
        default="0.0.0.0:9090",
        help="Address on which metrics, API and pages are served. Can be repeated.",
        repeatable=True,
    ),
    Flag(
        "web.read-timeout",
        kinds.DURATION,
        default="5m",
        help="How long reading one request may take, and how long an idle connection is kept.",
    ),
    Flag(
        "web.max-connections",
        kinds.INTEGER,
        default="512",
        help="Connections served at a time, over all addresses; further ones wait.",
    ),
    Flag(
        "web.external-url",
        help="The URL under which others reach this process, such as a reverse proxy's. It makes "
        "the links; its path is the prefix of every route unless --web.route-prefix is given. "
        "Default: http://, the host's name and the port of the first --web.listen-address.",
        placeholder="<URL>",
    ),
    Flag(
        "web.route-prefix",
        help="The prefix of every route. Default: the path of --web.external-url.",
        placeholder="<path>",
    ),
    Flag(
        "web.enable-lifecycle",
        kinds.BOOLEAN,
        default="false",
        help="Let HTTP requests reload the configuration and end the process.",
    ),
    Flag(
        "web.enable-admin-api",
        kinds.BOOLEAN,
        default="false",
        help="Accepted for compatibility: an agent has no administrative endpoints.",
    ),
    Flag(
        "web.console.templates",
        default="consoles",
        help="Accepted for compatibility: there are no console templates.",
    ),
    Flag(
        "web.console.libraries",
        default="console_libraries",
        help="Accepted for compatibility: there are no console templates.",
    ),
    Flag(
        "web.page-title",
        default="Prometheus Time Series Collection and Processing Server",
        help="The title of the pages.",
    ),
    Flag(
        "web.cors.origin",
        default=".*",
        help="Regular expression for the whole origin of a page that may read the API. "
        r"Example: 'https?://(domain1|domain2)\.com'",
    ),
)

_RUNTIME = (
    Flag(
        "auto-gomaxprocs",
        kinds.BOOLEAN,
        default="true",
        help="Size thread pools by the CPU quota of the Linux container.",
    ),
    Flag(
        "auto-gomemlimit",
        kinds.BOOLEAN,
        default="true",
        help="Size buffers by the memory limit of the Linux container, or by the machine's memory.",
    ),
    Flag(
        "auto-gomemlimit.ratio",
        kinds.NUMBER,
        default="0.9",
        help="The part of that memory to stay below, over 0 and up to 1.",
    ),
    Flag(
        "auto-gomemlimit.refresh-interval",
        kinds.DURATION,
        default="0s",
        help="How often the memory limit is read again, for limits that move while the process "
        "runs. 0 reads it once.",
    ),
)

_STORAGE = (
    Flag(
        "storage.agent.path",
        default="data-agent/",
        help="The directory of the log and its lock file.",
    ),
    Flag(
        "storage.agent.wal-segment-size",
        kinds.SIZE,
        help="The size at which the log starts another file, 10MB to 256MB. Example: 100MB",
        placeholder="<bytes>",
        hidden=True,
    ),
    Flag(
        "storage.agent.wal-compression",
        kinds.BOOLEAN,
        default="true",
        help="Compress the log. Without it, --storage.agent.wal-compression-type means nothing.",
    ),
    Flag(
        "storage.agent.wal-compression-type",
        kinds.one_of("snappy", "zstd"),
        default="snappy",
        help="How the log is compressed.",
        hidden=True,
    ),
    Flag(
        "storage.agent.wal-truncate-frequency",
        kinds.DURATION,
        help="How often what is no longer needed is cut off the log.",
        placeholder="<duration>",
        hidden=True,
    ),
    Flag(
        "storage.agent.wal-fsync",
        kinds.one_of("segment", "interval", "commit"),
        default="interval",
        help="When the log is forced to the disk: with each full file, every second, or with "
        "each scrape. Decides what a power failure can take; the end of the process takes nothing.",
    ),
    Flag(
        "storage.agent.retention.min-time",
        kinds.DURATION,
        default="5m",
        help="The age that samples reach at least before they are cut off the log.",
    ),
    Flag(
        "storage.agent.retention.max-time",
        kinds.DURATION,
        default="4h",
        help="The age at which samples are cut off the log even if they have not been sent.",
    ),
    Flag(
        "storage.agent.retention.max-bytes",
        kinds.SIZE,
        help="The size of the log over which its oldest part is cut off even if it has not been "
        "sent. Without it, age alone decides. Example: 20GB",
        placeholder="<bytes>",
    ),
    Flag(
        "storage.agent.checkpoint-from-in-memory-series",
        kinds.BOOLEAN,
        default="false",
        help="Write checkpoints from the series in memory, without reading the log.",
    ),
    Flag(
        "storage.agent.checkpoint-batch-size",
        kinds.INTEGER,
        default="1000",
        help="Series a record of such a checkpoint.",
    ),
    Flag(
        "storage.agent.no-lockfile",
        kinds.BOOLEAN,
        default="false",
        help="Leave out the lock file in the log's directory.",
    ),
)

_REMOTE = (
    Flag(
        "storage.remote.flush-deadline",
        kinds.DURATION,
        default="1m",
        help="How long to wait for the samples in the queues to be sent on shutdown or on a "
        "reload of the configuration.",
        placeholder="<duration>",
    ),
)

_SCRAPE = (
    Flag(
        "scrape.adjust-timestamps",
        kinds.BOOLEAN,
        default="true",
        help="Move a scrape's timestamp onto its schedule when it is within the tolerance.",
        hidden=True,
    ),
    Flag(
        "scrape.timestamp-tolerance",
        kinds.GO_DURATION,
        default="2ms",
        help="How far --scrape.adjust-timestamps may move a timestamp.",
        hidden=True,
    ),
    Flag(
        "scrape.discovery-reload-interval",
        kinds.DURATION,
        default="5s",
        help="How often changes of the targets are applied at most.",
        hidden=True,
    ),
)

_GENERAL = (
    Flag(
        "enable-feature",
        help="Names of features to enable, separated by commas; docs/flags.md lists them.",
        repeatable=True,
    ),
    Flag("agent", kinds.BOOLEAN, default="true", help="Accepted: promscrape is always an agent."),
    Flag(
        "log.level",
        kinds.LOG_LEVEL,
        default="info",
        help="The least severe messages that are logged. One of: [debug, info, warn, error]",
    ),
    Flag(
        "log.format",
        kinds.LOG_FORMAT,
        default="logfmt",
        help="The form of log messages. One of: [logfmt, json]",
    ),
)


def _server(name: str, kind: Kind, default: str = "") -> Flag:
    return Flag(name, kind, default, hidden=True, server_only=True)


_SERVER = (
    _server("storage.tsdb.path", kinds.TEXT, "data/"),
    _server("storage.tsdb.min-block-duration", kinds.DURATION, "2h"),
    _server("storage.tsdb.max-block-duration", kinds.DURATION),
    _server("storage.tsdb.max-block-chunk-segment-size", kinds.SIZE),
    _server("storage.tsdb.wal-segment-size", kinds.SIZE),
    _server("storage.tsdb.retention.time", kinds.DURATION),
    _server("storage.tsdb.retention.size", kinds.SIZE),
    _server("storage.tsdb.no-lockfile", kinds.BOOLEAN, "false"),
    _server("storage.tsdb.allow-overlapping-compaction", kinds.BOOLEAN, "true"),
    _server("storage.tsdb.wal-compression", kinds.BOOLEAN, "true"),
    _server("storage.tsdb.wal-compression-type", kinds.one_of("snappy", "zstd"), "snappy"),
    _server("storage.tsdb.head-chunks-write-queue-size", kinds.INTEGER, "0"),
    _server("storage.tsdb.samples-per-chunk", kinds.INTEGER, "120"),
    _server("storage.tsdb.delayed-compaction.max-percent", kinds.INTEGER, "10"),
    _server("storage.tsdb.delay-compact-file.path", kinds.TEXT),
    _server("storage.tsdb.block-reload-interval", kinds.DURATION, "1m"),
    _server("storage.remote.read-sample-limit", kinds.INTEGER, "5e7"),
    _server("storage.remote.read-concurrent-limit", kinds.INTEGER, "10"),
    _server("storage.remote.read-max-bytes-in-frame", kinds.INTEGER, "1048576"),
    _server("web.search.max-limit", kinds.INTEGER, "10000"),
    _server("rules.alert.for-outage-tolerance", kinds.DURATION, "1h"),
    _server("rules.alert.for-grace-period", kinds.DURATION, "10m"),
    _server("rules.alert.resend-delay", kinds.DURATION, "1m"),
    _server("rules.max-concurrent-evals", kinds.INTEGER, "4"),
    _server("alertmanager.notification-queue-capacity", kinds.INTEGER, "10000"),
    _server("alertmanager.notification-batch-size", kinds.INTEGER, "256"),
    _server("alertmanager.drain-notification-queue-on-shutdown", kinds.BOOLEAN, "true"),
    _server("query.lookback-delta", kinds.DURATION, "5m"),
    _server("query.timeout", kinds.DURATION, "2m"),
    _server("query.max-concurrency", kinds.INTEGER, "20"),
    _server("query.max-samples", kinds.INTEGER, "50000000"),
)

SETTINGS = (*_CONFIG, *_WEB, *_RUNTIME, *_STORAGE, *_REMOTE, *_SCRAPE, *_GENERAL)
"""The flags that set something, in the order of the usage."""

TABLE = (HELP, VERSION, *SETTINGS, *_SERVER)
"""All flags that are known, in the order of the usage."""
