"""The rules of the main file that take more than one section to see, in Prometheus's order."""

import re
from collections.abc import Iterator, Sequence

from promscrape.config.global_ import GlobalSection
from promscrape.config.inherit import check_rules
from promscrape.config.jobs import check_jobs
from promscrape.config.root import ConfigFile
from promscrape.config.server import AlertingSection, AlertmanagerSection, RemoteReadSection
from promscrape.decode.decoding import Decoding
from promscrape.decode.schema import REFUSED, Refused
from promscrape.decode.walk import Path, Stage
from promscrape.model.invalid import InvalidValue
from promscrape.model.labels import ValidationScheme
from promscrape.model.quoting import quote
from promscrape.storage.remote.config import RemoteWriteConfig

_GLOB = re.compile(r"[^*]*(\*[^/]*)?", re.DOTALL)


def check_file(file: ConfigFile, decoding: Decoding) -> None:
    """Refuse what is wrong; sections that were refused already are left out."""
    for path, invalid in _faults(file, decoding):
        decoding.refuse(path, invalid)
    for key, present in (
        ("alerting", file.alerting is not REFUSED and file.alerting),
        ("rule_files", file.rule_files),
        ("remote_read", file.remote_read),
    ):
        if present:
            invalid = InvalidValue(f"field {key} is not allowed in agent mode")
            decoding.refuse((key,), invalid, Stage.AGENT)


def _faults(file: ConfigFile, decoding: Decoding) -> Iterator[tuple[Path, InvalidValue]]:
    yield from _glob_faults("rule_files", "rule", file.rule_files)
    yield from _glob_faults("scrape_config_files", "scrape config", file.scrape_config_files)
    check_jobs(file.scrape_configs, file.global_, decoding, {})
    scheme = _scheme(file.global_)
    if file.alerting is not REFUSED:
        yield from _alerting_faults(file.alerting, scheme)
    yield from _null_and_name_faults("remote_write", "remote write", file.remote_write, scheme)
    yield from _null_and_name_faults("remote_read", "remote read", file.remote_read, scheme)
    if file.otlp is not REFUSED:
        for invalid in file.otlp.strategy_faults(scheme):
            yield ("otlp",), invalid


def _scheme(global_: GlobalSection | Refused) -> ValidationScheme:
    """Return the scheme that rules are checked by; the lenient one where it is not known."""
    return ValidationScheme.UTF8 if global_ is REFUSED else global_.metric_name_validation_scheme


def _glob_faults(
    key: str, what: str, patterns: Sequence[str]
) -> Iterator[tuple[Path, InvalidValue]]:
    for index, pattern in enumerate(patterns):
        if not _GLOB.fullmatch(pattern):
            yield (
                (key, index),
                InvalidValue(
                    f"invalid {what} file path {quote(pattern)}",
                    hint="`*` may stand in the last part of a path alone",
                ),
            )


def _alerting_faults(
    alerting: AlertingSection, scheme: ValidationScheme
) -> Iterator[tuple[Path, InvalidValue]]:
    for invalid in check_rules("alert_relabel_configs", alerting.alert_relabel_configs, scheme):
        yield ("alerting",), invalid
    for index, manager in enumerate(alerting.alertmanagers):
        if not isinstance(manager, AlertmanagerSection):
            continue
        path = ("alerting", "alertmanagers", index)
        for key in ("relabel_configs", "alert_relabel_configs"):
            for invalid in check_rules(key, getattr(manager, key), scheme):
                yield path, invalid


def _null_and_name_faults(
    key: str,
    what: str,
    items: Sequence[RemoteWriteConfig | RemoteReadSection | Refused | None],
    scheme: ValidationScheme,
) -> Iterator[tuple[Path, InvalidValue]]:
    first_index: dict[str, int] = {}
    for index, item in enumerate(items):
        if item is None:
            yield (key, index), InvalidValue(f"empty or null {what} config section")
        if item is None or item is REFUSED:
            continue
        first = first_index.setdefault(item.name, index)
        if item.name and first != index:
            message = f"found multiple {what} configs with job name {quote(item.name)}"
            hint = f"{key}[{first}] has it too"
            yield (key, index), InvalidValue(message, at=("name",), hint=hint)
        if isinstance(item, RemoteWriteConfig):
            for invalid in check_rules("write_relabel_configs", item.write_relabel_configs, scheme):
                yield (key, index), invalid
