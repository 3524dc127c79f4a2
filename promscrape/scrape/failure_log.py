"""`scrape_failure_log_file`: one JSON line for each scrape that brought no body (M26, M27)."""

import json
from datetime import datetime
from pathlib import Path
from typing import final

from promscrape.errors import ConfigError


@final
class FailureLog:
    """An append-only file, shared by the jobs that name it."""

    def __init__(self, path: str) -> None:
        """Open the file. Raises ConfigError."""
        try:
            # Line-buffered: a line is in the file before the next scrape. Closed by `close`.
            self._file = Path(path).open("a", encoding="utf-8", buffering=1)  # noqa: SIM115
        except OSError as exc:
            reason = (exc.strerror or str(exc)).lower()
            raise ConfigError(f"can't create json log file: open {path}: {reason}") from exc

    def write(self, error: str, job: str, url: str) -> None:
        line = {
            "time": datetime.now().astimezone().isoformat(),
            "level": "ERROR",
            "msg": error,
            "job_name": job,
            "target": url,
        }
        self._file.write(json.dumps(line, ensure_ascii=False) + "\n")

    def close(self) -> None:
        self._file.close()
