"""What a loop remembers of each series from scrape to scrape, in columns.

The scanner gives every series text a small id; the arrays here are indexed by it. For a body that
brings the series of the last one in the same order, all that follows from the series (which
samples to keep, their labels, their storage handles) is one `Plan`, found again by the identity
of the id column: nothing is done for each sample.

All of it goes by the same few arrays, so it stands in one file, large as that is.

Rules C1 to C17 of the scrape specification; source: Prometheus scrape/scrape.go, scrapeCache.
"""

from array import array
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from itertools import compress
from typing import final

from promscrape.errors import ScrapeError
from promscrape.exposition.body_format import BodyFormat
from promscrape.exposition.columns import Columns, NewSeries, NewTexts
from promscrape.exposition.entries import LabelPairs
from promscrape.exposition.reader import BodyReader
from promscrape.exposition.switches import DEFAULT_SWITCHES, Switches
from promscrape.model.kept_labels import KeptLabels
from promscrape.model.label_store import LabelStore
from promscrape.model.labels import EMPTY_LABELS
from promscrape.model.metadata import Metadata
from promscrape.model.pieces import (
    absent,
    compressed,
    differing,
    has_zero,
    largest,
    marked,
    picked,
    pieces,
    put,
)
from promscrape.model.sample import NO_TIMESTAMP
from promscrape.scrape.family_metadata import MetadataColumn
from promscrape.scrape.label_sets import LabelSets
from promscrape.scrape.limits import SeriesRules
from promscrape.scrape.metadata import MetadataCache
from promscrape.scrape.plan import Plan
from promscrape.storage.interface import AppendCode, Appended

FORCED_FLUSH_SLACK = 1000
"""How far beyond twice its last good size the cache grows over failing scrapes."""

# About five milliseconds of work each on a slow machine; and more than a thread waits until it asks
# for the interpreter's lock, which the event loop gives up and takes back in no time between steps.
_RESOLVED_A_STEP = 300
_NEW_SERIES_A_PART = 400
_SAMPLES_A_PART = 5_000

_UNRESOLVED, _DROPPED, _RESOLVED, _ACCEPTED = range(4)

_NO_IDS: "array[int]" = array("I")


