"""Credentials and extra headers as a server sees them."""

import base64
import re
from pathlib import Path

import pytest

from promscrape.errors import ConfigError, FetchError
from promscrape.httpclient.auth import Authorization, BasicAuth
from promscrape.httpclient.client import HTTPClient
from promscrape.httpclient.config import Header, HTTPClientConfig
from promscrape.model.secret import Secret
from tests.support.http_server import RecordingServer
from tests.support.requests import fetch, text_of


def basic(text: str) -> str:
    return "Basic " + base64.b64encode(text.encode()).decode()


@pytest.mark.parametrize(
    ("config", "value"),
    [
        pytest.param(HTTPClientConfig(), None, id="none"),
        pytest.param(
            HTTPClientConfig(basic_auth=BasicAuth(username="me", password=Secret("pass:wörd"))),
            basic("me:pass:wörd"),
            id="basic",
        ),
        pytest.param(HTTPClientConfig(basic_auth=BasicAuth()), basic(":"), id="empty-basic"),
        pytest.param(
            HTTPClientConfig(authorization=Authorization(credentials=Secret("abc"))),
            "Bearer abc",
            id="bearer",
        ),
        pytest.param(
            HTTPClientConfig(authorization=Authorization(type="Token", credentials=Secret("abc"))),
            "Token abc",
            id="type",
        ),
        pytest.param(HTTPClientConfig(bearer_token=Secret("abc")), "Bearer abc", id="deprecated"),
    ],
)
async def test_credentials_are_sent(config: HTTPClientConfig, value: str | None) -> None:
    """H8, config 9.1."""
    async with RecordingServer() as server:
        await fetch(server.url, config)
    assert server.sent("Authorization") == [value]


async def test_an_authorization_of_the_callers_own_is_kept() -> None:
    """H8: an explicit header is never overwritten."""
    config = HTTPClientConfig(authorization=Authorization(credentials=Secret("abc")))
    async with RecordingServer() as server, HTTPClient(config, "promscrape/test") as client:
        (await client.get(server.url, {"authorization": "own"})).release()
    assert server.sent("Authorization") == ["own"]


async def test_user_and_password_in_a_url_are_sent() -> None:
    """As Go does it, before the section's credentials; the address itself loses them."""
    config = HTTPClientConfig(authorization=Authorization(credentials=Secret("abc")))
    async with RecordingServer() as server, HTTPClient(config, "promscrape/test") as client:
        url = server.url.replace("//", "//me:p%C3%A4ss%40@")
        (await client.get(url, {})).release()
        (await client.get(url, {"Authorization": "own"})).release()
    assert server.sent("Authorization") == [basic("me:päss@"), "own"]
    assert server.sent("Host") == [f"127.0.0.1:{server.port}"] * 2


async def test_files_are_looked_at_for_each_request(tmp_path: Path) -> None:
    """Config 9.5, case 52: a changed token is used at once; white space around it is not sent."""
    token = tmp_path / "tok"
    config = HTTPClientConfig(authorization=Authorization(credentials_file=str(token)))
    async with RecordingServer() as server, HTTPClient(config, "promscrape/test") as client:
        for text in ("abc\n", " def "):
            token.write_text(text)
            await text_of(client, server.url)
        token.unlink()
        with pytest.raises(FetchError) as caught:
            await text_of(client, server.url)
        token.write_text("ghi")
        await text_of(client, server.url)
    assert server.sent("Authorization") == ["Bearer abc", "Bearer def", "Bearer ghi"]
    assert str(caught.value) == (
        f'Get "{server.url}": unable to read authorization credentials: unable to read file '
        f"{token}: open {token}: no such file or directory"
    )


