"""The jobs of one file: the rules that take more than one section to see, and their effect."""

from collections.abc import Iterator, Sequence
from typing import TypeAlias, final

import msgspec

from promscrape.config.global_ import GlobalConfig, GlobalSection
from promscrape.config.inherit import check_global_escaping, check_inheritance, inherit
from promscrape.config.scrape import ScrapeConfig, ScrapeSection
from promscrape.decode.decoding import Decoding
from promscrape.decode.schema import REFUSED, Refused
from promscrape.model.invalid import InvalidValue
from promscrape.model.quoting import quote

JobSections: TypeAlias = Sequence[ScrapeSection | Refused | None]


@final
class Found(msgspec.Struct, frozen=True):
    """Where a job stands: in the included `file`, or in the main one where that is empty."""

    file: str
    index: int


def check_jobs(
    sections: JobSections,
    global_: GlobalSection | Refused,
    decoding: Decoding,
    found: dict[str, Found],
    *,
    file: str = "",
) -> None:
    """Refuse what is wrong with the jobs of a file; those that were refused already are left out.

    found: the jobs of the files before, by name; those of this one are added.
    """
    any_before = False
    for index, section in enumerate(sections):
        path = ("scrape_configs", index)
        if section is None:
            decoding.refuse(path, InvalidValue("empty or null scrape config section"))
        if not isinstance(section, ScrapeSection):
            continue
        if global_ is not REFUSED:
            if not any_before:
                for invalid in check_global_escaping(global_):
                    decoding.refuse(path if file else ("global",), invalid)
            for invalid in check_inheritance(section, global_):
                decoding.refuse(path, invalid)
        any_before = True
        here = Found(file, index)
        first = found.setdefault(section.job_name, here)
        if first is not here:
            decoding.refuse(path, _duplicate(section.job_name, first, file))


def _duplicate(name: str, first: Found, file: str) -> InvalidValue:
    message = f"found multiple scrape configs with job name {quote(name)}"
    if file:
        where = quote(first.file) if first.file else "main config file"
        message += f", first found in {where}"
    of = "" if first.file == file else f" of {first.file or 'the main file'}"
    hint = f"scrape_configs[{first.index}]{of} has it too"
    return InvalidValue(message, at=("job_name",), hint=hint)


def jobs_in_effect(sections: JobSections, global_: GlobalConfig) -> Iterator[ScrapeConfig]:
    """Yield the jobs of a file that has passed every check and has its paths joined."""
    for section in sections:
        if isinstance(section, ScrapeSection):
            yield inherit(section, global_)
