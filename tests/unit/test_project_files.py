"""The files around the code say the same as the code, and as each other."""

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

# What Dockerfile copies from the build's own context, without COPY --from.
COPIED = re.compile(r"^COPY (?!--)(.+) \S+$", re.MULTILINE)
LINK = re.compile(r"\[[^\]]*\]\(([^)#\s]*)(?:#([^)\s]+))?\)")

PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])


def anchors(page: Path) -> set[str]:
    """Return the anchors that a page's headings get: small letters, blanks as hyphens."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_somewhere(page: Path) -> None:
    """A page that was moved, and a heading that was renamed, leave no dead link behind."""
    dead = [
        f"{path}#{anchor}"
        for path, anchor in LINK.findall(page.read_text())
        if "://" not in path and not _exists(page.parent / path if path else page, anchor)
    ]
    assert dead == []


def _exists(target: Path, anchor: str) -> bool:
    return target.exists() and (not anchor or anchor in anchors(target))


def test_the_image_is_labeled_with_the_version() -> None:
    """The label is what an operator sees of an image without running it."""
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]

    assert f'image.version="{version}"' in (ROOT / "Dockerfile").read_text()
    assert re.search(
        rf"^## \[{version}\]|will be {version}", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE
    )


def test_what_the_image_is_built_from_reaches_the_build() -> None:
    """The ignore file refuses everything that it does not name, so the two lists must agree."""
    copied = {
        name for line in COPIED.findall((ROOT / "Dockerfile").read_text()) for name in line.split()
    }
    ignore = (ROOT / ".dockerignore").read_text().splitlines()

    assert copied == {line[1:] for line in ignore if line.startswith("!")}
    assert all((ROOT / name).exists() for name in copied)
