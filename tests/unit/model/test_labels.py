import pytest

from promscrape.model.labels import (
    EMPTY_LABELS,
    Labels,
    ValidationScheme,
    is_legacy_label_name,
    is_legacy_metric_name,
    is_utf8,
)


def labels(**pairs: str) -> Labels:
    return Labels.from_map(pairs)


def test_the_wire_form_is_the_one_of_the_log() -> None:
    """Storage 2.10: a count, then each name and value with its length in front, sorted by name."""
    assert labels(job="node", a="é").wire == b"\x02\x01a\x02\xc3\xa9\x03job\x04node"


def test_a_length_over_127_takes_two_bytes() -> None:
    """Storage 2.10: lengths and the count are uvarints, seven bits a byte, low bits first."""
    long = Labels.from_pairs([("a", "x" * 300)])

    assert long.wire == b"\x01\x01a\xac\x02" + b"x" * 300
    assert long.get("a") == "x" * 300


def test_a_set_of_more_than_127_labels_is_counted_right() -> None:
    """Storage 2.10: the count is a uvarint too."""
    many = Labels.from_pairs((f"l{number}", "x") for number in range(200))

    assert len(many) == len(list(many)) == 200


def test_the_order_of_the_pairs_does_not_matter() -> None:
    """M23: labels are sorted by name, so that one series has one name."""
    first = Labels.from_pairs([("b", "2"), ("a", "1")])
    second = Labels.from_pairs([("a", "1"), ("b", "2")])

    assert first == second
    assert hash(first) == hash(second)
    assert list(first) == [("a", "1"), ("b", "2")]


def test_sets_that_differ_in_a_value_are_not_equal() -> None:
    """Equality is of names and values, not of names alone."""
    assert labels(a="1") != labels(a="2")
    assert labels(a="1") != labels(b="1")
    assert labels(a="1") != {"a": "1"}


def test_a_label_with_an_empty_value_is_left_out() -> None:
    """S5: to Prometheus an empty value is no label, so both spellings name one series."""
    assert labels(a="1", b="") == labels(a="1")
    assert labels(b="") == EMPTY_LABELS


def test_a_name_given_twice_stays_twice() -> None:
    """S10: it is the storage that refuses it, by name; a map would have hidden it."""
    twice = Labels.from_pairs([("b", "1"), ("a", "x"), ("b", "2")])

    assert list(twice) == [("a", "x"), ("b", "1"), ("b", "2")]
    assert twice.repeated_name() == "b"
    assert labels(a="1", b="1").repeated_name() is None
    assert Labels.from_pairs([("", "1")]).repeated_name() is None
    assert Labels.from_pairs([("", "1"), ("", "2")]).repeated_name() == ""


def test_an_absent_label_reads_as_the_empty_value() -> None:
    """S5: absent and empty mean the same, so a look-up needs no second answer."""
    assert labels(job="node").get("job") == "node"
    assert labels(job="node").get("instance") == ""


def test_the_empty_set_is_falsy_and_alone_in_that() -> None:
    """S10: an empty label set cannot name a series, and is asked about for each new one."""
    assert not EMPTY_LABELS
    assert len(EMPTY_LABELS) == 0
    assert Labels.from_pairs([]) == EMPTY_LABELS
    assert labels(a="1")


def test_a_byte_that_is_not_utf8_survives() -> None:
    """T12: an error text shows the target's own bytes, so they must not be replaced on the way."""
    raw = b"\xe9t\xe9".decode("utf-8", "surrogateescape")

    assert labels(a=raw).wire == b"\x01\x01a\x03\xe9t\xe9"
    assert labels(a=raw).get("a") == raw


def test_to_map_returns_a_dict_of_its_own() -> None:
    """The dict goes to JSON and YAML; changing it must not change the series."""
    series = labels(a="1")
    series.to_map()["a"] = "changed"

    assert series.to_map() == {"a": "1"}


@pytest.mark.parametrize(
    ("series", "text"),
    [
        pytest.param(labels(cluster="a", replica="1"), '{cluster="a", replica="1"}', id="pairs"),
        pytest.param(EMPTY_LABELS, "{}", id="empty"),
        pytest.param(labels(a='"\n'), r'{a="\"\n"}', id="escaped value"),
        pytest.param(labels(**{"http.status": "200"}), '{"http.status"="200"}', id="utf8 name"),
        pytest.param(labels(**{"a:b": "1"}), '{"a:b"="1"}', id="colon in a label name"),
    ],
)
def test_the_text_form_is_prometheuss(series: Labels, text: str) -> None:
    """M23, S8: the text is hashed into the scrape offsets and printed in error messages."""
    assert str(series) == text
    assert repr(series) == f"Labels({text})"


@pytest.mark.parametrize(
    ("name", "label", "metric"),
    [
        ("up", True, True),
        ("_x9", True, True),
        ("job:up:sum", False, True),
        (":", False, True),
        ("9up", False, False),
        ("", False, False),
        ("a-b", False, False),
        ("é", False, False),
        ("٣", False, False),  # a digit to Python, not to Prometheus
    ],
)
def test_legacy_names(name: str, *, label: bool, metric: bool) -> None:
    """N1: the character classes of Prometheus 2, in which only metric names take a colon."""
    assert is_legacy_label_name(name) is label
    assert is_legacy_metric_name(name) is metric
    assert ValidationScheme.LEGACY.allows_label(name) is label
    assert ValidationScheme.LEGACY.allows_metric(name) is metric


@pytest.mark.parametrize(
    ("name", "valid"),
    [("http.status", True), ("é", True), ("", False), ("\udce9", False), ("a\ud800", False)],
)
def test_utf8_names(name: str, *, valid: bool) -> None:
    """N1: any name that is not empty and can be encoded."""
    assert ValidationScheme.UTF8.allows_label(name) is valid
    assert ValidationScheme.UTF8.allows_metric(name) is valid


def test_the_empty_text_is_utf8() -> None:
    """N1: a label's value may be empty, though a name may not."""
    assert is_utf8("")
