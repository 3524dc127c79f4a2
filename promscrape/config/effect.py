"""From sections as they are written to sections as they take effect, wherever they stand.

A path that starts from the directory of its file is joined to it, and each section has its say in
`ConfigStruct.resolved`. Which fields are concerned follows from their annotations, once a type:
most of a configuration is passed over.
"""

import functools
import os
import types
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, TypeAlias, TypeVar, Union, cast, get_args, get_origin

import msgspec

from promscrape.decode.schema import REFUSED, RELATIVE, ConfigStruct

S = TypeVar("S", bound=ConfigStruct)

Effect: TypeAlias = Callable[[object, Path], object]
"""What a value is in effect, in a file in this absolute directory."""


def in_effect(section: S, directory: Path) -> S:
    """Return the section as it takes effect, in a file in the absolute `directory`."""
    effect = _effect_of(type(section))
    return cast(S, effect(section, directory)) if effect else section


def joined(directory: Path, path: str) -> str:
    """Return `path` as seen from `directory`; an absolute or empty one as it is."""
    if not path or Path(path).is_absolute():
        return path
    return os.path.normpath(directory / path)


@functools.cache
def _effect_of(annotation: object) -> Effect | None:
    """Return what takes effect of values annotated so, None where they are as they stand."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _join if RELATIVE in arguments else _effect_of(arguments[0])
    if origin in {Union, types.UnionType}:
        return next(filter(None, map(_effect_of, arguments)), None)
    if origin is tuple:
        item = _effect_of(arguments[0])
        return item and functools.partial(_tuple, item)
    if origin is Mapping:
        value = _effect_of(arguments[1])
        return value and functools.partial(_mapping, value)
    if annotation is ConfigStruct:
        return _own
    if isinstance(annotation, type) and issubclass(annotation, ConfigStruct):
        return _effect_of_section(annotation)
    return None


def _effect_of_section(struct: type[ConfigStruct]) -> Effect | None:
    effects = {field.name: _effect_of(field.type) for field in msgspec.structs.fields(struct)}
    concerned = {name: effect for name, effect in effects.items() if effect}
    if not concerned and struct.resolved is ConfigStruct.resolved:
        return None
    return functools.partial(_section, concerned)


def _section(effects: Mapping[str, Effect], value: object, directory: Path) -> object:
    if not isinstance(value, ConfigStruct):
        assert value is None or value is REFUSED
        return value
    changes = {}
    for name, effect in effects.items():
        written = getattr(value, name)
        changed = effect(written, directory)
        if changed is not written:
            changes[name] = changed
    return (msgspec.structs.replace(value, **changes) if changes else value).resolved()


def _own(value: object, directory: Path) -> object:
    """Return a section in effect by its own type, where its place does not tell that."""
    return in_effect(value, directory) if isinstance(value, ConfigStruct) else value


def _join(value: object, directory: Path) -> object:
    return joined(directory, value) if isinstance(value, str) else value


def _tuple(item: Effect, value: object, directory: Path) -> object:
    if not value:
        return value
    assert isinstance(value, tuple)
    return tuple(item(each, directory) for each in value)


def _mapping(item: Effect, value: object, directory: Path) -> object:
    if not value:
        return value
    assert isinstance(value, Mapping)
    return {key: item(each, directory) for key, each in value.items()}
