"""The labels `__type__` and `__unit__` of the feature type-and-unit-labels (S23)."""

from promscrape.exposition.entries import LabelPairs
from promscrape.model.metadata import MetricType

TYPE_LABEL = "__type__"
UNIT_LABEL = "__unit__"


def with_type_and_unit(labels: LabelPairs, type_: MetricType, unit: str) -> LabelPairs:
    """Return the labels with those of what is known, in place of what the target says of them."""
    known = {}
    if type_ is not MetricType.UNKNOWN:
        known[TYPE_LABEL] = type_.value
    if unit:
        known[UNIT_LABEL] = unit
    return (*(pair for pair in labels if pair[0] not in known), *known.items())
