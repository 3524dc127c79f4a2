"""Exemplars: one observation, with the labels of its trace, kept beside an aggregate."""

from dataclasses import dataclass

from promscrape.model.labels import Labels


@dataclass(frozen=True, slots=True)
class Exemplar:
    """`t_ms` is None where the target gave no timestamp of its own."""

    labels: Labels
    value: float
    t_ms: int | None = None
