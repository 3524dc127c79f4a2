"""What the operator chooses about the HTTP service."""

from typing import Self

import msgspec

from promscrape.flags.external_url import ExternalUrl
from promscrape.flags.flags import Flags
from promscrape.model.regex import Regex


class WebOptions(msgspec.Struct, frozen=True):
    """Settings of the HTTP service; its flags say more.

    read_timeout_s: how long an idle connection is kept; 0 means forever.
    route_prefix: `/`, or a path without a slash at its end; routes lie under it.
    storage_retention: the age at which samples are dropped, as the API shows it.
    """

    listen_addresses: tuple[str, ...]
    read_timeout_s: float
    max_connections: int
    external_url: ExternalUrl
    route_prefix: str
    enable_lifecycle: bool
    page_title: str
    cors_origin: Regex
    storage_retention: str

    @classmethod
    def from_flags(cls, flags: Flags) -> Self:
        return cls(
            listen_addresses=flags.web_listen_address,
            read_timeout_s=flags.web_read_timeout.seconds,
            max_connections=flags.web_max_connections,
            external_url=flags.external_url(),
            route_prefix=flags.route_prefix(),
            enable_lifecycle=flags.web_enable_lifecycle,
            page_title=flags.web_page_title,
            cors_origin=flags.cors_origin(),
            storage_retention=str(flags.storage_agent_retention_max_time),
        )
