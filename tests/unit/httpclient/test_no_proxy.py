"""The grammar of `no_proxy`."""

import pytest

from promscrape.httpclient.no_proxy import NoProxy


@pytest.mark.parametrize(
    ("text", "host", "port", "is_direct"),
    [
        ("*", "anything.example", 80, True),
        ("a.example", "a.example", 80, True),
        ("a.example", "b.a.example", 80, True),
        ("a.example", "ba.example", 80, False),
        ("A.Example", "a.EXAMPLE", 80, True),
        (".a.example", "b.a.example", 80, True),
        (".a.example", "a.example", 80, False),
        ("*.a.example", "b.a.example", 80, True),
        ("*.a.example", "a.example", 80, False),
        ("a.example:8080", "a.example", 8080, True),
        ("a.example:8080", "a.example", 80, False),
        ("x, a.example ,y", "a.example", 80, True),
        ("10.0.0.0/8", "10.1.2.3", 80, True),
        ("10.0.0.0/8", "11.1.2.3", 80, False),
        ("10.0.0.0/8", "a.example", 80, False),
        ("10.1.2.3", "10.1.2.3", 80, True),
        ("10.1.2.3:80", "10.1.2.3", 80, True),
        ("10.1.2.3:80", "10.1.2.3", 81, False),
        ("2001:db8::/32", "2001:db8::1", 80, True),
        ("2001:db8::1", "2001:db8::1", 80, True),
        ("[2001:db8::1]:80", "2001:db8::1", 80, True),
        ("[2001:db8::1]:80", "2001:db8::1", 81, False),
        ("", "a.example", 80, False),
        ("", "localhost", 80, True),
        ("", "127.9.9.9", 80, True),
        ("", "::1", 80, True),
    ],
)
def test_an_item_names_who_is_reached_directly(
    text: str,
    host: str,
    port: int,
    is_direct: bool,  # noqa: FBT001 - a column of the table
) -> None:
    """Config 9.1: IP, CIDR, domain, `.x.y` for what is below, `host:port`, `*`; loopback always."""
    assert NoProxy(text).matches(host, port) is is_direct
