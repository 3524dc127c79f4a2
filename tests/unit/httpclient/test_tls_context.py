"""TLS against real servers, with certificates made for the test."""

import asyncio
import datetime as dt
import re
import ssl
from pathlib import Path

import pytest
import trustme
from aiohttp import web
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)

from promscrape.errors import ConfigError, FetchError
from promscrape.httpclient.client import HTTPClient
from promscrape.httpclient.config import HTTPClientConfig
from promscrape.httpclient.tls import TLSConfig, TLSVersion
from promscrape.httpclient.tls_context import TLS
from promscrape.model.secret import Secret
from tests.support.blocking_server import BlockingServer
from tests.support.http_server import RecordingServer
from tests.support.requests import fetch, text_of
from tests.support.tls import ca_pem, cert_pem, key_pem, server_context, write_pair

LONG_AGO = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)
LESS_LONG_AGO = dt.datetime(2021, 1, 1, tzinfo=dt.UTC)
CANNOT_VERIFY = "tls: failed to verify certificate: x509: "


async def who(request: web.Request) -> web.StreamResponse:
    """Answer with the name in the client's certificate."""
    assert request.transport is not None
    cert = request.transport.get_extra_info("peercert")
    return web.Response(text=cert["subjectAltName"][0][1] if cert else "nobody")


async def refusal(url: str, tls: TLSConfig) -> str:
    with pytest.raises(FetchError) as caught:
        await fetch(url, HTTPClientConfig(tls_config=tls))
    text = str(caught.value)
    prefix = f'Get "{url}": '
    assert text.startswith(prefix)
    return text.removeprefix(prefix)


async def test_a_server_of_the_given_authority_is_trusted(
    authority: trustme.CA, tmp_path: Path
) -> None:
    """Config 9.3: `ca` inline and `ca_file` do the same."""
    (tmp_path / "ca.pem").write_text(ca_pem(authority))
    context = server_context(authority.issue_cert("127.0.0.1"))
    async with RecordingServer(context=context) as server:
        for tls in (TLSConfig(ca=ca_pem(authority)), TLSConfig(ca_file=f"{tmp_path}/ca.pem")):
            assert await fetch(server.url, HTTPClientConfig(tls_config=tls)) == "hello"


async def test_other_authorities_are_not_trusted(
    authority: trustme.CA, other_authority: trustme.CA
) -> None:
    """Config 9.3: with a `ca` nobody else is trusted, and without one only the system's are."""
    context = server_context(authority.issue_cert("127.0.0.1"))
    with BlockingServer(context) as server:
        for tls in (TLSConfig(ca=ca_pem(other_authority)), TLSConfig()):
            error = await refusal(server.url, tls)
            assert error.startswith(f"{CANNOT_VERIFY}certificate signed by unknown authority")


async def test_a_servers_own_certificate_can_be_trusted(authority: trustme.CA) -> None:
    """Go takes whatever is in a `ca_file` for an end of the chain, an authority's or not."""
    leaf = authority.issue_cert("127.0.0.1")
    own = leaf.cert_chain_pems[0].bytes().decode()
    async with RecordingServer(context=server_context(leaf)) as server:
        assert await fetch(server.url, HTTPClientConfig(tls_config=TLSConfig(ca=own))) == "hello"


async def test_an_expired_certificate_is_refused(authority: trustme.CA) -> None:
    """H13: in the words that Go has for it."""
    leaf = authority.issue_cert("127.0.0.1", not_before=LONG_AGO, not_after=LESS_LONG_AGO)
    with BlockingServer(server_context(leaf)) as server:
        assert await refusal(server.url, TLSConfig(ca=ca_pem(authority))) == (
            f"{CANNOT_VERIFY}certificate has expired or is not yet valid: certificate has expired"
        )


async def test_a_certificate_for_another_name_is_refused(authority: trustme.CA) -> None:
    """H13: a certificate of the right authority is not enough."""
    leaf = authority.issue_cert("a.example")
    with BlockingServer(server_context(leaf)) as server:
        assert await refusal(server.url, TLSConfig(ca=ca_pem(authority))) == (
            f"{CANNOT_VERIFY}certificate is valid for other names, not 127.0.0.1"
        )


async def test_server_name_is_what_the_certificate_has_to_say(authority: trustme.CA) -> None:
    """Config 9.3: it takes the place of the host in the URL."""
    ca = ca_pem(authority)
    with BlockingServer(server_context(authority.issue_cert("a.example"))) as server:
        config = HTTPClientConfig(tls_config=TLSConfig(ca=ca, server_name="a.example"))
        assert await fetch(server.url, config) == "hello"
        assert await refusal(server.url, TLSConfig(ca=ca, server_name="b.example")) == (
            f"{CANNOT_VERIFY}certificate is valid for other names, not b.example"
        )


