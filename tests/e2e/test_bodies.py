"""One body after the other, scraped by Debian's Prometheus and by the installed daemon."""

import math
import shutil
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import NamedTuple

import msgspec

from tests.support.peers import Launcher, Scraper, Series, eventually

DATA = Path(__file__).parents[1] / "data"
TEXT = "text/plain; version=0.0.4"
OPENMETRICS = "application/openmetrics-text; version=1.0.0"
NUMERIC = ("le", "quantile")
SeriesKey = frozenset[tuple[str, str]]
UNSTEADY = {"scrape_duration_seconds", "scrape_series_added"}


class Body(NamedTuple):
    content_type: str
    text: bytes


def odd_bodies() -> dict[str, Body]:
    """Return what exporters seldom say: what the formats allow, let through, and refuse."""
    now_ms = int(time.time() * 1000)
    return {
        "special": Body(TEXT, b"a +Inf\nb -inf\nc 1e-400\nd .5\ne 5.\nf 1E3\ng -0\n"),
        "nan": Body(TEXT, b"a NaN\nb nan\n"),
        "blanks": Body(TEXT, b'\n\na\t 1 \n \t\nb{ x = "y" , } 2\n# just\n#\n'),
        "no_last_line_end": Body(TEXT, b"a 1\nb 2"),
        "lenient": Body(TEXT, b'a-1\nb{x="1"y="2"} 3\nc 1\n'),
        "escapes": Body(TEXT, b'a{x="\\\\ \\" \\n \\t",y="\xc3\xa9"} 1\n# HELP a \\\\ \\n\n'),
        "late_types": Body(TEXT, b"a 1\n# TYPE a counter\n# TYPE a gauge\n# HELP b only\n"),
        "timestamps": Body(TEXT, f"a 1 {now_ms}\nb 2\n".encode()),
        "repeated": Body(TEXT, b"m 1\nm 2\nn 1\n"),
        "clashing": Body(TEXT, b'a{job="own",instance="own",exported_job="x"} 1\n'),
        "empty_labels": Body(TEXT, b'a{job="",x=""} 1\n'),
        "histogram": Body(
            TEXT,
            b'# TYPE h histogram\nh_bucket{le="1"} 1\nh_bucket{le="+Inf"} 2\nh_sum 3\nh_count 2\n',
        ),
        "empty": Body(TEXT, b""),
        "comments": Body(TEXT, b"# nothing\n"),
        "openmetrics": Body(
            OPENMETRICS,
            b'# TYPE a counter\n# UNIT a_s s\na_total 1 # {id="x"} 0.5 9.5\na_created 5\n'
            b'# TYPE i info\ni_info{v="1"} 1\n# EOF\n',
        ),
        "bad_openmetrics_without_end": Body(OPENMETRICS, b"a 1\n"),
        "bad_openmetrics_blank_line": Body(OPENMETRICS, b"a 1\n\n# EOF\n"),
        "bad_value": Body(TEXT, b"a 1\nb x\nc 3\n"),
        "bad_line_end": Body(TEXT, b"a 1\r\n"),
        "bad_type": Body(TEXT, b"# TYPE a info\na 1\n"),
        "bad_timestamp": Body(TEXT, b"a 1 5.0\n"),
        "bad_label": Body(TEXT, b'a{x:y="1"} 1\n'),
        "bad_utf8": Body(TEXT, b'a{x="\xff"} 1\n'),
        "bad_repeated_label": Body(TEXT, b'a{b="1",b="2"} 1\n'),
        "bad_html": Body(TEXT, b"<html></html>\n"),
    }


