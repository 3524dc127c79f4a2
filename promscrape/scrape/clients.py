"""The HTTP clients of one job: one for its hosts, and one for each unix socket (rule T20)."""

from collections.abc import Iterable
from typing import final

from promscrape.config.scrape import ScrapeConfig
from promscrape.errors import ConfigError
from promscrape.scrape.client import ScrapeClient
from promscrape.scrape.options import ScrapeOptions


@final
class ScrapeClients:
    """Connections to one socket are never used for another, whatever host the URLs name."""

    def __init__(self, config: ScrapeConfig, options: ScrapeOptions) -> None:
        """Raises ConfigError where the job's HTTP client cannot be made."""
        self._config, self._options = config, options
        self._by_socket = {"": self._make("")}

    def of(self, unix_socket: str) -> ScrapeClient:
        """Return the client for a socket, or for the hosts ("").

        Raises ConfigError where it cannot be made.
        """
        client = self._by_socket.get(unix_socket)
        if client is None:
            client = self._by_socket[unix_socket] = self._make(unix_socket)
        return client

    async def retain(self, unix_sockets: Iterable[str]) -> None:
        """Close the clients of all sockets but these; that for the hosts stays."""
        for unused in self._by_socket.keys() - {"", *unix_sockets}:
            await self._by_socket.pop(unused).close()

    async def close(self) -> None:
        for client in self._by_socket.values():
            await client.close()

    def _make(self, unix_socket: str) -> ScrapeClient:
        config, options = self._config, self._options
        try:
            return ScrapeClient(
                config,
                options.ceiling_bytes,
                options.user_agent,
                options.clock,
                unix_socket,
                options.exchanges,
            )
        except ConfigError as exc:
            raise ConfigError(f"error creating HTTP client: {exc}") from exc
