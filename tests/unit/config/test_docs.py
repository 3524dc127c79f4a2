"""docs/configuration.md says what the sections' declarations say, no more and no less."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import msgspec
import pytest

from promscrape.config.global_ import GlobalConfig, RuntimeConfig
from promscrape.config.otlp import OTLPConfig
from promscrape.config.root import ConfigFile
from promscrape.config.scrape import ScrapeConfig
from promscrape.config.storage import StorageConfig, TSDBConfig
from promscrape.config.tracing import TracingConfig
from promscrape.decode.schema import INLINE, ConfigStruct
from promscrape.discovery.configs import DiscoveryConfigs
from promscrape.httpclient.auth import Authorization, BasicAuth, OAuth2
from promscrape.httpclient.config import Header, HTTPClientConfig
from promscrape.httpclient.tls import TLSConfig
from promscrape.relabel import RelabelConfig
from promscrape.storage.remote.cloud_auth import AzureADConfig, GoogleIAMConfig, SigV4Config
from promscrape.storage.remote.config import MetadataConfig, QueueConfig, RemoteWriteConfig

DOCS = Path(__file__).parents[3] / "docs" / "configuration.md"
REQUIRED = {
    (ScrapeConfig, "job_name"),
    (OAuth2, "client_id"),
    (OAuth2, "token_url"),
    (RemoteWriteConfig, "url"),
    (TracingConfig, "endpoint"),
}
INHERITED = set(GlobalConfig.__struct_fields__) & set(ScrapeConfig.__struct_fields__)


def section_of(heading: str) -> str:
    """Return the text under a heading."""
    _, found, text = DOCS.read_text().partition(f"\n## {heading}\n")
    assert found
    return text.partition("\n## ")[0]


def rows_of(heading: str) -> list[list[str]]:
    """Return the cells of the first table under a heading, without its head."""
    lines = re.findall(r"^\|.*\|$", section_of(heading), re.MULTILINE)
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def fields_of(section: ConfigStruct) -> Iterator[tuple[str, object]]:
    """Yield keys and values, those of inlined sections in their place; some have their own."""
    for field in msgspec.structs.fields(section):
        value = getattr(section, field.name)
        if INLINE in get_args(field.type):
            shared = isinstance(value, HTTPClientConfig | DiscoveryConfigs) or isinstance(
                section, OAuth2
            )
            yield from () if shared else fields_of(value)
        else:
            yield field.encode_name, value


def default_text(value: object) -> str:
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    return f"`{value}`" if value and not isinstance(value, ConfigStruct) else ""


def documented_default(section: ConfigStruct, key: str, value: object) -> str:
    if isinstance(section, ConfigFile):
        return ""
    if isinstance(section, ScrapeConfig) and key in INHERITED:
        return "as `global`"
    return "required" if (type(section), key) in REQUIRED else default_text(value)


@pytest.mark.parametrize(
    ("heading", "section"),
    [
        ("The file", ConfigFile()),
        ("`global`", GlobalConfig()),
        ("`runtime`", RuntimeConfig()),
        ("`scrape_configs`", ScrapeConfig(job_name="a")),
        ("Relabel rules", RelabelConfig()),
        ("HTTP client", HTTPClientConfig()),
        ("`basic_auth`", BasicAuth()),
        ("`authorization`", Authorization()),
        ("`oauth2`", OAuth2()),
        ("`tls_config`", TLSConfig()),
        ("`http_headers`", Header()),
        ("`remote_write`", RemoteWriteConfig()),
        ("`queue_config`", QueueConfig()),
        ("`metadata_config`", MetadataConfig()),
        ("`sigv4`", SigV4Config()),
        ("`azuread`", AzureADConfig()),
        ("`google_iam`", GoogleIAMConfig()),
        ("`storage`", StorageConfig()),
        ("`tsdb`", TSDBConfig()),
        ("`tracing`", TracingConfig()),
        ("`otlp`", OTLPConfig()),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_the_documented_keys_are_the_declared_ones(heading: str, section: ConfigStruct) -> None:
    """Config 3.1, 4, 5.1, 7, 8.1, 9 to 11: names and defaults, in both directions and in one order."""
    rows = rows_of(heading)
    assert [(row[0], row[2]) for row in rows] == [
        (f"`{key}`", documented_default(section, key, value)) for key, value in fields_of(section)
    ]
    assert all(kind and meaning for _, kind, _, meaning in rows)
