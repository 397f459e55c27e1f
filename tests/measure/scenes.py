"""How fast scenes and images are made: ``python -m tests.measure.scenes [--device cuda]``.

Everything in one run, on one thread and by its processor time, which other work on the machine disturbs
least; median of several rounds: scenes a second and core without images, and images a second and core for
each backend that is installed and each size. On a GPU the ray caster is timed in batches, as it stands and
compiled.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import time
from collections.abc import Callable
from functools import partial
from importlib.util import find_spec
from itertools import count
from typing import TYPE_CHECKING, Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

from benchmarks.tvr.world import ATTRIBUTES, VIEWS
from trainers.scenes.records import tvr_rows
from trainers.scenes.render import Picture, raycast_batch, render
from trainers.scenes.tvr import generate_scene

if TYPE_CHECKING:
    from collections.abc import Iterator

Clock = Callable[[], float]
SIZES = (64, 128, 224, (320, 240))


def rate(work: Callable[[], Any], items: int, rounds: int, clock: Clock = time.process_time) -> float:
    """Return items a second of processor time, as the median over rounds, after one that is not counted."""
    work()
    seconds = []
    for _ in range(rounds):
        start = clock()
        work()
        seconds.append(clock() - start)
    return items / statistics.median(seconds)


def scenes(rounds: int) -> None:
    """Scenes a second, and training rows a second."""
    for attributes in (ATTRIBUTES, (*ATTRIBUTES, "position")):
        report(
            f"scenes, {'+'.join(attributes)}",
            rate(partial(next_scenes, count(0, 80), attributes), 80, rounds),
        )
    made = [generate_scene(0, index) for index in range(80)]
    report("rows: prompt, target, references", rate(lambda: [tvr_rows(scene) for scene in made], 240, rounds))


def next_scenes(starts: Iterator[int], attributes: tuple[str, ...]) -> None:
    """Make 80 scenes, other ones each time."""
    start = next(starts)
    for index in range(start, start + 80):
        generate_scene(0, index, attributes=attributes)


def report(name: str, found: float) -> None:
    """Print one line."""
    print(f"{name:60} {found:9.1f} /s", flush=True)


def images(rounds: int) -> None:
    """Images a second on one core, one by one, as `star data generate` makes them."""
    made = [Picture(generate_scene(0, index), VIEWS[index % 3], final=True) for index in range(8)]
    for backend, module in (("raycast", "torch"), ("mitsuba", "mitsuba")):
        if find_spec(module) is None:
            print(f"{backend}: {module} is not installed")
            continue
        name = backend
        if backend == "mitsuba":
            from trainers.scenes.mitsuba import denoises, use_threads

            use_threads(1)
            name += ", denoised" if denoises() else ", not denoised"
        for size in SIZES:

            def draw(backend: str = backend, size: Any = size) -> None:
                for scene, view, final in made:
                    render(scene, view, size, backend, final=final)

            report(f"{name}, {size} px", rate(draw, len(made), rounds))


def gpu(device: str, rounds: int) -> None:
    """Images a second in batches on a GPU."""
    import torch

    made = [Picture(generate_scene(0, index), VIEWS[index % 3], final=True) for index in range(256)]
    for samples in (1, 2):
        for compiled in (False, True):

            def draw(samples: int = samples, compiled: bool = compiled) -> None:
                raycast_batch(made, 128, device=device, samples=samples, compiled=compiled)
                torch.cuda.synchronize()

            name = f"raycast 128, batches of 256, {samples**2} rays a pixel{', compiled' if compiled else ''}"
            report(name, rate(draw, len(made), rounds, time.perf_counter))
    print(f"{torch.cuda.get_device_name()}, {torch.cuda.max_memory_allocated() / 2**30:.1f} GiB at most")


def main() -> None:
    """Time what the options name."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    print(f"{platform.machine()}, {os.cpu_count()} cores of which one is used, load {os.getloadavg()[0]:.1f}")
    if options.device == "cpu":
        scenes(options.rounds)
        images(options.rounds)
    else:
        gpu(options.device, options.rounds)


if __name__ == "__main__":
    main()
