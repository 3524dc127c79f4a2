"""Chooses the scan of a body into columns: the compiled twin, or the plain one."""

from typing import TYPE_CHECKING

from promscrape.twins import COMPILED

if TYPE_CHECKING or not COMPILED:
    from promscrape.exposition._scanner_py import TextScanner
else:
    from promscrape.exposition._scanner_c import TextScanner

__all__ = ["TextScanner"]
