"""What is evaluated and how, and the report that is made of what was tallied."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from benchmarks.attempts import several_attempts
from benchmarks.evaluation.report import Report
from benchmarks.rollouts.signature import installed_version
from benchmarks.tables import average
from rewards.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy.typing as npt

    from benchmarks.attempts import AtK
    from benchmarks.evaluation.benchmark import Benchmark, Protocol
    from benchmarks.evaluation.intervals import Intervals
    from benchmarks.evaluation.tally import EvaluationTally
    from benchmarks.files.gold import Gold
    from benchmarks.files.scoring import Progress
    from benchmarks.tables import Table


class Plan(NamedTuple):
    """What is evaluated, and how.

    Attributes:
        benchmark: whose rows they are.
        protocols: under which they are scored; the first one's numbers come first.
        intervals: of the tables.
        mapping: role -> column, of the predictions; the gold's is applied already.
        gold: where it comes from, if not from the predictions.
        source: what `benchmarks.evaluate` takes to read the same rows again.
    """

    benchmark: Benchmark
    protocols: tuple[Protocol, ...]
    intervals: Intervals
    mapping: Mapping[str, str]
    gold: Gold | None
    source: Mapping[str, Any]

    @property
    def needed(self) -> Sequence[str]:
        """Roles that the predictions must have."""
        return ("completion", *((self.gold.on,) if self.gold else self.benchmark.required))


def make_report(plan: Plan, tally: EvaluationTally, progress: Progress, source: Mapping[str, Any]) -> Report:
    """Average what was tallied.

    Raises:
        DataError: no row was scored.
    """
    state, columns = tally.state, tally.columns()
    if not state["rows"]:
        why = state["error_messages"][0] if state["error_messages"] else "there are no rows"
        raise DataError(f"no row could be scored: {why}")
    interval = plan.intervals.function()
    prompts = columns["prompt"]
    several = state["named"] or len(np.unique(prompts)) <= len(prompts) / 2  # else ids that happen to be used twice
    tables: dict[str, Table] = {}
    attempts: dict[str, dict[str, AtK]] = {}
    signatures: dict[str, str] = {}
    kind = "scene" if "scene" in plan.mapping else state["kind"]
    for protocol in plan.protocols:
        stats = {name.partition(".")[2]: values for name, values in columns.items() if name.startswith(f"{protocol}.")}
        clusters = columns["cluster"] if kind else None
        tables[protocol] = average(plan.benchmark.rules[protocol].cells(stats), clusters=clusters, interval=interval)
        attempts[protocol] = {}
        if several:
            of_prompts = clusters if kind == "scene" else None
            attempts[protocol] = several_attempts(stats["correct"], prompts, clusters=of_prompts, interval=interval)
        signatures[protocol] = _signature(plan, protocol, kind, columns)
        if protocol == plan.protocols[0]:
            summarise = plan.benchmark.rules[protocol].aggregate
            aggregate = summarise(stats) if summarise else {}
    return Report(
        benchmark=plan.benchmark.name,
        protocols=plan.protocols,
        rows=state["rows"],
        errors=progress.errors,
        error_messages=tuple(state["error_messages"]),
        aggregate=aggregate,
        tables=tables,
        attempts=attempts,
        faults={protocol: _by_frequency(found) for protocol, found in state["faults"].items()},
        differing=state["differing"],
        differences=state["differences"],
        signatures=signatures,
        headline=plan.benchmark.headline,
        source=source,
        row_scores=columns,
    )


def _signature(plan: Plan, protocol: Protocol, kind: str | None, columns: Mapping[str, npt.NDArray[Any]]) -> str:
    """Return ``benchmark:tvr|protocol:strict|interval:formula|level:0.95|clusters:scene=512|n:1500|version:0.1.0``."""
    rows, clusters = len(columns["cluster"]), len(np.unique(columns["cluster"]))
    shown = f"{kind}={clusters}" if clusters < rows else "none"
    settings = {"benchmark": plan.benchmark.name, "protocol": protocol, **plan.intervals.signed()}
    settings |= {"clusters": shown, "n": str(rows), "version": installed_version()}
    return "|".join(f"{name}:{value}" for name, value in settings.items())


def _by_frequency(faults: Mapping[str, Any]) -> dict[str, Any]:
    return dict(sorted(faults.items(), key=lambda item: (-item[1]["rows"], item[0])))
