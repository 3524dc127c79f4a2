"""One configuration file on its way from bytes to sections, and everything found wrong in it."""

import re
from collections.abc import Sequence
from typing import TypeVar, cast, final

from promscrape.decode.annotation import struct_kind
from promscrape.decode.document import Content, MapNode, ScalarNode, compose, locate
from promscrape.decode.kind import ListKind, MaybeKind, survives
from promscrape.decode.mapping import StructKind
from promscrape.decode.masking import is_below_secret, masked_anchor, masked_line, masked_text
from promscrape.decode.scalar import is_null
from promscrape.decode.schema import REFUSED, ConfigStruct
from promscrape.decode.syntax import LINE_BREAK, START, Unreadable
from promscrape.decode.walk import Fault, Path, Stage, TooManyAliases, Walk
from promscrape.errors import ConfigError, Problem
from promscrape.model.invalid import InvalidValue
from promscrape.model.quoting import quote
from promscrape.model.secret import MASK

S = TypeVar("S", bound=ConfigStruct)

_MAX_SHOWN = 200  # characters of a source line; a longer one would bury the message

_GO_LINE = re.compile(r"^yaml: line [0-9]+: ")
_PLAIN_KEY = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")


@final
class Decoding:
    """Reads one file; ask for `error` when all has been read and checked."""

    def __init__(self, source: bytes, file: str) -> None:
        self._source, self._file = source, file
        self._walk = Walk()
        self._root: Content | None = None
        self._is_readable = True
        try:
            self._root = compose(source)
        except Unreadable as exc:
            self._is_readable = False
            message = str(exc)
            if self._may_name_secret(exc.place.line):
                message = masked_anchor(message)
            self._walk.hard(exc.place, (), message, exc.hint)

    def _may_name_secret(self, number: int) -> bool:
        """Whether a line of text that is not YAML holds a secret, or may be part of one."""
        lines = self._lines()
        line = "".join(lines[number - 1 : number])  # The end of the text may be behind them all.
        return masked_line(line) != line or is_below_secret(lines, number)

    def _lines(self) -> list[str]:
        return LINE_BREAK.split(self._source.decode("utf-8", "replace").removeprefix("\ufeff"))

    @property
    def faults(self) -> list[Fault]:
        return self._walk.faults

    def read(self, struct: type[S]) -> S:
        """Return the root section, with whatever of it could be read.

        A field that was refused is REFUSED where its annotation allows it, and otherwise has its
        default. Rules of the root itself are not checked.
        """
        kind = struct_kind(struct)
        try:
            values = self._values(kind)
        except TooManyAliases:
            self._walk.hard(START, (), "yaml: document contains excessive aliasing")
            values = {}
        return cast(S, kind.build(values))

    def read_items(self, struct: type[S]) -> tuple[S | None, ...]:
        """Return the sections of a root that is a list of them, null ones as None.

        Those that were refused are left out.
        """
        root = self._root
        if root is None:
            return ()
        kind = ListKind(
            MaybeKind(struct_kind(struct), none=True, survivable=True), f"[]{struct.go_item}"
        )
        try:
            items = self._walk.read(root, kind, ())
        except TooManyAliases:
            self._walk.hard(START, (), "yaml: document contains excessive aliasing")
            return ()
        if not isinstance(items, tuple):
            return ()
        return tuple(item for item in items if item is not REFUSED)

    def _values(self, kind: StructKind) -> dict[str, object]:
        values: dict[str, object] = {}
        root = self._root
        if isinstance(root, MapNode):
            kind.fill(values, root, self._walk, ())
        elif root is not None and not (isinstance(root, ScalarNode) and is_null(root)):
            self._walk.wrong_kind(root, kind.go_name, ())
        return {k: v for k, v in values.items() if survives(kind.fields[k].kind, [v])}

    def refuse(self, path: Path, invalid: InvalidValue, stage: Stage = Stage.FILE) -> None:
        """Note a rule that the file breaks at `path` and that takes more than a section to see."""
        path = (*path, *invalid.at)
        place = locate(self._root, path, on_key=invalid.on_key) if self._root else START
        self._walk.faults.append(Fault(stage, place, path, str(invalid), invalid.hint))

    def error(self, prefix: str) -> ConfigError | None:
        """Return all that is wrong, None if nothing is. `prefix` begins Prometheus's message."""
        if not self.faults:
            return None
        stage = min(fault.stage for fault in self.faults)
        met = [fault for fault in self.faults if fault.stage == stage]
        message = met[0].message
        if stage is Stage.SOFT:
            lines = (f"line {fault.place.line}: {fault.message}" for fault in met)
            message = "\n  ".join(["yaml: unmarshal errors:", *lines])
        if stage is not Stage.AGENT:
            message = f"{prefix}{message}"
        return ConfigError(masked_text(message), self._problems())

    def _problems(self) -> tuple[Problem, ...]:
        lines = self._lines()
        # What is wrong under an anchor is met again at each alias: once is enough for people.
        once = {(fault.place, fault.message): fault for fault in reversed(self.faults)}
        return tuple(
            self._problem(fault, lines) for fault in sorted(once.values(), key=lambda f: f.place)
        )

    def _problem(self, fault: Fault, lines: list[str]) -> Problem:
        place = fault.place
        line = self._shown(lines, place.line) if place.line <= len(lines) else ""
        return Problem(
            file=self._file,
            line=place.line,
            column=place.column,
            path=masked_text(path_text(fault.path)),
            # yaml.v2's line can be one off the place, which would only confuse.
            message=masked_text(_GO_LINE.sub("yaml: ", fault.message)),
            source_line=line if len(line) <= _MAX_SHOWN else "",
            hint=masked_text(fault.hint),
        )

    def _shown(self, lines: Sequence[str], number: int) -> str:
        """Return the line without secrets, "" where they cannot be told from the rest."""
        if not self._is_readable and is_below_secret(lines, number):
            return ""
        line = lines[number - 1]
        hidden = [(place, text) for place, text in self._walk.hidden if place.line == number]
        for place, text in sorted(hidden, reverse=True):
            begin = line.find(text, place.column - 1)
            if begin < 0:
                return ""  # It is written with escapes, or on more than one line.
            line = f"{line[:begin]}{MASK if text else ''}{line[begin + len(text) :]}"
        return masked_line(line)


def path_text(path: Path) -> str:
    """Return `scrape_configs[0].labels["a-b"]` for the keys and indexes of a path."""
    text = ""
    for step in path:
        if isinstance(step, int):
            text += f"[{step}]"
        elif _PLAIN_KEY.fullmatch(step):
            text += f".{step}" if text else step
        else:
            text += f"[{quote(step)}]"
    return text
