"""Target groups: what a provider of targets publishes."""

from collections.abc import Mapping
from typing import final

import msgspec

ADDRESS_LABEL = "__address__"


@final
class TargetGroup(msgspec.Struct, frozen=True):
    """Targets that share labels.

    targets: the labels of each, `__address__` among them; they win over those of the group.
    source: unique within one provider and stable over time. A group published under the source
        of an earlier one replaces it, one without targets removes it. It is never a label.
    """

    targets: tuple[Mapping[str, str], ...]
    labels: Mapping[str, str]
    source: str
