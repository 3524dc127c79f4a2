"""The header Authorization from `basic_auth` and `authorization`, and the headers of `http_headers`.

Source: Prometheus common config/http_config.go and config/headers.go.
"""

import base64
import re
from collections.abc import Callable, Iterator, Mapping
from typing import TypeAlias, final

from promscrape.errors import FetchError
from promscrape.httpclient.auth import Authorization, BasicAuth
from promscrape.httpclient.config import Header, HTTPClientConfig
from promscrape.httpclient.secret_source import SecretSource, refuse_ref
from promscrape.httpclient.watched_file import WatchedFile, open_error
from promscrape.model.quoting import quote

Authorize: TypeAlias = Callable[[], str]
"""Returns the value of Authorization for the next request. Raises FetchError."""

# What a header's value and name may not hold; source: golang.org/x/net/http/httpguts.
_BAD_VALUE = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+\-.^_`|~]+")


def authorize(config: HTTPClientConfig) -> Authorize | None:
    """Return how requests show who they are, None where they do not. Raises ConfigError.

    `oauth2` is not among the ways: its token has to be fetched first.
    """
    if config.basic_auth:
        return _basic(config.basic_auth)
    if config.authorization:
        return _typed(config.authorization)
    if config.bearer_token or config.bearer_token_file:
        return _typed(
            Authorization(
                credentials=config.bearer_token, credentials_file=config.bearer_token_file
            )
        )
    return None


def reads_files(config: HTTPClientConfig) -> bool:
    """Whether what requests carry may change from one to the next, as `oauth2` tokens do, too."""
    basic_auth, authorization = config.basic_auth, config.authorization
    return bool(
        config.oauth2
        or config.bearer_token_file
        or (basic_auth and (basic_auth.username_file or basic_auth.password_file))
        or (authorization and authorization.credentials_file)
        or any(header.files for header in config.http_headers.values())
    )


def basic(username: str, password: str) -> str:
    """Return the value of an Authorization header of type Basic."""
    return "Basic " + base64.b64encode(f"{username}:{password}".encode()).decode()


def check_header(name: str, value: str) -> str:
    """Return the value if it can be sent. Raises FetchError, which does not show it."""
    if not _NAME.fullmatch(name):
        raise FetchError(f"net/http: invalid header field name {quote(name)}")
    if _BAD_VALUE.search(value):
        raise FetchError(f"net/http: invalid header field value for {quote(name)}")
    return value


def _basic(config: BasicAuth) -> Authorize:
    refuse_ref(config.username_ref, "username")
    refuse_ref(config.password_ref, "password")
    username = SecretSource("basic auth username", text=config.username, file=config.username_file)
    password = SecretSource(
        "basic auth password", text=config.password.reveal(), file=config.password_file
    )
    return lambda: basic(username.text(), password.text())


def _typed(config: Authorization) -> Authorize:
    refuse_ref(config.credentials_ref, "credentials")
    credentials = SecretSource(
        "authorization credentials",
        text=config.credentials.reveal(),
        file=config.credentials_file,
    )
    return lambda: check_header("Authorization", f"{config.type} {credentials.text()}")


@final
class ExtraHeaders:
    """The headers of `http_headers`, each value added to what a request has already."""

    def __init__(self, config: Mapping[str, Header]) -> None:
        # aiohttp keeps two values of one header only if the name is spelt alike both times.
        self._headers = [(_canonical(name), header) for name, header in config.items()]
        self._files = {path: WatchedFile(path) for one in config.values() for path in one.files}

    def __bool__(self) -> bool:
        """Whether there are any."""
        return bool(self._headers)

    def pairs(self, *, at_home: bool) -> Iterator[tuple[str, str]]:
        """Yield names and values in their order. Raises FetchError.

        What a redirect led to another host with does not get secrets and contents of files:
        there, `at_home` is false.
        """
        for name, header in self._headers:
            for value in header.values:
                yield name, check_header(name, value)
            if at_home:
                for secret in header.secrets:
                    yield name, check_header(name, secret.reveal())
                for path in header.files:
                    yield name, check_header(name, self._content(path))

    def _content(self, path: str) -> str:
        try:
            return self._files[path].read().decode().strip()
        except OSError as exc:
            reason = open_error(path, exc)
        except UnicodeDecodeError:
            # Without the cause, which would carry the content of the file.
            reason = "its content is not valid UTF-8"
        raise FetchError(f"unable to read headers file {path}: {reason}")


def _canonical(name: str) -> str:
    """Return a header's name as Go writes it; what is none stays as it is."""
    if not _NAME.fullmatch(name):
        return name
    return "-".join(part.capitalize() for part in name.split("-"))
