"""What a package imports that brings a kind of service discovery; docs/extending.md explains it.

These names stay; everything else in promscrape may change with any version.
"""

from promscrape.decode.schema import INLINE, ConfigStruct, FilePath
from promscrape.discovery.kind import Kind, NoMetrics
from promscrape.discovery.provider import Provider, ProviderContext, Publish, Refresher
from promscrape.discovery.refresh import Refreshed, check_interval
from promscrape.discovery.target_group import TargetGroup
from promscrape.errors import DiscoveryError
from promscrape.httpclient.client import HTTPClient
from promscrape.httpclient.config import HTTPClientConfig
from promscrape.model.duration import Duration
from promscrape.model.invalid import InvalidValue
from promscrape.model.secret import Secret

__all__ = [
    "INLINE",
    "ConfigStruct",
    "DiscoveryError",
    "Duration",
    "FilePath",
    "HTTPClient",
    "HTTPClientConfig",
    "InvalidValue",
    "Kind",
    "NoMetrics",
    "Provider",
    "ProviderContext",
    "Publish",
    "Refreshed",
    "Refresher",
    "Secret",
    "TargetGroup",
    "check_interval",
]
