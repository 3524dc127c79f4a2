"""How a client shows who it is where a header of the configuration's own is not enough."""

from collections.abc import Mapping
from typing import Protocol


class Signer(Protocol):
    """Gives each request what proves who makes it, such as a signature over its body.

    Asked once for each request of a chain that is at home: what a redirect led to another host
    with is not signed.
    """

    async def sign(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes
    ) -> Mapping[str, str]:
        """Return the headers to set on a request that is otherwise ready. Raises FetchError."""

    async def close(self) -> None:
        """Close the connections that it has of its own."""
