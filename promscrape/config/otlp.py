"""The section `otlp`: how metrics that come by OTLP would be translated."""

from collections.abc import Iterator, Sequence
from enum import StrEnum
from typing import ClassVar, Self, final

import msgspec

from promscrape.decode.schema import ConfigStruct
from promscrape.model.invalid import InvalidValue
from promscrape.model.labels import ValidationScheme
from promscrape.model.quoting import quote


@final
class TranslationStrategy(StrEnum):
    """What becomes of names."""

    ESCAPED_WITH_SUFFIXES = "UnderscoreEscapingWithSuffixes"
    ESCAPED = "UnderscoreEscapingWithoutSuffixes"
    UTF8_WITH_SUFFIXES = "NoUTF8EscapingWithSuffixes"
    UTF8 = "NoTranslation"


_NEED_UTF8 = frozenset({TranslationStrategy.UTF8_WITH_SUFFIXES, TranslationStrategy.UTF8})


@final
class OTLPConfig(ConfigStruct, frozen=True, kw_only=True):
    """The section `otlp`."""

    go_type: ClassVar[str] = "config.plain"
    null_is_default: ClassVar[bool] = True

    promote_all_resource_attributes: bool = False
    promote_resource_attributes: tuple[str, ...] = ()
    ignore_resource_attributes: tuple[str, ...] = ()
    translation_strategy: str = TranslationStrategy.ESCAPED_WITH_SUFFIXES
    keep_identifying_resource_attributes: bool = False
    convert_histograms_to_nhcb: bool = False
    promote_scope_metadata: bool = False
    label_name_underscore_sanitization: bool = True
    label_name_preserve_multiple_underscores: bool = True

    def check(self) -> Iterator[InvalidValue]:
        promoted, ignored = self.promote_resource_attributes, self.ignore_resource_attributes
        if self.promote_all_resource_attributes and promoted:
            yield InvalidValue(
                "'promote_all_resource_attributes' and 'promote_resource_attributes' cannot be "
                "configured simultaneously",
                at=("promote_resource_attributes",),
            )
        elif ignored and not self.promote_all_resource_attributes:
            yield InvalidValue(
                "'ignore_resource_attributes' cannot be configured unless "
                "'promote_all_resource_attributes' is true",
                at=("ignore_resource_attributes",),
            )
        else:
            yield from _list_faults("promote_resource_attributes", "promoted", promoted)
            yield from _list_faults("ignore_resource_attributes", "ignored", ignored)

    def strategy_faults(self, scheme: ValidationScheme) -> Iterator[InvalidValue]:
        """Yield what is wrong with the strategy under the global validation scheme."""
        name = self.translation_strategy
        at = ("translation_strategy",)
        if name and name not in set(TranslationStrategy):
            yield InvalidValue(
                f"unsupported OTLP translation strategy {quote(name)}",
                at=at,
                hint=f"the strategies are {', '.join(TranslationStrategy)}",
            )
        elif name in _NEED_UTF8 and scheme is ValidationScheme.LEGACY:
            yield InvalidValue(
                f"OTLP translation strategy {quote(name)} is not allowed when UTF8 is disabled",
                at=at,
            )

    def resolved(self) -> Self:
        return msgspec.structs.replace(
            self,
            promote_resource_attributes=_trimmed(self.promote_resource_attributes),
            ignore_resource_attributes=_trimmed(self.ignore_resource_attributes),
        )


def _trimmed(attributes: Sequence[str]) -> tuple[str, ...]:
    return tuple(attribute.strip() for attribute in attributes)


def _list_faults(key: str, adjective: str, attributes: Sequence[str]) -> Iterator[InvalidValue]:
    """Yield all that is wrong with a list as the one fault that Prometheus makes of it."""
    faults, seen = [], set[str]()
    for attribute in _trimmed(attributes):
        if not attribute:
            faults.append(f"empty {adjective} OTel resource attribute")
        elif attribute in seen:
            faults.append(f"duplicated {adjective} OTel resource attribute {quote(attribute)}")
        seen.add(attribute)
    if faults:
        yield InvalidValue(f"invalid '{key}': " + "\n".join(faults), at=(key,))
