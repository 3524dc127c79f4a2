"""Discovery: any change of an entry that loads either loads or is refused with a place."""

from collections.abc import Mapping

import msgspec
import yaml
from hypothesis import given
from hypothesis import strategies as st

from promscrape.config.dump import dump
from tests.conformance.test_discovery_config import ACCEPTED, AcceptedEntry
from tests.property.test_config import config_of

values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=5)
    | st.sampled_from(["", "0s", "5x", "://", "http://[", "a,b", "a in (", "a=b=c", "/", "pod"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["a", "role", "label", "field", "name"]), inner, max_size=3
        )
    ),
    max_leaves=6,
)


@st.composite
def changed_entries(draw: st.DrawFn) -> tuple[AcceptedEntry, Mapping[str, object]]:
    """An entry that loads, with one of its keys, or one of another's of its kind, changed."""
    case = draw(st.sampled_from(ACCEPTED))
    siblings = [yaml.safe_load(each.entry) for each in ACCEPTED if each.kind == case.kind]
    keys = sorted({key for entry in siblings for key in entry} | {"basic_auth", "unknown"})
    return case, {**yaml.safe_load(case.entry), draw(st.sampled_from(keys)): draw(values)}


@given(changed_entries())
def test_a_changed_entry_loads_or_is_refused(
    changed: tuple[AcceptedEntry, dict[str, object]],
) -> None:
    """Nothing on disk is trusted: no other error comes out of it, and what loads can be dumped."""
    case, entry = changed
    file = {"scrape_configs": [{"job_name": "a", f"{case.kind}_sd_configs": [entry]}]}
    config = config_of(msgspec.json.encode(file))
    assert config is None or f"{case.kind}_sd_configs:" in dump(config)
