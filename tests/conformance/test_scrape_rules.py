"""Every rule and case of the scrape specification is cited by a test, or excused with a reason."""

from tests.conformance.rule_coverage import citations, specification


def test_every_rule_is_cited_or_excused() -> None:
    """A rule that nobody cites is one that nobody would miss; see `rule_coverage` for a report."""
    spec, cited = specification(), citations()
    assert [rule for rule in spec.ids if rule not in cited and rule not in spec.excused] == []


def test_only_rules_that_exist_are_excused_and_with_a_reason() -> None:
    """An excuse for a rule that is cited by now is to be taken out."""
    spec, cited = specification(), citations()
    assert set(spec.excused) <= set(spec.ids)
    assert all(spec.excused.values())
    assert [rule for rule in spec.excused if rule in cited] == []


def test_no_test_cites_a_case_that_does_not_exist() -> None:
    """A number with a slip would prove nothing."""
    cases = {rule for rule in citations() if rule.startswith("TC")}
    assert cases - set(specification().ids) == set()
