"""The scan of a body into columns: the plain twin, until a compiled one stands beside it."""

from promscrape.exposition._scanner_py import TextScanner

__all__ = ["TextScanner"]
