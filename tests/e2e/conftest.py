"""Programs for the tests of this folder, each ended when its test is over."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.peers import Launcher, Program

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.e2e)


@pytest.fixture
def launcher(tmp_path: Path) -> Iterator[Launcher]:
    """Start programs as the test needs them: `launcher.promscrape(config)`."""
    launcher = Launcher(tmp_path)
    try:
        yield launcher
    finally:
        launcher.close()


@pytest.fixture
def node_exporter(launcher: Launcher) -> Program:
    return launcher.node_exporter()


@pytest.fixture
def alertmanager(launcher: Launcher) -> Program:
    return launcher.alertmanager()


@pytest.fixture
def haproxy(launcher: Launcher) -> Program:
    return launcher.haproxy()
