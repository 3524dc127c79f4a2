"""The files in config/: each loads, is in order, and is so in the eyes of Debian's promtool."""

from pathlib import Path

import pytest

from promscrape.config.load import load
from tests.support.command import run_command
from tests.support.promtool import verdicts

EXAMPLES = sorted((Path(__file__).parents[2] / "config").glob("*.yml"))

# In a cluster each pod has these; elsewhere `check config` rightly says that they are missing.
IN_CLUSTER = "kubernetes.yml"

# Debian builds Prometheus without some kinds of discovery, and its version is one without the keys
# of formats.yml; others are promscrape's own.
UNKNOWN_TO_DEBIAN = (IN_CLUSTER, "consul.yml", "exec_sd.yml", "formats.yml", "nomad.yml")


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_an_example_loads_and_is_in_order(path: Path) -> None:
    """Config 3: what a new user copies works, with every file that it names but a cluster's own."""
    assert load(str(path)).scrape_configs
    assert run_command("check", "config", "--syntax-only", str(path)).code == 0
    end = run_command("check", "config", "--lint=all", str(path))
    if path.name == IN_CLUSTER:
        assert "/var/run/secrets/kubernetes.io/serviceaccount/token: no such file" in end.err
    else:
        assert (end.code, end.err) == (0, "")


def test_the_examples_are_those_that_were_promised() -> None:
    """Config 3: a new example is a new file here, and is then tested like the others."""
    assert [path.name for path in EXAMPLES] == [
        "blackbox.yml",
        "consul.yml",
        "docker.yml",
        "exec_sd.yml",
        "file_sd.yml",
        "formats.yml",
        "kubernetes.yml",
        "minimal.yml",
        "nomad.yml",
        "promscrape.yml",
        "remote_write.yml",
        "service_discovery.yml",
    ]


def test_what_a_comment_offers_can_be_switched_on(tmp_path: Path) -> None:
    """Config 3: keys that only some backends can do with stand as comments in remote_write.yml."""
    offered = ("protobuf_message:", "protobuf_message_fallback:", "prefer_fresh:")
    text = (EXAMPLES[0].parent / "remote_write.yml").read_text()
    for key in offered:
        assert f"    # {key}" in text
        text = text.replace(f"    # {key}", f"    {key}")
    path = tmp_path / "remote_write.yml"
    path.write_text(text)
    (destination,) = load(str(path)).remote_write
    assert destination.prefer_fresh
    assert destination.protobuf_message_fallback
    assert run_command("check", "config", "--syntax-only", str(path)).code == 0


def test_promtool_agrees_on_every_example() -> None:
    """Service 9.1: on all whose kinds of discovery Debian's build of promtool has."""
    compared = [path for path in EXAMPLES if path.name not in UNKNOWN_TO_DEBIAN]
    ours = [run_command("check", "config", str(path)).code == 0 for path in compared]
    theirs = [verdict.ok for verdict in verdicts(compared)]
    assert dict(zip(compared, ours, strict=True)) == dict(zip(compared, theirs, strict=True))
