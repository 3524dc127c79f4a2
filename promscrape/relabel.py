"""Relabeling: rules that rewrite the labels of a target or a sample, or drop it.

Source: Prometheus model/relabel. Pure: labels in, labels out. An absent label and an empty one
are the same throughout, so setting a label to "" deletes it.
"""

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from enum import StrEnum
from functools import cached_property
from typing import Annotated, ClassVar, NoReturn, TypeAlias, final

import msgspec

from promscrape.decode.schema import ConfigStruct, GoName, LabelName, UInt64, Via
from promscrape.model.invalid import InvalidValue
from promscrape.model.labels import ValidationScheme
from promscrape.model.quoting import quote
from promscrape.model.regex import Regex
from promscrape.model.template import Template


@final
class RelabelAction(StrEnum):
    """What a rule does."""

    REPLACE = "replace"
    KEEP = "keep"
    DROP = "drop"
    KEEP_EQUAL = "keepequal"
    DROP_EQUAL = "dropequal"
    HASHMOD = "hashmod"
    LABEL_MAP = "labelmap"
    LABEL_DROP = "labeldrop"
    LABEL_KEEP = "labelkeep"
    LOWERCASE = "lowercase"
    UPPERCASE = "uppercase"


def relabel_action(text: str) -> RelabelAction:
    """Read an action's name, in any case. Raises InvalidValue."""
    try:
        return RelabelAction(text.lower())
    except ValueError:
        actions = ", ".join(RelabelAction)
        raise InvalidValue(
            f"unknown relabel action {quote(text)}", hint=f"the actions are {actions}"
        ) from None


def _no_action() -> NoReturn:
    raise InvalidValue("relabel action cannot be empty")


DEFAULT_REGEX = Regex("(.*)")
_DEFAULT_SEPARATOR, _DEFAULT_REPLACEMENT = ";", "$1"
# A legacy name that references may stand in: env_${1}, $1, _${name}_x; not -env, ${}, a.b$1.
_LEGACY_TEMPLATE = Regex(r"(?:(?:[a-zA-Z_]|\$(?:\{\w+\}|\w+))+\w*)+")


@final
class RelabelConfig(ConfigStruct, frozen=True, kw_only=True, dict=True):
    """One rule of `relabel_configs`, `metric_relabel_configs` or the like.

    A regex that is not written is the object DEFAULT_REGEX itself: `keepequal` and `dropequal`
    refuse one that is, even where it says the same.
    """

    go_type: ClassVar[str] = "relabel.plain"
    go_item: ClassVar[str] = "*relabel.Config"

    source_labels: Annotated[tuple[LabelName, ...], GoName("model.LabelNames")] = ()
    separator: str = _DEFAULT_SEPARATOR
    regex: Regex = DEFAULT_REGEX
    modulus: UInt64 = 0
    target_label: str = ""
    replacement: str = _DEFAULT_REPLACEMENT
    action: Annotated[RelabelAction, Via(relabel_action, _no_action)] = RelabelAction.REPLACE

    def fault(self, scheme: ValidationScheme) -> InvalidValue | None:
        """Return the first check that the rule fails in a job with this scheme, if any.

        Apart from a section's own `check` because the scheme may come from `global`.
        """
        return self._missing() or self._ill_named(scheme) or self._superfluous()

    @cached_property
    def target(self) -> Template:
        """`target_label`, ready for the groups of `regex`."""
        return Template.parse(self.target_label, self.regex)

    @cached_property
    def result(self) -> Template:
        """`replacement`, ready for the groups of `regex`."""
        return Template.parse(self.replacement, self.regex)

    def source(self, labels: Mapping[str, str]) -> str:
        """Return the values of the source labels, joined; an absent one is empty."""
        return self.separator.join([labels.get(name, "") for name in self.source_labels])

    def _missing(self) -> InvalidValue | None:
        if self.action is RelabelAction.HASHMOD and not self.modulus:
            return InvalidValue(
                "relabel configuration for hashmod requires non-zero modulus", at=("modulus",)
            )
        if self.action in _WITH_TARGET and not self.target_label:
            return InvalidValue(
                f"relabel configuration for {self.action} action requires 'target_label' value"
            )
        return None

    def _ill_named(self, scheme: ValidationScheme) -> InvalidValue | None:
        action, target = self.action, self.target_label
        if action is RelabelAction.REPLACE and "$" in target:
            sound = _allows_template(scheme, target)
        else:
            sound = action not in _WITH_TARGET or scheme.allows_label(target)
        if not sound:
            return InvalidValue(
                f"{quote(target)} is invalid 'target_label' for {action} action",
                at=("target_label",),
            )
        if action in _WITHOUT_REPLACEMENT and self.replacement != _DEFAULT_REPLACEMENT:
            return InvalidValue(
                f"'replacement' can not be set for {action} action", at=("replacement",)
            )
        if action is RelabelAction.LABEL_MAP and not _allows_template(scheme, self.replacement):
            return InvalidValue(
                f"{quote(self.replacement)} is invalid 'replacement' for labelmap action",
                at=("replacement",),
            )
        return None

    def _superfluous(self) -> InvalidValue | None:
        allowed, others = _ONLY.get(self.action, ("", ()))
        changed = next((name for name in others if self._is_set(name)), None)
        if changed is None:
            return None
        return InvalidValue(
            f"{self.action} action requires only {allowed}, and no other fields",
            at=(changed,),
            hint=f"remove `{changed}`",
        )

    def _is_set(self, name: str) -> bool:
        default = getattr(_DEFAULT_RULE, name)
        value = getattr(self, name)
        return value is not default if name == "regex" else value != default


