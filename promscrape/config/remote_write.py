"""What is checked of `remote_write` when it is put to use, and not when it is read."""

from promscrape.config.dump import dump_destination
from promscrape.config.root import Config
from promscrape.errors import ConfigError


def check_destinations(config: Config) -> None:
    """Raise ConfigError where two entries would send the same to the same place (config 10.3).

    An entry is what its dump says, secrets masked: two that differ in a secret only are one.
    Source: Prometheus storage/remote/write.go, ApplyConfig.
    """
    seen: set[str] = set()
    for entry in config.remote_write:
        identity = dump_destination(entry)
        if identity in seen:
            raise ConfigError(
                "duplicate remote write configs are not allowed, "
                f"found duplicate for URL: {entry.url}"
            )
        seen.add(identity)
