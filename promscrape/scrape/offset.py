"""When in its interval a target is scraped: a hash of what it is, and a seed of where we run.

The load is spread over the interval, a restart keeps every target's place, and replicas with
other seeds do not scrape together. The numbers are Prometheus's own (rules M23, M24, T16, T18;
source: scrape/manager.go setOffsetSeed, scrape/target.go), so that taking over from it moves no
sample on the time axis.
"""

import socket
from collections.abc import Iterable

import xxhash

from promscrape.model.labels import Labels

_FNV_OFFSET, _FNV_PRIME, _MASK = 0xCBF29CE484222325, 0x100000001B3, (1 << 64) - 1


def fnv1a_64(data: bytes) -> int:
    """Return the 64-bit FNV-1a hash."""
    state = _FNV_OFFSET
    for byte in data:
        state = (state ^ byte) * _FNV_PRIME & _MASK
    return state


def offset_seed(fqdn: str, external_labels: Labels) -> int:
    """Return the seed of this process: where it runs, and as which replica."""
    return fnv1a_64(f"{fqdn}{external_labels}".encode("utf-8", "surrogateescape"))


def target_hash(labels: Iterable[tuple[str, str]], url: str) -> int:
    """Return a target's identity; `labels` are all of its labels, ascending by name."""
    texts = (_sized(text.encode("utf-8", "surrogateescape")) for pair in labels for text in pair)
    digest = xxhash.xxh64_intdigest(b"".join(texts))
    return fnv1a_64(f"{digest:016d}{url}".encode("utf-8", "surrogateescape"))


def _sized(raw: bytes) -> bytes:
    size = len(raw)
    head = bytes((size,)) if size < 0xFF else b"\xff" + size.to_bytes(3, "little")
    return head + raw


def first_scrape_delay_ns(now_ns: int, interval_ns: int, target: int, seed: int) -> int:
    """Return how long to wait before the first scrape, in (0, interval].

    The wall time it leads to is always the same place in the interval: now + delay is congruent
    to (target xor seed) modulo the interval.
    """
    base = interval_ns - now_ns % interval_ns
    delay = base + (target ^ seed) % interval_ns
    return delay - interval_ns if delay > interval_ns else delay


def fqdn() -> str:
    """Return this host's full name, or its plain one where no address of it has a name.

    Blocks on the resolver. Raises OSError if not even the host name can be read.
    """
    hostname = socket.gethostname()
    try:
        found = socket.getaddrinfo(hostname, None, type=socket.SOCK_STREAM)
    except OSError:
        return hostname
    for *_, address in found:
        try:
            return socket.gethostbyaddr(str(address[0]))[0]
        except OSError:
            continue
    return hostname
