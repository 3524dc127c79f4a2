from promscrape.errors import ConfigError, Problem

PROBLEM = Problem(
    file="c.yml",
    line=4,
    column=3,
    path="scrape_configs[0].scrape_intervall",
    message="field scrape_intervall not found in type config.ScrapeConfig",
    source_line="  scrape_intervall: 15s",
    hint="did you mean `scrape_interval`?",
)


def test_a_problem_points_at_its_place() -> None:
    """Editors jump to `file:line:column`; people see the line, a caret and the remedy."""
    assert str(PROBLEM).splitlines() == [
        f"c.yml:4:3: scrape_configs[0].scrape_intervall: {PROBLEM.message}",
        "      scrape_intervall: 15s",
        "      ^",
        "    hint: did you mean `scrape_interval`?",
    ]


def test_a_problem_of_the_file_as_a_whole_has_no_place() -> None:
    """Such as a file that is not there."""
    assert str(Problem("c.yml", 0, 0, "", "open c.yml: no such file")) == (
        "c.yml: open c.yml: no such file"
    )


def test_a_tab_does_not_move_the_caret() -> None:
    """Its width is the terminal's, not ours."""
    problem = Problem("c.yml", 1, 2, "a", "m", source_line="\tb")
    assert str(problem).splitlines()[1:] == ["     b", "     ^"]


def test_a_report_has_every_problem_and_the_message_only_what_prometheus_says() -> None:
    """Config 1.4: scripts compare the message, people read the report."""
    error = ConfigError("parsing YAML file c.yml: x", (PROBLEM, PROBLEM))
    assert str(error) == "parsing YAML file c.yml: x"
    assert error.report() == f"{PROBLEM}\n{PROBLEM}"


def test_an_error_without_problems_reports_its_message() -> None:
    """A wrong flag has no place in a file."""
    assert ConfigError("bad flag").report() == "bad flag"
