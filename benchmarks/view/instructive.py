"""Which completions teach most about a reward: kinds of them, each with its clearest case first.

The order *most instructive first* of the page and the examples of a report are both made of these.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchmarks.view.index import Bools, Floats, Ints, Run


class Kind(NamedTuple):
    """Completions of one kind.

    Attributes:
        title: for people.
        rows: all of them, the clearest first, as numbers of rows.
        beside: for each of them another of its group that makes the point, or -1.
    """

    title: str
    rows: Ints
    beside: Ints


def kinds(run: Run) -> list[Kind]:
    """Return the kinds that a run has, the most telling first; a completion may be of several.

    A group of equal rewards stands for itself by its first completion.
    """
    return [kind for kind in _kinds(run) if len(kind.rows)]


def turns(run: Run) -> Floats:
    """Return for each group its turn, (groups,): kinds take turns, each with its clearest group first."""
    group = _group_of_rows(run)
    found = kinds(run)
    turn = np.full(len(run.groups), np.inf)
    for number, kind in enumerate(found):
        _, first = np.unique(group[kind.rows], return_index=True)
        of_kind = group[kind.rows][np.sort(first)]
        turn[of_kind] = np.minimum(turn[of_kind], np.arange(len(of_kind)) + number / len(found))
    return turn


def _group_of_rows(run: Run) -> Ints:
    group = np.empty(len(run.total), dtype=np.int32)
    group[run.groups.rows] = np.repeat(np.arange(len(run.groups), dtype=np.int32), run.groups.size)
    return group


def _kinds(run: Run) -> Iterator[Kind]:
    groups, group, total = run.groups, _group_of_rows(run), run.total
    scored = ~np.isnan(total)
    right, wrong = run.correct, scored & ~run.correct
    several = (groups.size > 1)[group]
    spread = (groups.high - groups.low)[group]
    all_wrong, all_right = (groups.right == 0)[group], (groups.right == groups.size)[group]
    sound = run.fault < 0

    lowest_right = _lowest_right(run)
    low = total[lowest_right[group]]  # of -1, of a group without a right row: masked by what follows
    outranking = wrong & groups.outranked[group] & (total >= low)
    yield _kind("wrong, rewarded as much as a right one", outranking, total - low, lowest_right[group])
    yield _kind("right, the lowest reward first", right, -total)
    yield _kind("wrong, the highest reward first", wrong, total)
    yield _kind("right beside wrong ones", right & ~all_right & ~groups.outranked[group], spread)
    share = (groups.faults / groups.size)[group]
    for number, code in enumerate(run.codes):
        yield _kind(f"fault: {code}", run.fault == number, share)
    # Questions have no number of records: -1.
    true = groups.true[group]
    enumerating = wrong & sound & (true >= 0) & (run.named > true)
    yield _kind("enumerating: more is named than there is", enumerating, run.named - true)
    yield _kind("silent: nothing is named though there is something", wrong & sound & (run.named == 0), true)
    yield _kind("wrong, but partially right", wrong & run.partial, spread)
    first = np.zeros(len(total), dtype=np.bool_)
    first[groups.rows[groups.starts[:-1]]] = True
    equal = first & several & (spread == 0)
    yield _kind("zero variance: all of a group wrong and rewarded alike", equal & all_wrong, groups.size[group])
    yield _kind("all of a group wrong, rewarded unequally", wrong & all_wrong & (spread > 0), spread)
    yield _kind("zero variance: rewarded alike, with right ones", equal & ~all_wrong, groups.size[group])


def _kind(title: str, rows: Bools, clear: Floats | Ints, beside: Ints | None = None) -> Kind:
    """Return the rows that are of a kind, the clearest first, else as the files have them."""
    found = np.flatnonzero(rows).astype(np.int32)
    found = found[np.argsort(-clear[found], kind="stable")]
    return Kind(title, found, np.full(len(found), -1, dtype=np.int32) if beside is None else beside[found])


def _lowest_right(run: Run) -> Ints:
    """Return of each group its right row with the lowest reward, -1 where there is none, (groups,)."""
    groups = run.groups
    # By group, then by reward, right rows before wrong ones: the first of a group is the one.
    group = np.repeat(np.arange(len(groups)), groups.size)
    right = run.correct[groups.rows]
    order = groups.rows[np.lexsort((run.total[groups.rows], ~right, group))]
    first = order[groups.starts[:-1]]
    return np.where(run.correct[first], first, -1).astype(np.int32)
