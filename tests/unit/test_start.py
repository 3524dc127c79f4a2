"""What a start imports: what every run needs, and nothing of what some run may need."""

import subprocess
import sys

import pytest

KINDS = (
    "consul.provider dns dns_lookup docker ec2 exec_ http kubernetes.kind openstack.provider uyuni"
)


def imported_by(statement: str) -> set[str]:
    """Return the modules that a fresh process has after the statement."""
    script = f"import sys; {statement}; print(*sys.modules)"
    command = [sys.executable, "-c", script]
    return set(subprocess.run(command, check=True, capture_output=True, text=True).stdout.split())


@pytest.mark.parametrize("module", ["promscrape.daemon", "promscrape.command.check_config"])
def test_no_kind_of_discovery_is_imported_before_it_is_used(module: str) -> None:
    """A configuration uses two or three of forty, whose imports would be a tenth of the start."""
    loaded = imported_by(f"import {module}")
    assert "promscrape.discovery.registry" in loaded
    assert not loaded & {f"promscrape.discovery.{kind}" for kind in KINDS.split()}


def test_a_kind_is_imported_when_a_configuration_has_its_key() -> None:
    """All of it, in the thread that reads the file: a reload that brings it holds nothing up."""
    file = b"scrape_configs: [{job_name: a, dns_sd_configs: [{names: [a]}]}]"
    parse = f"from promscrape.config.load import parse; parse({file!r}, 'c.yml', {{}})"
    loaded = imported_by(parse)
    assert {"promscrape.discovery.dns", "promscrape.discovery.dns_lookup"} <= loaded
    assert "promscrape.discovery.kubernetes.kind" not in loaded


@pytest.mark.parametrize("kind", KINDS.split())
def test_a_configuration_is_read_without_an_http_client(kind: str) -> None:
    """It would be half of what `check config` takes; a provider makes its client when it runs."""
    assert "aiohttp" not in imported_by(f"import promscrape.discovery.{kind}")


@pytest.mark.parametrize(
    ("statement", "modules"),
    [
        ("import promscrape.cli", "asyncio structlog prometheus_client yaml"),
        ("import promscrape.daemon", "aiohttp.web jinja2 dns cryptography botocore"),
        ("import promscrape.command.check_config", "aiohttp jinja2 uvloop"),
        ("import promscrape.command.run", "aiohttp yaml promscrape.command.check_config"),
    ],
)
def test_what_a_run_cannot_need_is_not_imported(statement: str, modules: str) -> None:
    """`--version`, and `check config` before each commit, are started more often than the daemon."""
    assert not imported_by(statement).intersection(modules.split())
