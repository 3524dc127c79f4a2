import pytest

from promscrape.model.quoting import quote


@pytest.mark.parametrize(
    ("text", "quoted"),
    [
        pytest.param("", '""', id="empty"),
        pytest.param("a b", '"a b"', id="space"),
        pytest.param('say "hi"', r'"say \"hi\""', id="quotes"),
        pytest.param("C:\\x", r'"C:\\x"', id="backslash"),
        pytest.param("\a\b\f\n\r\t\v", r'"\a\b\f\n\r\t\v"', id="short escapes"),
        pytest.param("\x00\x1b\x7f", r'"\x00\x1b\x7f"', id="control characters"),
        pytest.param("\x85\xa0\xad", r'"\u0085\u00a0\u00ad"', id="unprintable latin"),
        pytest.param("é→日😀", '"é→日😀"', id="printable beyond ascii"),
        pytest.param("\ufffd", '"\ufffd"', id="replacement character"),
        pytest.param("\u200b\ue000", r'"\u200b\ue000"', id="invisible and private"),
        pytest.param("\U000e0001", r'"\U000e0001"', id="beyond the basic plane"),
    ],
)
def test_text_is_quoted_as_go_quotes_it(text: str, quoted: str) -> None:
    """Config 2.3, S8: error texts are Prometheus's to the letter. Source: Go strconv.Quote."""
    assert quote(text) == quoted


def test_a_byte_that_is_not_utf8_prints_as_a_byte() -> None:
    r"""Config 2.3, T12: 0xff prints as `\xff`, told from the valid character U+00FF."""
    assert quote(b"a\xffb".decode("utf-8", "surrogateescape")) == r'"a\xffb"'
    assert quote("ÿ") == '"ÿ"'
