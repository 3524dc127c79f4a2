"""What an error may show of a file's text."""

import pytest

from promscrape.decode.masking import is_below_secret, masked_anchor, masked_line, masked_text

KEY = """\
tls_config:
  cert_file: c
  key: |
    -----BEGIN
    abcdef
  server_name: a
basic_auth_users:
  alice: hash
 broken
jobs:
- proxy_connect_header:
    Authorization:
    - word
  scheme: http
"""


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("  password: hunter2", "  password: <secret>"),
        ("basic_auth: {password: hunter2}", "basic_auth: {password: <secret>"),
        ('  "auth_token" : hunter2', '  "auth_token" : <secret>'),
        ("  - credentials hunter2", "  - credentials <secret>"),
        ("  key_passphrase: a: b", "  key_passphrase: <secret>"),
        ("  url: http://u:hunter2@h/p", "  url: http://u:xxxxx@h/p"),
        ("  url: u:hunter2@h", "  url: u:xxxxx@h"),
        ("  password_file: name", "  password_file: name"),
        ("  key_file: name", "  key_file: name"),
        ("  job_name: token bucket", "  job_name: token bucket"),
        ("- targets: ['a:1', 'b:2']", "- targets: ['a:1', 'b:2']"),
        ("  password:", "  password:"),
    ],
)
def test_a_line_is_shown_without_its_secret(line: str, shown: str) -> None:
    """Config 14: files of secrets are named, what is in them is not."""
    assert masked_line(line) == shown


def test_a_message_is_shown_without_passwords_of_urls() -> None:
    """Config 14: errors quote what they are about."""
    text = 'parse "://u:hunter2@h": missing protocol scheme'
    assert masked_text(text) == 'parse "://u:xxxxx@h": missing protocol scheme'
    assert masked_text("at 10:30 on a:1") == "at 10:30 on a:1"


def test_a_secret_that_begins_with_a_star_is_no_anchor_to_name() -> None:
    """Config 1.5, 14: YAML takes it for an alias."""
    message = "yaml: unknown anchor 'hunter2' referenced"
    assert masked_anchor(message) == "yaml: unknown anchor '<secret>' referenced"
    assert masked_anchor("yaml: found unknown escape") == "yaml: found unknown escape"


@pytest.mark.parametrize(
    ("line", "below"),
    [
        ("tls_config:", False),
        ("  cert_file: c", False),
        ("  key: |", True),
        ("    -----BEGIN", True),
        ("    abcdef", True),
        ("  server_name: a", False),
        ("  alice: hash", True),
        (" broken", True),
        ("    Authorization:", True),
        ("    - word", True),
        ("  scheme: http", False),
    ],
)
def test_a_line_of_unreadable_text_belongs_to_the_keys_around_it(line: str, *, below: bool) -> None:
    """Config 1.5, 14: where nothing could be read the indentation has to tell."""
    lines = KEY.splitlines()
    assert is_below_secret(lines, lines.index(line) + 1) is below


def test_a_line_may_continue_a_secret_among_braces() -> None:
    """Config 1.5, 14: the key of the secret need not be the one that begins its line."""
    lines = ["a: {name: b, TOKEN: hunter2", "", "  more}", "c: d"]
    assert [is_below_secret(lines, number) for number in (1, 2, 3, 4)] == [True, True, True, False]
