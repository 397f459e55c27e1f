"""Inputs -> a document, written out."""

from __future__ import annotations

import json
from math import isfinite
from typing import TYPE_CHECKING, Any, Final, Literal

from benchmarks.plain_text import plain
from benchmarks.registry import find_benchmark
from benchmarks.report.compare import compare, comparison
from benchmarks.report.content import Document, Section
from benchmarks.report.html import html
from benchmarks.report.latex import latex
from benchmarks.report.looking import blind_gap as gap_table
from benchmarks.report.looking import looking
from benchmarks.report.markdown import markdown
from benchmarks.report.paper import paper_section
from benchmarks.report.runs import read_run, row_scores_missing
from benchmarks.report.sections import all_metrics, by_group, completions, faults, protocols, results, rewards, training
from benchmarks.run.signature import installed_version
from rewards.errors import ConfigError, DataError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.report.runs import Run

_NOT_COMPARED: Final = "These could not be compared row by row:"
Format = Literal["html", "markdown", "latex", "json"]
SUFFIXES: Final[dict[str, Format]] = {
    ".html": "html",
    ".htm": "html",
    ".md": "markdown",
    ".tex": "latex",
    ".json": "json",
}


def make_report(
    inputs: Sequence[str],
    *,
    comparing: bool = False,
    blind_gap: bool = False,
    paper: Sequence[str] = (),
    title: str | None = None,
    resamples: int = 10_000,
    seed: int = 0,
) -> Document:
    """Make a report of one or more runs.

    Args:
        inputs: see `benchmarks.report.runs.read_run`.
        comparing: whether to report only how the second run differs from the first.
        blind_gap: whether to report only how much better the first run, with its images, is than the second, without.
        paper: tables of the paper to show our numbers in; then nothing else is shown.
        title: of the document; None: what it is about.
        resamples: of the paired bootstrap.
        seed: of the paired bootstrap.

    Raises:
        ConfigError: an input that is not there, or too few or many to compare.
        DataError: an input that is none, or two that cannot be compared.
    """
    runs = [read_run(each) for each in inputs]
    if paper:
        return _document(
            title or "STAR-R1, published and measured", runs, [paper_section(name, runs) for name in paper]
        )
    if comparing:
        if len(runs) != 2:
            raise ConfigError(f"--compare takes two inputs, not {len(runs)}")
        first, second = runs
        found = compare(first, second, resamples=resamples, seed=seed)
        named = f"{first.name} and {second.name} compared"
        return _document(title or named, runs, comparison(first, second, found))
    if blind_gap:
        if len(runs) != 2:
            raise ConfigError(f"--blind-gap takes two inputs, with images and without, not {len(runs)}")
        table = gap_table(*runs, resamples=resamples, seed=seed)
        return _document(title or f"Is {runs[0].name} looking?", runs, [Section("Is it looking?", (table,))])
    sections = [
        results(runs),
        by_group(runs),
        looking(runs, resamples=resamples, seed=seed),
        *_comparisons(runs, resamples, seed),
        rewards(runs),
        training(runs),
    ]
    sections += [faults(runs), completions(runs), protocols(runs), all_metrics(runs)]
    return _document(title or _title(runs), runs, sections)


def _comparisons(runs: Sequence[Run], resamples: int, seed: int) -> list[Section]:
    """Compare two runs that were evaluated on one benchmark, where the scores of their rows are at hand."""
    summaries = [run for run in runs if run.rewards is not None]
    if len(summaries) == 2:
        first, second = summaries
        return [Section(f"{first.name} → {second.name}", (f"{_NOT_COMPARED} {row_scores_missing(first)}.",))]
    evaluated = [run for run in runs if run.evaluation is not None or run.scores is not None]
    kinds = {run.evaluation["benchmark"] if run.evaluation else "rewards" for run in evaluated}
    if len(evaluated) != 2 or len(kinds) != 1:
        return []
    first, second = evaluated
    try:
        return comparison(first, second, compare(first, second, resamples=resamples, seed=seed))
    except DataError as error:  # a report of two runs on different rows, or without them, is a report all the same
        return [Section(f"{first.name} → {second.name}", (f"{_NOT_COMPARED} {error}.",))]


def _title(runs: Sequence[Run]) -> str:
    benchmarks = dict.fromkeys(find_benchmark(run.evaluation["benchmark"]).title for run in runs if run.evaluation)
    named = [run for run in runs if run.evaluation] or runs
    names = ", ".join(dict.fromkeys(run.name for run in named))
    return f"{', '.join(benchmarks)}: {names}" if benchmarks else names


def _document(title: str, runs: Sequence[Run], sections: Sequence[Section]) -> Document:
    rows = [f"{run.name}: {run.evaluation['rows']:,} rows, {run.protocol}" for run in runs if run.evaluation]
    rows += [f"{run.name}: {run.rewards['rows']:,} rewards" for run in runs if run.rewards]
    rows += [f"{run.name}: {run.training.completions:,} completions" for run in runs if run.training]
    signatures = dict.fromkeys(
        [run.evaluation["signatures"][run.protocol] for run in runs if run.evaluation]
        + [run.rewards["signature"] for run in runs if run.rewards]
    )
    return Document(title, "; ".join(rows), tuple(sections), (*signatures, f"star-r1 {installed_version()}"))


def write(document: Document, form: Format) -> str:
    """Return a document as text.

    Raises:
        ConfigError: there is no such form.
    """
    if form == "html":
        return html(document)
    if form == "markdown":
        return markdown(document)
    if form == "latex":
        return latex(document)
    if form == "json":
        return plain(json.dumps(_as_json(document), indent=1, ensure_ascii=False)) + "\n"
    raise ConfigError(f"there is no format {form!r}; there are html, markdown, latex, json")


def _as_json(value: Any) -> Any:
    """Return content as JSON takes it: a mapping for each thing, with ``kind``."""
    if isinstance(value, tuple):
        if not hasattr(value, "_asdict"):
            return [_as_json(each) for each in value]
        fields = {name: _as_json(each) for name, each in value._asdict().items()}
        return {"kind": type(value).__name__.lower(), **fields}
    return None if isinstance(value, float) and not isfinite(value) else value
