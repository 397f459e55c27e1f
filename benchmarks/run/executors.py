"""Who scores the parts of files: this process, several, or a cluster of Ray; the results are the same, in one order."""

from __future__ import annotations

import gc
import logging
from collections import deque
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Any, Literal, get_args

from benchmarks.extras import need
from benchmarks.run.parts import Part, number_lines
from rewards.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from benchmarks.run.parts import PartTask

Engine = Literal["here", "ray"]


@dataclass(frozen=True, slots=True)
class Executor:
    """Where parts are scored.

    Attributes:
        workers: processes; 1 for this one alone. Of Ray, the processors that it is started with.
        engine: ``"here"``, or ``"ray"`` for Ray Data, which uses all machines of a cluster.
        address: of a cluster of Ray that is running, ``auto`` for the one of this machine; None to start one here.
    """

    workers: int = 1
    engine: Engine = "here"
    address: str | None = None

    def __post_init__(self) -> None:
        if self.engine not in get_args(Engine):
            raise ConfigError(f"there is no engine {self.engine!r}; there are {', '.join(get_args(Engine))}")
        if self.workers < 1:
            raise ConfigError(f"there is at least 1 worker, not {self.workers}")
        if self.address is not None and self.engine != "ray":
            raise ConfigError("an address is that of a cluster of Ray: it goes with the engine ray")
        if self.address is not None and self.workers > 1:
            raise ConfigError("a cluster that is running has its own number of workers; leave workers away")

    @property
    def alone(self) -> bool:
        """Whether this process does all."""
        return self.engine == "here" and self.workers == 1

    def run(self, task: PartTask, parts: Sequence[Part]) -> Iterator[bytes]:
        """Yield what *task* makes of each part, in their order; some are begun before it is asked for."""
        if self.engine == "ray":
            with _ray(self) as run:
                numbered = number_lines(parts, list(run(task.count_lines, parts)))
                yield from run(task, list(numbered))
        elif self.workers > 1:
            yield from _in_processes(task, number_lines(parts, map(task.count_lines, parts)), self.workers)
        else:
            yield from map(task, number_lines(parts, map(task.count_lines, parts)))


def _in_processes(task: PartTask, parts: Iterable[Part], workers: int) -> Iterator[bytes]:
    """Score parts in processes; no more than two parts a process are begun or wait to be taken."""
    from benchmarks.run.workers import worker_pool  # noqa: PLC0415  multiprocessing, which one process does without

    with worker_pool(workers, _begin, (task, gc.get_threshold())) as pool:
        submitted = (pool.submit(_work, part) for part in parts)
        begun = deque(islice(submitted, 2 * workers))
        while begun:
            yield begun.popleft().result()
            begun.extend(islice(submitted, 1))


_task: list[PartTask] = []  # of a worker


def _begin(task: PartTask, thresholds: tuple[int, int, int]) -> None:
    gc.set_threshold(*thresholds)  # as the process that this one works for
    _task.append(task)


def _work(part: Part) -> bytes:
    return _task[0](part)


@contextmanager
def _ray(executor: Executor) -> Iterator[Callable[[Callable[[Part], Any], Sequence[Part]], Iterator[Any]]]:
    """Give what has Ray Data do a task for each part, and yields the results in order.

    A task is sent a part, that is, a range of a file, and returns a tally. If its machine is lost, Ray does it again on
    another one; files appear whole or not at all, so that doing it twice changes nothing.
    """
    ray, data = (need(name, package="'star-r1[ray]'", purpose="the engine ray") for name in ("ray", "ray.data"))
    for name in ("ray", "ray.data"):
        logging.getLogger(name).setLevel(logging.ERROR)
    started = not ray.is_initialized()
    if started:
        processors = executor.workers if executor.address is None and executor.workers > 1 else None
        ray.init(address=executor.address, num_cpus=processors, log_to_driver=False, logging_level=logging.ERROR)
    context = data.DataContext.get_current()
    shown, context.enable_progress_bars = context.enable_progress_bars, False
    try:
        yield partial(_run_on_ray, data)
    finally:
        context.enable_progress_bars = shown
        if started:
            ray.shutdown()


def _run_on_ray(data: Any, task: Callable[[Part], Any], parts: Sequence[Part]) -> Iterator[Any]:
    rows = data.from_items([{"at": at} for at in range(len(parts))], override_num_blocks=len(parts))
    results: dict[int, Any] = {}
    following = 0
    for row in rows.map(partial(_ray_task, task, parts, gc.get_threshold())).iter_rows():
        results[row["at"]] = row["result"]
        while following in results:
            yield results.pop(following)
            following += 1


def _ray_task(
    task: Callable[[Part], Any], parts: Sequence[Part], thresholds: tuple[int, int, int], row: dict[str, Any]
) -> dict[str, Any]:
    gc.set_threshold(*thresholds)
    return {"at": row["at"], "result": task(parts[row["at"]])}
