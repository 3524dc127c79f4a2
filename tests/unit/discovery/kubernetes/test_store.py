"""What is known of a kind of object, and who is told of changes."""

from promscrape.discovery.kubernetes.objects import Labeled, Meta
from promscrape.discovery.kubernetes.store import Index, Store


def item(name: str, namespace: str = "a", **labels: str) -> Labeled:
    return Labeled(Meta(name=name, namespace=namespace, labels=labels))


class Told:
    """A store, and the changes that it told of: names before and after."""

    def __init__(self) -> None:
        self.store = Store[Labeled]()
        self.changes: list[tuple[object, object]] = []
        self.store.listen(lambda old, new: self.changes.append((old, new)))


def test_listeners_get_old_and_new() -> None:
    """K-12: ADDED and MODIFIED are the same to a store."""
    told, first, second = Told(), item("p"), item("p", x="1")
    assert not told.store.put(first)
    assert told.store.put(second)
    assert told.store.get(("a", "p")) is second
    assert told.store.remove(("a", "p"))
    assert not told.store.remove(("a", "p"))
    assert told.changes == [(None, first), (first, second), (second, None)]
    assert len(told.store) == 0
    assert told.store.get(("a", "p")) is None


def test_what_is_equal_is_no_change() -> None:
    """K-17: it is there already, and counts as seen."""
    told = Told()
    told.store.put(item("p"))
    assert told.store.put(item("p"))
    assert len(told.changes) == 1


def test_a_list_of_one_namespace_says_nothing_of_the_others() -> None:
    """K-4, K-17: one store takes the objects of several watches."""
    store = Store[Labeled]()
    for name, namespace in (("p", "a"), ("q", "a"), ("p", "b"), ("r", "c")):
        store.put(item(name, namespace))
    assert store.vanished("a", {"a": {"p"}}) == [("a", "q")]
    assert store.vanished("b", {}) == [("b", "p")]
    assert sorted(store.vanished("", {"a": {"p", "q"}, "b": {"p"}})) == [("c", "r")]
    assert store.vanished("unknown", {}) == []
    assert sorted(store.in_namespace("a")) == [("a", "p"), ("a", "q")]


def test_an_index_follows_what_objects_mention() -> None:
    """K-22: the one that a change takes out of it is found no more."""
    store = Store[Labeled]()
    index = Index(store, lambda one: (one.metadata.labels or {}).values())
    store.put(item("p", x="1", y="1", z="2"))
    store.put(item("q", x="2"))
    assert index.find("1") == (("a", "p"),)
    assert index.find("2") == (("a", "p"), ("a", "q"))
    store.put(item("p", x="3"))
    assert index.find("1") == ()
    assert index.find("2") == (("a", "q"),)
    store.remove(("a", "p"))
    assert index.find("3") == ()
