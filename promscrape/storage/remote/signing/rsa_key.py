"""The key that an assertion is signed with, where the package that can sign is installed."""

from importlib.util import find_spec
from typing import TYPE_CHECKING

from promscrape.errors import ConfigError, FetchError

if TYPE_CHECKING:
    from promscrape.storage.remote.signing.rs256 import Key


def require_cryptography(section: str, extra: str) -> None:
    """Raise ConfigError where keys cannot be used."""
    if find_spec("cryptography") is None:
        raise ConfigError(
            f"{section} needs the Python package cryptography for its key: "
            f"pip install 'promscrape[{extra}]'"
        )


def rsa_key(
    section: str, path: str, key: bytes, certificates: bytes = b"", password: str = ""
) -> "Key":
    """Return the key in the content of a file. Raises FetchError, which names the file only."""
    from promscrape.storage.remote.signing.rs256 import (  # noqa: PLC0415 - an extra
        Key,
        UnusableKeyError,
    )

    try:
        if b"-----BEGIN" not in key:
            return Key.from_pkcs12(key, password)
        return Key.from_pem(key, certificates, password)
    except UnusableKeyError as exc:
        raise FetchError(f"{section}: the key in {path} cannot be used: {exc}") from None
