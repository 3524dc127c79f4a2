"""What the providers `docker` and `dockerswarm` have in common: the daemon they ask."""

from collections.abc import Iterator
from typing import ClassVar, final

from promscrape.decode.schema import ConfigStruct
from promscrape.discovery.server_url import grammar_fault
from promscrape.model.invalid import InvalidValue
from promscrape.model.url import URL


@final
class MobyFilter(ConfigStruct, frozen=True, kw_only=True):
    """A filter that the daemon applies to its list; source: discovery/moby/dockerswarm.go."""

    go_type: ClassVar[str] = "moby.Filter"
    go_item: ClassVar[str] = "moby.Filter"

    name: str = ""
    values: tuple[str, ...] = ()


def check_host(host: URL) -> Iterator[InvalidValue]:
    """Yield what is wrong with the daemon's URL."""
    if not host:
        yield InvalidValue(
            "host missing", at=("host",), hint="a local daemon is `unix:///var/run/docker.sock`"
        )
    fault = grammar_fault("host", host)
    if fault:
        yield fault
