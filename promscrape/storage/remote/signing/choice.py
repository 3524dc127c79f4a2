"""Which signer a destination has: sigv4, azuread, google_iam, or none."""

from collections.abc import Mapping
from importlib.util import find_spec

from promscrape.clock import Clock
from promscrape.errors import ConfigError
from promscrape.httpclient.signer import Signer
from promscrape.storage.remote.cloud_auth import SigV4Config
from promscrape.storage.remote.config import RemoteWriteConfig
from promscrape.storage.remote.signing.azuread import AzureSources
from promscrape.storage.remote.signing.bearer import BearerSigner
from promscrape.storage.remote.signing.google_iam import GoogleTokens, default_file
from promscrape.storage.remote.signing.rsa_key import require_cryptography


def signer_for(
    config: RemoteWriteConfig, user_agent: str, *, clock: Clock, environ: Mapping[str, str]
) -> Signer | None:
    """Return what signs the requests of a destination. Raises ConfigError."""
    if config.sigv4 is not None:
        return _sigv4(config.sigv4, clock)
    if config.azuread is not None:
        if config.azuread.certificate is not None:
            require_cryptography("azuread with a certificate", "azure")
        source = AzureSources(config.azuread, user_agent, clock, environ).source()
        return BearerSigner(source, clock)
    if config.google_iam is not None:
        path = config.google_iam.credentials_file
        if path or default_file(environ):
            require_cryptography("google_iam with a file of credentials", "google")
        return BearerSigner(GoogleTokens(path, user_agent, clock=clock, environ=environ), clock)
    return None


def _sigv4(config: SigV4Config, clock: Clock) -> Signer:
    if find_spec("botocore") is None:
        raise ConfigError("sigv4 needs the Python package botocore: pip install 'promscrape[aws]'")
    from promscrape.storage.remote.signing.sigv4 import SigV4Signer  # noqa: PLC0415 - an extra

    return SigV4Signer(config, clock)
