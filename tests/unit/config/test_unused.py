"""Sections that load and have no effect."""

import pytest
import structlog
from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs

from promscrape.config.load import parse
from promscrape.config.unused import UnusedSections, unused_sections

SOURCE = """\
tracing: {endpoint: c}
"""


@pytest.fixture(name="registry")
def make_registry() -> CollectorRegistry:
    return CollectorRegistry()


def counted(registry: CollectorRegistry, section: str) -> float | None:
    return registry.get_sample_value("promscrape_config_unused_sections", {"section": section})


def test_each_section_without_effect_is_an_error_in_the_log(registry: CollectorRegistry) -> None:
    """A destination that gets nothing must be known to whoever reads the log; passwords not."""
    with capture_logs() as logs:
        UnusedSections(registry, structlog.get_logger()).note(parse(SOURCE.encode(), "c.yml", {}))
    assert [(log["log_level"], log["section"], log["destination"]) for log in logs] == [
        ("error", "tracing", "c"),
    ]
    assert logs[0]["event"] == "tracing is not built in this version; no traces are sent"


def test_sections_without_effect_are_counted(registry: CollectorRegistry) -> None:
    """An alert can be made on it; a reload without them clears it."""
    sections = UnusedSections(registry, structlog.get_logger())
    assert counted(registry, "tracing") == 0
    with capture_logs():
        sections.note(parse(SOURCE.encode(), "c.yml", {}))
    assert counted(registry, "tracing") == 1
    sections.note(parse(b"", "c.yml", {}))
    assert counted(registry, "tracing") == 0


def test_a_file_without_them_has_none() -> None:
    """The common case says nothing."""
    assert not list(unused_sections(parse(b"scrape_configs: [{job_name: a}]", "c.yml", {})))
