"""One destination of samples: an entry of `remote_write`."""

from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import Annotated, ClassVar, final

from promscrape.decode.schema import INLINE, ConfigStruct, GoName
from promscrape.httpclient.config import HTTPClientConfig
from promscrape.httpclient.headers import header_faults
from promscrape.model.duration import Duration
from promscrape.model.invalid import InvalidValue
from promscrape.model.url import URL
from promscrape.relabel import RelabelConfig
from promscrape.storage.remote.cloud_auth import AzureADConfig, GoogleIAMConfig, SigV4Config


@final
class WriteMessage(StrEnum):
    """The protobuf message of a request, and so the version of the protocol."""

    V1 = "prometheus.WriteRequest"
    V2 = "io.prometheus.write.v2.Request"


@final
class QueueConfig(ConfigStruct, frozen=True, kw_only=True):
    """How samples are split among the requests that are under way at a time."""

    go_type: ClassVar[str] = "config.QueueConfig"

    capacity: int = 10_000  # samples that wait in one shard
    max_shards: int = 50
    min_shards: int = 1
    max_samples_per_send: int = 2000
    batch_send_deadline: Duration = Duration(5000)
    min_backoff: Duration = Duration(30)
    max_backoff: Duration = Duration(5000)
    retry_on_http_429: bool = False
    sample_age_limit: Duration = Duration()  # 0: samples of any age are sent

    def faults(self) -> Iterator[InvalidValue]:
        """Yield what is wrong, for the section around to refuse after its other rules."""
        for name, value in (("max_shards", self.max_shards), ("min_shards", self.min_shards)):
            if value <= 0:
                yield InvalidValue(f"remote write queue {name} must be positive", at=(name,))
        if self.min_shards > self.max_shards > 0:
            yield InvalidValue(
                "remote write queue min_shards must not be greater than max_shards",
                at=("min_shards",),
            )
        if self.max_samples_per_send <= 0:
            yield InvalidValue(
                "remote write queue max_samples_per_send must be positive",
                at=("max_samples_per_send",),
            )
        if self.capacity <= 0:
            yield InvalidValue("remote write queue capacity must be positive", at=("capacity",))
        if self.max_backoff < self.min_backoff:
            yield InvalidValue(
                "remote write queue max_backoff must not be less than min_backoff",
                at=("max_backoff",),
                hint=f"max_backoff is {self.max_backoff}, min_backoff {self.min_backoff}",
            )


@final
class MetadataConfig(ConfigStruct, frozen=True, kw_only=True):
    """How the types, units and helps of metrics are sent with the first version of the protocol."""

    go_type: ClassVar[str] = "config.MetadataConfig"

    send: bool = True
    send_interval: Duration = Duration(60_000)
    max_samples_per_send: int = 2000


@final
class RemoteWriteConfig(ConfigStruct, frozen=True, kw_only=True):
    """An entry of `remote_write`."""

    go_type: ClassVar[str] = "config.plain"
    go_item: ClassVar[str] = "*config.RemoteWriteConfig"

    url: URL | None = None
    remote_timeout: Duration = Duration(30_000)
    headers: Mapping[str, str] = {}
    write_relabel_configs: tuple[RelabelConfig | None, ...] = ()
    name: str = ""  # "": the name is made from the entry's hash
    send_exemplars: bool = False
    send_native_histograms: bool = False
    round_robin_dns: bool = False
    protobuf_message: Annotated[str, GoName("remoteapi.WriteMessageType")] = WriteMessage.V1
    protobuf_message_fallback: bool = False  # ours: the first version where the peer knows no other
    prefer_fresh: bool = False  # ours: after an outage the newest samples go first
    failed_request_logging: bool = False
    http_client: Annotated[HTTPClientConfig, INLINE] = HTTPClientConfig(enable_http2=False)
    queue_config: QueueConfig = QueueConfig()
    metadata_config: MetadataConfig = MetadataConfig()
    sigv4: SigV4Config | None = None
    azuread: AzureADConfig | None = None
    google_iam: GoogleIAMConfig | None = None

    def check(self) -> Iterator[InvalidValue]:
        if self.url is None:
            yield InvalidValue("url for remote_write is empty", at=("url",))
        for index, rule in enumerate(self.write_relabel_configs):
            if rule is None:
                yield InvalidValue(
                    "empty or null relabeling rule in remote write config",
                    at=("write_relabel_configs", index),
                )
        yield from header_faults(
            self.headers,
            "authorization header must be changed via the basic_auth, authorization, oauth2, "
            "sigv4, azuread or google_iam parameter",
        )
        if self.protobuf_message not in set(WriteMessage):
            yield InvalidValue(
                "invalid protobuf_message value: unknown type for remote write protobuf message "
                f"{self.protobuf_message}, supported: {', '.join(WriteMessage)}",
                at=("protobuf_message",),
            )
        yield from self.http_client.check()
        for fault in self.queue_config.faults():
            yield InvalidValue(str(fault), at=("queue_config", *fault.at), hint=fault.hint)
        yield from self._auth_faults()

    def _auth_faults(self) -> Iterator[InvalidValue]:
        http = self.http_client
        bearer = http.bearer_token or http.bearer_token_file
        configured = {
            "basic_auth": http.basic_auth,
            "authorization": http.authorization or bearer,
            "oauth2": http.oauth2,
            "sigv4": self.sigv4,
            "azuread": self.azuread,
            "google_iam": self.google_iam,
        }
        names = [name for name, section in configured.items() if section]
        if len(names) > 1:
            yield InvalidValue(
                "at most one of basic_auth, authorization, oauth2, sigv4, azuread or google_iam "
                f"must be configured. Currently configured: [{' '.join(names)}]",
                at=(names[1],),
            )
