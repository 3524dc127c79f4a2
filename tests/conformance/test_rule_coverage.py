"""All that a specification demands is cited by a test, or excused with a reason."""

import pytest

from tests.conformance.rule_coverage import AREAS, citations, specification


@pytest.mark.parametrize("area", AREAS)
def test_every_rule_is_cited_or_excused(area: str) -> None:
    """A rule that nobody cites is one that nobody would miss; see `rule_coverage` for a report."""
    spec, cited = specification(area), citations(area)
    assert [rule for rule in spec.ids if rule not in cited and rule not in spec.excused] == []


@pytest.mark.parametrize("area", AREAS)
def test_only_rules_that_exist_are_excused_and_with_a_reason(area: str) -> None:
    """An excuse for a rule that is cited by now is to be taken out."""
    spec, cited = specification(area), citations(area)
    assert set(spec.excused) <= set(spec.ids)
    assert all(spec.excused.values())
    assert [rule for rule in spec.excused if rule in cited] == []


@pytest.mark.parametrize("area", AREAS)
def test_no_test_cites_a_case_that_does_not_exist(area: str) -> None:
    """A number with a slip would prove nothing. Rules may be those of another specification."""
    prefix = {"scrape": "TC", "remote_write": "T", "discovery": "test "}[area]
    cases = {rule for rule in citations(area) if rule.startswith(prefix) and rule[-1].isdigit()}
    assert cases - set(specification(area).ids) == set()
