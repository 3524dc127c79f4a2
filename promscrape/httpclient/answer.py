"""Chooses what reads answers: the compiled twin, or the plain one."""

from typing import TYPE_CHECKING

from promscrape.httpclient.answer_error import HEAD_BYTES, BodyTooLarge, UnusualAnswer
from promscrape.twins import COMPILED

if TYPE_CHECKING or not COMPILED:
    from promscrape.httpclient._answer_py import AnswerReader
else:
    from promscrape.httpclient._answer_c import AnswerReader

__all__ = ["HEAD_BYTES", "AnswerReader", "BodyTooLarge", "UnusualAnswer"]
