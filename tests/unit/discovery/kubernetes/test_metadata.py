"""Labels from an object's metadata."""

from promscrape.discovery.kubernetes.metadata import meta_labels, name_label
from promscrape.discovery.kubernetes.objects import Meta

K = "__meta_kubernetes_"


def test_each_label_and_annotation_has_a_twin_that_says_it_is_there() -> None:
    """Discovery 63: with an empty value, the twin alone is effective."""
    meta = Meta(name="n", labels={"test/label": "v", "empty": ""}, annotations={"a.b/c": "w"})
    assert name_label("service", meta) == {
        f"{K}service_name": "n",
        f"{K}service_label_test_label": "v",
        f"{K}service_labelpresent_test_label": "true",
        f"{K}service_label_empty": "",
        f"{K}service_labelpresent_empty": "true",
        f"{K}service_annotation_a_b_c": "w",
        f"{K}service_annotationpresent_a_b_c": "true",
    }


def test_of_keys_with_one_name_the_last_wins() -> None:
    """Discovery, reading rules: whatever the order in which the server sends them."""
    for labels in ({"a.b": "dot", "a-b": "dash"}, {"a-b": "dash", "a.b": "dot"}):
        made = meta_labels("pod", Meta(name="n", labels=labels))
        assert made[f"{K}pod_label_a_b"] == "dot"


def test_an_object_without_metadata_of_its_own_has_its_name() -> None:
    """Discovery 3.5: OMN."""
    assert name_label("node", Meta(name="n")) == {f"{K}node_name": "n"}
    assert meta_labels("namespace", Meta(name="n")) == {}
