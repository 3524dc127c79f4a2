"""What a job does with a body that is not wholly good: promscrape's own keys."""

from collections.abc import Callable
from enum import StrEnum
from typing import Annotated, TypeAlias, TypeVar

from promscrape.decode.schema import Via
from promscrape.model.invalid import InvalidValue
from promscrape.model.quoting import quote


class OnBadLine(StrEnum):
    """Whether a line that breaks the format fails the scrape or is left out of it."""

    FAIL = "fail"
    SKIP = "skip"


class OnSampleLimit(StrEnum):
    """Whether samples over `sample_limit` fail the scrape or are left out, new series first."""

    FAIL = "fail"
    KEEP_KNOWN = "keep_known"


Choice = TypeVar("Choice", OnBadLine, OnSampleLimit)


def _one_of(key: str, choices: type[Choice]) -> Callable[[str], Choice]:
    def parse(text: str) -> Choice:
        try:
            return choices(text)
        except ValueError:
            words = " and ".join(choices)
            raise InvalidValue(f"unknown {key} {quote(text)}", hint=f"it takes {words}") from None

    return parse


BadLineChoice: TypeAlias = Annotated[
    OnBadLine, Via(_one_of("on_bad_line", OnBadLine), lambda: OnBadLine.FAIL)
]
SampleLimitChoice: TypeAlias = Annotated[
    OnSampleLimit, Via(_one_of("on_sample_limit", OnSampleLimit), lambda: OnSampleLimit.FAIL)
]
