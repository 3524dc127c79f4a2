"""Sections that load and have no effect."""

import pytest
import structlog
from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs

from promscrape.config.load import parse
from promscrape.config.unused import UnusedSections, unused_sections

SOURCE = """\
remote_write:
- url: http://u:pw@a/push
- {url: http://b/push, name: b}
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
        ("error", "remote_write[0]", "http://u:xxxxx@a/push"),
        ("error", "remote_write[1]", "http://b/push"),
    ]
    assert logs[1]["event"] == (
        "remote_write is not built in this version; samples stay in the log"
    )


def test_sections_without_effect_are_counted(registry: CollectorRegistry) -> None:
    """An alert can be made on it; a reload without them clears it."""
    sections = UnusedSections(registry, structlog.get_logger())
    assert counted(registry, "remote_write") == 0
    with capture_logs():
        sections.note(parse(SOURCE.encode(), "c.yml", {}))
    assert (counted(registry, "remote_write"), counted(registry, "tracing")) == (2, 1)
    sections.note(parse(b"", "c.yml", {}))
    assert (counted(registry, "remote_write"), counted(registry, "tracing")) == (0, 0)


def test_a_file_without_them_has_none() -> None:
    """The common case says nothing."""
    assert not list(unused_sections(parse(b"scrape_configs: [{job_name: a}]", "c.yml", {})))
