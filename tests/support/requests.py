"""One request with an HTTP client of its own, as most tests of it need."""

from promscrape.httpclient.client import HTTPClient
from promscrape.httpclient.config import HTTPClientConfig


async def text_of(client: HTTPClient, url: str) -> str:
    """Return the body that `url` answers with."""
    answer = await client.get(url, {})
    try:
        return await answer.text()
    finally:
        answer.release()


async def fetch(url: str, config: HTTPClientConfig) -> str:
    """Return the body that `url` answers a client of this configuration with."""
    async with HTTPClient(config, "promscrape/test") as client:
        return await text_of(client, url)
