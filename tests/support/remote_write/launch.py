"""The daemon as the public sender suite launches it: two flags, an empty folder, SIGINT."""

import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Final, Self, final

from tests.support.guard import guard
from tests.support.peers import PROMSCRAPE

V1: Final = "prometheus.WriteRequest"
V2: Final = "io.prometheus.write.v2.Request"

_STOP_WITHIN_S = 30.0


def config(target: str, urls: Sequence[str], message: str = V2, **queue: object) -> str:
    """Return the suite's configuration: one job `test`, and a destination a URL."""
    lines = ["global: {scrape_interval: 1s}", "remote_write:"]
    for url in urls:
        lines += [
            f"- url: {url}",
            f"  protobuf_message: {message}",
            "  send_exemplars: true",
            "  metadata_config: {send: true}",
        ]
        if queue:
            inside = ", ".join(f"{key}: {value}" for key, value in queue.items())
            lines.append(f"  queue_config: {{{inside}}}")
    lines += [
        "scrape_configs:",
        "- job_name: test",
        "  scrape_interval: 1s",
        "  scrape_protocols: [OpenMetricsText1.0.0, PrometheusText0.0.4]",
        "  static_configs:",
        f"  - targets: ['{target}']",
    ]
    return "\n".join([*lines, ""])


@final
class Launched:
    """A running daemon, in a folder that was empty; SIGINT ends it when it is left."""

    def __init__(self, folder: Path, text: str, *flags: str) -> None:
        folder.mkdir()
        path = folder.with_name(f"{folder.name}-config-4711.yaml")
        path.write_text(text)
        self._log = folder.with_name(f"{folder.name}-output.log")
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                # The suite's own address is 0.0.0.0:0; a test stays on loopback.
                [*PROMSCRAPE, "--web.listen-address=127.0.0.1:0", f"--config.file={path}", *flags],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=folder,
                start_new_session=True,
            )
        guard(self._process.pid)

    @property
    def is_running(self) -> bool:
        return self._process.poll() is None

    def output(self) -> str:
        return self._log.read_text(errors="replace")

    def interrupt(self) -> int:
        """Send SIGINT and return the exit code. Raises where it does not end in time."""
        self._process.send_signal(signal.SIGINT)
        return self._process.wait(_STOP_WITHIN_S)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self.is_running:
            try:
                self.interrupt()
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
                raise
