"""Adds up the scores of blocks: the arrays that metrics are made of, the faults, and where two protocols differ."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from benchmarks.evaluation.block_scorer import written_rows
from benchmarks.evaluation.kept import Kept

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    import numpy.typing as npt

    from benchmarks.evaluation.benchmark import Protocol
    from benchmarks.evaluation.block_scorer import Evaluated
    from benchmarks.files.blocks import Block
    from benchmarks.files.scoring import Scored

KEPT_ERRORS: Final = 100
"""Rows that could not be scored whose errors are kept."""
SHOWN_DIFFERENCES: Final = 200
"""Rows on which protocols differ that are kept to be shown; all are counted."""
_EXAMPLES: Final = 3  # of a fault
_EXCERPT: Final = 300  # characters of an example
_COMMON: Final = ("cluster", "prompt", "id", "file", "line")


class EvaluationTally:
    """Adds up blocks, see `benchmarks.files.scoring.Tally`.

    Args:
        files: the input's names; a row is found again by the number of its file and its line.
        spool: where a copy of the arrays is kept, for a run that may have to go on; None for nowhere.
        state: what an earlier run's `save` returned, to go on from there.
    """

    def __init__(
        self, files: Sequence[str], *, spool: Path | None = None, state: Mapping[str, Any] | None = None
    ) -> None:
        self._files = {path: number for number, path in enumerate(files)}
        self.state: dict[str, Any] = {"rows": 0, "kind": None, "named": False, "faults": {}, "error_messages": []}
        self.state |= {"differing": 0, "differences": []}
        self.state |= state or {}
        self._kept = Kept(spool, size=self.state.get("spooled", 0))

    def add(self, scored: Scored) -> None:
        """Add a block."""
        evaluated: Evaluated = scored.result
        block = scored.block
        if not len(block):
            return
        rows, state = len(block), self.state
        alone = np.arange(state["rows"], state["rows"] + rows, dtype=np.uint64)
        belonging = evaluated.belonging
        common = (
            _filled(belonging.clusters, alone),
            _filled(belonging.prompts, alone),
            _filled(belonging.ids, np.zeros(rows, dtype=np.uint64)),
            np.full(rows, self._files[block.chunk.path], dtype=np.int32),
            np.array([block.chunk.lines[at] for at in block.at], dtype=np.int64),
        )
        columns: dict[str, npt.NDArray[Any]] = dict(zip(_COMMON, common, strict=True))
        for protocol, scores in evaluated.scores.items():
            columns |= {f"{protocol}.{name}": values for name, values in scores.stats.items()}
            self._add_faults(protocol, scores.faults, block)
        self._kept.add(columns)
        state["rows"] += rows
        state["kind"] = state["kind"] or belonging.kind
        state["named"] = state["named"] or belonging.named
        self._add_differences(evaluated, block)

    def add_error(self, message: str) -> None:
        """Add what is wrong with a row that could not be scored."""
        if len(self.state["error_messages"]) < KEPT_ERRORS:
            self.state["error_messages"].append(message)

    def _add_faults(self, protocol: Protocol, faults: Sequence[str | None], block: Block) -> None:
        found = self.state["faults"].setdefault(protocol, {})
        for row, code in enumerate(faults):
            if code is not None:
                fault = found.setdefault(code, {"rows": 0, "examples": []})
                fault["rows"] += 1
                if len(fault["examples"]) < _EXAMPLES:
                    text = str(block.columns["completion"][row])
                    place = block.chunk.place(block.at[row])
                    fault["examples"].append({"place": place, "end_of_text": text[-_EXCERPT:]})

    def _add_differences(self, evaluated: Evaluated, block: Block) -> None:
        if len(evaluated.scores) < 2:
            return
        one, other = (scores.stats for scores in evaluated.scores.values())
        differ = (one["correct"] != other["correct"]) | (np.abs(one["score"] - other["score"]) > 1e-9)
        self.state["differing"] += int(differ.sum())
        left = SHOWN_DIFFERENCES - len(self.state["differences"])
        if left > 0 and differ.any():
            written, ids = written_rows(evaluated.scores), block.ids()
            self.state["differences"] += [
                {"id": ids[row], "place": block.chunk.place(block.at[row]), **_both(written[row], evaluated)}
                for row in np.flatnonzero(differ)[:left].tolist()
            ]

    def columns(self) -> dict[str, npt.NDArray[Any]]:
        """Return what is kept of the rows: ``cluster``, ``prompt``, ``id``, ``file``, ``line`` and
        ``{protocol}.{statistic}``, ``(rows, ...)`` each. An ``id`` is a number, 0 where a row has none.
        """  # noqa: D205
        return self._kept.columns()

    def save(self) -> dict[str, Any]:
        """Make what was added last, and return the rest of the state."""
        return {**self.state, "spooled": self._kept.save()}

    def close(self, *, remove: bool = True) -> None:
        """Close the file of arrays and, by default, remove it."""
        self._kept.close(remove=remove)


def _filled(numbers: Sequence[int | None], otherwise: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    values = [own if own is not None else other for own, other in zip(numbers, otherwise.tolist(), strict=True)]
    return np.array(values, dtype=np.uint64)


def _both(row: Mapping[str, Any], evaluated: Evaluated) -> dict[str, Any]:
    first, second = evaluated.scores
    shown = ("answer", "correct", "score", "parsed", "fault")
    return {first: {name: row[name] for name in shown}, second: {name: row[second][name] for name in shown}}
