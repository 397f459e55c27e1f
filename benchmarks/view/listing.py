"""The list of groups: filtered, sorted, a page at a time. Everything but text is answered from memory."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache, partial
from math import isnan
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple, get_args

import numpy as np

from benchmarks.view.detail import number_or_none, prompt_text
from benchmarks.view.instructive import turns
from rewards.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.view.index import Bools, Floats, Ints, Run

Show = Literal["all", "outranked", "varied", "zero", "right", "wrong", "fault"]
Sort = Literal["file", "instructive", "low", "high", "spread", "faults", "gain", "loss"]
DOTS: Final = 64
"""Rewards of a group that the list shows as dots."""


class Query(NamedTuple):
    """Which groups are wanted, in which order.

    Attributes:
        show: ``"outranked"``, a wrong row is rewarded like a right one; ``"varied"`` and ``"zero"``, rewards that
            differ or not; ``"right"`` and ``"wrong"``, all rows or none are correct; ``"fault"``, some row has one.
        fault: a code that some row has.
        view: of the group.
        task: likewise.
        step: likewise.
        text: that some row's completion, id or target holds, whatever its case; of rows to train on, the prompt too.
        low: the least mean reward.
        high: the greatest.
        sort: the order. ``"gain"`` is by how much the mean reward is higher in the other run.
    """

    show: Show = "all"
    fault: str = ""
    view: str = ""
    task: str = ""
    step: float | None = None
    text: str = ""
    low: float | None = None
    high: float | None = None
    sort: Sort = "file"


@dataclass(frozen=True, eq=False)
class Partners:
    """What another run has of the same prompts.

    Attributes:
        run: the other run.
        groups: for each group the one of the same prompt at the same step, or else the nearest one; -1 for none.
    """

    run: Run
    groups: Ints

    @classmethod
    def of(cls, run: Run, other: Run) -> Partners:
        """Find the partners of a run's groups.

        Raises:
            ConfigError: the runs tell prompts apart by different columns.
        """
        if run.told_by != other.told_by or not run.told_by:
            told = [each.told_by or "nothing" for each in (run, other)]
            raise ConfigError(
                f"prompts of {run.name} are told by {told[0]}, of {other.name} by {told[1]}: they cannot be put side "
                "by side; name a column that both have: --map group=COLUMN"
            )
        found: dict[int, list[int]] = {}
        for at, prompt in enumerate(other.groups.prompt.tolist()):
            found.setdefault(prompt, []).append(at)
        steps = other.groups.step.tolist()
        wanted = zip(run.groups.prompt.tolist(), run.groups.step.tolist(), strict=True)
        partners = [
            min(found.get(prompt, ()) if prompt else (), key=partial(_apart, steps, step), default=-1)
            for prompt, step in wanted
        ]
        return cls(other, np.array(partners, dtype=np.int32))

    def gain(self, run: Run) -> Floats:
        """Return by how much the mean reward of each group is higher there, (groups,); NaN where there is no other."""
        means = np.append(self.run.groups.mean, np.nan)  # the last one is that of -1
        gain: Floats = means[self.groups] - run.groups.mean
        return gain


def _apart(steps: Sequence[float], step: float, group: int) -> float:
    apart = abs(steps[group] - step)
    return 0.0 if isnan(apart) else apart


def find_groups(run: Run, query: Query, partners: Partners | None = None) -> Ints:
    """Return the groups that are wanted, in their order."""
    groups = run.groups
    keep = np.ones(len(groups), dtype=np.bool_)
    keep &= _shown(run, query.show)
    if query.fault:
        keep &= has_fault(run, query.fault)
    for value, names, column in ((query.view, run.views, groups.view), (query.task, run.tasks, groups.task)):
        if value:
            keep &= column == (names.index(value) if value in names else -2)
    if query.step is not None:
        keep &= groups.step == query.step
    if query.low is not None:
        keep &= groups.mean >= query.low
    if query.high is not None:
        keep &= groups.mean <= query.high
    if query.text:
        keep &= _holding(run, query.text)
    order = _order(run, query.sort, partners)
    found: Ints = order[keep[order]]
    return found


def _shown(run: Run, show: Show) -> Bools:
    groups = run.groups
    several = groups.size > 1
    found: dict[str, Any] = {
        "all": np.ones(len(groups), dtype=np.bool_),
        "outranked": groups.outranked,
        "varied": several & (groups.high > groups.low),
        "zero": several & (groups.high == groups.low),
        "right": groups.right == groups.size,
        "wrong": (groups.right == 0) & ~np.isnan(groups.mean),
        "fault": groups.faults > 0,
    }
    shown: Bools = found[show]
    return shown


def has_fault(run: Run, code: str) -> Bools:
    """Return which groups have a row with a fault, (groups,)."""
    if code not in run.codes:
        return np.zeros(len(run.groups), dtype=np.bool_)
    return _any(run, run.fault == run.codes.index(code))


def _any(run: Run, rows: Bools) -> Bools:
    """Return which groups have such a row, (groups,)."""
    found: Bools = np.add.reduceat(rows[run.groups.rows], run.groups.starts[:-1], dtype=np.int32) > 0
    return found


@lru_cache(maxsize=16)
def _holding(run: Run, text: str) -> Bools:
    """Return which groups have a row that holds a text; the files are read for it."""
    needle = text.lower()
    rows = np.zeros(len(run.total), dtype=np.bool_)
    row = 0
    for number, (piece, block, _) in enumerate(run.files.blocks()):
        trained = piece.file in run.files.without_completions
        count = int(np.count_nonzero(run.piece == number))
        holds = np.zeros(len(block), dtype=np.bool_)
        for role in ("completion", "id", "target", "prompt" if trained else ""):
            values = block.columns.get(role, ())
            found = [needle in (each if type(each) is str else prompt_text(each)).lower() for each in values]
            holds |= np.array(found, dtype=np.bool_) if found else False
        rows[row : row + count] = holds[run.at[row : row + count]]
        row += count
    return _any(run, rows)


def _order(run: Run, sort: Sort, partners: Partners | None) -> Ints:
    groups = run.groups
    keys: dict[str, Any] = {
        "file": lambda: np.arange(len(groups)),
        "instructive": lambda: turns(run),
        "low": lambda: groups.mean,
        "high": lambda: -groups.mean,
        "spread": lambda: groups.low - groups.high,
        "faults": lambda: -groups.faults,
        "gain": lambda: np.zeros(len(groups)) if partners is None else -partners.gain(run),
        "loss": lambda: np.zeros(len(groups)) if partners is None else partners.gain(run),
    }
    return np.argsort(keys[sort](), kind="stable").astype(np.int32)  # NaN comes last


def items(run: Run, groups: Sequence[int], partners: Partners | None = None) -> list[dict[str, Any]]:
    """Return what the list shows of some groups."""
    found = run.groups
    gain = None if partners is None else partners.gain(run)
    return [
        {
            "group": group,
            "title": found.titles[group],
            "target": found.targets[group],
            "step": number_or_none(found.step[group]),
            "view": run.views[found.view[group]] if found.view[group] >= 0 else None,
            "task": run.tasks[found.task[group]],
            "size": int(found.size[group]),
            "right": int(found.right[group]),
            "mean": number_or_none(found.mean[group]),
            "low": number_or_none(found.low[group]),
            "high": number_or_none(found.high[group]),
            "faults": _codes(run, group),
            "faulty": int(found.faults[group]),
            "outranked": bool(found.outranked[group]),
            "dots": [[number_or_none(run.total[row]), bool(run.correct[row])] for row in run.groups.of(group)[:DOTS]],
            "gain": None if gain is None else number_or_none(gain[group]),
        }
        for group in groups
    ]


def _codes(run: Run, group: int) -> list[str]:
    numbers = sorted({int(run.fault[row]) for row in run.groups.of(group)} - {-1})
    return [run.codes[number] for number in numbers]


def summary(run: Run, partners: Partners | None = None) -> dict[str, Any]:
    """Return what the page knows of a run from the start: what can be chosen, and how much there is."""
    groups = run.groups
    bounds = [run.total[~np.isnan(run.total)]]
    scored = bool(bounds[0].size)
    return {
        "name": run.name,
        "groups": len(groups),
        "rows": len(run.total),
        "scored": scored,
        "several": bool((groups.size > 1).any()),
        "mean": float(bounds[0].mean()) if scored else None,
        "low": float(bounds[0].min()) if scored else None,
        "high": float(bounds[0].max()) if scored else None,
        "right": int(np.count_nonzero(run.correct)),
        "steps": run.steps,
        "faults": [[code, int(np.count_nonzero(run.fault == at))] for at, code in enumerate(run.codes)],
        "views": sorted(run.views),
        "tasks": sorted(run.tasks),
        "preset": run.scoring.preset,
        "left_out": run.left_out,
        "errors": list(run.errors),
        "against": None if partners is None else partners.run.name,
        "paired": None if partners is None else int(np.count_nonzero(partners.groups >= 0)),
    }


def read_query(asked: dict[str, str]) -> Query:
    """Read a query out of the parameters of an address; unknown ones are passed over.

    Raises:
        ConfigError: a value is none that can be.
    """
    found: dict[str, Any] = {name: value for name, value in asked.items() if name in Query._fields and value != ""}
    for name, values in (("show", get_args(Show)), ("sort", get_args(Sort))):
        if found.get(name, values[0]) not in values:
            raise ConfigError(f"{name} is one of {', '.join(values)}")
    for name in ("step", "low", "high"):
        if name in found:
            try:
                found[name] = float(found[name])
            except ValueError:
                raise ConfigError(f"{name} is a number") from None
    return Query(**found)
