"""The configuration that takes effect, as YAML that loads to the same configuration.

The form is that of Prometheus's `/api/v1/status/config`: keys in a fixed order, lists at the
indentation of their key, keys left out where value and default are both empty or zero.
"""

import base64
import math
import re
from collections.abc import Iterator, Mapping

import msgspec
import yaml

from promscrape.config.expansion import escape
from promscrape.config.global_ import GlobalConfig
from promscrape.config.root import Config
from promscrape.config.scrape import ScrapeConfig
from promscrape.decode.scalar import STR, plain
from promscrape.decode.schema import INLINE, Keyed
from promscrape.decode.walk import MERGE_KEY
from promscrape.httpclient.tls import TLSConfig
from promscrape.model.labels import Labels, is_utf8
from promscrape.model.secret import MASK, Secret
from promscrape.relabel import DEFAULT_REGEX, RelabelConfig
from promscrape.storage.remote.config import MetadataConfig, RemoteWriteConfig

# Keys that Prometheus prints even where they are false.
_ALWAYS: Mapping[type[msgspec.Struct], frozenset[str]] = {
    TLSConfig: frozenset({"insecure_skip_verify"}),
    MetadataConfig: frozenset({"send", "send_interval"}),
    GlobalConfig: frozenset({"scrape_native_histograms", "extra_scrape_metrics"}),
    ScrapeConfig: frozenset(
        {
            "track_timestamps_staleness",
            "scrape_native_histograms",
            "always_scrape_classic_histograms",
            "convert_classic_histograms_to_nhcb",
            "extra_scrape_metrics",
        }
    ),
}
# Keys that Prometheus does not know: it reads what is dumped where they are not put to use.
_OWN: Mapping[type[msgspec.Struct], frozenset[str]] = {
    ScrapeConfig: frozenset({"on_bad_line", "on_sample_limit"}),
}
_FLOW = frozenset({(RelabelConfig, "source_labels")})
_DUMPER = yaml.CSafeDumper if yaml.__with_libyaml__ else yaml.SafeDumper
# YAML 1.1's numbers such as 12:30, which Prometheus quotes for other readers' sake.
_BASE_60 = re.compile(r"[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?")
_NO_FOLDING = 2**31 - 1


def dump(config: Config) -> str:
    """Return the whole configuration, secrets masked."""
    return _yaml(config)


def dump_job(job: ScrapeConfig) -> str:
    """Return one job, as an entry of `scrape_configs` without its dash."""
    return _yaml(job)


def dump_destination(entry: RemoteWriteConfig) -> str:
    """Return one entry of `remote_write`; it names the entry as well as shows it."""
    return _yaml(entry)


def _yaml(section: msgspec.Struct) -> str:
    events = [
        yaml.StreamStartEvent(),
        yaml.DocumentStartEvent(explicit=False),
        *_section(section),
        yaml.DocumentEndEvent(explicit=False),
        yaml.StreamEndEvent(),
    ]
    text: str = yaml.emit(events, Dumper=_DUMPER, width=_NO_FOLDING, allow_unicode=True)
    return text


def _section(section: msgspec.Struct) -> Iterator[yaml.Event]:
    yield yaml.MappingStartEvent(None, None, implicit=True, flow_style=False)
    yield from _fields(section)
    yield yaml.MappingEndEvent()


def _fields(section: msgspec.Struct) -> Iterator[yaml.Event]:
    always = _ALWAYS.get(type(section), frozenset())
    own = _OWN.get(type(section), frozenset())
    for field in msgspec.structs.fields(section):
        value = getattr(section, field.name)
        if INLINE in getattr(field.type, "__metadata__", ()):
            yield from _fields(value)
        elif any(isinstance(mark, Keyed) for mark in getattr(field.type, "__metadata__", ())):
            yield from _entries(value)
        elif field.name in own and value == field.default:
            continue
        elif field.name in always or not _is_left_out(value, field.default):
            yield from _text(field.encode_name)
            yield from _value(value, flow=(type(section), field.name) in _FLOW)


def _is_left_out(value: object, default: object) -> bool:
    if value is None or value is DEFAULT_REGEX:
        return True
    if default is None:
        return False  # That an empty section or text is there means something.
    return not (_truth(value) or _truth(default))


def _truth(value: object) -> bool:
    """Whether something is set; a field without a default has empty ones, or is never empty."""
    if isinstance(value, msgspec.Struct):
        return any(_truth(getattr(value, name)) for name in value.__struct_fields__)
    return value is not msgspec.NODEFAULT and bool(value)


def _value(value: object, *, flow: bool = False) -> Iterator[yaml.Event]:
    if value is None:
        yield _plain("null")
    elif isinstance(value, msgspec.Struct):
        yield from _section(value)
    elif isinstance(value, Labels):
        yield from _mapping({name: escape(text) for name, text in value})
    elif isinstance(value, Mapping):
        yield from _mapping(value)
    elif isinstance(value, tuple):
        yield yaml.SequenceStartEvent(None, None, implicit=True, flow_style=flow)
        for item in value:
            yield from _value(item)
        yield yaml.SequenceEndEvent()
    elif isinstance(value, bool | int | float):
        yield _plain(_number(value))
    elif isinstance(value, Secret):
        yield from _text(MASK if value else "")
    else:
        yield from _text(str(value))


def _mapping(mapping: Mapping[str, object]) -> Iterator[yaml.Event]:
    yield yaml.MappingStartEvent(None, None, implicit=True, flow_style=not mapping)
    yield from _entries(mapping)
    yield yaml.MappingEndEvent()


def _entries(mapping: Mapping[str, object]) -> Iterator[yaml.Event]:
    for key in sorted(mapping):
        yield from _text(key)
        yield from _value(mapping[key])


def _number(value: float) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if math.isnan(value):
        return ".nan"
    if math.isinf(value):
        return ".inf" if value > 0 else "-.inf"
    # Without its fraction a negative zero would read as the integer 0.
    return repr(value).removesuffix(".0") if value else repr(value)


def _text(text: str) -> Iterator[yaml.Event]:
    if not is_utf8(text):
        raw = base64.b64encode(text.encode("utf-8", "surrogateescape")).decode("ascii")
        yield yaml.ScalarEvent(None, "tag:yaml.org,2002:binary", (False, False), raw)
    elif "\n" in text or text == MERGE_KEY or plain(text)[0] != STR or _BASE_60.fullmatch(text):
        # Without quotes some reader would see a number, a switch, a date or a merge.
        yield yaml.ScalarEvent(None, None, (True, True), text, style='"')
    else:
        yield _plain(text)


def _plain(text: str) -> yaml.Event:
    return yaml.ScalarEvent(None, None, (True, True), text)