async def test_a_common_name_is_no_name(authority: trustme.CA) -> None:
    """Go looks at the alternative names alone, and so does this client."""
    leaf = authority.issue_cert("other.example", common_name="a.example")
    with BlockingServer(server_context(leaf)) as server:
        error = await refusal(server.url, TLSConfig(ca=ca_pem(authority), server_name="a.example"))
    assert "certificate is valid for other names, not a.example" in error


async def test_verification_can_be_switched_off(other_authority: trustme.CA) -> None:
    """Config 9.3: `insecure_skip_verify` accepts any certificate for any name."""
    leaf = other_authority.issue_cert("a.example", not_before=LONG_AGO, not_after=LESS_LONG_AGO)
    async with RecordingServer(context=server_context(leaf)) as server:
        config = HTTPClientConfig(tls_config=TLSConfig(insecure_skip_verify=True))
        assert await fetch(server.url, config) == "hello"


@pytest.mark.parametrize("from_files", [True, False])
async def test_a_client_shows_its_certificate(
    authority: trustme.CA,
    other_authority: trustme.CA,
    tmp_path: Path,
    from_files: bool,  # noqa: FBT001 - the one parameter of the test
) -> None:
    """Config 9.3: from files and inline."""
    leaf = other_authority.issue_cert("me.example")
    write_pair(leaf, tmp_path / "cert.pem", tmp_path / "key.pem")
    tls = (
        TLSConfig(
            ca=ca_pem(authority),
            cert_file=f"{tmp_path}/cert.pem",
            key_file=f"{tmp_path}/key.pem",
        )
        if from_files
        else TLSConfig(ca=ca_pem(authority), cert=cert_pem(leaf), key=Secret(key_pem(leaf)))
    )
    context = server_context(authority.issue_cert("127.0.0.1"), clients_of=other_authority)
    async with RecordingServer(who, context=context) as server:
        assert await fetch(server.url, HTTPClientConfig(tls_config=tls)) == "me.example"


@pytest.mark.parametrize(
    ("version", "error"),
    [
        (ssl.TLSVersion.TLSv1_2, "remote error: tls: handshake failure"),
        (ssl.TLSVersion.TLSv1_3, "remote error: tls: certificate required"),
    ],
)
async def test_a_client_without_a_certificate_is_told_so(
    authority: trustme.CA, version: ssl.TLSVersion, error: str
) -> None:
    """H13: with TLS 1.3 the server says so only after the client's side of the handshake."""
    context = server_context(authority.issue_cert("127.0.0.1"), clients_of=authority)
    context.maximum_version = version
    with BlockingServer(context) as server:
        assert await refusal(server.url, TLSConfig(ca=ca_pem(authority))) == error


async def test_a_client_certificate_of_the_wrong_authority_is_refused(
    authority: trustme.CA, other_authority: trustme.CA
) -> None:
    """H13: the server's alert is what the error names."""
    leaf = other_authority.issue_cert("me.example")
    tls = TLSConfig(ca=ca_pem(authority), cert=cert_pem(leaf), key=Secret(key_pem(leaf)))
    context = server_context(authority.issue_cert("127.0.0.1"), clients_of=authority)
    with BlockingServer(context) as server:
        assert await refusal(server.url, tls) == (
            "remote error: tls: unknown certificate authority"
        )


@pytest.mark.parametrize(
    ("serves", "asks"),
    [
        (ssl.TLSVersion.TLSv1_3, TLSVersion.TLS12),
        (ssl.TLSVersion.TLSv1_2, TLSVersion.TLS13),
    ],
)
async def test_versions_that_do_not_meet_are_an_error(
    authority: trustme.CA, serves: ssl.TLSVersion, asks: TLSVersion
) -> None:
    """Config 9.3: `min_version` and `max_version` hold."""
    context = server_context(authority.issue_cert("127.0.0.1"))
    context.minimum_version = context.maximum_version = serves
    tls = TLSConfig(ca=ca_pem(authority), min_version=asks, max_version=asks)
    with BlockingServer(context) as server:
        assert await refusal(server.url, tls) == (
            "remote error: tls: protocol version not supported"
        )


