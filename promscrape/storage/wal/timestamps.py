"""Chooses what moves the last timestamps of series: the compiled twin, or the plain one."""

from typing import TYPE_CHECKING

from promscrape.twins import COMPILED

if TYPE_CHECKING or not COMPILED:
    from promscrape.storage.wal._timestamps_py import advance
else:
    from promscrape.storage.wal._timestamps_c import advance

__all__ = ["advance"]