_DEFAULT_RULE = RelabelConfig()
_EQUALITIES = frozenset({RelabelAction.KEEP_EQUAL, RelabelAction.DROP_EQUAL})
_NAME_FILTERS = frozenset({RelabelAction.LABEL_DROP, RelabelAction.LABEL_KEEP})
_WITHOUT_REPLACEMENT = _EQUALITIES | {RelabelAction.LOWERCASE, RelabelAction.UPPERCASE}
_WITH_TARGET = _WITHOUT_REPLACEMENT | {RelabelAction.REPLACE, RelabelAction.HASHMOD}

_TUNING = ("modulus", "separator", "replacement")
# What Prometheus says an action takes, and the fields that it does not.
_ONLY: Mapping[RelabelAction, tuple[str, tuple[str, ...]]] = {
    **dict.fromkeys(_EQUALITIES, ("'source_labels' and `target_label`", ("regex", *_TUNING))),
    **dict.fromkeys(_NAME_FILTERS, ("'regex'", ("source_labels", "target_label", *_TUNING))),
}


def _allows_template(scheme: ValidationScheme, text: str) -> bool:
    if scheme is ValidationScheme.LEGACY:
        return _LEGACY_TEMPLATE.matches(text)
    return scheme.allows_label(text)


def relabel(
    labels: Mapping[str, str], rules: Sequence[RelabelConfig], scheme: ValidationScheme
) -> dict[str, str] | None:
    """Return the labels after all rules, none of them empty, or None where a rule drops the set.

    `scheme` says which names `replace` may set. The rules must have passed `fault`.
    """
    result = _without_empty(labels)
    for rule in rules:
        if not _APPLY[rule.action](rule, result, scheme):
            return None
    return result


@final
class RelabelStep(msgspec.Struct, frozen=True):
    """What one rule of a sequence made of a label set: the labels after it, none once dropped."""

    rule: RelabelConfig
    labels: Mapping[str, str]
    keep: bool


def relabel_steps(
    labels: Mapping[str, str], rules: Sequence[RelabelConfig], scheme: ValidationScheme
) -> Iterator[RelabelStep]:
    """Yield what each rule does, for people who ask why; those after a drop keep nothing."""
    result, keep = _without_empty(labels), True
    for rule in rules:
        keep = keep and _APPLY[rule.action](rule, result, scheme)
        yield RelabelStep(rule, dict(result) if keep else {}, keep)


def _without_empty(labels: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in labels.items() if value}


def _set(labels: dict[str, str], name: str, value: str) -> None:
    if value:
        labels[name] = value
    else:
        labels.pop(name, None)


