"""How requests to an API server show who they are, where that can change while we run."""

from dataclasses import dataclass, field
from typing import Protocol, final

from structlog.typing import FilteringBoundLogger

from promscrape.clock import Clock
from promscrape.errors import ConfigError
from promscrape.httpclient.watched_file import open_error
from promscrape.model.secret import Secret

# Source: client-go transport/token_source.go: a minute, less ten seconds of leeway.
_REREAD_S = 50.0


@final
@dataclass(frozen=True, slots=True)
class Credential:
    """What one request goes with: a header Authorization, a client certificate, or both."""

    authorization: str = field(default="", repr=False)
    cert: str = ""
    key: Secret = field(default_factory=Secret)


class Credentials(Protocol):
    """Where credentials come from."""

    async def current(self) -> Credential:
        """Return what the next request goes with. Raises DiscoveryError."""

    def reject(self, credential: Credential) -> None:
        """Take note that the server did not accept this one."""


@final
class TokenFile:
    """A token in a file that is replaced from time to time, as those of service accounts are.

    The last good token stays where the file is empty or cannot be read later (K-6). Raises
    ConfigError where it cannot be read at all.
    """

    def __init__(self, path: str, clock: Clock, log: FilteringBoundLogger) -> None:
        self._path, self._clock, self._log = path, clock, log
        self._token = self._read()
        self._next_s = clock.monotonic_s() + _REREAD_S

    async def current(self) -> Credential:
        if self._clock.monotonic_s() >= self._next_s:
            self._next_s = self._clock.monotonic_s() + _REREAD_S
            try:
                self._token = self._read()
            except ConfigError as exc:
                self._log.warning(
                    "Cannot read the token, continuing with the last one", err=str(exc)
                )
        return Credential(f"Bearer {self._token}")

    def reject(self, credential: Credential) -> None:
        if credential.authorization == f"Bearer {self._token}":
            self._next_s = self._clock.monotonic_s()

    def _read(self) -> str:
        try:
            with open(self._path, encoding="ascii") as file:  # noqa: PTH123 - named as written
                token = file.read().strip()
        except OSError as exc:
            raise ConfigError(open_error(self._path, exc)) from exc
        except UnicodeDecodeError:
            # Without the cause, which would carry the content of the file.
            raise ConfigError(f"{self._path} holds no token: it is not ASCII") from None
        if not token:
            raise ConfigError(f"read empty token from file {self._path}")
        if not token.isprintable():
            raise ConfigError(f"{self._path} holds no token: it has more than one line")
        return token
