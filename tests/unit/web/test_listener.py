import asyncio
import errno
import os
import socket
from collections.abc import Iterator

import pytest

from promscrape.web import listener
from promscrape.web.listener import Listeners, listen


class FullSocket(socket.socket):
    """A listening socket whose process has no room for the first connection."""

    refusals = 1

    def accept(self) -> tuple[socket.socket, object]:
        if self.refusals:
            self.refusals -= 1
            raise OSError(errno.EMFILE, "Too many open files")
        return super().accept()


@pytest.fixture
def full_socket() -> Iterator[FullSocket]:
    with FullSocket() as own:
        own.bind(("127.0.0.1", 0))
        own.listen()
        own.setblocking(False)  # the standard library's signature
        yield own


async def test_a_process_out_of_file_descriptors_tries_again(
    full_socket: FullSocket, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Service 4.4: the connection waits in the queue; the loop does not spin meanwhile."""
    monkeypatch.setattr(listener, "_RETRY_S", 0.01)
    accepted: asyncio.Queue[socket.socket] = asyncio.Queue()
    listeners = Listeners([full_socket], 1, accepted.put_nowait)
    with socket.create_connection(full_socket.getsockname()):
        connection = await asyncio.wait_for(accepted.get(), 2)
        connection.close()
    assert full_socket.refusals == 0
    listeners.close()


async def test_closing_ends_the_wait_for_room(full_socket: FullSocket) -> None:
    """Service 3: nothing is accepted, and nothing is left to call, after the end."""
    listeners = Listeners([full_socket], 1, lambda _: pytest.fail("accepted"))
    with socket.create_connection(full_socket.getsockname()):
        while full_socket.refusals:
            await asyncio.sleep(0)
        listeners.close()
    listeners.release()


@pytest.mark.parametrize(
    ("address", "text"),
    [
        ("127.0.0.1", "listen tcp: address 127.0.0.1: missing port in address"),
        ("127.0.0.1:65536", "listen tcp: address 65536: invalid port"),
        ("127.0.0.1:nosuchservice", "listen tcp: lookup 127.0.0.1:nosuchservice: "),
        (
            "192.0.2.1:9090",
            f"listen tcp 192.0.2.1:9090: bind: {os.strerror(errno.EADDRNOTAVAIL).lower()}",
        ),
    ],
)
async def test_an_address_that_cannot_be_listened_on_is_named(address: str, text: str) -> None:
    """Service 13, 2: the daemon ends with the reason in one line."""
    with pytest.raises(OSError, match="listen tcp") as caught:
        await listen(address)
    assert str(caught.value).startswith(text)


async def test_a_name_is_resolved() -> None:
    """Service 1.2: localhost:0 listens on a loopback address."""
    with await listen("localhost:0") as own:
        assert own.getsockname()[0] in ("127.0.0.1", "::1")


async def test_without_a_host_every_address_is_meant(monkeypatch: pytest.MonkeyPatch) -> None:
    """Service 1.2: `:9090` is both families where one socket can serve both, as in Go."""
    monkeypatch.setattr(socket, "has_dualstack_ipv6", lambda: True)
    assert await listener._resolve("", "9090") == (socket.AF_INET6, ("", 9090))
    monkeypatch.setattr(socket, "has_dualstack_ipv6", lambda: False)
    assert await listener._resolve("", "9090") == (socket.AF_INET, ("", 9090))
