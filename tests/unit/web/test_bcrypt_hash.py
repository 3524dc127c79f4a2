"""What passes for a bcrypt hash; the texts are those that promtool prints."""

import pytest

from promscrape.model.invalid import InvalidValue
from promscrape.web.bcrypt_hash import check_bcrypt_hash

REST = "hNf2lSsxfm0.i4a.1kVpSOVyBCfIB51VRjgBUyv6kdnyTlgWj81Ay"


@pytest.mark.parametrize("head", ["$2a$04$", "$2b$12$", "$2y$31$", "$2$12$"])
def test_a_hash_is_accepted(head: str) -> None:
    """Service 7.2: with any letter, and with none."""
    check_bcrypt_hash(head + REST)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("foo", "hashedSecret too short to be a bcrypted password"),
        ("", "hashedSecret too short to be a bcrypted password"),
        (
            f"x2b$12${REST}",
            "bcrypt hashes must start with '$', but hashedSecret started with 'x'",
        ),
        (
            f"$3b$12${REST}",
            "bcrypt algorithm version '3' requested is newer than current version '2'",
        ),
        (f"$2b$99${REST}", "cost 99 is outside allowed range (4,31)"),
        (f"$2b$03${REST}", "cost 3 is outside allowed range (4,31)"),
    ],
)
def test_anything_else_is_refused(text: str, message: str) -> None:
    """Service 7.1, 48: a password in clear text is the usual mistake."""
    with pytest.raises(InvalidValue) as caught:
        check_bcrypt_hash(text)
    assert str(caught.value) == f"crypto/bcrypt: {message}"


def test_a_cost_is_a_number() -> None:
    """Service 7.1: Go's words for what is none."""
    with pytest.raises(InvalidValue) as caught:
        check_bcrypt_hash(f"$2b$aa${REST}")
    assert str(caught.value) == 'strconv.Atoi: parsing "aa": invalid syntax'
