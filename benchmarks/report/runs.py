"""The inputs of a report: each is recognised by what it holds."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.evaluation.evaluate import evaluate
from benchmarks.evaluation.known import PROTOCOLS
from benchmarks.files.chunks import BadRow
from benchmarks.files.rows import read_chunks
from benchmarks.report.row_scores import RowScores, of_evaluation, of_scores_file
from benchmarks.report.training import SUFFIXES, Training, completion_files, read_training
from rewards.errors import ConfigError, DataError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


@dataclass(frozen=True, slots=True)
class Run:
    """One input.

    Attributes:
        name: how tables call it.
        path: where it was read.
        evaluation: what ``star score --benchmark --json`` (or ``--report-data``) has written, or None.
        rewards: what ``star score --json`` has written, or None.
        scores: what each row scored, where the input itself tells.
        training: what a trainer has logged, or None.
    """

    name: str
    path: str
    evaluation: Mapping[str, Any] | None = None
    rewards: Mapping[str, Any] | None = None
    scores: RowScores | None = None
    training: Training | None = None

    @property
    def protocol(self) -> str:
        """The protocol whose numbers stand for an evaluation: of two, strict."""
        assert self.evaluation is not None
        return "official" if self.evaluation["protocol"] == "official" else "strict"

    @property
    def table(self) -> Mapping[str, Mapping[str, Mapping[str, Any]]]:
        """The table of an evaluation: group -> metric -> interval."""
        assert self.evaluation is not None
        found: Mapping[str, Any] = self.evaluation["tables"][self.protocol]
        return found


def read_run(text: str) -> Run:
    """Read an input.

    Args:
        text: ``PATH`` or ``NAME=PATH``. A path is the JSON of ``star score``, with or without ``--benchmark``; a file
            of ``star score --out``; or a file or folder of completions that a trainer has logged.

    Raises:
        ConfigError: there is nothing at that path.
        DataError: it is none of these.
    """
    name, equals, rest = text.partition("=")
    path = Path(rest if equals and Path(rest).exists() else text)
    label = name if equals and path == Path(rest) else path.name.partition(".")[0]
    if not path.exists():
        raise ConfigError(f"{path}: there is no such file or folder")
    run = Run(label, str(path))
    if path.is_dir():
        return replace(run, training=read_training(completion_files(path)))
    if path.suffix == ".json":
        return _of_json(run)
    if not path.name.endswith(SUFFIXES):
        raise DataError(f"{path}: a report is made of .json, .jsonl and .parquet files, see star report --help")
    first = _first_row(str(path))
    if "correct" in first and "error" in first:
        return replace(run, scores=of_scores_file(str(path)))
    return replace(run, training=read_training([str(path)]))


def _of_json(run: Run) -> Run:
    try:
        found = json.loads(Path(run.path).read_text(encoding="utf-8"))
    except (UnicodeDecodeError, ValueError) as error:
        raise DataError(f"{run.path}: not JSON: {error}") from error
    if isinstance(found, dict) and {"benchmark", "tables", "protocol"} <= found.keys():
        scores = None
        if "row_scores" in found:
            new = replace(run, evaluation=found)
            scores = of_evaluation(found["row_scores"], new.protocol, found["headline"])
        return replace(run, evaluation=found, scores=scores)
    if isinstance(found, dict) and {"total", "parts", "signature"} <= found.keys():
        return replace(run, rewards=found)
    raise DataError(f"{run.path}: this is not what star score --json writes, with or without --benchmark")


def _first_row(path: str) -> Mapping[str, Any]:
    for chunk in read_chunks(path):
        for row in chunk.rows:
            if not isinstance(row, BadRow):
                return row
    raise DataError(f"{path}: there are no rows")


def row_scores(run: Run) -> RowScores:
    """Return what each row of a run scored: from the input itself, or by evaluating again what it was made from.

    Raises:
        DataError: neither is possible.
    """
    if run.scores is not None:
        return run.scores
    if run.evaluation is None:
        raise DataError(f"{run.path} does not say what each row scored; give the file of star score --out instead")
    source = run.evaluation["source"]
    files = source_files(run)
    if files is None:
        raise DataError(
            f"{run.path} was made from {', '.join(source.get('files', ())) or 'rows in memory'}, which is not here; "
            "write it with --report-data, which holds the scores of every row"
        )
    report = evaluate(
        files,
        run.evaluation["benchmark"],
        run.evaluation["protocol"],
        mapping=source["mapping"],
        targets=source["targets"],
        on=source["on"],
        limit=source["limit"],
    )
    assert run.protocol in PROTOCOLS[run.evaluation["protocol"]]
    if report.rows != run.evaluation["rows"]:
        raise DataError(
            f"{run.path} is about {run.evaluation['rows']:,} rows, and {', '.join(files)} now has {report.rows:,}; "
            "score it again"
        )
    return of_evaluation(report.row_scores, run.protocol, run.evaluation["headline"])


def source_files(run: Run) -> Sequence[str] | None:
    """Return the files that an evaluation was made from, if all are here: where they were, or beside the results."""
    source = run.evaluation["source"] if run.evaluation is not None else {}
    beside = Path(run.path).parent
    found = []
    for file in source.get("files", ()):
        places = [place for place in (Path(file), beside / file, beside / Path(file).name) if place.is_file()]
        if not places:
            return None
        found.append(str(places[0]))
    gold = source.get("targets")
    return found if found and (gold is None or Path(gold).is_file()) else None
