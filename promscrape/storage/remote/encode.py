"""Requests from columns; the one place that chooses what makes them."""

from promscrape.storage.remote._encode_py import Encoder

__all__ = ["Encoder"]
