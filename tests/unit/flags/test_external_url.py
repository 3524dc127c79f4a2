import pytest

from promscrape.flags.external_url import ExternalUrl, split_host_port
from promscrape.model.invalid import InvalidValue


@pytest.mark.parametrize(
    ("text", "scheme", "host", "path"),
    [
        ("http://e:8080/pre/", "http", "e:8080", "/pre"),
        ("https://example.org", "https", "example.org", ""),
        ("HTTP://Example.org//", "http", "Example.org", ""),
        ("http://[::1]:9090/a/b//", "http", "[::1]:9090", "/a/b"),
        ("http://u:p@e/x?q=1#f", "http", "e", "/x"),
        ("http://e/a%20b", "http", "e", "/a b"),
        ("http://e:/", "http", "e:", ""),
        ("/only/path", "", "", "/only/path"),
        ("only/path", "", "", "/only/path"),
        ("localhost:9090", "localhost", "", ""),
    ],
)
def test_a_url_is_read_leniently(text: str, scheme: str, host: str, path: str) -> None:
    """Service 4.2: scheme, host and the path without slashes at its end make every link."""
    assert ExternalUrl.parse(text) == ExternalUrl(scheme, host, path)


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ('"http://e"', "URL must not begin or end with quotes"),
        ("http://e'", "URL must not begin or end with quotes"),
        ("'", "URL must not begin or end with quotes"),
        ("://x", 'parse "://x": missing protocol scheme'),
        ("1a:b", 'parse "1a:b": first path segment in URL cannot contain colon'),
        ("http://a b/", 'parse "http://a b/": invalid character " " in host name'),
        ("http://[::1", "parse \"http://[::1\": missing ']' in host"),
        ("http://e:x/", 'parse "http://e:x/": invalid port ":x" after host'),
        ("http://[::1]x/", 'parse "http://[::1]x/": invalid port "x" after host'),
        ("http://e/%zz", 'parse "http://e/%zz": invalid URL escape "%zz"'),
        ("http://e/%a", 'parse "http://e/%a": invalid URL escape "%a"'),
        ("http://e/\n", r'parse "http://e/\n": net/url: invalid control character in URL'),
    ],
)
def test_what_is_no_url_is_refused_in_gos_words(text: str, error: str) -> None:
    """Service 12: the process does not start with links that lead nowhere."""
    with pytest.raises(InvalidValue) as caught:
        ExternalUrl.parse(text)
    assert str(caught.value) == error


@pytest.mark.parametrize("address", ["0.0.0.0:9090", ":9090", "[::1]:9090"])
def test_without_one_the_url_is_made_from_host_and_port(address: str) -> None:
    """Service 1.2: http://<hostname>:<port of the first listen address>/."""
    assert str(ExternalUrl.derive("node1", address)) == "http://node1:9090/"


@pytest.mark.parametrize(
    ("address", "host", "port"),
    [("e:1", "e", "1"), (":1", "", "1"), ("[::1]:http", "::1", "http"), ("e:", "e", "")],
)
def test_an_address_is_host_and_port(address: str, host: str, port: str) -> None:
    """Service 1.2: the forms of --web.listen-address."""
    assert split_host_port(address) == (host, port)


@pytest.mark.parametrize(
    ("address", "error"),
    [
        ("nowhere", "address nowhere: missing port in address"),
        ("", "address : missing port in address"),
        ("[::1]", "address [::1]: missing port in address"),
        ("::1:9090", "address ::1:9090: too many colons in address"),
    ],
)
def test_an_address_without_a_port_is_refused(address: str, error: str) -> None:
    """Service 1.3: in the words of Go's net.SplitHostPort."""
    with pytest.raises(InvalidValue) as caught:
        split_host_port(address)
    assert str(caught.value) == error
