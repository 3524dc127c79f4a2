"""Chooses what makes requests from columns: the compiled twin, or the plain one."""

from typing import TYPE_CHECKING

from promscrape.twins import COMPILED

if TYPE_CHECKING or not COMPILED:
    from promscrape.storage.remote._encode_py import Encoder
else:
    from promscrape.storage.remote._encode_c import Encoder

__all__ = ["Encoder"]
