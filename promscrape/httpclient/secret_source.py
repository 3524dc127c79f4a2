"""Where a secret comes from: the configuration itself, or a file that is looked at each time."""

from typing import final

from promscrape.errors import ConfigError, FetchError
from promscrape.httpclient.watched_file import WatchedFile, open_error


@final
class SecretSource:
    """One secret. `what` names it in errors: `basic auth password`."""

    def __init__(self, what: str, *, text: str = "", file: str = "") -> None:
        self._what, self._text = what, text
        self._file = WatchedFile(file) if file and not text else None

    def text(self) -> str:
        """Return the secret, that of a file without the white space around it.

        Raises FetchError where the file cannot be read: the next request tries again.
        """
        if self._file is None:
            return self._text
        path = self._file.path
        try:
            return self._file.read().decode().strip()
        except OSError as exc:
            reason = open_error(path, exc)
        except UnicodeDecodeError:
            # Without the cause, which would carry the content of the file.
            reason = "its content is not valid UTF-8"
        raise FetchError(f"unable to read {self._what}: unable to read file {path}: {reason}")


def refuse_ref(ref: str, what: str) -> None:
    """Raise ConfigError where a secret is to come from a secret manager: there is none."""
    if ref:
        raise ConfigError(f"unable to use {what}: cannot use secret ref without manager")
