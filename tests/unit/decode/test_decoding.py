from collections.abc import Mapping
from typing import ClassVar

import pytest

from promscrape.decode.decoding import Decoding, path_text
from promscrape.decode.schema import ConfigStruct
from promscrape.decode.walk import Stage
from promscrape.errors import ConfigError
from promscrape.model.duration import Duration
from promscrape.model.invalid import InvalidValue


class Root(ConfigStruct, frozen=True, kw_only=True):
    """The root of the test's files."""

    go_type: ClassVar[str] = "test.Root"
    go_item: ClassVar[str] = "test.Root"

    name: str = "default"
    interval: Duration = Duration()
    texts: tuple[str, ...] = ()
    maps: Mapping[str, tuple[str, ...]] = {}


def error_of(source: str, *refusals: tuple[str, Stage]) -> ConfigError:
    decoding = Decoding(source.encode(), "c.yml")
    decoding.read(Root)
    for message, stage in refusals:
        decoding.refuse(("name",), InvalidValue(message, hint="remedy"), stage)
    error = decoding.error("in c.yml: ")
    assert error is not None
    return error


@pytest.mark.parametrize("source", ["", "---", "~", "# nothing"])
def test_a_file_without_content_is_all_defaults(source: str) -> None:
    """Config 1.1."""
    decoding = Decoding(source.encode(), "c.yml")
    assert decoding.read(Root) == Root()
    assert decoding.error("") is None


def test_an_unreadable_file_is_all_defaults_and_one_fault() -> None:
    """Config 1.4: syntax errors stop everything."""
    decoding = Decoding(b"a: [", "c.yml")
    assert decoding.read(Root) == Root()
    decoding.refuse(("name",), InvalidValue("a rule"))
    error = decoding.error("")
    assert error is not None
    assert str(error).startswith("yaml: ")


def test_the_message_comes_from_the_first_stage_that_has_a_fault() -> None:
    """Config 1.4: hard, then soft, then the whole file, then the agent's own."""
    agent, file = ("agent", Stage.AGENT), ("file", Stage.FILE)
    assert str(error_of("", agent)) == "agent"
    assert str(error_of("", agent, file, ("file 2", Stage.FILE))) == "in c.yml: file"
    soft = "in c.yml: yaml: unmarshal errors:\n  line 1: field a not found in type test.Root"
    assert str(error_of("a: 1", agent, file)) == soft
    hard = 'in c.yml: not a valid duration string: "x"'
    assert str(error_of("a: 1\ninterval: x\ntexts: a", agent, file)) == hard


def test_soft_faults_are_all_in_the_message() -> None:
    """Config 1.3: a line each, indented by two spaces, in the order of the document."""
    assert str(error_of("b: 1\na: 1\ntexts: x")).splitlines() == [
        "in c.yml: yaml: unmarshal errors:",
        "  line 1: field b not found in type test.Root",
        "  line 2: field a not found in type test.Root",
        "  line 3: cannot unmarshal !!str `x` into []string",
    ]


def test_problems_are_in_the_order_of_the_file_whatever_their_stage() -> None:
    """A report is read beside the file."""
    error = error_of("a: 1\nname: x\ninterval: y\n", ("rule", Stage.FILE))
    assert [(p.line, p.path, p.hint) for p in error.problems] == [
        (1, "a", ""),
        (2, "name", "remedy"),
        (3, "interval", "a duration is written like `15s`, `1m30s` or `500ms`"),
    ]


def test_what_an_anchor_holds_is_reported_once() -> None:
    """It is met again at each alias, and repaired in one place."""
    error = error_of("maps: {a: &x [[]], b: *x, c: *x}")
    assert str(error).count("cannot unmarshal") == 3
    assert [problem.path for problem in error.problems] == ["maps.a[0]"]


def test_a_problem_shows_its_line() -> None:
    """The column is the caret's."""
    (problem,) = error_of("\ufeffname: ok\n  \ntexts:  x  # comment\n").problems
    assert problem.source_line == "texts:  x  # comment"
    assert (problem.line, problem.column) == (3, 9)


