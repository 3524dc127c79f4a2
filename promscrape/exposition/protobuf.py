"""The scan of a protobuf body into columns."""

from promscrape.exposition._protobuf_py import ProtobufScanner

__all__ = ["ProtobufScanner"]
