from typing import final

from promscrape.storage.remote._encode_py import encode_metadata_v1 as encode_metadata_v1
from promscrape.storage.remote.columns import Columns
from promscrape.storage.remote.series import RemoteSeries

@final
class Encoder:
    def __init__(self, series: RemoteSeries) -> None: ...
    def encode_v1(self, columns: Columns) -> bytes: ...
    def encode_v2(self, columns: Columns) -> bytes: ...
