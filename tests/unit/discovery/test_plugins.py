"""Kinds that other packages bring, before and after their code is loaded."""

from collections.abc import Mapping, Sequence
from importlib.metadata import EntryPoint
from typing import final

import pytest

from promscrape.discovery.plugins import GROUP, Guarded, Plugin, plugins_by_key
from promscrape.discovery.provider import Publish
from promscrape.discovery.target_group import TargetGroup
from promscrape.errors import ConfigError, DiscoveryError

SOUND = TargetGroup(({"__address__": "a:1"},), {"x": "y"}, "s")


def entry_point(name: str, value: str) -> EntryPoint:
    return EntryPoint(name, value, GROUP)


def test_a_plugin_is_not_loaded_to_know_its_key() -> None:
    """P-4: a package that takes long, or cannot be imported, costs nothing unless it is used."""
    plugins = plugins_by_key([entry_point("demo", "no_such_package:KIND")], ["dns"])
    assert list(plugins) == ["demo_sd_configs"]
    with pytest.raises(ModuleNotFoundError):
        plugins["demo_sd_configs"].kind  # noqa: B018 - what it loads is the point


@pytest.mark.parametrize(
    ("values", "owners"),
    [
        ([("demo", "one:KIND"), ("demo", "other:KIND")], ("one:KIND", "other:KIND")),
        ([("dns", "one:KIND")], ("promscrape", "one:KIND")),
    ],
)
def test_one_name_from_two_packages_is_refused(
    values: Sequence[tuple[str, str]], owners: tuple[str, str]
) -> None:
    """P-4, test 27: with both named."""
    with pytest.raises(ConfigError) as caught:
        plugins_by_key([entry_point(*value) for value in values], ["dns"])
    assert all(owner in str(caught.value) for owner in owners)


@pytest.mark.parametrize(
    ("name", "value", "error"),
    [
        ("demo", "promscrape.discovery.dns:KIND", "is not a Kind named demo"),
        ("demo", "promscrape.discovery.dns:DnsSDConfig", "is not a Kind named demo"),
    ],
)
def test_an_entry_point_that_is_no_kind_is_refused(name: str, value: str, error: str) -> None:
    """P-4: under its own name, so that a metric or a log says the same as the configuration."""
    with pytest.raises(DiscoveryError, match=error):
        Plugin(entry_point(name, value)).kind  # noqa: B018 - what it loads is the point


@final
class Publishing:
    def __init__(self, group: object) -> None:
        self.group = group

    async def run(self, publish: Publish) -> None:
        publish([self.group])  # type: ignore[list-item]  # what the tests are about


async def published_by(group: object) -> list[TargetGroup]:
    found: list[TargetGroup] = []
    await Guarded(Publishing(group)).run(found.extend)
    return found


@pytest.mark.parametrize(
    ("group", "error"),
    [
        ({"targets": []}, "published dict instead of a TargetGroup"),
        (None, "published NoneType instead of a TargetGroup"),
        (TargetGroup(SOUND.targets, {}, 1), "instead of a TargetGroup"),  # type: ignore[arg-type]
        (TargetGroup(({},), {}, "s"), "a target without __address__"),
        (TargetGroup(("a:1",), {}, "s"), "published str instead of labels"),  # type: ignore[arg-type]
        (TargetGroup((), {"a": 1}, "s"), "published int as the value of a"),  # type: ignore[dict-item]
        (TargetGroup((), {"": "a"}, "s"), "published '' as a label's name"),
        (TargetGroup((), {"a": "\udcff"}, "s"), "published str as the value of a"),
    ],
)
async def test_what_is_no_group_is_refused(group: object, error: str) -> None:
    """P-8: it would end in a scrape manager that all jobs share."""
    with pytest.raises(DiscoveryError, match=error):
        await published_by(group)


async def test_what_is_published_cannot_be_changed_afterwards() -> None:
    """P-8: groups are shared by all jobs, and compared with what they were."""
    own: dict[str, str] = {"__address__": "a:1"}
    shared: Mapping[str, str] = {"x": "y"}
    (group,) = await published_by(TargetGroup((own,), shared, "s"))
    own["__address__"] = "b:2"
    assert group == SOUND
