"""Whether a certificate and a key could serve."""

import pytest
import trustme
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from promscrape.web.key_pair import BadKeyPair, check_key_pair


@pytest.fixture(scope="module")
def certificate() -> trustme.LeafCert:
    return trustme.CA().issue_cert("localhost")


def cert_of(leaf: trustme.LeafCert) -> bytes:
    return b"".join(blob.bytes() for blob in leaf.cert_chain_pems)


def key_of(leaf: trustme.LeafCert) -> bytes:
    return leaf.private_key_pem.bytes()


def test_a_pair_is_accepted(certificate: trustme.LeafCert) -> None:
    """Service 7.1: both in files of their own, or one file with both."""
    check_key_pair(cert_of(certificate), key_of(certificate))
    both = cert_of(certificate) + key_of(certificate)
    check_key_pair(both, both)


def test_a_key_of_another_certificate_is_refused(certificate: trustme.LeafCert) -> None:
    """Service 7.1: the two were renewed one without the other."""
    other = trustme.CA().issue_cert("localhost")
    with pytest.raises(BadKeyPair, match="private key does not match public key"):
        check_key_pair(cert_of(certificate), key_of(other))


def test_what_is_no_pem_is_named(certificate: trustme.LeafCert) -> None:
    """Service 7.1: which of the two files is the wrong one."""
    with pytest.raises(BadKeyPair, match="any PEM data in certificate input"):
        check_key_pair(key_of(certificate), key_of(certificate))
    with pytest.raises(BadKeyPair, match="any PEM data in key input"):
        check_key_pair(cert_of(certificate), cert_of(certificate))


def test_damaged_pem_is_refused(certificate: trustme.LeafCert) -> None:
    """Service 7.1: cut off while it was copied."""
    damaged = cert_of(certificate).replace(b"\nM", b"\n!", 1)
    with pytest.raises(BadKeyPair, match=r"^tls: "):
        check_key_pair(damaged, key_of(certificate))


def test_a_key_with_a_password_is_refused_without_asking() -> None:
    """Service 7.1: nobody sits at the daemon's terminal."""
    key = ec.generate_private_key(ec.SECP256R1()).private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(b"pass"),
    )
    leaf = trustme.CA().issue_cert("localhost")
    with pytest.raises(BadKeyPair, match=r"^tls: "):
        check_key_pair(cert_of(leaf), key)
