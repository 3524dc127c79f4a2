"""OpenMetrics bodies, what the standard says of them, and which of them the parser takes."""

from pathlib import Path
from typing import Literal

import msgspec
import pytest

from promscrape.errors import ParseError
from promscrape.exposition.text_format import OPENMETRICS_TEXT, parse


class Case(msgspec.Struct, forbid_unknown_fields=True):
    """One entry of the table."""

    name: str
    standard: Literal["good", "bad"]
    accepted: bool
    body: str


CASES = msgspec.yaml.decode(
    (Path(__file__).parent / "openmetrics/cases.yaml").read_bytes(), type=list[Case]
)

# What the standard refuses and Prometheus's parser takes, each kind with its numbers.
LENIENT = {
    "bad_clashing_names": range(3),
    "bad_counter_values": range(20),
    "bad_exemplars": (6,),
    "bad_exemplars_on_unallowed_metric_types": range(3),
    "bad_exemplars_on_unallowed_samples": range(4),
    "bad_grouping_or_ordering": (0, *range(2, 11)),
    "bad_histograms": (*range(4), *range(6, 15)),
    "bad_info_and_stateset_values": range(2),
    "bad_invalid_labels": (2, 5),
    "bad_metadata_in_wrong_place": range(3),
    "bad_missing_or_extra_commas": (2,),
    "bad_missing_or_invalid_labels_for_a_type": range(8),
    "bad_repeated_metadata": (0, 1, 3),
    "bad_stateset_info_values": range(4),
    "bad_unit": (6, 7),
}
LENIENT_NAMES = {"bad_exemplar_complex_chars"} | {
    f"{kind}_{number}" for kind, numbers in LENIENT.items() for number in numbers
}


def takes(body: bytes) -> bool:
    """Tell whether the parser reads a body to its end."""
    try:
        for _ in parse(body, OPENMETRICS_TEXT):
            pass
    except ParseError:
        return False
    return True


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_parser_takes_a_body_as_prometheus_does(case: Case) -> None:
    """O13, TC057: a target that Prometheus scrapes is scraped, one that it refuses is refused."""
    assert takes(case.body.encode()) is case.accepted


def test_the_table_has_every_case_of_the_standard() -> None:
    """O13, TC057: 44 good and 167 bad cases, and of the bad ones exactly 80 are taken."""
    good = {case.name for case in CASES if case.standard == "good"}
    bad = {case.name for case in CASES if case.standard == "bad"}
    accepted = {case.name for case in CASES if case.accepted}

    assert (len(good), len(bad), len(CASES)) == (44, 167, 211)
    assert len(LENIENT_NAMES) == 80
    assert accepted == good | LENIENT_NAMES
