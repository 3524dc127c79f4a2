from typing import Annotated

import pytest

from promscrape.decode.annotation import kind_of
from promscrape.decode.schema import GoName


@pytest.mark.parametrize(
    "annotation", [bytes, 5, list[str], Annotated[bool, GoName("x")], Annotated[str, "x"]]
)
def test_a_type_that_nothing_reads_is_a_bug(annotation: object) -> None:
    """A section declared with it must not wait for a user's file to fail."""
    with pytest.raises(TypeError, match="no kind reads"):
        kind_of(annotation)


def test_kinds_are_made_once() -> None:
    """A file has thousands of relabel rules."""
    assert kind_of(str | None) is kind_of(str | None)
