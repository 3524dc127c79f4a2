"""Whether a certificate and a private key, both PEM, belong together.

Source: Go crypto/tls, X509KeyPair; the texts are its own where it has one for the case.
"""

import re
import ssl
import tempfile
from pathlib import Path

_CERTIFICATE = re.compile(rb"-----BEGIN CERTIFICATE-----")
_KEY = re.compile(rb"-----BEGIN ([A-Z0-9]+ )*PRIVATE KEY-----")


class BadKeyPair(ValueError):
    """The certificate or the key cannot be read, or they belong to different pairs."""


def check_key_pair(certificate: bytes, key: bytes) -> None:
    """Raise BadKeyPair where a TLS server could not use the two."""
    if not _CERTIFICATE.search(certificate):
        raise BadKeyPair("tls: failed to find any PEM data in certificate input")
    if not _KEY.search(key):
        raise BadKeyPair("tls: failed to find any PEM data in key input")
    # The ssl module reads files only. The directory is for this user's eyes alone.
    with tempfile.TemporaryDirectory() as directory:
        names = (Path(directory, "certificate"), Path(directory, "key"))
        for name, text in zip(names, (certificate, key), strict=True):
            name.write_bytes(text)
        try:
            # A password, or OpenSSL would ask for one on the terminal.
            ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(*names, password="")
        except ssl.SSLError as exc:
            if exc.reason == "KEY_VALUES_MISMATCH":
                raise BadKeyPair("tls: private key does not match public key") from exc
            raise BadKeyPair(f"tls: {(exc.reason or str(exc)).lower().replace('_', ' ')}") from exc
