# cython: language_level=3
# cython: boundscheck=False, wraparound=False
"""The series that a scan saw for the first time, with no Python object made for one of them.

Their texts lie in the memory of the target. What is wanted of them is read from there: label pairs
one by one, or the label sets of many at once in the encoding of the log.
"""

from array import array
from collections.abc import Sequence

from cpython cimport array as c_array
from cpython.bytes cimport PyBytes_AS_STRING
from libc.stdint cimport uint32_t

from promscrape.exposition._plain_line_c cimport PlainLine, plain_pairs, split_plain
from promscrape.exposition._series_text_c cimport AddedLabels
from promscrape.exposition._target_memory_c cimport Key, TargetMemory

from promscrape.exposition.columns import NewSeries, NewTexts
from promscrape.model.labels import BUCKET_LABEL, QUANTILE_LABEL

# By `Kind`: the label whose value is a number in the family at hand.
cdef tuple _NUMERIC = (None, BUCKET_LABEL, QUANTILE_LABEL)
cdef tuple _NUMERIC_BYTES = (None, BUCKET_LABEL.encode(), QUANTILE_LABEL.encode())


cdef class NewSeriesTexts:
    """The new series of a scan; the labels of plain ones are read from the target's memory."""

    def __cinit__(self, TargetMemory memory):
        self.memory, self.ids, self.kinds, self.unusual = memory, array("I"), bytearray(), {}

    def __len__(self):
        return len(self.ids)

    def __getitem__(self, at):
        if isinstance(at, slice):
            return [self[place] for place in range(*at.indices(len(self)))]
        place = at + len(self) if at < 0 else at
        series_id = self.ids[place]
        if self.kinds[place] == UNUSUAL:
            return NewSeries(series_id, self.unusual[place])
        return NewSeries(series_id, self._pairs(series_id, _NUMERIC[self.kinds[place]]))

    def __iter__(self):
        return map(self.__getitem__, range(len(self)))

    def __eq__(self, other):
        return list(self) == list(other) if isinstance(other, Sequence) else NotImplemented

    cdef tuple _pairs(self, uint32_t series_id, object numeric):
        cdef PlainLine line
        # A plain text is split where a blank follows it.
        cdef bytes text = self.memory.text_of(series_id) + b" "
        if not split_plain(PyBytes_AS_STRING(text), &line):
            raise LookupError("the series was forgotten")
        return plain_pairs(PyBytes_AS_STRING(text), &line, numeric)

    def wires(self, Py_ssize_t start, Py_ssize_t end, AddedLabels added not None):
        """See `NewTexts.wires`."""
        cdef Py_ssize_t place
        cdef c_array.array ids = self.ids
        cdef Kind kind
        cdef Key* key
        cdef list found = []
        for place in range(start, min(end, len(self))):
            key = &self.memory.keys[ids.data.as_uints[place]]
            kind = <Kind>self.kinds[place]
            if kind == UNUSUAL or key.size == 0:
                found.append(None)
                continue
            found.append(
                added.wire(self.memory.arena + key.at, key.size, _NUMERIC_BYTES[<int>kind])
            )
        return found

    cdef int note(self, uint32_t series_id, Kind kind, tuple labels) except -1:
        cdef c_array.array ids = self.ids
        cdef Py_ssize_t count = len(ids)
        c_array.resize_smart(ids, count + 1)
        ids.data.as_uints[count] = series_id
        if kind == UNUSUAL:
            self.unusual[count] = labels
        self.kinds.append(kind)
        return 0


NewTexts.register(NewSeriesTexts)
