import pytest

from promscrape.model.invalid import InvalidValue
from promscrape.model.url import URL


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("http://a b", 'invalid character " " in host name'),
        ("http://a\\b", 'invalid character "\\\\" in host name'),
        ("://x", "missing protocol scheme"),
        ("1a:b", "first path segment in URL cannot contain colon"),
        ("a_b:9090/c", "first path segment in URL cannot contain colon"),
        ("http://h:x/", 'invalid port ":x" after host'),
        ("http://h:1:2x", 'invalid port ":2x" after host'),
        ("http://[::1", "missing ']' in host"),
        ("http://[::1]x", 'invalid port "x" after host'),
        ("http://h/%zz", 'invalid URL escape "%zz"'),
        ("http://h/%z", 'invalid URL escape "%z"'),
        ("http://%41/", 'invalid URL escape "%41"'),
        ("http://u%zz@h/", 'invalid URL escape "%zz"'),
        ("http://a^b@h/", "net/url: invalid userinfo"),
        ("http://h/\n", "net/url: invalid control character in URL"),
        ("http://h/#%zz", 'invalid URL escape "%zz"'),
    ],
)
def test_a_url_is_refused_as_in_go(text: str, reason: str) -> None:
    """Config 2.5, 17 case 47: the reasons are those of net/url."""
    with pytest.raises(InvalidValue) as caught:
        URL.parse(text)
    assert str(caught.value).startswith('parse "')
    assert str(caught.value).endswith(f": {reason}")


@pytest.mark.parametrize(
    ("text", "scheme", "host"),
    [
        ("", "", ""),
        ("http://h:9090/p?q=1#f", "http", "h:9090"),
        ("HTTPS://u:p@h/", "https", "h"),
        ("localhost:9090", "localhost", ""),
        ("/p:q", "", ""),
        ("//h/p", "", "h"),
        ("///p", "", ""),
        ("http://h?a@b", "http", "h"),
        ("http://[fe80::1%25eth0]:1/", "http", "[fe80::1%25eth0]:1"),
        ("http://h/%41?%zz", "http", "h"),
        ("foo", "", ""),
    ],
)
def test_a_url_is_read_leniently(text: str, scheme: str, host: str) -> None:
    """Config 2.5: what Go reads loads, sensible or not, and keeps its text."""
    url = URL.parse(text)
    assert (url.scheme, url.host, url.reveal()) == (scheme, host, text)
    assert bool(url) is bool(text)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("http://u:pw@h:1/p", "http://u:xxxxx@h:1/p"),
        ("http://u:@h", "http://u:xxxxx@h"),
        ("http://u:p@w@h", "http://u:xxxxx@h"),
        ("http://u@h", "http://u@h"),
        ("http://h/u:pw@x", "http://h/u:pw@x"),
    ],
)
def test_a_password_in_a_url_is_masked(text: str, shown: str) -> None:
    """Config 14: as Go's Redacted does it."""
    url = URL.parse(text)
    assert str(url) == shown
    assert repr(url) == f"URL({shown!r})"


def test_a_refusal_does_not_show_the_password() -> None:
    """Config 14: an error goes to the log."""
    with pytest.raises(InvalidValue) as caught:
        URL.parse("http://u:pw@h b")
    assert str(caught.value) == 'parse "http://u:xxxxx@h b": invalid character " " in host name'


def test_urls_are_equal_where_their_texts_are() -> None:
    """Config 17 case 58: a changed password has to be noticed by a reload."""
    assert URL.parse("http://u:a@h") == URL.parse("http://u:a@h")
    assert URL.parse("http://u:a@h") != URL.parse("http://u:b@h")