@pytest.mark.parametrize(
    ("config", "error"),
    [
        pytest.param(
            HTTPClientConfig(basic_auth=BasicAuth(username_file="/no/user")),
            "unable to read basic auth username: unable to read file /no/user: open /no/user: "
            "no such file or directory",
            id="username",
        ),
        pytest.param(
            HTTPClientConfig(basic_auth=BasicAuth(username="me", password_file="/no/pass")),
            "unable to read basic auth password: unable to read file /no/pass: open /no/pass: "
            "no such file or directory",
            id="password",
        ),
        pytest.param(
            HTTPClientConfig(bearer_token_file="/no/tok"),
            "unable to read authorization credentials: unable to read file /no/tok: "
            "open /no/tok: no such file or directory",
            id="bearer",
        ),
        pytest.param(
            HTTPClientConfig(http_headers={"X-A": Header(files=("/no/head",))}),
            "unable to read headers file /no/head: open /no/head: no such file or directory",
            id="header",
        ),
        pytest.param(
            HTTPClientConfig(http_headers={"X A": Header(values=("x",))}),
            'net/http: invalid header field name "X A"',
            id="header-name",
        ),
        pytest.param(
            HTTPClientConfig(http_headers={"X-A": Header(secrets=(Secret("a\r\nb: c"),))}),
            'net/http: invalid header field value for "X-A"',
            id="header-value",
        ),
        pytest.param(
            HTTPClientConfig(authorization=Authorization(credentials=Secret("a\nb"))),
            'net/http: invalid header field value for "Authorization"',
            id="credentials",
        ),
    ],
)
async def test_what_cannot_be_sent_fails_the_request(config: HTTPClientConfig, error: str) -> None:
    """Config 9.5: with the exact text, and nothing has gone out."""
    async with RecordingServer() as server:
        with pytest.raises(FetchError, match=f'^Get "{server.url}": {re.escape(error)}$'):
            await fetch(server.url, config)
    assert server.requests == []


async def test_a_file_that_is_no_text_is_not_shown(tmp_path: Path) -> None:
    """Config 14: an error can name the file, never what it holds."""
    token = tmp_path / "tok"
    token.write_bytes(b"hidden\xff")
    for config in (
        HTTPClientConfig(authorization=Authorization(credentials_file=str(token))),
        HTTPClientConfig(http_headers={"X-A": Header(files=(str(token),))}),
    ):
        async with RecordingServer() as server:
            with pytest.raises(FetchError, match="is not valid UTF-8") as caught:
                await fetch(server.url, config)
        assert "hidden" not in str(caught.value)
        assert caught.value.__cause__ is None or "hidden" not in repr(caught.value.__cause__)


async def test_extra_headers_are_added_in_order(tmp_path: Path) -> None:
    """H7, config 9.1: values, then secrets, then files, beside what the request has already."""
    path = tmp_path / "value"
    config = HTTPClientConfig(
        http_headers={
            "x-a": Header(values=("1", "2"), secrets=(Secret("3"),), files=(str(path),)),
            "X-B": Header(values=("6",)),
        }
    )
    async with RecordingServer() as server, HTTPClient(config, "promscrape/test") as client:
        for text in ("4\n", "5\n"):
            path.write_text(text)
            (await client.get(server.url, {"X-A": "0", "X-C": "7"})).release()
    first, second = (request.headers for request in server.requests)
    assert first.getall("X-A") == ["0", "1", "2", "3", "4"]
    assert second.getall("X-A") == ["0", "1", "2", "3", "5"]
    assert (first["X-B"], first["X-C"]) == ("6", "7")


@pytest.mark.parametrize(
    ("config", "what"),
    [
        (HTTPClientConfig(basic_auth=BasicAuth(username_ref="x")), "username"),
        (HTTPClientConfig(basic_auth=BasicAuth(password_ref="x")), "password"),
        (HTTPClientConfig(authorization=Authorization(credentials_ref="x")), "credentials"),
    ],
)
async def test_a_reference_to_a_secret_manager_is_refused(
    config: HTTPClientConfig, what: str
) -> None:
    """Config 9.1: it loads, and the client is not made."""
    with pytest.raises(
        ConfigError, match=f"^unable to use {what}: cannot use secret ref without manager$"
    ):
        HTTPClient(config, "promscrape/test")
