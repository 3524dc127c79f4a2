"""What a job's configuration names, seen without scraping: its targets and its files.

Source: Prometheus cmd/promtool/main.go, checkConfig, checkTLSConfig, checkSDFile and
checkTargetGroupsForScrapeConfig.
"""

from collections.abc import Iterable
from pathlib import Path

from promscrape.command.console import Console
from promscrape.config.scrape import ScrapeConfig
from promscrape.discovery.file import FileSDConfig
from promscrape.discovery.kubernetes.config import KubernetesSDConfig
from promscrape.discovery.static import StaticConfig, target_groups
from promscrape.discovery.target_group import TargetGroup
from promscrape.discovery.target_group_file import read_target_groups
from promscrape.errors import ConfigError
from promscrape.glob import glob
from promscrape.httpclient.tls import TLSConfig
from promscrape.model.quoting import quote
from promscrape.scrape.target import TargetError, build_target, discovered_labels


def check_named_files(job: ScrapeConfig, console: Console, *, syntax_only: bool) -> None:
    """Check a job's static targets and, unless told not to, the files that it names.

    Raises ConfigError for the first of them that is wrong. A pattern of `file_sd_configs` without
    a match is no error: its files may come later.
    """
    if not syntax_only:
        _check_credentials(job)
        for config in job.discovery.of(KubernetesSDConfig):
            _check_client_certificate(config.http_client.tls_config)
        for files in job.discovery.of(FileSDConfig):
            _check_target_files(files, job, console)
    _check_targets(target_groups(job.discovery.of(StaticConfig)), job)


def _check_credentials(job: ScrapeConfig) -> None:
    authorization = job.http_client.authorization
    if authorization is not None:
        words = "authorization credentials or bearer token file"
        _check_exists(authorization.credentials_file, words)
    _check_client_certificate(job.http_client.tls_config)


def _check_client_certificate(tls: TLSConfig) -> None:
    _check_exists(tls.cert_file, "client cert file")
    _check_exists(tls.key_file, "client key file")


def _check_exists(path: str, words: str) -> None:
    try:
        if path:
            Path(path).stat()
    except OSError as exc:
        reason = f"stat {path}: {(exc.strerror or '').lower()}"
        raise ConfigError(f"error checking {words} {quote(path)}: {reason}") from exc


def _check_target_files(config: FileSDConfig, job: ScrapeConfig, console: Console) -> None:
    for pattern in config.files:
        paths = glob(pattern)
        if not paths:
            console.say(
                f"  WARNING: file {quote(pattern)} for file_sd in scrape job "
                f"{quote(job.job_name)} does not exist"
            )
        for path in paths:
            try:
                groups = read_target_groups(path)
            except ConfigError as exc:
                text = f"checking SD file {quote(pattern)}: {exc}"
                raise ConfigError(text, exc.problems) from exc
            _check_targets(groups, job)


def _check_targets(groups: Iterable[TargetGroup], job: ScrapeConfig) -> None:
    """Build each target, as the daemon would. Raises ConfigError for the first that is none."""
    for group in groups:
        for index, own in enumerate(group.targets):
            try:
                build_target(discovered_labels(group, own, job), job)
            except TargetError as exc:
                raise ConfigError(f"instance {index} in group {group.source}: {exc}") from exc
