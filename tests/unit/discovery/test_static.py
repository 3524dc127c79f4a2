from promscrape.discovery.static import StaticConfig, target_groups
from promscrape.discovery.target_group import TargetGroup


def test_each_entry_is_a_group_named_by_its_position() -> None:
    """R-3, config 7: all entries of a job are one provider's groups."""
    configs = (
        StaticConfig(targets=("a:1", "b:2"), labels={"env": "prod"}),
        StaticConfig(targets=("c:3",)),
    )

    assert target_groups(configs) == (
        TargetGroup(({"__address__": "a:1"}, {"__address__": "b:2"}), {"env": "prod"}, "0"),
        TargetGroup(({"__address__": "c:3"},), {}, "1"),
    )


def test_an_entry_without_targets_is_a_group_all_the_same() -> None:
    """Config 7: `{}` is valid, and the positions of the others stay."""
    assert target_groups((StaticConfig(), StaticConfig())) == (
        TargetGroup((), {}, "0"),
        TargetGroup((), {}, "1"),
    )


def test_no_entries_are_no_groups() -> None:
    """Config 5.1: a job without any discovery is valid."""
    assert target_groups(()) == ()
