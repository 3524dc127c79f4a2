"""Exemplars: one observation, with the labels of its trace, kept beside an aggregate."""

from collections.abc import Iterable

import msgspec

from promscrape.model.labels import Labels


class Exemplar(msgspec.Struct, frozen=True):
    """`t_ms` is None where the target gave no timestamp of its own."""

    labels: Labels
    value: float
    t_ms: int | None = None


def in_order(exemplars: Iterable[Exemplar]) -> tuple[Exemplar, ...]:
    """Return the exemplars of one sample as a storage gets them (S20); each has a timestamp."""
    return tuple(sorted(exemplars, key=_order))


def _order(exemplar: Exemplar) -> tuple[int, float, list[tuple[str, str]]]:
    return exemplar.t_ms or 0, exemplar.value, list(exemplar.labels)
