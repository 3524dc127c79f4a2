"""How HTTP requests are made: the fields that every section with an HTTP client has inline."""

from typing import ClassVar, final

from promscrape.decode.schema import ConfigStruct


@final
class HTTPClientConfig(ConfigStruct, frozen=True, kw_only=True):
    """The HTTP client's part of a job. Two jobs with equal parts can share a client."""

    go_type: ClassVar[str] = "config.HTTPClientConfig"
    go_item: ClassVar[str] = "config.HTTPClientConfig"

    follow_redirects: bool = True
    enable_http2: bool = True  # accepted for the format's sake: requests are HTTP/1.1
