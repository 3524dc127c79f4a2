"""Label sets against the obvious model of them: a dict without empty values."""

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from promscrape.model.labels import Labels

# Surrogates of U+DC80 to U+DCFF stand for single bytes that are not UTF-8, as `surrogateescape`
# makes them; no other surrogate can come from a file or a socket.
texts = st.text(st.characters(codec="utf-8"), max_size=200)
dirty_texts = st.binary(max_size=40).map(lambda raw: raw.decode("utf-8", "surrogateescape"))
maps = st.dictionaries(texts, texts | dirty_texts, max_size=20)

# So few names and values that two drawn sets are often equal, or differ in an empty value only.
few_labels = st.dictionaries(st.sampled_from("ab"), st.sampled_from(["", "1", "2"]))


@given(maps)
def test_a_map_comes_back_without_its_empty_values(pairs: dict[str, str]) -> None:
    """S5: everything else survives the encoding, whatever its length and characters."""
    assert Labels.from_map(pairs).to_map() == {n: v for n, v in pairs.items() if v}


@given(maps, st.randoms(use_true_random=False))
def test_any_order_of_the_pairs_gives_the_same_bytes(pairs: dict[str, str], random: Random) -> None:
    """M23: the bytes are the identity of the series."""
    shuffled = list(pairs.items())
    random.shuffle(shuffled)

    assert Labels.from_pairs(shuffled).wire == Labels.from_map(pairs).wire


@given(maps)
def test_names_ascend_bytewise(pairs: dict[str, str]) -> None:
    """Storage 2.10: readers of the log look labels up in a sorted list of bytes."""
    names = [name.encode() for name, _ in Labels.from_map(pairs)]

    assert names == sorted(names)


@given(few_labels, few_labels)
def test_two_sets_are_equal_exactly_when_their_labels_are(
    one: dict[str, str], other: dict[str, str]
) -> None:
    """S5: no two label sets share their bytes, and no label set has two spellings."""
    first, second = Labels.from_map(one), Labels.from_map(other)

    assert (first == second) == (first.to_map() == second.to_map())
    assert first != second or hash(first) == hash(second)


@given(maps)
def test_every_label_can_be_looked_up(pairs: dict[str, str]) -> None:
    """S5: a look-up and a walk agree, and absent means empty."""
    labels = Labels.from_map(pairs)

    assert all(labels.get(name) == value for name, value in pairs.items())
    assert len(labels) == len(list(labels))
