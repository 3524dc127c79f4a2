"""From `prometheus.yml` to the configuration that takes effect, or to all that is wrong in it."""

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import structlog

from promscrape.config.checks import check_file
from promscrape.config.effect import in_effect
from promscrape.config.expansion import expand
from promscrape.config.global_ import GlobalConfig, GlobalSection, RuntimeConfig
from promscrape.config.jobs import jobs_in_effect
from promscrape.config.options import DEFAULT_OPTIONS, LoadOptions
from promscrape.config.root import Config, ConfigFile
from promscrape.decode.decoding import Decoding
from promscrape.decode.schema import REFUSED, accepted
from promscrape.errors import ConfigError, Problem
from promscrape.model.labels import Labels
from promscrape.model.protocol import PROTO_FIRST_PROTOCOLS

_DEFAULT_GOGC = 75


def load(path: str, options: LoadOptions = DEFAULT_OPTIONS) -> Config:
    """Read, check and resolve the main file, without the files that it includes.

    Raises ConfigError; reads the environment once.
    """
    return parse(read_file(path), path, os.environ, options)


def read_file(path: str, prefix: str = "") -> bytes:
    """Return the bytes of the file. Raises ConfigError, whose message begins with `prefix`."""
    try:
        return Path(path).read_bytes()
    except OSError as exc:
        # A directory can be opened, and only cannot be read.
        verb = "read" if isinstance(exc, IsADirectoryError) else "open"
        message = f"{verb} {path}: {(exc.strerror or '').lower()}"
        raise ConfigError(f"{prefix}{message}", (Problem(path, 0, 0, "", message),)) from exc


def parse(
    source: bytes,
    path: str,
    environ: Mapping[str, str],
    options: LoadOptions = DEFAULT_OPTIONS,
) -> Config:
    """Check and resolve the text of the file at `path`. Raises ConfigError.

    Relative paths in the file start from its directory. `environ` fills in external labels.
    """
    decoding = Decoding(source, path)
    file = decoding.read(ConfigFile)
    check_file(file, decoding)
    error = decoding.error(f"parsing YAML file {path}: ")
    if error:
        raise error
    directory = Path(path).absolute().parent
    return _resolve(in_effect(file, directory), environ, options)


def _resolve(file: ConfigFile, environ: Mapping[str, str], options: LoadOptions) -> Config:
    """Return what takes effect of a file that has passed every check and has its paths joined."""
    global_ = _resolve_global(accepted(file.global_), environ, options)
    return Config(
        global_=global_,
        runtime=RuntimeConfig(gogc=accepted(file.runtime).gogc or _gogc(environ)),
        scrape_config_files=file.scrape_config_files,
        scrape_configs=tuple(jobs_in_effect(file.scrape_configs, global_)),
        storage=accepted(file.storage),
        tracing=accepted(file.tracing),
        remote_write=tuple(each for each in file.remote_write if each and each is not REFUSED),
        otlp=accepted(file.otlp),
    )


def _resolve_global(
    written: GlobalSection, environ: Mapping[str, str], options: LoadOptions
) -> GlobalConfig:
    values: dict[str, Any] = msgspec.structs.asdict(written)
    values["external_labels"] = _expanded(written.external_labels, environ)
    if written.extra_scrape_metrics is None:
        values["extra_scrape_metrics"] = options.extra_scrape_metrics
    if written.scrape_protocols is None and options.proto_first:
        values["scrape_protocols"] = tuple(map(str, PROTO_FIRST_PROTOCOLS))
    return GlobalConfig(**values)


def _expanded(labels: Labels, environ: Mapping[str, str]) -> Labels:
    def missing(name: str) -> None:
        structlog.get_logger().warning("Empty environment variable", name=name)

    return Labels.from_pairs((name, expand(value, environ, missing)) for name, value in labels)


def _gogc(environ: Mapping[str, str]) -> int:
    setting = environ.get("GOGC", "")
    if setting == "off":
        return -1
    return int(setting) if re.fullmatch("-?[0-9]{1,9}", setting) else _DEFAULT_GOGC
