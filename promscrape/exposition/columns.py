"""What a scan of one body yields: columns, not samples."""

from abc import abstractmethod
from array import array
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple, final

import msgspec

from promscrape.errors import ParseError
from promscrape.exposition.entries import LabelPairs, MetadataEntry
from promscrape.model.exemplar import Exemplar
from promscrape.model.histogram import Histogram

if TYPE_CHECKING:
    from promscrape.exposition._series_text_c import AddedLabels


class NewSeries(NamedTuple):
    """A series text that the scanner did not know: the id it gave it, and its labels."""

    id: int
    labels: LabelPairs


class NewTexts(Sequence[NewSeries]):
    """New series that lie in the memory of a compiled scanner; labels are read when asked for.

    That holds until one of the series is forgotten.
    """

    ids: "array[int]"

    @abstractmethod
    def wires(self, start: int, end: int, added: "AddedLabels") -> list[bytes | None]:
        """Return the label sets of these series with those of the target, in the log's encoding.

        None stands for a series that is not of the common kind, or has one label name twice.
        """


class BadLine(NamedTuple):
    """A line that breaks the format and was left out.

    line, column: where it stands and how far into it the parser came, counted from 1.
    text: the beginning of the line.
    """

    line: int
    column: int
    reason: str
    text: str


@final
class Columns(msgspec.Struct):  # made without a line of Python, in each scrape
    """The samples of one body, in its order, a column for each property.

    series: array("I"), the scanner's id of each sample's series text. It is the very object of
        the scan before while the body brings the same texts in the same order, so that what was
        worked out from it can be kept by identity.
    values: array("d"), one a sample; 0 where `histograms` has the sample.
    timestamps: array("q") of explicit timestamps, NO_TIMESTAMP where a sample
        has none; None where no sample has one.
    metadata: the HELP, TYPE and UNIT lines in order; like `series`, the same object while they
        are unchanged.
    new: the series first seen in this body, in order.
    exemplars, histograms: sparse, by position.
    starts: array("q") of start timestamps, NO_START where it is not known when a sample's counter
        started; None where it is known of none.
    metadata_at: the metadata lines by the position of the sample that they stand before; like
        `series`, the same while the body is.
    error: what ended the scan early; the samples before it are in the columns.
    bad_lines: the last few of the lines that were left out, of `bad_count` in all.
    """

    series: "array[int]"
    values: "array[float]"
    metadata: Sequence[MetadataEntry] = ()
    new: Sequence[NewSeries] = ()
    timestamps: "array[int] | None" = None
    exemplars: Mapping[int, Sequence[Exemplar]] = {}
    histograms: Mapping[int, Histogram] = {}
    starts: "array[int] | None" = None
    metadata_at: Mapping[int, Sequence[MetadataEntry]] = {}
    error: ParseError | None = None
    bad_lines: Sequence[BadLine] = ()
    bad_count: int = 0
