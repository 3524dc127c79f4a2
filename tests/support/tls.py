"""Certificates made for one test run, and servers' TLS contexts with them."""

import ssl
from pathlib import Path

import trustme


def ca_pem(authority: trustme.CA) -> str:
    """Return what a `ca` or `ca_file` that trusts the authority holds."""
    return authority.cert_pem.bytes().decode()


def cert_pem(leaf: trustme.LeafCert) -> str:
    """Return what a client's `cert` holds: the certificate and those between it and the root."""
    return "".join(blob.bytes().decode() for blob in leaf.cert_chain_pems)


def key_pem(leaf: trustme.LeafCert) -> str:
    return leaf.private_key_pem.bytes().decode()


def write_pair(leaf: trustme.LeafCert, cert: Path, key: Path) -> None:
    """Put a client's certificate and key where `cert_file` and `key_file` look."""
    cert.write_text(cert_pem(leaf))
    key.write_text(key_pem(leaf))


def server_context(
    leaf: trustme.LeafCert, *, clients_of: trustme.CA | None = None
) -> ssl.SSLContext:
    """Return a server's side of TLS; with `clients_of`, clients need a certificate from there."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    leaf.configure_cert(context)
    if clients_of is not None:
        clients_of.configure_trust(context)
        context.verify_mode = ssl.CERT_REQUIRED
    return context
