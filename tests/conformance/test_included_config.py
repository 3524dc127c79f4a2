"""Configurations of more than one file beside what Prometheus says of them."""

from pathlib import Path

import msgspec
import pytest
import yaml

from promscrape.config.dump import dump_job
from promscrape.config.include import load_scrape_configs
from promscrape.config.load import load
from promscrape.config.scrape import ScrapeConfig
from promscrape.errors import ConfigError

HERE = Path(__file__).parent / "config"


class IncludedCase(msgspec.Struct, forbid_unknown_fields=True):
    """A main file c.yml and others; either an error, with $DIR for their directory, or jobs."""

    id: str
    files: dict[str, str]
    error: str = ""
    jobs: list[dict[str, object]] = []


CASES = msgspec.yaml.decode((HERE / "included.yaml").read_bytes(), type=list[IncludedCase])
BAD = [case for case in CASES if case.error]
GOOD = [case for case in CASES if not case.error]


def jobs_of(case: IncludedCase, directory: Path) -> tuple[ScrapeConfig, ...]:
    """Write the files of the case and return all its jobs."""
    for name, text in case.files.items():
        file = directory / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return load_scrape_configs(load(str(directory / "c.yml")))


@pytest.mark.parametrize("case", BAD, ids=lambda case: case.id)
def test_a_wrong_file_among_them_is_refused(case: IncludedCase, tmp_path: Path) -> None:
    """Config 6, 16.1, 17: the message names the included file, each problem its line there."""
    with pytest.raises(ConfigError) as caught:
        jobs_of(case, tmp_path)
    assert str(caught.value) == case.error.replace("$DIR", str(tmp_path))
    assert caught.value.problems
    for problem in caught.value.problems:
        name = Path(problem.file).relative_to(tmp_path) if problem.file else None
        assert name is None or 1 <= problem.line <= len(case.files[str(name)].splitlines()) + 1


@pytest.mark.parametrize("case", GOOD, ids=lambda case: case.id)
def test_sound_files_give_their_jobs_in_order(case: IncludedCase, tmp_path: Path) -> None:
    """Config 6, 13, 16.2: those of the main file first; what a case names is what takes effect."""
    jobs = [yaml.safe_load(dump_job(job)) for job in jobs_of(case, tmp_path)]
    assert [
        {key: str(job.get(key)).replace(str(tmp_path), "$DIR") for key in expected}
        for job, expected in zip(jobs, case.jobs, strict=True)
    ] == [{key: str(value) for key, value in expected.items()} for expected in case.jobs]
