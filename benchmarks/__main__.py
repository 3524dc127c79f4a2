"""Run the benchmarks: all of them, or those that are named on the command line.

    python -m benchmarks [name ...]

Each prints its figures, and beside them those of Debian's Prometheus and vmagent where they are
installed, taken in the same run on the same machine. Nothing here passes or fails. All of them
take half an hour; `scrapers_node` is the one to begin with.
"""

import platform
import sys
from collections.abc import Callable, Mapping
from functools import partial

from benchmarks import (
    beside_large,
    config_load,
    kubernetes,
    log_to_request,
    scrape_to_log,
    scrapers,
    stages,
)

BENCHMARKS: Mapping[str, Callable[[], object]] = {
    "config_load": config_load.main,
    "kubernetes": kubernetes.main,
    "log_to_request": log_to_request.main,
    "remote_write": scrapers.remote_write,
    "beside_large": beside_large.main,
    "scrape_to_log": scrape_to_log.main,
    "stages": stages.main,
    **{f"scrapers_{name}": partial(scrapers.run, case) for name, case in scrapers.CASES.items()},
}


def main() -> int:
    """Run what the arguments name; return the exit code."""
    names = sys.argv[1:] or list(BENCHMARKS)
    unknown = [name for name in names if name not in BENCHMARKS]
    if unknown:
        print(f"no benchmark {unknown[0]}; there are: {', '.join(BENCHMARKS)}", file=sys.stderr)
        return 1
    print(f"Python {platform.python_version()} on {platform.platform()}")
    for name in names:
        print(f"\n{name}")
        BENCHMARKS[name]()
    return 0


if __name__ == "__main__":
    sys.exit(main())
