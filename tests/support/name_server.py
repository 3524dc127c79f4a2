"""Name servers: NSD, which is real, and one that answers as a test needs it."""

import asyncio
import functools
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self, TypeAlias, cast, final

import dns.exception
import dns.flags
import dns.message
import dns.query
import dns.rcode
import dns.rrset

from tests.support.peers import Program, eventually, free_port, installed

Rule: TypeAlias = Sequence[str] | dns.rcode.Rcode | None
"""Records as in a zone file, an error, or None: no answer at all."""


class NSD(Program):
    """NSD, the authority for the zones that are given, by their names."""

    def __init__(self, home: Path, zones: Mapping[str, str]) -> None:
        port = free_port()
        config = home / "nsd.conf"
        lines = [
            "server:",
            f"  ip-address: 127.0.0.1@{port}",
            f"  port: {port}",
            "  server-count: 1",
            '  username: ""',
            '  database: ""',
            '  pidfile: ""',
            f'  zonesdir: "{home}"',
            f'  xfrdfile: "{home}/xfrd"',
            f'  xfrdir: "{home}"',
            f'  zonelistfile: "{home}/zones"',
            "remote-control:",
            "  control-enable: no",
        ]
        for name, records in zones.items():
            (home / name).write_text(
                f"$ORIGIN {name}.\n$TTL 1\n@ SOA ns hostmaster 1 60 60 60 1\n{records}\n"
            )
            lines += ["zone:", f"  name: {name}", f"  zonefile: {name}"]
        config.write_text("\n".join(lines) + "\n")
        super().__init__(
            [installed("nsd"), "-d", "-c", str(config)], port=port, ready_path="", home=home
        )

    def wait_ready(self, within_s: float = 15.0) -> None:
        """Return once it answers."""

        def answers() -> bool:
            if self.exit_code is not None:
                raise AssertionError(f"{self} ended:\n{self.output()}")
            query = dns.message.make_query("id.server.", "TXT", "CH")
            try:
                dns.query.tcp(query, "127.0.0.1", timeout=1, port=self.port)
            except (OSError, EOFError, dns.exception.DNSException):
                return False
            return True

        eventually(answers, what="NSD to answer", within_s=within_s)


@final
class ScriptedServers:
    """Name servers at 127.0.0.1, 127.0.0.2 and so on, all on one port.

    Each answers by a function from the name and whether it came over TCP. asked: the server, the
    transport and the name of each question.
    """

    def __init__(self, *rules: Callable[[str, bool], Rule]) -> None:
        self.addresses = [f"127.0.0.{number}" for number in range(1, len(rules) + 1)]
        self.asked: list[tuple[str, str, str]] = []
        self.truncates_tcp = False
        self._rules = dict(zip(self.addresses, rules, strict=True))
        self._transports: list[asyncio.DatagramTransport] = []
        self._servers: list[asyncio.Server] = []
        self.port = free_port()

    @property
    def names(self) -> list[str]:
        """The names that were asked for, in order."""
        return [name for _, _, name in self.asked]

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        for address in self.addresses:
            where = (address, self.port)
            transport, _ = await loop.create_datagram_endpoint(
                functools.partial(_Datagrams, self, address), local_addr=where
            )
            self._transports.append(transport)
            server = await asyncio.start_server(functools.partial(self._serve, address), *where)
            self._servers.append(server)
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for transport in self._transports:
            transport.close()
        for server in self._servers:
            server.close()
            await server.wait_closed()

    async def _serve(
        self, address: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        wire = await reader.readexactly(int.from_bytes(await reader.readexactly(2), "big"))
        answer = self.answer(address, wire, over_tcp=True)
        if answer is not None:
            writer.write(len(answer).to_bytes(2, "big") + answer)
            await writer.drain()
        writer.close()
        await writer.wait_closed()

    def answer(self, address: str, wire: bytes, *, over_tcp: bool) -> bytes | None:
        query = dns.message.from_wire(wire)
        (question,) = query.question
        name = question.name.to_text()
        self.asked.append((address, "tcp" if over_tcp else "udp", name))
        rule = self._rules[address](name, over_tcp)
        if rule is None:
            return None
        response = dns.message.make_response(query)
        if isinstance(rule, dns.rcode.Rcode):
            response.set_rcode(rule)
            return response.to_wire()
        response.answer = [_record(text) for text in rule]
        if not over_tcp:
            try:
                return response.to_wire(max_size=1232)
            except dns.exception.TooBig:
                response.answer = []
                response.flags |= dns.flags.TC
        if over_tcp and self.truncates_tcp:
            response.flags |= dns.flags.TC
        return response.to_wire()


def _record(text: str) -> dns.rrset.RRset:
    name, ttl_s, class_, type_, data = text.split(None, 4)
    return dns.rrset.from_text(name, int(ttl_s), class_, type_, data)


@final
class _Datagrams(asyncio.DatagramProtocol):
    def __init__(self, servers: ScriptedServers, address: str) -> None:
        self._servers, self._address = servers, address

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)  # uvloop's is no subclass

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        answer = self._servers.answer(self._address, data, over_tcp=False)
        if answer is not None:
            self._transport.sendto(answer, addr)
