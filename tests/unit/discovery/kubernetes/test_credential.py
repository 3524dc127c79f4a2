"""Tokens of service accounts, which are replaced while they are in use."""

from pathlib import Path

import pytest
import structlog
from structlog.testing import LogCapture

from promscrape.discovery.kubernetes.credential import Credential, TokenFile
from promscrape.errors import ConfigError
from tests.support.clock import ManualClock


def token_file(path: Path, clock: ManualClock, logs: LogCapture | None = None) -> TokenFile:
    log = structlog.wrap_logger(None, processors=[logs or LogCapture()])
    return TokenFile(str(path), clock, log)


async def sent(tokens: TokenFile) -> str:
    return (await tokens.current()).authorization


async def test_a_new_token_is_taken_up_within_a_minute(tmp_path: Path) -> None:
    """Discovery 84, K-6: the file is not read at each request."""
    path, clock = tmp_path / "token", ManualClock()
    path.write_text(" first\n")
    tokens = token_file(path, clock)
    assert await sent(tokens) == "Bearer first"
    path.write_text("second\n")
    await clock.advance(49)
    assert await sent(tokens) == "Bearer first"
    await clock.advance(1)
    assert await sent(tokens) == "Bearer second"


@pytest.mark.parametrize("content", [b"", b" \n", b"\xff\xfe", b"two\nlines", None])
async def test_the_last_good_token_stays(tmp_path: Path, content: bytes | None) -> None:
    """Discovery 84, K-6: while the file is empty, unreadable or no token; nothing of it is shown."""
    path, clock, logs = tmp_path / "token", ManualClock(), LogCapture()
    path.write_text("first")
    tokens = token_file(path, clock, logs)
    path.unlink()
    if content is not None:
        path.write_bytes(content)
    await clock.advance(50)
    assert await sent(tokens) == "Bearer first"
    (entry,) = logs.entries
    assert str(path) in entry["err"]
    assert "two" not in entry["err"]
    path.write_text("second")
    await clock.advance(50)
    assert await sent(tokens) == "Bearer second"


async def test_a_refused_token_is_read_again_at_once(tmp_path: Path) -> None:
    """Discovery 84, K-6: but not for a request that went with an older one."""
    path, clock = tmp_path / "token", ManualClock()
    path.write_text("first")
    tokens = token_file(path, clock)
    path.write_text("second")
    tokens.reject(Credential("Bearer older"))
    assert await sent(tokens) == "Bearer first"
    tokens.reject(Credential("Bearer first"))
    assert await sent(tokens) == "Bearer second"


@pytest.mark.parametrize("content", ["", None])
def test_without_a_token_there_is_no_provider(tmp_path: Path, content: str | None) -> None:
    """K-5: the file has to be readable when it is made."""
    path = tmp_path / "token"
    if content is not None:
        path.write_text(content)
    with pytest.raises(ConfigError, match=str(path)):
        token_file(path, ManualClock())


def test_a_credential_does_not_show_itself() -> None:
    """Design 6: not in a log, not in a traceback."""
    assert "hidden" not in repr(Credential("Bearer hidden"))
