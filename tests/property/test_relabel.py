"""Relabeling, over rules that the configuration would accept."""

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from promscrape.model.labels import ValidationScheme
from promscrape.model.regex import Regex
from promscrape.relabel import RelabelAction, RelabelConfig, relabel, relabel_steps

SCHEMES = st.sampled_from(ValidationScheme)

names = st.sampled_from(["a", "b", "ab", "__name__", "__address__", "a.b", "é"])
values = st.sampled_from(["", "a", "b", "aa", "x;y", "é", "ß", "a\nb", "\udcff"])
label_sets = st.dictionaries(names, values)
templates = st.lists(st.sampled_from(["$1", "${2}", "$$", "$x", "a", ".", ""])).map("".join)
regexes = st.sampled_from(["(.*)", "", "a", "(a)(.*)", ".+", "(?P<x>.)(.?)", "a|b"]).map(Regex)
rules = st.builds(
    RelabelConfig,
    source_labels=st.lists(names, max_size=3).map(tuple),
    separator=st.sampled_from([";", ""]),
    regex=regexes,
    modulus=st.integers(0, 2**64 - 1),
    target_label=templates | names,
    replacement=templates,
    action=st.sampled_from(RelabelAction),
)


@st.composite
def sound_rules(draw: st.DrawFn) -> tuple[list[RelabelConfig], ValidationScheme]:
    scheme = draw(SCHEMES)
    drawn = draw(st.lists(rules | plain_rules, max_size=6))
    return [rule for rule in drawn if rule.fault(scheme) is None], scheme


# Of the freely drawn rules those that take few fields are mostly refused.
plain_rules = st.builds(
    RelabelConfig,
    regex=regexes,
    action=st.sampled_from([RelabelAction.LABEL_DROP, RelabelAction.LABEL_KEEP]),
) | st.builds(
    RelabelConfig,
    source_labels=st.lists(names, max_size=2).map(tuple),
    target_label=names,
    action=st.sampled_from(
        [
            RelabelAction.KEEP_EQUAL,
            RelabelAction.DROP_EQUAL,
            RelabelAction.LOWERCASE,
            RelabelAction.UPPERCASE,
        ]
    ),
)


@given(label_sets, sound_rules(), st.randoms(use_true_random=False))
def test_the_order_of_the_labels_does_not_matter(
    labels: dict[str, str], case: tuple[list[RelabelConfig], ValidationScheme], random: Random
) -> None:
    """R5: a target's labels come from dicts of any order, and its identity must not."""
    sequence, scheme = case
    shuffled = list(labels.items())
    random.shuffle(shuffled)

    assert relabel(dict(shuffled), sequence, scheme) == relabel(labels, sequence, scheme)


@given(label_sets, sound_rules())
def test_no_label_without_a_name_or_a_value_is_left(
    labels: dict[str, str], case: tuple[list[RelabelConfig], ValidationScheme]
) -> None:
    """R1, R7, R13: setting a label to nothing deletes it, and nothing is set under no name."""
    result = relabel(labels, *case)

    assert result is None or all(name and value for name, value in result.items())


@given(label_sets, sound_rules())
def test_an_empty_label_is_an_absent_one(
    labels: dict[str, str], case: tuple[list[RelabelConfig], ValidationScheme]
) -> None:
    """R8: no rule tells them apart."""
    without = {name: value for name, value in labels.items() if value}

    assert relabel(labels, *case) == relabel(without, *case)


@given(label_sets, sound_rules())
def test_the_steps_end_where_the_rules_end(
    labels: dict[str, str], case: tuple[list[RelabelConfig], ValidationScheme]
) -> None:
    """Service 8: what people are shown is what happens."""
    sequence, scheme = case
    steps = list(relabel_steps(labels, sequence, scheme))
    result = relabel(labels, sequence, scheme)

    assert [step.rule for step in steps] == sequence
    if steps:
        assert (steps[-1].labels if steps[-1].keep else None) == result


@given(label_sets, sound_rules())
def test_rules_in_two_goes_do_what_they_do_in_one(
    labels: dict[str, str], case: tuple[list[RelabelConfig], ValidationScheme]
) -> None:
    """R1 to R7: a rule sees the labels and nothing else."""
    sequence, scheme = case
    between = relabel(labels, sequence[:2], scheme)
    after = None if between is None else relabel(between, sequence[2:], scheme)

    assert after == relabel(labels, sequence, scheme)
