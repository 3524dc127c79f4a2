import pytest

from promscrape.model.labels import ValidationScheme
from promscrape.model.regex import Regex
from promscrape.relabel import (
    RelabelAction,
    RelabelConfig,
    RelabelStep,
    relabel,
    relabel_action,
    relabel_steps,
)

UTF8, LEGACY = ValidationScheme.UTF8, ValidationScheme.LEGACY
DROP_ALL = RelabelConfig(action=RelabelAction.DROP)
SET_X = RelabelConfig(target_label="x", replacement="1")


def test_no_rules_leave_the_labels_but_for_empty_ones() -> None:
    """R8: a label with an empty value is none."""
    assert relabel({"a": "1", "b": ""}, [], UTF8) == {"a": "1"}


def test_the_given_labels_are_not_changed() -> None:
    """A target's discovered labels are shown beside its final ones."""
    labels = {"a": "1"}

    assert relabel(labels, [SET_X], UTF8) == {"a": "1", "x": "1"}
    assert labels == {"a": "1"}


def test_a_drop_ends_the_rules() -> None:
    """R2: what follows a drop is not applied."""
    assert relabel({"a": "1"}, [SET_X, DROP_ALL, SET_X], UTF8) is None


def test_steps_show_the_labels_after_each_rule_and_nothing_after_a_drop() -> None:
    """Service 8: from the first drop on the output is empty and `keep` is false."""
    rules = [SET_X, DROP_ALL, SET_X]

    assert list(relabel_steps({"a": "1", "b": ""}, rules, UTF8)) == [
        RelabelStep(SET_X, {"a": "1", "x": "1"}, keep=True),
        RelabelStep(DROP_ALL, {}, keep=False),
        RelabelStep(SET_X, {}, keep=False),
    ]


def test_the_labels_of_a_step_stay_as_they_were() -> None:
    """Each step is shown, not the last one three times."""
    set_y = RelabelConfig(target_label="y", replacement="2")
    first, second = relabel_steps({}, [SET_X, set_y], UTF8)

    assert (first.labels, second.labels) == ({"x": "1"}, {"x": "1", "y": "2"})


def test_a_target_without_a_name_sets_nothing() -> None:
    """R1, TC097: a target label can expand to the empty text."""
    rule = RelabelConfig(source_labels=("a",), regex=Regex("(.)(.)"), target_label="${3}")

    assert relabel({"a": "xy"}, [rule], UTF8) == {"a": "xy"}


def test_a_target_that_the_scheme_refuses_sets_nothing() -> None:
    """R1: the job's own scheme decides which names can be set."""
    rule = RelabelConfig(source_labels=("a",), target_label="$1")

    assert relabel({"a": "x.y"}, [rule], UTF8) == {"a": "x.y", "x.y": "x.y"}
    assert relabel({"a": "x.y"}, [rule], LEGACY) == {"a": "x.y"}


def test_labelmap_goes_by_ascending_names() -> None:
    """R5: of two labels that map to one name the later name wins, however they were inserted."""
    rule = RelabelConfig(regex=Regex("a(.)"), replacement="z", action=RelabelAction.LABEL_MAP)

    assert relabel({"a2": "2", "a1": "1"}, [rule], UTF8) == {"a1": "1", "a2": "2", "z": "2"}


def test_labelmap_looks_at_the_labels_before_the_rule() -> None:
    """R5: what the rule adds is not mapped again."""
    rule = RelabelConfig(regex=Regex("a(.*)"), replacement="aa$1", action=RelabelAction.LABEL_MAP)

    assert relabel({"a": "1"}, [rule], UTF8) == {"a": "1", "aa": "1"}


def test_labelmap_makes_no_label_without_a_name() -> None:
    """R13, deviation: Prometheus would make one, which no storage takes."""
    rule = RelabelConfig(regex=Regex("a(.*)"), action=RelabelAction.LABEL_MAP)

    assert relabel({"a": "1"}, [rule], UTF8) == {"a": "1"}


@pytest.mark.parametrize(
    ("text", "upper", "lower"),
    [
        ("straße", "STRAßE", "straße"),
        ("İ", "İ", "i"),
        ("\N{LATIN SMALL LETTER DOTLESS I}", "I", "\N{LATIN SMALL LETTER DOTLESS I}"),
        ("ŉ", "ŉ", "ŉ"),
        ("ᾳ", "ᾼ", "ᾳ"),
        ("ǆ", "Ǆ", "ǆ"),
        ("ΣΣ", "ΣΣ", "\N{GREEK SMALL LETTER SIGMA}\N{GREEK SMALL LETTER SIGMA}"),
        ("ﬀ", "ﬀ", "ﬀ"),
        ("aé1", "AÉ1", "aé1"),
    ],
)
def test_case_is_mapped_character_by_character(text: str, upper: str, lower: str) -> None:
    """R7, TC102: the length never changes, and no character sees the one beside it."""
    rules = [
        RelabelConfig(source_labels=("a",), target_label="u", action=RelabelAction.UPPERCASE),
        RelabelConfig(source_labels=("a",), target_label="l", action=RelabelAction.LOWERCASE),
    ]

    assert relabel({"a": text}, rules, UTF8) == {"a": text, "u": upper, "l": lower}


@pytest.mark.parametrize("action", list(RelabelAction))
def test_the_case_of_an_action_does_not_matter(action: RelabelAction) -> None:
    """Config 8.1: `DROP` is `drop`."""
    assert relabel_action(action.upper()) is action


def test_a_rule_is_equal_to_one_with_the_same_fields() -> None:
    """R-5: what a rule remembers of its templates is no part of it."""
    used, unused = RelabelConfig(target_label="x"), RelabelConfig(target_label="x")
    relabel({"a": "1"}, [used], UTF8)

    assert used == unused
    assert used != SET_X


@pytest.mark.parametrize(
    ("rule", "at"),
    [
        (RelabelConfig(target_label=""), ()),
        (RelabelConfig(action=RelabelAction.HASHMOD, target_label="a"), ("modulus",)),
        (RelabelConfig(target_label="\udcff"), ("target_label",)),
        (
            RelabelConfig(action=RelabelAction.LOWERCASE, target_label="a", replacement="b"),
            ("replacement",),
        ),
        (RelabelConfig(action=RelabelAction.LABEL_MAP, replacement=""), ("replacement",)),
        (RelabelConfig(action=RelabelAction.LABEL_DROP, separator=","), ("separator",)),
        (
            RelabelConfig(action=RelabelAction.KEEP_EQUAL, target_label="a", regex=Regex("(.*)")),
            ("regex",),
        ),
    ],
)
def test_a_fault_names_its_field(rule: RelabelConfig, at: tuple[str, ...]) -> None:
    """Config 8.2: the operator is led to the key to change."""
    fault = rule.fault(UTF8)
    assert fault is not None
    assert fault.at == at
