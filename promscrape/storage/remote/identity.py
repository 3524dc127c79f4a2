"""What a destination is known by: to a reload, and to its position in the log.

To a reload an entry is all that it says (7.13): any change but that of a secret makes another
queue of it. The position belongs to what the samples go to: the URL without credentials, and the
headers, which can name a tenant. A new name or a new password is no reason to lose it. Entries
that share these are told apart by the rest of what they say.
"""

import hashlib
from collections import Counter
from collections.abc import Sequence
from urllib.parse import urlsplit, urlunsplit

from promscrape.storage.remote.config import RemoteWriteConfig

_SHORT = 6


def entry_hash(dump: str) -> str:
    """Return the hash of an entry's dump, which has its secrets masked."""
    return hashlib.md5(dump.encode(), usedforsecurity=False).hexdigest()


def queue_name(config: RemoteWriteConfig, dump: str) -> str:
    """Return the name in metrics and on pages (T62)."""
    return config.name or entry_hash(dump)[:_SHORT]


def position_identities(configs: Sequence[RemoteWriteConfig], dumps: Sequence[str]) -> list[str]:
    """Return the identity of each entry's position; no two are alike."""
    short = [shared_identity(config) for config in configs]
    counts = Counter(short)
    return [
        identity if counts[identity] == 1 else entry_hash(identity + dump)
        for identity, dump in zip(short, dumps, strict=True)
    ]


def shared_identity(config: RemoteWriteConfig) -> str:
    """Return the identity of an entry that is the only one to its place."""
    assert config.url is not None  # without one, the section does not load
    parts = urlsplit(config.url.reveal())
    place = urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
    headers = sorted((name.lower(), value) for name, value in config.headers.items())
    return entry_hash(repr((place, headers)))
