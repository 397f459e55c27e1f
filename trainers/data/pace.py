"""How fast requests may go out: so many a minute, and not at all while the server asks for a pause."""

from __future__ import annotations

import threading
import time


class Pace:
    """The clock that all workers of a run share.

    Args:
        per_minute: greatest number of requests that start in a minute, evenly spaced; None: as many as there are.
        stop: set when the run ends early; nobody waits any longer then.
    """

    def __init__(self, per_minute: float | None, stop: threading.Event) -> None:
        self._gap = 60.0 / per_minute if per_minute else 0.0
        self._stop = stop
        self._lock = threading.Lock()
        self._next = 0.0

    def wait(self) -> bool:
        """Wait for a turn; False if the run ended meanwhile."""
        with self._lock:
            now = time.monotonic()
            turn = max(self._next, now)
            self._next = turn + self._gap
        return not self._stop.wait(turn - now)

    def hold(self, seconds: float) -> None:
        """Let nobody start for some time: the server asked for it."""
        with self._lock:
            self._next = max(self._next, time.monotonic() + seconds)
