"""Which signer a destination has: sigv4, azuread, google_iam, or none."""

from promscrape.errors import ConfigError
from promscrape.httpclient.signer import Signer
from promscrape.storage.remote.config import RemoteWriteConfig


def signer_for(config: RemoteWriteConfig) -> Signer | None:
    """Return what signs the requests of a destination. Raises ConfigError."""
    sections = {"sigv4": config.sigv4, "azuread": config.azuread, "google_iam": config.google_iam}
    for name, section in sections.items():
        if section is not None:
            raise ConfigError(f"{name} is not supported by this version")
    return None
