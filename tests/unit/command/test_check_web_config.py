"""`check web-config`: one line a file, and what is wrong with those that fail."""

from pathlib import Path

import pytest

from tests.support.command import End, run_command


def test_every_file_has_its_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Service 48, 9.4: all on stderr, and one failure makes the exit code 1."""
    monkeypatch.chdir(tmp_path)
    Path("a").touch()
    Path("b").write_text("basic_auth_users:\n  u: foo\n")
    assert run_command("check", "web-config", "a") == End(0, "", "a SUCCESS\n")
    text = "crypto/bcrypt: hashedSecret too short to be a bcrypted password\n"
    assert run_command("check", "web-config", "b", "a") == End(
        1,
        "",
        f"b FAILED: {text}b:2:3: basic_auth_users.u: {text}      u: <secret>\n      ^\na SUCCESS\n",
    )
