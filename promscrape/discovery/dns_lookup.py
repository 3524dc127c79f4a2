"""Questions to the name servers of this machine, with the answers told apart as dns_sd needs them.

Rules D-2 to D-5 of the discovery specification; source: Prometheus discovery/dns/dns.go, and
ClientConfigFromFile and NameList of the library that it uses. dnspython's own resolver is not
used: it has another order of names and servers, and takes an answer without records for an error.
"""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Self, final

import dns.asyncquery
import dns.exception
import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import msgspec
from dns.rdata import Rdata
from dns.rdtypes.ANY.MX import MX
from dns.rdtypes.ANY.NS import NS
from dns.rdtypes.IN.A import A
from dns.rdtypes.IN.AAAA import AAAA
from dns.rdtypes.IN.SRV import SRV
from structlog.typing import FilteringBoundLogger

from promscrape.errors import DiscoveryError

_EDNS_BYTES = 4096
_MAX_NDOTS = 15
_FINAL = (dns.rcode.NOERROR, dns.rcode.NXDOMAIN)
_ESCAPED = re.compile(r"\\.")


@final
class ResolverConfig(msgspec.Struct, frozen=True):
    """What resolv.conf says: whom to ask, and under which domains to look for short names."""

    servers: tuple[str, ...] = ()
    search: tuple[str, ...] = ()
    ndots: int = 1

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read the lines that matter; as in every resolver, the others are passed over."""
        servers: list[str] = []
        search: tuple[str, ...] = ()
        ndots = 1
        for line in text.splitlines():
            match line.split("#")[0].split(";")[0].split():
                case ["nameserver", server, *_]:
                    servers.append(server)
                case ["domain", domain, *_]:
                    search = (domain,)
                case ["search", *domains]:
                    search = tuple(domains)
                case ["options", *options]:
                    ndots = _ndots(options, ndots)
        return cls(tuple(servers), search, ndots)

    def candidates(self, name: str) -> Iterator[str]:
        """Yield the full names that a name may stand for, in the order in which they are tried."""
        if name.endswith("."):
            yield name
            return
        full = f"{name}."
        has_dots = _ESCAPED.sub("", name).count(".") + 1 > self.ndots
        if has_dots:
            yield full
        for domain in self.search:
            yield f"{full}{domain.strip('.')}." if domain.strip(".") else full
        if not has_dots:
            yield full


def _ndots(options: Sequence[str], default: int) -> int:
    for option in options:
        name, _, number = option.partition(":")
        if name == "ndots" and number.isdecimal():
            return min(int(number), _MAX_NDOTS)
    return default


@final
class Record(msgspec.Struct, frozen=True):
    """One record of an answer.

    type: such as `SRV`. host: the name that it leads to, with the dot at its end, or the address;
    "" for types that lead nowhere. port: that of an SRV record.
    """

    type: str
    host: str = ""
    port: int = 0

    @classmethod
    def of(cls, data: Rdata) -> Self:
        match data:
            case SRV():
                return cls("SRV", data.target.to_text(), data.port)
            case MX():
                return cls("MX", data.exchange.to_text())
            case NS():
                return cls("NS", data.target.to_text())
            case A() | AAAA():
                return cls(data.rdtype.name, data.address)
            case _:
                return cls(dns.rdatatype.to_text(data.rdtype))


@final
class Resolver:
    """Looks names up. The file is read at every lookup, so that a new one is heeded."""

    def __init__(
        self,
        log: FilteringBoundLogger,
        path: str = "/etc/resolv.conf",
        port: int = 53,
        timeout_s: float = 2.0,
    ) -> None:
        self._log, self._path, self._port, self._timeout_s = log, path, port, timeout_s

    async def look_up(self, name: str, record_type: str) -> Sequence[Record]:
        """Return the records of the first candidate that exists, none where no candidate does.

        Raises DiscoveryError where that cannot be told, because a candidate had no answer.
        """
        config = self._config()
        failures: list[str] = []
        for candidate in config.candidates(name):
            answer = await self._ask_any(candidate, record_type, config.servers)
            if answer is None:
                failures.append(candidate)
            elif answer.rcode() == dns.rcode.NOERROR:
                return [Record.of(data) for records in answer.answer for data in records]
        if failures:
            raise DiscoveryError(
                f"could not resolve {name} ({record_type}): no server gave a viable answer for "
                f"{', '.join(failures)}"
            )
        return ()

    def _config(self) -> ResolverConfig:
        try:
            text = Path(self._path).read_text(errors="replace")
        except OSError as exc:
            reason = (exc.strerror or "").lower()
            raise DiscoveryError(f"could not load {self._path}: {reason}") from exc
        return ResolverConfig.parse(text)

    async def _ask_any(
        self, name: str, record_type: str, servers: Sequence[str]
    ) -> dns.message.Message | None:
        """Return the first answer that settles whether the name exists, None without one."""
        over_tcp = False
        for server in servers:
            try:
                if not over_tcp:
                    try:
                        answer = await self._ask(name, record_type, server)
                    except dns.message.Truncated:
                        over_tcp = True
                if over_tcp:
                    answer = await self._ask_over_tcp(name, record_type, server)
            # What is no address or no name is a ValueError or an error of dnspython's.
            except (OSError, EOFError, ValueError, dns.exception.DNSException) as exc:
                self._log.debug("DNS resolution failed", server=server, name=name, err=exc)
                continue
            if answer.rcode() in _FINAL:
                return answer
        return None

    async def _ask(self, name: str, record_type: str, server: str) -> dns.message.Message:
        """Ask over UDP. Raises Truncated where the answer is too long for it."""
        return await dns.asyncquery.udp(
            dns.message.make_query(name, record_type, use_edns=0, payload=_EDNS_BYTES),
            server,
            timeout=self._timeout_s,
            port=self._port,
            raise_on_truncation=True,
            # Whoever guesses our port must not be able to end the wait for the true answer.
            ignore_unexpected=True,
            ignore_errors=True,
        )

    async def _ask_over_tcp(self, name: str, record_type: str, server: str) -> dns.message.Message:
        answer = await dns.asyncquery.tcp(
            dns.message.make_query(name, record_type),
            server,
            timeout=self._timeout_s,
            port=self._port,
        )
        if answer.flags & dns.flags.TC:
            raise OSError("got truncated message on TCP (64kiB limit exceeded?)")
        return answer
