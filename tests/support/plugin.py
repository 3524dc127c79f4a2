"""Packages that bring a kind of discovery, as an installer leaves them in a folder."""

import re
import subprocess
import sys
from pathlib import Path

EXTENDING = Path(__file__).parents[2] / "docs" / "extending.md"


def install(folder: Path, package: str, names: str, source: str) -> None:
    """Put a package there that brings these kinds, each from an attribute `<name>`."""
    module = package.replace("-", "_")
    (folder / f"{module}.py").write_text(source)
    info = folder / f"{module}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
    lines = [f"{name} = {module}:{name}" for name in names.split()]
    (info / "entry_points.txt").write_text("\n".join(["[promscrape.discovery]", *lines, ""]))


def example_sources() -> dict[str, str]:
    """Return the files of the example in docs/extending.md, by their names."""
    blocks = re.findall(
        r"^`([\w.]+)`:\n\n```\w+\n(.+?)```", EXTENDING.read_text(), re.DOTALL | re.MULTILINE
    )
    return dict(blocks)


def install_example(folder: Path, sources: Path) -> None:
    """Build the example of docs/extending.md with pip, and install it to the folder."""
    sources.mkdir()
    for name, text in example_sources().items():
        (sources / name).write_text(text)
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps"]
    offline = ["--no-build-isolation", "--no-index", "--disable-pip-version-check"]
    subprocess.run([*command, *offline, f"--target={folder}", str(sources)], check=True)