@pytest.mark.parametrize("version", [TLSVersion.TLS12, TLSVersion.TLS13])
async def test_the_version_asked_for_is_spoken(authority: trustme.CA, version: TLSVersion) -> None:
    """Config 9.3: the server is one that would speak either."""

    async def spoken(request: web.Request) -> web.StreamResponse:
        assert request.transport is not None
        return web.Response(text=request.transport.get_extra_info("ssl_object").version())

    tls = TLSConfig(ca=ca_pem(authority), min_version=version, max_version=version)
    async with RecordingServer(
        spoken, context=server_context(authority.issue_cert("127.0.0.1"))
    ) as server:
        text = await fetch(server.url, HTTPClientConfig(tls_config=tls))
    assert text == f"TLSv1.{version[-1]}"


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
async def test_an_old_version_is_spoken_only_if_it_is_asked_for(authority: trustme.CA) -> None:
    """Config 9.3: without `min_version`, TLS 1.2 is the least."""
    context = server_context(authority.issue_cert("127.0.0.1"))
    context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    ca = ca_pem(authority)
    with BlockingServer(context) as server:
        old = HTTPClientConfig(tls_config=TLSConfig(ca=ca, min_version=TLSVersion.TLS10))
        assert await fetch(server.url, old) == "hello"
        assert await refusal(server.url, TLSConfig(ca=ca)) == (
            "remote error: tls: protocol version not supported"
        )


async def test_a_server_that_hangs_up_in_the_handshake_is_named() -> None:
    """H13: asyncio's servers do so instead of saying what they miss."""

    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.close()

    server = await asyncio.start_server(hang_up, "127.0.0.1", 0)
    async with server:
        url = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        assert await refusal(url, TLSConfig()) == "EOF"


async def test_a_server_that_speaks_no_tls_is_told_apart() -> None:
    """The usual mistake is `scheme: https` for a target without it."""
    async with RecordingServer() as server:
        url = server.url.replace("http:", "https:")
        error = await refusal(url, TLSConfig(insecure_skip_verify=True))
    assert error.startswith("tls: first record does not look like a TLS handshake")


async def test_a_changed_authority_is_taken_up(
    authority: trustme.CA, other_authority: trustme.CA, tmp_path: Path
) -> None:
    """Config 9.5: the next request goes by the new `ca_file`."""
    ca = tmp_path / "ca.pem"
    ca.write_text(ca_pem(authority))
    config = HTTPClientConfig(tls_config=TLSConfig(ca_file=str(ca)))
    with BlockingServer(server_context(other_authority.issue_cert("127.0.0.1"))) as server:
        async with HTTPClient(config, "promscrape/test") as client:
            with pytest.raises(FetchError, match="signed by unknown authority"):
                await text_of(client, server.url)
            ca.write_text(ca_pem(other_authority))
            assert await text_of(client, server.url) == "hello"


async def test_a_connection_trusted_under_an_old_file_is_not_used(
    authority: trustme.CA, other_authority: trustme.CA, tmp_path: Path
) -> None:
    """Config 9.5: a changed content builds a new connection pool."""
    ca = tmp_path / "ca.pem"
    ca.write_text(ca_pem(authority))
    config = HTTPClientConfig(tls_config=TLSConfig(ca_file=str(ca)))
    context = server_context(authority.issue_cert("127.0.0.1"))
    async with (
        RecordingServer(context=context) as server,
        HTTPClient(config, "promscrape/test") as client,
    ):
        for pem in (ca_pem(authority), ca_pem(other_authority) + ca_pem(authority)):
            ca.write_text(pem)
            for _ in range(2):
                assert await text_of(client, server.url) == "hello"
        transports = [id(request.transport) for request in server.requests]
    assert len(set(transports)) == 2
    assert transports[0] == transports[1] != transports[2] == transports[3]


async def test_a_changed_client_certificate_is_shown(authority: trustme.CA, tmp_path: Path) -> None:
    """Config 9.5: certificates that live for an hour need no reload."""
    cert, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    write_pair(authority.issue_cert("one.example"), cert, key)
    tls = TLSConfig(ca=ca_pem(authority), cert_file=str(cert), key_file=str(key))
    context = server_context(authority.issue_cert("127.0.0.1"), clients_of=authority)
    async with (
        RecordingServer(who, context=context) as server,
        HTTPClient(HTTPClientConfig(tls_config=tls), "promscrape/test") as client,
    ):
        assert await text_of(client, server.url) == "one.example"
        write_pair(authority.issue_cert("two.example"), cert, key)
        assert await text_of(client, server.url) == "two.example"


async def test_half_a_pair_fails_until_the_other_half_is_there(
    authority: trustme.CA, tmp_path: Path
) -> None:
    """Config 9.5: certificate and key are replaced one after the other."""
    cert, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    write_pair(authority.issue_cert("one.example"), cert, key)
    tls = TLS(TLSConfig(cert_file=str(cert), key_file=str(key)))
    two = authority.issue_cert("two.example")
    cert.write_text(cert_pem(two))
    for _ in range(2):
        with pytest.raises(FetchError, match="private key does not match public key"):
            tls.context()
    key.write_text(key_pem(two))
    tls.context()


