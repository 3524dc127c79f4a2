"""Fuzzes the parsers with coverage as the guide, for as long as --seconds says.

    .venv/bin/python -m tests.fuzz.parsers --seconds=600 protobuf

Each input is scanned as two bodies, one after the other, by a reader that knows nothing and by
one that has seen many: neither may raise, hang, or read a body in another way than the other.
The tests' bodies are the seeds. An input that breaks something is left in the file that is named,
and makes the exit code other than 0.
"""

import argparse
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["promscrape"]):
    from promscrape.exposition.body_format import PROTOBUF, BodyFormat
    from promscrape.exposition.columns import Columns
    from promscrape.exposition.reader import BodyReader
    from promscrape.exposition.switches import Switches
    from promscrape.exposition.text_format import OPENMETRICS_TEXT, PROMETHEUS_TEXT

DATA = Path(__file__).parents[1] / "data"
CORPUS = Path(__file__).parents[1] / "conformance" / "openmetrics"

FORMATS: dict[str, BodyFormat] = {
    "text": PROMETHEUS_TEXT,
    "openmetrics": OPENMETRICS_TEXT,
    "protobuf": PROTOBUF,
}
SWITCHES = [
    Switches(),
    Switches(native_histograms=True, keep_classic=True, start_timestamps=True),
    Switches(convert_classic=True, start_timestamps=True, type_and_unit_labels=True),
    Switches(native_histograms=True, convert_classic=True),
]
LONGEST_BYTES = 4096
SLOWEST_S = 5
MEMORY_MIB = 1024


def target(body_format: BodyFormat) -> Callable[[bytes], None]:
    """Return the function that is given each input."""
    known = [BodyReader(switches) for switches in SWITCHES]

    def check(data: bytes) -> None:
        index, middle = len(data) % len(SWITCHES), len(data) // 2
        for body in (data[:middle], data):
            cold = BodyReader(SWITCHES[index]).scan(body, body_format)
            found = known[index].scan(body, body_format)
            assert said(found) == said(cold), difference(body, said(found), said(cold))
            if found.error is None:
                known[index].retain(found.series)

    return check


def difference(body: bytes, found: tuple[object, ...], cold: tuple[object, ...]) -> str:
    """Return what the reader that has seen many bodies says, and what the new one says."""
    parts = [f"{warm!r} in place of {new!r}" for warm, new in zip(found, cold, strict=True)]
    return "\n".join(
        [repr(body), *(part for part in parts if len(set(part.split(" in place of "))) > 1)]
    )


def said(columns: Columns) -> tuple[object, ...]:
    """Return what does not depend on the ids; values as their bits."""
    sparse = (columns.exemplars, columns.histograms)
    return (
        columns.values.tobytes(),
        columns.timestamps,
        columns.starts,
        str(columns.error),
        *(sorted((place, repr(found)) for place, found in each.items()) for each in sparse),
    )


def seeds(name: str, directory: Path) -> None:
    """Write the bodies that the fuzzer begins with, cut into what it can keep."""
    suffix = "pb" if name == "protobuf" else "txt"
    bodies = [path.read_bytes() for path in DATA.glob(f"*.{suffix}")]
    if name == "openmetrics":
        bodies = [path.read_bytes() for path in CORPUS.rglob("*") if path.is_file()]
    for number, body in enumerate(bodies):
        for at in range(0, len(body), LONGEST_BYTES):
            (directory / f"{number}-{at}").write_bytes(body[at : at + LONGEST_BYTES])


def main(arguments: Sequence[str]) -> None:
    """Fuzz one parser; does not return, as the fuzzer ends the process."""
    parser = argparse.ArgumentParser(description="Fuzz one of the exposition parsers.")
    parser.add_argument("parser", choices=FORMATS)
    parser.add_argument("--seconds", type=int, default=600)
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as corpus:
        seeds(options.parser, Path(corpus))
        flags = (
            f"-max_total_time={options.seconds}",
            f"-max_len={LONGEST_BYTES}",
            f"-timeout={SLOWEST_S}",
            f"-rss_limit_mb={MEMORY_MIB}",
        )
        atheris.Setup([sys.argv[0], *flags, corpus], target(FORMATS[options.parser]))
        atheris.Fuzz()


if __name__ == "__main__":
    main(sys.argv[1:])
