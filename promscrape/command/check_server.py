"""`check healthy` and `check ready`: the answer of a running daemon, or of a Prometheus.

Source: Prometheus cmd/promtool/main.go, CheckServerStatus.
"""

import asyncio
from http import HTTPStatus

from aiohttp import ClientError, ClientSession, ClientTimeout

from promscrape.command.console import Console
from promscrape.flags.invocation import Invocation
from promscrape.model.quoting import quote

_TIMEOUT_S = 10.0
_MOST_BYTES = 4096  # of the answer that is shown
_NO_TIMEOUT = ClientTimeout(total=None)


def check_healthy(invocation: Invocation, console: Console) -> int:
    return asyncio.run(check_server(str(invocation.values["url"]), "healthy", console))


def check_ready(invocation: Invocation, console: Console) -> int:
    return asyncio.run(check_server(str(invocation.values["url"]), "ready", console))


async def check_server(url: str, word: str, console: Console) -> int:
    """Ask the server at `url` whether it is `word`: `healthy` or `ready`; return the exit code."""
    asked = f"{url.rstrip('/')}/-/{word}"
    try:
        # aiohttp's own limit would round to whole seconds.
        async with asyncio.timeout(_TIMEOUT_S):
            status, body = await _get(asked)
    except TimeoutError:
        console.complain(f"Get {quote(asked)}: no answer within {_TIMEOUT_S:g} s")
        return 1
    except (ClientError, ValueError) as exc:
        console.complain(f"Get {quote(asked)}: {str(exc) or type(exc).__name__}")
        return 1
    if status != HTTPStatus.OK:
        console.complain(f"check failed: URL={asked}, status={status}")
        return 1
    console.complain(f"  SUCCESS:  {body}")
    return 0


async def _get(url: str) -> tuple[int, str]:
    async with (
        ClientSession(timeout=_NO_TIMEOUT, trust_env=True) as session,
        session.get(url) as response,
    ):
        body = await response.content.read(_MOST_BYTES)
        return response.status, body.decode("utf-8", "replace")
