"""From the labels a target exposes to those of the series: merging, relabeling, limits.

Worked out once for each series text (rules S3 to S9); what it says is remembered by the cache.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, final

from promscrape.config.scrape import ScrapeConfig
from promscrape.errors import LabelLimitExceeded, ScrapeError
from promscrape.exposition.columns import NewSeries, NewTexts
from promscrape.exposition.entries import LabelPairs
from promscrape.model.labels import METRIC_NAME, Labels
from promscrape.model.quoting import quote
from promscrape.relabel import relabel
from promscrape.twins import COMPILED

if TYPE_CHECKING or COMPILED:
    from promscrape.exposition._series_text_c import AddedLabels

EXPORTED_PREFIX = "exported_"
_SHOWN_CHARS = 50

_Pairs = Sequence[tuple[str, str]]


@final
class InvalidNameError(ScrapeError):
    """A series has no metric name, or a name that the job's validation scheme refuses."""


@final
class RepeatedLabelError(ScrapeError):
    """A series has one label name twice; no storage takes it (S10)."""


@final
class SeriesRules:
    """What a job does to the labels of each series of one target."""

    def __init__(self, config: ScrapeConfig, target_labels: Labels) -> None:
        self._config = config
        self._target = tuple(target_labels)
        self._target_names = frozenset(name for name, _ in self._target)
        self._added = self._added_labels() if COMPILED else None

    def _added_labels(self) -> "AddedLabels | None":
        """Return the target's labels for `NewTexts.wires`; None where that has too much to do."""
        config = self._config
        limits = config.label_limit, config.label_name_length_limit, config.label_value_length_limit
        scheme = config.metric_name_validation_scheme
        is_common = (
            not config.metric_relabel_configs
            and not any(limits)
            and METRIC_NAME not in self._target_names
            and len(self._target_names) == len(self._target)
            and all(scheme.allows_label(name) for name in self._target_names)
        )
        if not is_common:
            return None
        pairs = (
            (name.encode(), value.encode("utf-8", "surrogateescape"))
            for name, value in self._target
        )
        return AddedLabels(pairs, honors=config.honor_labels)

    def wires(self, new: Sequence[NewSeries], start: int, end: int) -> Sequence[bytes | None]:
        """Return the final label sets of new series in the log's encoding, as far as that is quick.

        None stands for those that `resolve` has to work out.
        """
        if self._added is None or not isinstance(new, NewTexts):
            return [None] * (min(end, len(new)) - start)
        return new.wires(start, end, self._added)

    def resolve(self, exposed: LabelPairs) -> Labels | None:
        """Return the series' final labels, None where relabeling drops it.

        Raises InvalidNameError, LabelLimitExceeded and RepeatedLabelError, which fail the whole
        scrape.
        """
        config = self._config
        merged = self._merge(exposed)
        # A name that stands twice would lose its twin in a mapping.
        is_sound = len({name for name, _ in merged}) == len(merged)
        if config.metric_relabel_configs and is_sound:
            kept = relabel(
                dict(merged), config.metric_relabel_configs, config.metric_name_validation_scheme
            )
            if not kept:
                return None
            merged = tuple(kept.items())
        labels = Labels.from_pairs(merged)
        self._check_names(labels, merged)
        self._check_limits(merged)
        if not is_sound:
            name = quote(labels.repeated_name() or "")
            raise RepeatedLabelError(f"label name {name} is not unique: invalid sample")
        return labels

    def _merge(self, exposed: LabelPairs) -> _Pairs:
        """Merge with the target's labels; pairs with an empty value are gone afterwards."""
        if self._target_names.isdisjoint(name for name, _ in exposed):
            return [pair for pair in exposed if pair[1]] + list(self._target)
        if self._config.honor_labels:
            own = {name for name, _ in exposed}
            added = [pair for pair in self._target if pair[0] not in own]
            return [pair for pair in exposed if pair[1]] + added
        return self._rename_conflicts(exposed)

    def _rename_conflicts(self, exposed: LabelPairs) -> _Pairs:
        conflicts = [pair for pair in exposed if pair[0] in self._target_names and pair[1]]
        free = [pair for pair in exposed if pair[0] not in self._target_names and pair[1]]
        merged = [*free, *self._target]
        taken = {name for name, _ in merged}
        for name, value in sorted(conflicts, key=lambda pair: len(pair[0])):
            renamed = EXPORTED_PREFIX + name
            while renamed in taken:
                renamed = EXPORTED_PREFIX + renamed
            taken.add(renamed)
            merged.append((renamed, value))
        return merged

    def _check_names(self, labels: Labels, pairs: _Pairs) -> None:
        scheme = self._config.metric_name_validation_scheme
        metric = next((value for name, value in pairs if name == METRIC_NAME), "")
        if not metric:
            raise InvalidNameError(f"missing metric name ({METRIC_NAME} label)")
        if not scheme.allows_metric(metric) or not all(
            scheme.allows_label(name) for name, _ in pairs
        ):
            raise InvalidNameError(f"invalid metric name or label names: {labels}")

    def _check_limits(self, pairs: _Pairs) -> None:
        config = self._config
        limits = (
            config.label_limit,
            config.label_name_length_limit,
            config.label_value_length_limit,
        )
        if any(limits):
            metric = next(value for name, value in pairs if name == METRIC_NAME)
            _check_label_limits(metric[:_SHOWN_CHARS], sorted(pairs), *limits)


def _check_label_limits(
    metric: str, pairs: _Pairs, count: int, name_bytes: int, value_bytes: int
) -> None:
    if count and len(pairs) > count:
        raise LabelLimitExceeded(
            f"label_limit exceeded (metric: {metric}, number of labels: {len(pairs)}, "
            f"limit: {count})"
        )
    for name, value in pairs:
        where = f"metric: {metric}, label name: {name[:_SHOWN_CHARS]}"
        if name_bytes and (length := len(name.encode())) > name_bytes:
            raise LabelLimitExceeded(
                f"label_name_length_limit exceeded ({where}, length: {length}, limit: {name_bytes})"
            )
        if value_bytes and (length := len(value.encode())) > value_bytes:
            raise LabelLimitExceeded(
                f"label_value_length_limit exceeded ({where}, "
                f"value: {quote(value[:_SHOWN_CHARS])}, length: {length}, limit: {value_bytes})"
            )
