"""The benchmarks and protocols that there are."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, Final

from benchmarks.evaluation.benchmark import USUAL
from benchmarks.evaluation.mindcube import MINDCUBE, MINDCUBE_COGMAP
from benchmarks.evaluation.mmsi import MMSI
from benchmarks.evaluation.sparbench import SPARBENCH
from benchmarks.evaluation.tvr import TVR
from benchmarks.files.columns import ROLES
from rewards.errors import ConfigError

if TYPE_CHECKING:
    from benchmarks.evaluation.benchmark import Benchmark, Protocol

BENCHMARKS: Final = {each.name: each for each in (TVR, MINDCUBE, MINDCUBE_COGMAP, SPARBENCH, MMSI)}
COLUMNS: Final = ROLES | {
    **{role: (role,) for role in ("view", "attributes", "initial_objects", "final_objects", "n_visible", "index")},
    "id": (*ROLES["id"], "index"),
    "scene": ("scene", "scene_id"),
    "kind": ("task", "category", "question_type"),
    "cogmap": ("grounded_cogmap",),
}
"""What a column can be, and the names it is known by, see `benchmarks.files.columns.ROLES`."""
PROTOCOLS: Final[dict[str, tuple[Protocol, ...]]] = {
    "strict": ("strict",),
    "official": ("official",),
    "both": ("official", "strict"),
}
"""What ``--protocol`` takes -> the protocols that it means."""


def find_benchmark(name: str) -> Benchmark:
    """Return a benchmark by name.

    Raises:
        ConfigError: there is none of that name.
    """
    if name not in BENCHMARKS:
        near = get_close_matches(name, BENCHMARKS, 1)
        hint = f" (did you mean {near[0]!r}?)" if near else ""
        raise ConfigError(f"there is no benchmark {name!r}{hint}; there are {', '.join(BENCHMARKS)}")
    return BENCHMARKS[name]


def find_protocols(name: str) -> tuple[Protocol, ...]:
    """Return the protocols that ``strict``, ``official`` or ``both`` means.

    Raises:
        ConfigError: for another name.
    """
    if name not in PROTOCOLS:
        raise ConfigError(f"there is no protocol {name!r}; there are {', '.join(PROTOCOLS)}")
    return PROTOCOLS[name]


def output_schema(benchmark: Benchmark, protocols: tuple[Protocol, ...]) -> dict[str, Any]:
    """Return the columns of an output row and their types, see `benchmarks.files.output.Output`.

    Of two protocols the first one's columns stand beside ``id``, and the second one's below its name.
    """
    first, *others = protocols
    fields: dict[str, Any] = {"id": str, **USUAL, **benchmark.rules[first].fields}
    for other in others:
        fields |= {other: {**USUAL, **benchmark.rules[other].fields}, "differs": bool}
    return {**fields, "error": str}
