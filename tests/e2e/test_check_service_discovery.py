"""`check service-discovery` beside Debian's promtool: the same targets in the same form."""

import json
import subprocess
from pathlib import Path

from tests.support.peers import installed, run_promscrape

JOBS = """\
scrape_configs:
- job_name: static
  metrics_path: /m
  params: {module: [http_2xx]}
  static_configs:
  - {targets: ['a:1', 'b:1', 'a:1'], labels: {team: <web> & co}}
- job_name: file
  file_sd_configs: [{files: ['*.json']}]
- job_name: none
"""
NEWER = ("__always", "__convert", "__scrape_native")


def test_promtool_prints_the_same(tmp_path: Path) -> None:
    """Service 9.2, 54: but for the labels that newer versions add, and the order."""
    config = tmp_path / "c.yml"
    config.write_text(JOBS)
    (tmp_path / "a.json").write_text('[{"targets": ["f:1"], "labels": {"x": "y"}}]')
    (tmp_path / "wrong.json").write_text("[")
    for job in ("static", "file", "none"):
        arguments = ("check", "service-discovery", "--timeout=1s", str(config), job)
        ours = run_promscrape(*arguments)
        theirs = subprocess.run(
            [installed("promtool"), *arguments], capture_output=True, text=True, check=True
        )
        assert ours.returncode == 0
        assert found(ours.stdout) == found(theirs.stdout)
        assert ours.stdout.endswith("]")
        assert theirs.stdout.endswith("]")


def test_promtool_answers_an_unknown_job_with_the_same_text(tmp_path: Path) -> None:
    """Service 9.2, 54."""
    config = tmp_path / "c.yml"
    config.write_text(JOBS)
    arguments = ("check", "service-discovery", str(config), "nope")
    ours = run_promscrape(*arguments)
    theirs = subprocess.run(
        [installed("promtool"), *arguments], capture_output=True, text=True, check=False
    )
    assert (ours.returncode, ours.stderr) == (theirs.returncode, theirs.stderr)


def found(text: str) -> list[str]:
    """Return each item as text, without what newer versions add."""
    items = json.loads(text)
    for item in items:
        for labels in (item["discoveredLabels"], item["labels"]):
            for name in [name for name in labels if name.startswith(NEWER)]:
                del labels[name]
    return sorted(json.dumps(item, sort_keys=True) for item in items)
