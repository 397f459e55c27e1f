"""``star audit --zoo``: published rewards side by side."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from benchmarks.audit.page import amount
from benchmarks.zoo.compare import compare, earned_by_maps, entries, modules
from star_cli.console import echo, step_bar

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from benchmarks.zoo.compare import Compared

HEADERS = (
    "reward",
    "exact",
    "wrong",
    "blind",
    "prompt",
    "two named",
    "all named",
    "guess from",
    "hedge below",
    "p = .3 .6 .9",
    "exploits",
    "checks",
)
"""The columns of the table; a last one, the cost, where it was measured."""


def show_zoo(*, scenes: int, timed: bool, as_json: bool, no_color: bool) -> None:
    """Audit every reward of the zoo and print what they reward, or JSON."""
    found, absent = modules()
    if absent:
        packages = ", ".join(dict.fromkeys(absent.values()))
        echo(f"left out: {', '.join(absent)}; not installed: {packages}; pip install 'star-r1[zoo]'", err=True)
    every = list(entries(found))
    compared = []
    with step_bar("rewards", lines=True) as advance:
        for entry in every:
            compared.append(compare(entry, scenes=scenes, timed=timed))
            advance(len(compared), len(every))
    if as_json:
        maps = {entry.name: earned_by_maps(entry) for entry in every if entry.cogmap}
        plain = {"rewards": [each.plain() for each in compared], "maps": maps, "absent": absent}
        echo(json.dumps(plain, indent=2, allow_nan=False))
        return
    print_compared(compared, timed=timed, no_color=no_color)


def print_compared(compared: Iterable[Compared], *, timed: bool, no_color: bool) -> None:
    """Print a table for each task; where it is wider than the terminal, a list for each reward."""
    from rich.table import Table
    from rich.text import Text

    from star_cli.screen import Screen, ruled_table

    console, every = Screen(color=not no_color), list(compared)
    headers = (*HEADERS, *(("ms",) if timed else ()))
    for task in dict.fromkeys(each.task for each in every):
        table = ruled_table(title=task)
        for header in headers:
            table.add_column(header, justify="left" if header in ("reward", "exploits", "checks") else "right")
        rows = [zoo_cells(each) for each in every if each.task == task]
        for cells in rows:
            table.add_row(*cells)
        whole = console.options.update(max_width=10_000)
        if console.measure(table, options=whole).maximum <= console.width:
            console.print(table)
        else:
            for name, *rest in rows:
                grid = Table.grid(padding=(0, 2))
                grid.add_column(style="dim", no_wrap=True)
                for header, cell in zip(headers[1:], rest, strict=True):
                    grid.add_row(header, cell)
                console.print(Text.assemble((name, "bold"), f", task {task}"))
                console.print(grid)
                console.print()
        console.print()


def zoo_cells(each: Compared) -> tuple[str, ...]:
    """Return the cells of a reward, as `HEADERS` names them, and its cost where it was measured."""
    cost = each.audit.cost
    return (
        each.name,
        amount(each.exact),
        f"{each.wrong:.0%}",
        f"{each.blind:.0%} {each.blind_policy}",
        f"{each.copied:.0%}",
        _by_kind({unsure: f"{two:.0%} ({one:.0%})" for unsure, (two, one) in each.two_named.items()}),
        f"{each.all_named:.0%}",
        _by_kind({unsure: _from(chance) for unsure, chance in each.guess_from.items()}),
        _by_kind({unsure: _below(chance) for unsure, chance in each.hedge_below.items()}),
        _by_kind(
            {
                unsure: " ".join(str(one.guesses) for one in each.behavior if one.unsure == unsure)
                for unsure in each.guess_from
            }
        ),
        ", ".join(finding.name for finding in each.audit.of("exploit")) or "none",
        ", ".join(finding.name for finding in each.audit.of("check")) or "none",
        *(() if cost is None else (f"{1e3 * cost.batch:.3g}",)),
    )


def _by_kind(cells: Mapping[str, str]) -> str:
    """Return the cell of a question, or those of records, told apart."""
    if len(cells) == 1:
        return next(iter(cells.values()))
    return ", ".join(f"{unsure} {cell}" for unsure, cell in cells.items())


def _from(chance: float) -> str:
    return "any chance" if chance <= 0 else "never" if chance > 1 else f"{chance:.2g}"


def _below(chance: float) -> str:
    return "never" if chance <= 0 else "always" if chance >= 1 else f"{chance:.2g}"
