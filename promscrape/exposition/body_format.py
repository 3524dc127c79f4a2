"""The formats of bodies, by what a Content-Type calls them."""

from collections.abc import Mapping
from enum import Enum

from promscrape.exposition.text_format import OPENMETRICS_TEXT, PROMETHEUS_TEXT, TextFormat


class ProtobufFormat(Enum):
    """The one format that is not made of lines."""

    DELIMITED = "delimited"


BodyFormat = TextFormat | ProtobufFormat

PROTOBUF = ProtobufFormat.DELIMITED

BY_MEDIA_TYPE: Mapping[str, BodyFormat] = {
    "text/plain": PROMETHEUS_TEXT,
    "application/openmetrics-text": OPENMETRICS_TEXT,
    "application/vnd.google.protobuf": PROTOBUF,
}
