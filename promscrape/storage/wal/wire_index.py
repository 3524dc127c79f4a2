"""Chooses the index of label sets: the compiled twin, or the plain one."""

from typing import TYPE_CHECKING

from promscrape.twins import COMPILED

if TYPE_CHECKING or not COMPILED:
    from promscrape.storage.wal._wire_index_py import WireIndex, repeats_name
else:
    from promscrape.storage.wal._wire_index_c import WireIndex, repeats_name

__all__ = ["WireIndex", "repeats_name"]
