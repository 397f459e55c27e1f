"""The paper's tables with our numbers beside the published ones, in the same layout.

The published figures are in ``published.yaml``, each with its source; what nobody could read anywhere is ``-``.
"""

from __future__ import annotations

import re
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Final

import yaml

from benchmarks.report.content import Grid, Section
from benchmarks.report.sections import number
from rewards.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from benchmarks.report.content import Cell
    from benchmarks.report.runs import Run

UNKNOWN: Final = "-"
TABLES: Final = ("table1", "table3", "main")


def published(table: str) -> Mapping[str, Any]:
    """Return a table's published figures.

    Raises:
        ConfigError: there is no such table.
    """
    if table not in TABLES:
        raise ConfigError(f"there is no table {table!r}; there are {', '.join(TABLES)}")
    text = files("benchmarks.report").joinpath("published.yaml").read_text(encoding="utf-8")
    found: Mapping[str, Any] = yaml.safe_load(text)[table]
    return found


def paper_section(table: str, runs: Sequence[Run]) -> Section:
    """Return one of the paper's tables with the numbers of some runs in it.

    ``table1``: our runs are further rows. ``table3``: a run stands beside the variant that it is named after
    (``full=a.json``, ``no_object_tier=b.json``, or the paper's own words), any other is a further row. ``main``: each
    run stands beside the benchmark that it was evaluated on.
    """
    found = published(table)
    measured = [run for run in runs if run.evaluation is not None]
    if table == "main":
        grid = _by_benchmark(found, measured)
    else:
        grid = _beside(found, measured) if found.get("side_by_side") else _below(found, measured)
    return Section(found["heading"], (grid._replace(remarks=1),))


def _of_benchmark(name: str, runs: Sequence[Run]) -> list[Run]:
    return [run for run in runs if run.evaluation is not None and run.evaluation["benchmark"] == name]


def _measured(run: Run, group: str, metric: str) -> Cell:
    cell = run.table.get(group, {}).get(metric)
    return number(metric, cell) if cell is not None else UNKNOWN


def _below(found: Mapping[str, Any], runs: Sequence[Run]) -> Grid:
    """Published rows, and ours below them."""
    columns = found["columns"]
    rows: list[tuple[Cell, ...]] = [
        (row["name"], *(row["figures"].get(column["name"], UNKNOWN) for column in columns), row["source"])
        for row in found["rows"]
    ]
    rows += [
        (
            f"{run.name} (measured)",
            *(_measured(run, column["group"], column["metric"]) for column in columns),
            "measured",
        )
        for run in _of_benchmark(found["benchmark"], runs)
    ]
    header = ("", *(column["name"] for column in columns), "source")
    return Grid(found["title"], header, tuple(rows), note=_note(found, runs))


def _beside(found: Mapping[str, Any], runs: Sequence[Run]) -> Grid:
    """Published and measured figures of each row beside each other."""
    columns, left = found["columns"], _of_benchmark(found["benchmark"], runs)
    rows: list[tuple[Cell, ...]] = []
    for row in found["rows"]:
        names = {_plain(name) for name in (row["name"], *row.get("aliases", ()))}
        ours = [run for run in left if _plain(run.name) in names]
        left = [run for run in left if run not in ours]
        theirs = [row["figures"].get(column["name"], UNKNOWN) for column in columns]
        for at, run in enumerate(ours or [None]):
            cells = [_measured(run, each["group"], each["metric"]) if run else UNKNOWN for each in columns]
            rows.append((row["name"] if at == 0 else run.name if run else "", *theirs, *cells, row["source"]))
    for run in left:
        cells = [_measured(run, column["group"], column["metric"]) for column in columns]
        rows.append((run.name, *(UNKNOWN for _ in columns), *cells, "measured"))
    shown = [column["name"] for column in columns]
    header = ("", *(f"{name}, published" for name in shown), *(f"{name}, measured" for name in shown), "source")
    return Grid(found["title"], header, tuple(rows), note=_note(found, runs))


def _by_benchmark(found: Mapping[str, Any], runs: Sequence[Run]) -> Grid:
    """Published figures, and a column for each name that our runs have."""
    names = list(dict.fromkeys(run.name for run in runs))
    columns = [column["name"] for column in found["columns"]]
    rows = []
    for row in found["rows"]:
        place = row["measured"]
        ours = {run.name: run for run in _of_benchmark(place["benchmark"], runs)}
        cells = [_measured(ours[name], place["group"], place["metric"]) if name in ours else UNKNOWN for name in names]
        rows.append((row["name"], *(row["figures"].get(name, UNKNOWN) for name in columns), *cells, row["source"]))
    header = ("", *columns, *(f"{name} (measured)" for name in names), "source")
    return Grid(found["title"], header, tuple(rows), note=_note(found, runs))


def _plain(name: str) -> str:
    """Return a name as it is compared: ``w/o obj reward`` is ``w_o_obj_reward``."""
    return re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")


def _note(found: Mapping[str, Any], runs: Sequence[Run]) -> str:
    signatures = dict.fromkeys(run.evaluation["signatures"][run.protocol] for run in runs if run.evaluation)
    return " ".join([found["note"], *signatures])
