"""JSON Web Tokens that are signed with RSA and SHA-256 (RFC 7515, RFC 7518 section 3.3).

Imported only where a section needs it: the package `cryptography` is an extra.
"""

import base64
from collections.abc import Mapping
from typing import Self, final

import msgspec
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA1, SHA256
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key
from cryptography.hazmat.primitives.serialization.pkcs12 import load_pkcs12
from cryptography.x509 import Certificate, load_pem_x509_certificates


class UnusableKeyError(Exception):
    """A key or certificate that cannot be used; the text does not show it."""


@final
class Key:
    """A private RSA key, and the certificates that belong to it, the key's own first."""

    def __init__(self, key: object, certificates: list[Certificate]) -> None:
        if not isinstance(key, RSAPrivateKey):
            raise UnusableKeyError("the private key is not an RSA key")
        self._key, self._certificates = key, certificates

    @classmethod
    def from_pem(cls, key: bytes, certificates: bytes = b"", password: str = "") -> Self:
        """Read a key and certificates. Raises UnusableKeyError."""
        try:
            loaded = load_pem_private_key(key, password.encode() or None)
            found = load_pem_x509_certificates(certificates) if certificates else []
        except (ValueError, TypeError, UnsupportedAlgorithm) as exc:
            # What the library says can name the format and the password's absence, no content.
            raise UnusableKeyError(str(exc)) from None
        return cls(loaded, found)

    @classmethod
    def from_pkcs12(cls, content: bytes, password: str = "") -> Self:
        """Read a key and certificates from one file. Raises UnusableKeyError."""
        try:
            store = load_pkcs12(content, password.encode() or None)
        except (ValueError, TypeError, UnsupportedAlgorithm) as exc:
            raise UnusableKeyError(str(exc)) from None
        own = [store.cert] if store.cert else []
        return cls(store.key, [entry.certificate for entry in [*own, *store.additional_certs]])

    def thumbprints(self) -> Mapping[str, str]:
        """Return the header's parameters that name the key's certificate."""
        if not self._certificates:
            raise UnusableKeyError("there is no certificate")
        own = self._certificates[0]
        # Not for security: the name by which Azure knows a certificate.
        return {
            "x5t": encoded(own.fingerprint(SHA1())),  # noqa: S303 - RFC 7515, section 4.1.7
            "x5t#S256": encoded(own.fingerprint(SHA256())),
        }

    def chain(self) -> list[str]:
        """Return the certificates as the parameter `x5c` has them."""
        return [
            base64.b64encode(certificate.public_bytes(Encoding.DER)).decode()
            for certificate in self._certificates
        ]

    def signed(self, header: Mapping[str, object], claims: Mapping[str, object]) -> str:
        """Return a token of these claims; `alg` and `typ` are added to the header."""
        parts = ({"alg": "RS256", "typ": "JWT", **header}, claims)
        text = ".".join(encoded(msgspec.json.encode(part)) for part in parts)
        return f"{text}.{encoded(self._key.sign(text.encode(), PKCS1v15(), SHA256()))}"


def encoded(content: bytes) -> str:
    """Return base64 for URLs, without padding."""
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()