@final
class SeriesCache:
    """The memory of one scrape loop; it outlives the loop when a reload leaves its rules alone.

    labels: the store of label sets, that of the storage where the two are to share them.
    keeps_metadata: whether the storage has a use for what is known of the samples' families.

    A scrape goes `scan`, `use_generation`, `plan`, `note_appended`, `track`, `stale`, `end`.
    """

    def __init__(
        self,
        switches: Switches = DEFAULT_SWITCHES,
        *,
        keeps_metadata: Callable[[], bool] = lambda: False,
        labels: LabelStore | None = None,
    ) -> None:
        self.metadata = MetadataCache()
        self._scanner = BodyReader(switches)
        self._column: MetadataColumn | None = None
        self._keeps_metadata = keeps_metadata
        self._states = bytearray()
        self._labels = LabelSets(LabelStore() if labels is None else labels)
        self._refs: array[int] = array("I")
        self._generation = 0
        self._new: deque[tuple[Sequence[NewSeries], Sequence[int]]] = deque()  # not tried yet
        self._unresolved: dict[int, LabelPairs] = {}  # tried, and failed
        self._plan: Plan | None = None
        self._tracked = self._tracked_before = _NO_IDS
        self._iteration = self._good_size = 0
        self._flushed: tuple[array[int], int] = (_NO_IDS, 0)

    def __len__(self) -> int:
        """Return the entries that count for the growth limit: series and families."""
        return len(self._scanner) + len(self.metadata)

    def labels_of(self, ids: "array[int]") -> KeptLabels:
        """Return the label sets; good until the next scrape."""
        return self._labels.of(ids)

    def refs_of(self, ids: "array[int]") -> "array[int]":
        return picked(self._refs, ids, "Q")

    def scan(
        self, body: bytes, body_format: BodyFormat, *, skip_bad_lines: bool = False
    ) -> Columns:
        """Read a body. May run in a thread, since the loop waits for it."""
        columns = self._scanner.scan(body, body_format, skip_bad_lines=skip_bad_lines)
        if columns.new:
            self._make_room(columns.new)
        self.metadata.note(columns.metadata, self._iteration)
        return columns

    def _make_room(self, new: Sequence[NewSeries]) -> None:
        ids = new.ids if isinstance(new, NewTexts) else array("I", [series.id for series in new])
        known = len(self._states)
        missing = largest(ids) + 1 - known
        if missing > 0:
            # What is added is unresolved, and has no handle.
            self._states.extend(bytes(missing))
            self._refs.frombytes(bytes(self._refs.itemsize * missing))
            self._labels.make_room(missing)
        if any(min(piece) < known for piece in pieces(ids)):
            put(self._states, ids, _UNRESOLVED)
            put(self._refs, ids, 0)
        self._new.append((new, ids))

    def use_generation(self, generation: int) -> bool:
        """Forget the storage's handles if it has taken some back since; return whether it has."""
        if generation == self._generation:
            return False
        self._generation = generation
        self._refs = array("I", bytes(4 * len(self._refs)))
        self._plan = None
        return True

    def plan(
        self,
        series: "array[int]",
        timestamps: "array[int] | None",
        rules: SeriesRules,
        room: int = 0,
    ) -> Plan:
        """Work out what to append; `timestamps` are those that count.

        room: the most samples that are taken, where 0 is no limit. Series of which a sample was
        accepted before come first, then the others in the order of the body, so that a body that
        is too large is thinned in the same way at each scrape.
        Series seen for the first time are resolved here; the first that fails ends the plan,
        and is tried again at the next scrape.
        """
        plan = self._plan
        if plan is not None and plan.series is series and plan.room == room and timestamps is None:
            return plan
        error, resolved = self._resolve(series, rules)
        taken = series if error is None else series[:resolved]
        keep, repeated, dropped = self._select(taken, timestamps)
        keep, cut = self._thin(taken, keep, room)
        ids = taken if keep is None else compressed(taken, keep)
        plan = Plan(
            series=series,
            ids=ids,
            labels=self.labels_of(ids),
            refs=self.refs_of(ids),
            keep=keep,
            scraped=resolved + (error is not None),
            relabeled=resolved - dropped,
            repeated=repeated,
            cut=cut,
            room=room,
            error=error,
        )
        self._plan = plan if error is None and timestamps is None else None
        return plan

    def metadata_of(self, plan: Plan, columns: Columns) -> Sequence[Metadata | None] | None:
        """Return what is known of the family of each of the plan's samples, if that is of use.

        It is the same object from scrape to scrape while nothing of it changes.
        """
        if not self._keeps_metadata():
            self._column = None
            return None
        if self._column is None:
            self._column = MetadataColumn(self.metadata)
        return self._column.of(plan.ids, plan.labels, plan.keep, columns)

    def parts_of(self, plan: Plan) -> Iterable[Plan]:
        """Return a plan in parts; they are the same ones while no handle changes.

        Those of a plan with new series are many, and are made one after the other.
        """
        if plan.parts:
            return plan.parts
        if plan.unknown:
            plan.refs = self.refs_of(plan.ids)
            plan.unknown = has_zero(plan.refs)
        if plan.unknown:
            return plan.cut_up(_NEW_SERIES_A_PART)
        plan.parts = tuple(plan.cut_up(_SAMPLES_A_PART))
        return plan.parts

    def joined(self, tracked: Sequence["array[int]"]) -> "array[int]":
        """Return the ids of all parts: the plan's own array where it is just those."""
        ids = array("I")
        for part in tracked:
            ids += part
        plan = self._plan
        return plan.ids if plan is not None and plan.ids == ids else ids

    def known_of(self, ids: "array[int]") -> "array[int]":
        """Return those of the series that the storage knows."""
        known, ref_of = array("I"), self._refs.__getitem__
        for piece in pieces(ids):
            known.extend(compress(piece, map(ref_of, piece)))
        return known

    def resolve_in_steps(self, rules: SeriesRules) -> Iterator[None]:
        """Resolve what is new, a few series a step. What fails is left for `plan` to tell of."""
        for done, series_id in enumerate(list(self._unresolved), 1):
            with suppress(ScrapeError):
                self._resolve_one(series_id, rules)
            if done % _RESOLVED_A_STEP == 0:
                yield
        while self._new:
            new, ids = self._new[0]
            for start in range(0, len(ids), _RESOLVED_A_STEP):
                self._resolve_new(new, ids, start, rules)
                yield
            self._new.popleft()
        if not self._unresolved:
            # A dict that was emptied keeps the room of its entries.
            self._unresolved = {}

    def _resolve_new(
        self, new: Sequence[NewSeries], ids: Sequence[int], start: int, rules: SeriesRules
    ) -> None:
        """Resolve the next few of these series."""
        wires = rules.wires(new, start, start + _RESOLVED_A_STEP)
        quick = [wire for wire in wires if wire is not None]
        own = array("I", ids[start : start + len(wires)])
        if len(quick) < len(wires):
            for at, wire in enumerate(wires, start):
                if wire is None:
                    self._unresolved[ids[at]] = new[at].labels
                    with suppress(ScrapeError):
                        self._resolve_one(ids[at], rules)
            own = array("I", [at for at, wire in zip(own, wires, strict=True) if wire is not None])
        self._labels.put_all(own, quick)
        put(self._states, own, _RESOLVED)

    def _resolve(self, series: "array[int]", rules: SeriesRules) -> tuple[ScrapeError | None, int]:
        """Resolve what is new, in order; return the error and how many samples precede it."""
        for _ in self.resolve_in_steps(rules):
            pass
        # Which of those that failed is the first of this body, if it has any of them.
        for position, series_id in enumerate(series) if self._unresolved else ():
            if self._states[series_id] == _UNRESOLVED:
                try:
                    self._resolve_one(series_id, rules)
                except ScrapeError as error:
                    return error, position
        return None, len(series)

    def _resolve_one(self, series_id: int, rules: SeriesRules) -> None:
        labels = rules.resolve(self._unresolved[series_id])
        del self._unresolved[series_id]
        self._labels[series_id] = (labels or EMPTY_LABELS).wire
        self._states[series_id] = _DROPPED if labels is None else _RESOLVED

    def _select(
        self, taken: "array[int]", timestamps: "array[int] | None"
    ) -> tuple[bytes | None, int, int]:
        """Return the selector (None for all), the repetitions and the drops in it."""
        states = self._states
        seen = marked(taken, len(states))
        if _DROPPED not in states and seen.count(1) == len(taken):
            return None, 0, 0
        keep, seen = bytearray(len(taken)), bytearray(len(states))
        repeated = dropped = 0
        for position, series_id in enumerate(taken):
            if states[series_id] == _DROPPED:
                dropped += 1
            elif seen[series_id] and (timestamps is None or timestamps[position] == NO_TIMESTAMP):
                repeated += 1
            else:
                seen[series_id] = 1
                keep[position] = 1
        return bytes(keep), repeated, dropped

    def _thin(self, taken: "array[int]", keep: bytes | None, room: int) -> tuple[bytes | None, int]:
        """Return the selector with as many samples as there is room for, and the number cut."""
        wanted = range(len(taken)) if keep is None else compress(range(len(taken)), keep)
        count = len(taken) if keep is None else keep.count(1)
        if not room or count <= room:
            return keep, 0
        states, thinned = self._states, bytearray(len(taken))
        places = sorted(wanted, key=lambda place: states[taken[place]] != _ACCEPTED)
        for place in places[:room]:
            thinned[place] = 1
        # What loses its place is no longer known, or the next scrape could choose otherwise.
        kept = {taken[place] for place in places[:room]}
        for place in places[room:]:
            if states[taken[place]] == _ACCEPTED and taken[place] not in kept:
                states[taken[place]] = _RESOLVED
        return bytes(thinned), count - room

    def note_appended(
        self, plan: Plan, sent: "array[int]", appended: Appended, counted: int | None = None
    ) -> int:
        """Take over handles from the storage; return how many series were new to the cache.

        sent: the column of handles that the storage was given, the first ones of the plan's.
        counted: how many of the samples count for the result, where a limit refused one (L19).
        """
        if appended.refs is sent and appended.codes is None:
            return 0
        added = 0
        codes, ids, refs = appended.codes, plan.ids, appended.refs
        own, states = self._refs, self._states
        # With a limit a series that was accepted before may have to be noted again.
        is_plain = codes is None and not plan.room and counted is None
        places = differing(refs, sent, appended.count) if is_plain else range(appended.count)
        for at in places:
            series_id, ref = ids[at], refs[at]
            if not ref or (codes and codes[at] != AppendCode.ACCEPTED):
                continue
            own[series_id] = ref
            if states[series_id] == _RESOLVED:
                states[series_id] = _ACCEPTED
                added += counted is None or at < counted
        if appended.count == len(plan.ids):
            plan.refs = appended.refs
            plan.unknown = has_zero(plan.refs)
        return added

    def track(self, ids: "array[int]") -> None:
        """Note the series that this scrape brought, for the staleness of those it did not."""
        self._tracked = ids

    def stale(self) -> "array[int]":
        """Return the ids of the series that the last scrape brought and this one did not.

        Two texts of one series (its labels in another order) are one series here.
        """
        before, now = self._tracked_before, self._tracked
        if before is now:
            return _NO_IDS
        gone = absent(before, now, len(self._states))
        return self._not_under_another_text(gone, now) if gone else _NO_IDS

    def _not_under_another_text(self, gone: "array[int]", now: "array[int]") -> "array[int]":
        """Return the ids of the series that none of `now` stands for as well."""
        refs = self.refs_of(gone)
        if has_zero(refs):
            labels = set(self._labels.of(now))
            return array("I", [i for i in gone if self._labels[i] not in labels])
        others = self.refs_of(now)
        # Handles are small numbers, too.
        is_gone = bytearray(b"\x01") * (max(largest(refs), largest(others)) + 1)
        put(is_gone, others, 0)
        return compressed(gone, picked(is_gone, refs, "B").tobytes())

    def tracked(self) -> "array[int]":
        """Return the ids of the series that the last finished scrape brought."""
        return absent(self._tracked_before, _NO_IDS, len(self._states))

    @property
    def owed(self) -> int:
        """How many samples the last finished scrape brought, whose markers may fall due."""
        return len(self._tracked_before)

    def end(self, seen: "array[int]", *, good: bool) -> bool:
        """End a scrape; return whether the cache had to be flushed by force (C12).

        seen: the ids of the body, or of the part of it that was read before it failed.
        good: the body was not empty and was appended whole.
        """
        size = len(self)
        forced = not good and size > 2 * self._good_size + FORCED_FLUSH_SLACK
        if good:
            self._good_size = size
        if good or forced:
            self._flush(seen)
        self._tracked_before, self._tracked = self._tracked, _NO_IDS
        self._iteration += 1
        return forced

    def settled_plan(self) -> Plan | None:
        """Return the plan of the scrape that has just ended, if the same again changes nothing.

        That is so where it brought the series of the one before it, the storage knows all of
        them, and nothing waits to be resolved or forgotten.
        """
        plan = self._plan
        if plan is None or plan.unknown or plan.room or plan.ids is not self._tracked_before:
            return None
        if self._new or self._unresolved or not self.metadata.is_settled:
            return None
        is_flushed = self._flushed[0] is plan.series and self._flushed[1] == len(self._scanner)
        return plan if is_flushed else None

    def repeat(self) -> None:
        """End a scrape that was just what the one before it was; see `settled_plan`."""
        self._iteration += 1

    def _flush(self, seen: "array[int]") -> None:
        """Forget the series that are not in `seen`, and metadata that is long out of use."""
        self.metadata.purge(self._iteration)
        while self._new:
            # Their texts may be forgotten now.
            self._unresolved.update(self._new.popleft()[0])
        if self._flushed[0] is seen and self._flushed[1] == len(self._scanner):
            return
        for series_id in self._scanner.retain(seen):
            self._labels.forget(series_id)
            self._states[series_id] = _UNRESOLVED
            self._unresolved.pop(series_id, None)
        self._flushed = (seen, len(self._scanner))
