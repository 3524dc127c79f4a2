import copy

import pytest

from promscrape.model.secret import Secret

TEXT = "s3cr3t"


@pytest.mark.parametrize(
    "shown",
    [
        repr(Secret(TEXT)),
        str(Secret(TEXT)),
        f"{Secret(TEXT)}",
        f"{Secret(TEXT)!r:>20}".strip(),
        "%s" % Secret(TEXT),  # noqa: UP031 - one of the ways in which a text gets out
        repr([Secret(TEXT)]),
    ],
)
def test_a_secret_prints_as_a_mask(shown: str) -> None:
    """Config 14: in no form does the text come out by itself."""
    assert shown in {"<secret>", "[<secret>]"}


def test_only_reveal_gives_the_text() -> None:
    """Config 14: the one way is easy to search for."""
    assert Secret.parse(TEXT).reveal() == TEXT
    assert copy.deepcopy(Secret(TEXT)).reveal() == TEXT


def test_secrets_are_equal_where_their_texts_are() -> None:
    """Config 17 case 58: a changed password has to be noticed by a reload."""
    assert Secret(TEXT) == Secret(TEXT)
    assert hash(Secret(TEXT)) == hash(Secret(TEXT))
    assert Secret(TEXT) != Secret("other")
    assert Secret(TEXT) != TEXT


def test_an_empty_secret_is_false() -> None:
    """Config 14: empty ones are left out of the dump."""
    assert not Secret()
    assert Secret(TEXT)
