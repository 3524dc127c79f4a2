import pytest

from promscrape.model.invalid import InvalidValue
from promscrape.model.size import Size


@pytest.mark.parametrize(
    ("text", "size_bytes"),
    [
        ("0", 0),
        ("-0", 0),
        ("+0", 0),
        ("1B", 1),
        ("15MB", 15 << 20),
        ("15MiB", 15 << 20),
        ("1.5GB", 3 << 29),
        (".5KB", 512),
        ("1.KB", 1024),
        ("1MiB2KiB", (1 << 20) + (2 << 10)),
        ("1KB1KB", 2048),
        ("+1KB", 1024),
        ("-1GB", -(1 << 30)),
        ("1.7B", 1),
        ("-1.7B", -1),
        ("7EiB", 7 << 60),
        ("7.999EB", int(7.999 * (1 << 60))),
        ("-8EB", -(1 << 63)),
    ],
)
def test_both_families_of_units_count_in_powers_of_1024(text: str, size_bytes: int) -> None:
    """Config 2.2: 15MB and 15MiB are the same; a fraction of a byte is cut off."""
    assert Size.parse(text).bytes == pytest.approx(size_bytes, rel=1e-15)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("100", "units: unknown unit  in 100"),
        ("10kB", "units: unknown unit kB in 10kB"),
        ("10 MB", "units: unknown unit  MB in 10 MB"),
        ("5M", "units: unknown unit M in 5M"),
        ("1MiB2KB", "units: unknown unit MiB in 1MiB2KB"),
        ("1B1", "units: unknown unit  in 1B1"),
        ("MB", "units: invalid MB"),
        ("", "units: invalid "),
        ("-", "units: invalid -"),
        ("--1KB", "units: invalid --1KB"),
        (".KB", "units: invalid .KB"),
        ("1KB.", "units: invalid 1KB."),
        ("9" * 19 + "B", f"units: invalid {'9' * 19}B"),
        ("1." + "0" * 19 + "B", f"units: invalid 1.{'0' * 19}B"),
        ("8EB", "units: overflow parsing unit"),
        ("-9EB", "units: overflow parsing unit"),
    ],
)
def test_a_text_that_is_none_is_refused_with_prometheus_words(text: str, message: str) -> None:
    """Config 2.2: operators search for these texts; they speak of the second family only."""
    with pytest.raises(InvalidValue) as caught:
        Size.parse(text)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("100", "a size needs a unit"),
        ("10kB", "`KB`"),
        ("10 MB", "`MB`"),
        ("1MiB2KB", "not both at once"),
        ("5M", "the units are"),
        ("MB", "`15MB`"),
        ("8EB", "8EiB"),
    ],
)
def test_a_refusal_comes_with_the_remedy(text: str, hint: str) -> None:
    """People should not need the grammar to repair the file."""
    with pytest.raises(InvalidValue) as caught:
        Size.parse(text)
    assert hint in caught.value.hint


@pytest.mark.parametrize(
    ("size_bytes", "text"),
    [
        (0, "0B"),
        (1536, "1KiB512B"),
        (15 << 20, "15MiB"),
        (3 << 29, "1GiB512MiB"),
        (-(1 << 30), "-1GiB"),
        (-1536, "-1KiB512B"),
        (1 << 60, "1EiB"),
    ],
)
def test_a_size_is_printed_in_parts_from_large_to_small(size_bytes: int, text: str) -> None:
    """Config 2.2: the first family, parts of zero left out."""
    assert str(Size(size_bytes)) == text


def test_a_size_of_zero_is_no_limit() -> None:
    """Config 5.1: 0 means "not set"."""
    assert not Size()
    assert Size(1)
    assert Size(1) < Size(2)
