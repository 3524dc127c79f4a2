"""Relabel rules as they stand in a configuration file, and what they make of labels."""

import json
from pathlib import Path

import msgspec
import pytest

from promscrape.config.load import parse
from promscrape.config.scrape import ScrapeConfig
from promscrape.errors import ConfigError
from promscrape.relabel import relabel, relabel_steps


class Case(msgspec.Struct, forbid_unknown_fields=True):
    """One entry of the table."""

    id: str
    rules: list[dict[str, str | int | list[str] | None]]
    scheme: str = "utf8"
    labels: dict[str, str] = {}
    result: dict[str, str] | None = None
    dropped: bool = False
    error: str = ""

    def job(self) -> ScrapeConfig:
        """Load the rules as those of a job. Raises ConfigError."""
        job = {
            "job_name": "a",
            "metric_name_validation_scheme": self.scheme,
            "relabel_configs": self.rules,
        }
        # Every JSON text is a YAML text, and its strings cannot be taken for anything else.
        source = json.dumps({"scrape_configs": [job]}).encode()
        return parse(source, "c.yml", {}).scrape_configs[0]


CASES = msgspec.yaml.decode(
    (Path(__file__).parent / "relabel/cases.yaml").read_bytes(), type=list[Case]
)
REFUSED = [case for case in CASES if case.error]
APPLIED = [case for case in CASES if not case.error]


@pytest.mark.parametrize("case", APPLIED, ids=lambda case: case.id)
def test_rules_make_of_labels_what_prometheus_makes(case: Case) -> None:
    """R1 to R13, TC091 to TC103."""
    job = case.job()
    result = relabel(case.labels, job.relabel_configs, job.metric_name_validation_scheme)

    assert result == (None if case.dropped else case.result)


@pytest.mark.parametrize("case", APPLIED, ids=lambda case: case.id)
def test_the_last_step_shows_what_the_rules_made(case: Case) -> None:
    """Service 8: the steps are those of the real thing."""
    job = case.job()
    *_, last = relabel_steps(case.labels, job.relabel_configs, job.metric_name_validation_scheme)

    assert last.keep is not case.dropped
    assert last.labels == (case.result or {})


@pytest.mark.parametrize("case", REFUSED, ids=lambda case: case.id)
def test_wrong_rules_are_refused_when_the_file_is_loaded(case: Case) -> None:
    """R11, R12, TC104, TC105: and with Prometheus's text alone."""
    with pytest.raises(ConfigError) as caught:
        case.job()
    assert str(caught.value) == f"parsing YAML file c.yml: {case.error}"


def test_the_table_is_not_empty() -> None:
    """A table that does not load would pass every test above."""
    assert len(APPLIED) > 40
    assert len(REFUSED) > 20
