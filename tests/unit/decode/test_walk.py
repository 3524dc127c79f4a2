import pytest

from promscrape.decode.document import AliasNode, ListNode, ScalarNode
from promscrape.decode.kind import ListKind, TextKind
from promscrape.decode.syntax import START
from promscrape.decode.walk import TooManyAliases, Walk

TEXT = TextKind(str, str)
SCALAR = ScalarNode(START, "", "x", plain=True)


TEXTS = ListKind(TEXT, "[]string")
ALIAS = AliasNode(START, "x", ListNode(START, "", [SCALAR] * 60))


def read_aliases(walk: Walk, count: int) -> None:
    """Read `count` aliases, each 62 nodes of which 61 lie behind it: a share of 98.4 %."""
    for _ in range(count):
        walk.read(ALIAS, TEXTS, ())


def test_a_small_document_may_be_almost_all_aliases() -> None:
    """yaml.v2: up to 99 % of 400,000 nodes may lie behind aliases."""
    read_aliases(Walk(), 6000)


def test_a_larger_document_may_not() -> None:
    """yaml.v2: the share shrinks to 10 % at 4,000,000 nodes."""
    walk = Walk()
    read_aliases(walk, 6000)
    with pytest.raises(TooManyAliases):
        read_aliases(walk, 2000)
