"""A secret key that a section holds itself or names the file of."""

from collections.abc import Iterator

from promscrape.model.invalid import InvalidValue
from promscrape.model.secret import Secret


def check_secret_key(key: Secret, file: str) -> Iterator[InvalidValue]:
    """Yield what is wrong where exactly one of the two has to be there."""
    if not key and not file:
        yield InvalidValue("one of secret_key & secret_key_file must be configured")
    if key and file:
        yield InvalidValue(
            "at most one of secret_key & secret_key_file must be configured",
            at=("secret_key_file",),
        )
