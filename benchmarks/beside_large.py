"""How late the requests of a hundred small targets are beside one of a million samples.

It needs a quiet machine: what others hold up is seen as well. (To go before them in line as a
real-time process is no way out, since the kernel halts such a one for 50 ms a second.) Each round
brings a million series that were never seen, then the same once more.
"""

import asyncio
import gzip
import tempfile
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path

from tests.support.peers import Launcher
from tests.support.timed_targets import LARGE, TimedTargets, lateness_s

SERIES = 1_000_000
SMALL = 100
INTERVAL_S = 1
LARGE_INTERVAL_S = 15
ROUNDS = 2
_LINE = 'requests_total{{pod="deployment-{}-{:08d}-abcde",path="/api/v1/thing",code="200"}} {}.5\n'
_LOOK_S = 0.1


def main() -> None:
    """Print the latest request beside each scrape of the large target, for two fresh daemons."""
    plain = [_body(generation) for generation in range(ROUNDS)]
    packed = [gzip.compress(body, 1) for body in plain]
    for kind, bodies in (("in gzip", packed), ("as they are", plain)):
        print(f"  bodies {kind}, {len(bodies[0]):,} bytes:")
        asyncio.run(_run([body for body in bodies for _ in range(2)]))


async def _run(bodies: Sequence[bytes]) -> None:
    with tempfile.TemporaryDirectory() as home:
        launcher = Launcher(Path(home))
        async with TimedTargets(bodies) as targets:
            try:
                daemon = await asyncio.to_thread(launcher.promscrape, _config(targets.port))
                while len(targets.came_s[LARGE]) <= 2 * ROUNDS:
                    await asyncio.sleep(_LOOK_S)
                daemon.kill()
            finally:
                await asyncio.to_thread(launcher.close)
    for number, late_s in enumerate(_latest_s(targets.came_s)):
        kind = "known" if number % 2 else "new"
        print(f"  beside {SERIES:,} {kind + ' series':14} at most {late_s * 1e3:6.0f} ms late")


def _body(generation: int) -> bytes:
    """Return a body that has no series of another generation."""
    return "".join(_LINE.format(generation, at, at * 7) for at in range(SERIES)).encode()


def _config(port: int) -> str:
    small = "".join(
        f"  - {{targets: ['127.0.0.1:{port}'], labels: {{__metrics_path__: /{at}, instance: t{at}}}}}\n"
        for at in range(SMALL)
    )
    return (
        "scrape_configs:\n"
        f"- job_name: large\n  scrape_interval: {LARGE_INTERVAL_S}s\n"
        f"  scrape_timeout: {LARGE_INTERVAL_S}s\n  metrics_path: {LARGE}\n"
        f"  static_configs: [{{targets: ['127.0.0.1:{port}']}}]\n"
        f"- job_name: small\n  scrape_interval: {INTERVAL_S}s\n  scrape_timeout: {INTERVAL_S}s\n"
        f"  static_configs:\n{small}"
    )


def _latest_s(came_s: Mapping[str, Sequence[float]]) -> list[float]:
    """Return how late the latest small request was beside each scrape of the large target."""
    late = [
        (moment, late_s)
        for path, moments in came_s.items()
        if path != LARGE
        for moment, late_s in zip(moments, lateness_s(moments, INTERVAL_S), strict=True)
    ]
    return [
        max(late_s for moment, late_s in late if begin <= moment < end)
        for begin, end in pairwise(came_s[LARGE])
    ]
