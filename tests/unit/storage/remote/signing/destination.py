"""A destination whose requests are signed, and one request to it."""

from collections.abc import Mapping

import msgspec
import structlog

from promscrape.model.url import URL
from promscrape.storage.remote.client import WriteClient
from promscrape.storage.remote.config import RemoteWriteConfig, WriteMessage
from promscrape.storage.remote.outcome import Counts, Outcome
from tests.support.clock import ManualClock

BODY = b"\x03\x08abc"


def client_of(
    url: str, clock: ManualClock, environ: Mapping[str, str], **sections: object
) -> WriteClient:
    config = msgspec.structs.replace(RemoteWriteConfig(url=URL(url)), **sections)
    log = structlog.get_logger()
    return WriteClient(config, "promscrape/test", clock=clock, log=log, environ=environ)


async def send(client: WriteClient) -> Outcome:
    return await client.send(BODY, version=WriteMessage.V1, attempt=0, counts=Counts(samples=1))


async def sent_once(
    url: str, environ: Mapping[str, str] | None = None, **sections: object
) -> Outcome:
    """Make one request with a client of its own."""
    client = client_of(url, ManualClock(), environ or {}, **sections)
    try:
        return await send(client)
    finally:
        await client.close()
