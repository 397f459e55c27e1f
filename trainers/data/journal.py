"""What a long run has got so far, on disk after every piece: a run that is killed goes on where it was."""

from __future__ import annotations

import json
import os
import threading
from typing import IO, TYPE_CHECKING, Any

from rewards.errors import ConfigError
from trainers.data.lines import json_line

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


class Journal:
    """A file of JSON lines that only grows: first what the run was started with, then ``{"key": ..., ...}``.

    Args:
        path: the file; it is made if it is not there.
        settings: what must be the same for the run to go on.

    Attributes:
        found: key -> entry, of what was there already and of what was added.

    Raises:
        ConfigError: the file is of another run.
    """

    def __init__(self, path: Path, settings: Mapping[str, Any]) -> None:
        self.path = path
        wanted = json.loads(json.dumps(settings))
        entries = _whole_lines(path)
        if entries and entries[0] != {"settings": wanted}:
            old = entries[0].get("settings", {})
            other = ", ".join(name for name, value in wanted.items() if old.get(name) != value) or "settings"
            raise ConfigError(f"{path} is of a run with other {other}; remove it, or name another output")
        self.found: dict[str, Any] = {entry["key"]: entry for entry in entries[1:]}
        self._lock = threading.Lock()
        self._file: IO[str] = path.open("a", encoding="utf-8")
        if not entries:
            self._append({"settings": wanted})

    def add(self, key: str, entry: Mapping[str, Any]) -> None:
        """Write one entry, from any thread; once this returns, it lasts."""
        with self._lock:
            self._append({"key": key, **entry})
            self.found[key] = dict(entry)

    def _append(self, record: Mapping[str, Any]) -> None:
        self._file.write(json_line(record))
        self._file.flush()
        os.fsync(self._file.fileno())

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def _whole_lines(path: Path) -> list[dict[str, Any]]:
    """Return the entries of a file; what a kill left half written at its end is cut off."""
    if not path.exists():
        return []
    content = path.read_bytes()
    kept = content[: content.rfind(b"\n") + 1]
    if len(kept) < len(content):
        with path.open("r+b") as file:
            file.truncate(len(kept))
    try:
        entries = [json.loads(line) for line in kept.splitlines()]
        if all(isinstance(entry, dict) for entry in entries) and all("key" in entry for entry in entries[1:]):
            return entries
    except ValueError:
        pass
    raise ConfigError(f"{path} is there already and is no journal of such a run; name another output")
