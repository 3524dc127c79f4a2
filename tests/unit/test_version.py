import re
from pathlib import Path

import msgspec
import pytest

from promscrape.version import Build, Version, read_build

VERSION = Version(
    version="1.2.3",
    revision="abc",
    branch="main",
    build_user="me@host",
    build_date="20260102-15:04:05",
    python_version="3.11.7",
    goos="linux",
    goarch="amd64",
)


def test_the_version_block_has_prometheuss_form() -> None:
    """Service 1, 1.1: scripts read the first line and the labels."""
    assert VERSION.block().splitlines() == [
        "promscrape, version 1.2.3 (branch: main, revision: abc)",
        "  build user:       me@host",
        "  build date:       20260102-15:04:05",
        "  go version:       python3.11.7",
        "  python version:   3.11.7",
        "  platform:         linux/amd64",
        "  tags:             unknown",
    ]


def test_the_log_names_version_and_machine() -> None:
    """Service 2: the first lines of a log answer the first questions of a bug report."""
    assert VERSION.info() == "(version=1.2.3, branch=main, revision=abc)"
    information = VERSION.operational_information()
    assert information["build_context"] == (
        "(python=3.11.7, platform=linux/amd64, user=me@host, date=20260102-15:04:05)"
    )
    assert information["host_details"].startswith("(")
    limits = re.compile(r"\(soft=(\d+b?|unlimited), hard=(\d+b?|unlimited)\)")
    assert limits.fullmatch(information["fd_limits"])
    assert limits.fullmatch(information["vm_limits"])


def test_what_the_build_left_is_read(tmp_path: Path) -> None:
    """Service 1.1: a release knows its revision; a key that is missing stays unknown."""
    (tmp_path / "build.json").write_text('{"revision": "abc", "user": "ci"}')
    assert read_build(tmp_path) == Build(revision="abc", user="ci")
    assert Version.current(tmp_path).revision == "abc"


def test_without_a_build_its_facts_are_unknown(tmp_path: Path) -> None:
    """Service 1.1: a checkout does not make up a revision."""
    version = Version.current(tmp_path)
    assert {version.revision, version.branch, version.build_user, version.build_date} == {"unknown"}


def test_a_broken_build_file_is_no_silent_unknown(tmp_path: Path) -> None:
    """Service 1.1: a release with a damaged file must not pass for a checkout."""
    (tmp_path / "build.json").write_text("{")
    with pytest.raises(msgspec.DecodeError):
        read_build(tmp_path)
