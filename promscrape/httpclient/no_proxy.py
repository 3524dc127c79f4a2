"""Which hosts are reached without the proxy: the grammar of `no_proxy` and NO_PROXY.

A list with commas; an item is one of these, a port in it limiting it to that port:

    *                          every host
    10.0.0.0/8                 addresses in that network
    10.1.2.3      10.1.2.3:80  that address
    a.example     a.example:80 that name and all below it
    .a.example    *.a.example  all names below it, not itself

localhost and loopback addresses are always reached directly.
Source: golang.org/x/net/http/httpproxy.
"""

import ipaddress
from typing import TypeAlias, final

import msgspec

_Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address
_Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network


@final
class _Domain(msgspec.Struct, frozen=True):
    """`suffix` begins with a dot; `port` is "" for any."""

    suffix: str
    port: str
    includes_itself: bool

    def matches(self, host: str, port: str) -> bool:
        named = host.endswith(self.suffix) or (self.includes_itself and host == self.suffix[1:])
        return named and self.port in ("", port)


@final
class NoProxy:
    """The hosts that are reached directly."""

    def __init__(self, text: str) -> None:
        self._everything = False
        self._networks: list[_Network] = []
        self._addresses: list[tuple[_Address, str]] = []
        self._domains: list[_Domain] = []
        for item in text.split(","):
            self._add(item.strip().lower())

    def matches(self, host: str, port: int) -> bool:
        """Whether requests to `host`, a name or an address without brackets, go directly."""
        host, shown_port = host.lower(), str(port)
        address = _address(host)
        if host == "localhost" or (address is not None and address.is_loopback):
            return True
        if self._everything:
            return True
        if address is not None and self._has_address(address, shown_port):
            return True
        return any(domain.matches(host, shown_port) for domain in self._domains)

    def _has_address(self, address: _Address, port: str) -> bool:
        return any(address in network for network in self._networks) or any(
            address == listed and listed_port in ("", port)
            for listed, listed_port in self._addresses
        )

    def _add(self, item: str) -> None:
        if not item:
            return
        if item == "*":
            self._everything = True
            return
        network = _network(item)
        if network is not None:
            self._networks.append(network)
            return
        host, port = _split_port(item)
        address = _address(host)
        if address is not None:
            self._addresses.append((address, port))
        elif host:
            self._add_domain(host, port)

    def _add_domain(self, host: str, port: str) -> None:
        host = host.removeprefix("*") if host.startswith("*.") else host
        below_only = host.startswith(".")
        suffix = host if below_only else f".{host}"
        self._domains.append(_Domain(suffix, port, includes_itself=not below_only))


def _network(text: str) -> _Network | None:
    try:
        return ipaddress.ip_network(text, strict=False) if "/" in text else None
    except ValueError:
        return None


def _address(text: str) -> _Address | None:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None


def _split_port(text: str) -> tuple[str, str]:
    """Return host and port, the latter "" where there is none; an address loses its brackets."""
    if _address(text) is not None:
        return text, ""
    host, colon, port = text.rpartition(":")
    if not colon or (text.startswith("[") and not host.endswith("]")):
        host, port = text, ""
    return host.removeprefix("[").removesuffix("]"), port