def test_lines_are_counted_as_in_yaml() -> None:
    """YAML ends a line at more characters than a newline."""
    (problem,) = error_of("name: a\r\n#\u2028#\x85#\rtexts: x").problems
    assert (problem.line, problem.source_line) == (5, "texts: x")


def test_a_very_long_line_is_not_shown() -> None:
    """It would bury the message."""
    (problem,) = error_of("texts: x #" + "#" * 500).problems
    assert problem.source_line == ""


def test_a_problem_at_the_end_of_the_file_has_no_line() -> None:
    """The parser can look past the last one."""
    (problem,) = error_of("texts: [a\n").problems
    assert (problem.line, problem.source_line) == (2, "")


def test_the_true_line_stands_beside_the_message() -> None:
    """Config 1.5: yaml.v2's own line can be one off, so that people do not get to see it."""
    (problem,) = error_of("x: y\n- z\n").problems
    assert (problem.line, problem.message) == (2, "yaml: did not find expected key")


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("a: {password: hunter2}", "a: {password: <secret>"),
        ('a: {"bearer_token":"hunter2"}', 'a: {"bearer_token":<secret>'),
        ("a: {client_secret: hunter2}", "a: {client_secret: <secret>"),
        ("a: {secrets: [hunter2]}", "a: {secrets: <secret>"),
        ("a: {Credentials: hunter2}", "a: {Credentials: <secret>"),
        ("a: {password_file: /etc/pw}", "a: {password_file: /etc/pw}"),
        ("a: http://user:hunter2@host/", "a: http://user:xxxxx@host/"),
        ("a: http://user@host:80/", "a: http://user@host:80/"),
    ],
)
def test_a_shown_line_has_no_secrets(line: str, shown: str) -> None:
    """Secrets never appear in logs: a report of the line may end up there."""
    (problem,) = error_of(line).problems
    assert problem.source_line == shown


def test_the_root_has_to_be_a_mapping() -> None:
    """Config 1.1, 17.6."""
    assert str(error_of("foo")).endswith("line 1: cannot unmarshal !!str `foo` into test.Root")
    assert str(error_of("[foo]")).endswith("line 1: cannot unmarshal !!seq into test.Root")


def test_a_document_that_grows_without_bound_is_refused() -> None:
    """Nothing on disk is trusted: the file is small, what it expands to is not."""
    texts = ", ".join(["x"] * 1000)
    maps = "\n".join(f"  k{number}: *x" for number in range(1000))
    error = error_of(f"texts: &x [{texts}]\nmaps:\n{maps}\n")
    assert str(error) == "in c.yml: yaml: document contains excessive aliasing"


def test_a_document_with_many_aliases_of_its_own_size_is_read() -> None:
    """A thousand jobs that share a list are no attack."""
    maps = "\n".join(f"  k{number}: [a, b, *x]" for number in range(2000))
    decoding = Decoding(f"name: &x x\nmaps:\n{maps}\n".encode(), "c.yml")
    assert len(decoding.read(Root).maps) == 2000
    assert decoding.error("") is None


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ((), ""),
        (("global",), "global"),
        (("scrape_configs", 0, "scrape_interval"), "scrape_configs[0].scrape_interval"),
        (("labels", "a-b", "c"), 'labels["a-b"].c'),
        (("", 1), '[""][1]'),
    ],
)
def test_a_path_is_written_with_dots_and_brackets(path: tuple[str | int, ...], text: str) -> None:
    """People and tools find the place by it."""
    assert path_text(path) == text


@pytest.mark.parametrize(
    "source", ["password: *hunter2", "a: {password: *hunter2}", "a:\n- {name: b, TOKEN: *hunter2}"]
)
def test_a_secret_that_looks_like_an_alias_is_not_named(source: str) -> None:
    """Config 1.5, 14: in a line of its own, and among braces."""
    error = error_of(source)
    assert "hunter2" not in f"{error} {error.problems}"
    assert "unknown anchor '<secret>' referenced" in str(error)
