"""Connections spread over the addresses of a host: `round_robin_dns`."""

import secrets
import socket
from typing import final

from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import ThreadedResolver


@final
class RoundRobinResolver(AbstractResolver):
    """Looks a host up for each new connection, and names one of its addresses by chance."""

    def __init__(self) -> None:
        self._system = ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        found = await self._system.resolve(host, port, family)
        return [secrets.choice(found)] if found else found

    async def close(self) -> None:
        await self._system.close()
