"""Worker processes that end with the run that started them, however it ends."""

from __future__ import annotations

import os
import signal
import threading
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import get_context, parent_process
from time import sleep
from typing import TYPE_CHECKING, Any

from rewards.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@contextmanager
def worker_pool(
    workers: int, begin: Callable[..., object] | None = None, arguments: tuple[Any, ...] = ()
) -> Iterator[ProcessPoolExecutor]:
    """Open a pool of fresh processes; work that has not begun when the block is left is dropped.

    Args:
        workers: how many.
        begin: is called once in each of them.
        arguments: of that call.

    Raises:
        ConfigError: a worker was killed.
    """
    pool = ProcessPoolExecutor(workers, get_context("spawn"), initializer=_begin, initargs=(begin, arguments))
    try:
        yield pool
    except BrokenProcessPool:
        sleep(0.2)  # Ctrl-C at a terminal ends workers and interrupts this process: tell which of the two it was
        raise ConfigError("a worker was killed (out of memory?); start again, with fewer workers if need be") from None
    finally:
        pool.shutdown(cancel_futures=True)


def _begin(begin: Callable[..., object] | None, arguments: tuple[Any, ...]) -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # Ctrl-C at a terminal reaches all: end at once, and say nothing
    threading.Thread(target=_end_with_parent, daemon=True).start()
    if begin is not None:
        begin(*arguments)


def _end_with_parent() -> None:
    """End this process when the one that started it is gone: after ``kill -9`` nobody else would tell it."""
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