@contextmanager
def serving(bodies: Mapping[str, Body]) -> Iterator[str]:
    """Serve each body on the path of its name; return the address."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            body = bodies[self.path.strip("/")]
            self.send_response(200)
            self.send_header("Content-Type", body.content_type)
            self.send_header("Content-Length", str(len(body.text)))
            self.end_headers()
            self.wfile.write(body.text)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class Quarantined(msgspec.Struct, rename="camel"):
    """What is looked at of a target in /api/v1/targets."""

    labels: dict[str, str]
    health: str
    quarantine: dict[str, object] | None = None


class QuarantinedTargets(msgspec.Struct, rename="camel"):
    active_targets: list[Quarantined]


def config_of(address: str, names: Mapping[str, Body], keys: str = "") -> str:
    targets = "".join(
        f"  - {{targets: ['{address}'], labels: {{instance: {name}, __metrics_path__: /{name}}}}}\n"
        for name in names
    )
    return (
        "global: {scrape_interval: 1s, scrape_timeout: 1s}\n"
        f"scrape_configs:\n- job_name: bodies\n{keys}  static_configs:\n{targets}"
    )


def seen(scraper: Scraper, name: str) -> dict[SeriesKey, float]:
    """Return the newest value of each series of a target, bounds in one form."""
    found: list[Series] = scraper.raw(f'{{instance="{name}",job="bodies"}}[10m]')
    found += scraper.raw(f'{{exported_instance="own",instance="{name}"}}[10m]')
    return {
        frozenset(
            (key, repr(float(value)) if key in NUMERIC else value)
            for key, value in one.labels.items()
        ): one.points[-1].value
        for one in found
        if one.labels["__name__"] not in UNSTEADY
    }


def up_of(series: Mapping[SeriesKey, float]) -> float:
    (value,) = [value for key, value in series.items() if ("__name__", "up") in key]
    return value


def same(left: Mapping[SeriesKey, float], right: Mapping[SeriesKey, float]) -> bool:
    return left.keys() == right.keys() and all(
        value == right[key] or (math.isnan(value) and math.isnan(right[key]))
        for key, value in left.items()
    )


def wait_for_scrapes(scraper: Scraper, count: int) -> None:
    times: dict[str, set[str]] = {}

    def enough() -> bool:
        for target in scraper.targets():
            times.setdefault(target.scrape_url, set()).add(target.last_scrape)
        return len(times) == count and all(len(scrapes) > 3 for scrapes in times.values())

    eventually(enough, what=f"three scrapes of {count} targets of {scraper}", within_s=60)


def test_every_body_means_the_same_to_prometheus(launcher: Launcher) -> None:
    """Drop-in: series, values, `up` and the counts of the report, for good bodies and bad ones.

    Bounds are compared as numbers: Prometheus 2.42 leaves `le="1"` as it is in text bodies, 3.x
    and the daemon write `1.0` (N5).
    """
    real = {path.stem: Body(TEXT, path.read_bytes()) for path in DATA.glob("*.txt")}
    bodies = {**real, **odd_bodies()}
    with serving(bodies) as address:
        config = config_of(address, bodies)
        theirs, ours = launcher.prometheus(config), launcher.promscrape(config)
        for scraper in (theirs, ours):
            wait_for_scrapes(scraper, len(bodies))
        assert ours.stop() == 0
        copy = ours.data_dir.with_name("copy")
        shutil.copytree(ours.data_dir, copy)
        reader = launcher.prometheus(data_dir=copy)
        found = {name: seen(reader, name) for name in bodies}
        expected = {name: seen(theirs, name) for name in bodies}
    assert {name for name in bodies if not same(found[name], expected[name])} == set()
    ups = {name: up_of(series) for name, series in found.items()}
    assert {name for name, up in ups.items() if not up} == {
        name for name in bodies if name.startswith("bad_")
    }
    assert all(len(found[name]) > 100 for name in real)


def test_bad_lines_cost_only_themselves(launcher: Launcher) -> None:
    """Where the job says so: the rest is in the log, and the API tells of the bad ones."""
    bodies = {name: body for name, body in odd_bodies().items() if name.startswith("bad_")}
    with serving(bodies) as address:
        daemon = launcher.promscrape(config_of(address, bodies, "  on_bad_line: skip\n"))
        wait_for_scrapes(daemon, len(bodies))
        targets = daemon.api("targets", QuarantinedTargets).active_targets
        assert daemon.stop() == 0
    found = {target.labels["instance"]: target for target in targets}
    assert found["bad_value"].health == "up"
    kept = found["bad_value"].quarantine
    assert kept is not None
    assert kept["inLastScrape"] == 1
    (line,) = msgspec.convert(kept["lines"], list[dict[str, object]])
    assert (line["line"], line["column"], line["text"]) == (2, 3, "b x")
    # A body of which nothing is good, and one that is cut off, fail all the same.
    assert {found[name].health for name in ("bad_html", "bad_openmetrics_without_end")} == {"down"}
