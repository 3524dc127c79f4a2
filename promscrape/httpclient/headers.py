"""Headers that a section names for its requests, as `headers` and not as `http_headers`."""

from collections.abc import Iterable, Iterator

from promscrape.httpclient.config import RESERVED_HEADERS
from promscrape.model.invalid import InvalidValue

_RESERVED = RESERVED_HEADERS - {"authorization", "x-prometheus-scrape-timeout-seconds"}


def header_faults(names: Iterable[str], authorization: str) -> Iterator[InvalidValue]:
    """Yield what is wrong with the names at `headers`.

    authorization: what is said where one of them is `Authorization`.
    """
    for name in names:
        at = ("headers", name)
        if name.lower() == "authorization":
            yield InvalidValue(authorization, at=at, on_key=True)
        elif name.lower() in _RESERVED:
            message = f"{name} is a reserved header. It must not be changed"
            yield InvalidValue(message, at=at, on_key=True)