async def test_a_file_that_vanishes_fails_its_requests_only(
    authority: trustme.CA, tmp_path: Path
) -> None:
    """Config 9.5: the request after its return succeeds, over the connection that there was."""
    ca = tmp_path / "ca.pem"
    ca.write_text(ca_pem(authority))
    context = server_context(authority.issue_cert("127.0.0.1"))
    config = HTTPClientConfig(tls_config=TLSConfig(ca_file=str(ca)))
    async with (
        RecordingServer(context=context) as server,
        HTTPClient(config, "promscrape/test") as client,
    ):
        assert await text_of(client, server.url) == "hello"
        ca.unlink()
        with pytest.raises(FetchError) as caught:
            await text_of(client, server.url)
        assert str(caught.value) == (
            f'Get "{server.url}": unable to read CA cert: unable to read file {ca}: '
            f"open {ca}: no such file or directory"
        )
        ca.write_text(ca_pem(authority))
        assert await text_of(client, server.url) == "hello"
        peers = {id(request.transport) for request in server.requests}
    assert len(peers) == 1


def test_unchanged_files_keep_the_context(authority: trustme.CA, tmp_path: Path) -> None:
    """Config 9.5: a file that is merely written again costs no connection."""
    ca = tmp_path / "ca.pem"
    ca.write_text(ca_pem(authority))
    tls = TLS(TLSConfig(ca_file=str(ca)))
    context = tls.context()
    ca.write_text(ca_pem(authority))
    assert tls.context() is context


def test_clients_without_a_section_share_a_context() -> None:
    """The system's authorities are read once, not once a job."""
    assert TLS(TLSConfig()).context() is TLS(TLSConfig(server_name="a.example")).context()


@pytest.mark.parametrize(
    ("tls", "error"),
    [
        pytest.param(
            TLSConfig(min_version=TLSVersion.TLS13, max_version=TLSVersion.TLS12),
            "tls_config.max_version must be greater than or equal to tls_config.min_version "
            "if both are specified",
            id="versions",
        ),
        pytest.param(
            TLSConfig(ca_file="/no/ca.pem"),
            "unable to read CA cert: unable to read file /no/ca.pem: open /no/ca.pem: "
            "no such file or directory",
            id="missing-ca",
        ),
        pytest.param(
            TLSConfig(cert_file="/no/c", key_file="/no/k"),
            "unable to read client cert: unable to read file /no/c: open /no/c: "
            "no such file or directory",
            id="missing-cert",
        ),
        pytest.param(
            TLSConfig(ca_file="/dev/null"),
            "unable to use specified CA cert file /dev/null",
            id="empty-ca",
        ),
        pytest.param(
            TLSConfig(ca="hello"), "unable to use specified CA cert inline", id="inline-ca"
        ),
        pytest.param(
            TLSConfig(cert_file="/dev/null", key_file="/dev/zero/"),
            "unable to read client key: unable to read file /dev/zero/: open /dev/zero/: "
            "not a directory",
            id="unreadable-key",
        ),
        pytest.param(
            TLSConfig(cert_file="/dev/null", key=Secret("x")),
            "unable to use specified client cert (file /dev/null) & key (inline): "
            "tls: failed to find any PEM data in certificate input",
            id="empty-pair",
        ),
        pytest.param(
            TLSConfig(ca_ref="x"),
            "unable to use CA cert: cannot use secret ref without manager",
            id="ref",
        ),
    ],
)
def test_what_cannot_be_built_is_refused(tls: TLSConfig, error: str) -> None:
    """Config 9.3, case 37, TC126: found when a client is made, not when the file is loaded."""
    with pytest.raises(ConfigError, match=f"^{re.escape(error)}$"):
        TLS(tls)


@pytest.mark.parametrize(
    ("broken", "reason"),
    [
        ("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "tls: "),
        ("nothing", "tls: failed to find any PEM data in key input"),
    ],
    ids=["garbage", "no-pem"],
)
def test_a_broken_key_is_refused_without_being_shown(
    authority: trustme.CA, broken: str, reason: str
) -> None:
    """Config 9.3, 14: the error names the origin of the key, never its text."""
    tls = TLSConfig(cert=cert_pem(authority.issue_cert("me.example")), key=Secret(broken))
    with pytest.raises(ConfigError) as caught:
        TLS(tls)
    text = str(caught.value)
    assert text.startswith(f"unable to use specified client cert (inline) & key (inline): {reason}")
    assert "AAAA" not in text


def test_an_encrypted_key_asks_nobody_for_its_password(authority: trustme.CA) -> None:
    """OpenSSL's habit is to ask on the terminal, which would stop the daemon."""
    leaf = authority.issue_cert("me.example")
    key = load_pem_private_key(key_pem(leaf).encode(), None)
    packed = key.private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"password")
    )
    with pytest.raises(ConfigError, match="unable to use specified client cert"):
        TLS(TLSConfig(cert=cert_pem(leaf), key=Secret(packed.decode())))