def _replace(rule: RelabelConfig, labels: dict[str, str], scheme: ValidationScheme) -> bool:
    groups = rule.regex.groups(rule.source(labels))
    if groups is not None:
        target = rule.target.expand(groups)
        # A target with references can expand to no name at all: then the rule does nothing.
        if scheme.allows_label(target):
            _set(labels, target, rule.result.expand(groups))
    return True


def _keep(rule: RelabelConfig, labels: dict[str, str], _: ValidationScheme) -> bool:
    return rule.regex.matches(rule.source(labels))


def _drop(rule: RelabelConfig, labels: dict[str, str], _: ValidationScheme) -> bool:
    return not rule.regex.matches(rule.source(labels))


def _keep_equal(rule: RelabelConfig, labels: dict[str, str], _: ValidationScheme) -> bool:
    return labels.get(rule.target_label, "") == rule.source(labels)


def _drop_equal(rule: RelabelConfig, labels: dict[str, str], _: ValidationScheme) -> bool:
    return labels.get(rule.target_label, "") != rule.source(labels)


def _hashmod(rule: RelabelConfig, labels: dict[str, str], _: ValidationScheme) -> bool:
    source = rule.source(labels).encode("utf-8", "surrogateescape")
    digest = hashlib.md5(source, usedforsecurity=False).digest()
    _set(labels, rule.target_label, str(int.from_bytes(digest[8:], "big") % rule.modulus))
    return True


def _label_map(rule: RelabelConfig, labels: dict[str, str], _: ValidationScheme) -> bool:
    for name, value in sorted(labels.items()):
        groups = rule.regex.groups(name)
        if groups is not None and (target := rule.result.expand(groups)):
            # Prometheus would set a label without a name here; nothing could be done with it.
            labels[target] = value
    return True


def _label_drop(rule: RelabelConfig, labels: dict[str, str], _: ValidationScheme) -> bool:
    for name in [name for name in labels if rule.regex.matches(name)]:
        del labels[name]
    return True


def _label_keep(rule: RelabelConfig, labels: dict[str, str], _: ValidationScheme) -> bool:
    for name in [name for name in labels if not rule.regex.matches(name)]:
        del labels[name]
    return True


def _lowercase(rule: RelabelConfig, labels: dict[str, str], _: ValidationScheme) -> bool:
    _set(labels, rule.target_label, "".join(map(_simple_lower, rule.source(labels))))
    return True


def _uppercase(rule: RelabelConfig, labels: dict[str, str], _: ValidationScheme) -> bool:
    _set(labels, rule.target_label, "".join(map(_simple_upper, rule.source(labels))))
    return True


def _simple_lower(char: str) -> str:
    # Of all characters only U+0130 has a lower case of several: Unicode's simple one is `i`.
    return lower if len(lower := char.lower()) == 1 else lower[0]


def _simple_upper(char: str) -> str:
    """Return Unicode's simple upper case, one character for one, as Go's unicode.ToUpper.

    Where Python knows only a full one (`ß` to `SS`), the title case is the simple one, if it is
    one character, and otherwise there is none.
    """
    upper, title = char.upper(), char.title()
    if len(upper) == 1:
        return upper
    return title if len(title) == 1 else char


_Apply: TypeAlias = Callable[[RelabelConfig, dict[str, str], ValidationScheme], bool]
_APPLY: Mapping[RelabelAction, _Apply] = {
    RelabelAction.REPLACE: _replace,
    RelabelAction.KEEP: _keep,
    RelabelAction.DROP: _drop,
    RelabelAction.KEEP_EQUAL: _keep_equal,
    RelabelAction.DROP_EQUAL: _drop_equal,
    RelabelAction.HASHMOD: _hashmod,
    RelabelAction.LABEL_MAP: _label_map,
    RelabelAction.LABEL_DROP: _label_drop,
    RelabelAction.LABEL_KEEP: _label_keep,
    RelabelAction.LOWERCASE: _lowercase,
    RelabelAction.UPPERCASE: _uppercase,
}
"""Each changes the labels in place and returns whether the set is kept."""
