"""Start promscrape as a new user would, see it scrape itself, and stop it.

Usage: smoke.py PROMSCRAPE [FLAG...]   an installed one, on a configuration of its own
       smoke.py make                   `make run`, on the configuration that it comes with
"""

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

UP_WITHIN_S = 60.0
MAKE_RUN_PORT = 9090
STOPPED_WITHIN_S = 30.0

CONFIG = """
global: {{scrape_interval: 1s, scrape_timeout: 1s}}
scrape_configs:
- job_name: promscrape
  static_configs: [{{targets: ["127.0.0.1:{port}"]}}]
"""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def get(port: int, path: str) -> bytes:
    """Return the body of a 200 answer. Raises OSError for any other, and for none."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        if response.status != http.HTTPStatus.OK:
            raise OSError(f"{path}: {response.status} {response.reason}")
        return response.read()
    finally:
        connection.close()


def is_up(port: int) -> bool:
    try:
        answer = json.loads(get(port, "/api/v1/targets"))
    except OSError:
        return False
    return [target["health"] for target in answer["data"]["activeTargets"]] == ["up"]


def wait_until_up(daemon: "subprocess.Popen[bytes]", port: int) -> None:
    deadline_s = time.monotonic() + UP_WITHIN_S
    while not is_up(port):
        if daemon.poll() is not None:
            sys.exit(f"the daemon ended with {daemon.returncode} before its target was up")
        if time.monotonic() > deadline_s:
            sys.exit(f"the target was not up within {UP_WITHIN_S:g} s")
        time.sleep(0.1)


def run_installed(command: Sequence[str]) -> None:
    port = free_port()
    with tempfile.TemporaryDirectory() as home:
        config = Path(home) / "promscrape.yml"
        config.write_text(CONFIG.format(port=port))
        flags = (
            f"--config.file={config}",
            f"--storage.agent.path={home}/data",
            f"--web.listen-address=127.0.0.1:{port}",
        )
        daemon = subprocess.Popen([*command, *flags], cwd=home)
        try:
            wait_until_up(daemon, port)
            # The pages come from files that a wheel can lack.
            get(port, "/targets")
            daemon.terminate()
            code = daemon.wait(STOPPED_WITHIN_S)
        finally:
            daemon.kill()
            daemon.wait()
    if code != 0:
        sys.exit(f"the daemon ended with {code} after SIGTERM")


def run_make() -> None:
    with tempfile.TemporaryDirectory() as home:
        output = Path(home) / "output.log"
        with output.open("wb") as log:
            # A session of its own: Ctrl+C in a terminal reaches make and the daemon alike.
            make = subprocess.Popen(
                ["make", "run", f"DATA={home}/data"], stderr=log, start_new_session=True
            )
        try:
            wait_until_up(make, MAKE_RUN_PORT)
            os.killpg(make.pid, signal.SIGINT)
            make.wait(STOPPED_WITHIN_S)
        finally:
            sys.stderr.write(output.read_text())
            if make.poll() is None:
                os.killpg(make.pid, signal.SIGKILL)
        if "See you next time!" not in output.read_text():
            sys.exit("the daemon did not end in order")


def main(command: Sequence[str]) -> None:
    if command[0] == "make":
        run_make()
    else:
        run_installed(command)


if __name__ == "__main__":
    main(sys.argv[1:])
