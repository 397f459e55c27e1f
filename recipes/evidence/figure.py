"""The figures of docs/evidence.md as SVG, in the colors of the audit's charts, light and dark."""

from __future__ import annotations

from math import log10
from typing import TYPE_CHECKING, Final, NamedTuple

from benchmarks.page import theme
from benchmarks.plain_text import escape
from benchmarks.report.svg import chart_style, tick_step, ticks
from recipes.evidence.analysis import Results, trained_ranks

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

MAIN: Final = ("full", "paper", "no_incorrect_penalty", "naive_binary", "calibrated", "ndiff")
ROW: Final = 21
STYLE: Final = """
svg .soft { fill: var(--soft); font-size: 11px; }
svg .way { stroke: var(--line); stroke-width: 5; stroke-linecap: round; }
svg .span { stroke: var(--s0); stroke-width: 1.5; }
svg .said { fill: var(--card); stroke: var(--s1); stroke-width: 2; }
svg .came { fill: var(--s0); }"""


class Panel(NamedTuple):
    """Where a panel lies and what its axes are.

    Attributes:
        box: left, top, right and bottom of the axes.
        x: limits.
        y: limits.
        log: whether x is on a logarithmic scale.
    """

    box: tuple[float, float, float, float]
    x: tuple[float, float]
    y: tuple[float, float] = (0.0, 1.0)
    log: bool = False

    def at_x(self, value: float) -> float:
        """Return where a value of x lies."""
        left, _, right, _ = self.box
        low, high, here = (log10(v) if self.log else v for v in (*self.x, value))
        return left + (right - left) * (here - low) / (high - low)

    def at_y(self, value: float) -> float:
        """Return where a value of y lies."""
        _, top, _, bottom = self.box
        return bottom - (bottom - top) * (value - self.y[0]) / (self.y[1] - self.y[0])


def text(x: float, y: float, words: str, kind: str = "soft", anchor: str = "start") -> str:
    """Return a line of text."""
    return f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(words)}</text>'


def line(kind: str, x: tuple[float, float], y: tuple[float, float]) -> str:
    """Return a straight line."""
    return f'<line class="{kind}" x1="{x[0]:.1f}" x2="{x[1]:.1f}" y1="{y[0]:.1f}" y2="{y[1]:.1f}"/>'


def drawn(width: float, height: float, label: str, parts: Sequence[str]) -> str:
    """Return a file."""
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="chart" viewBox="0 0 {width:g} {height:g}" width="{width:g}" '
        f'height="{height:g}" role="img" aria-label="{escape(label)}">'
        f"<style>{theme()}{chart_style()}{STYLE}</style>"
        f'<rect width="{width:g}" height="{height:g}" style="fill:var(--card)"/>{"".join(parts)}</svg>\n'
    )


def headline(results: Results) -> str:
    """Return the figure that the page opens with: what was said of each reward, and what came about."""
    names = sorted(results.predicted, key=lambda name: trained_ranks(results, "ndiff")[name])
    top, bottom = 52.0, 52.0 + ROW * len(names)
    parts = [
        text(190, bottom + 49, "said before training", "text"),
        f'<circle class="said" cx="180" cy="{bottom + 45}" r="4.5"/>',
        text(350, bottom + 49, "trained, with its 95% interval", "text"),
        f'<circle class="came" cx="340" cy="{bottom + 45}" r="4"/>',
        line("mark", (622, 646), (bottom + 45, bottom + 45)),
        text(652, bottom + 49, "the start of all", "text"),
    ]
    for place, name in enumerate(names):
        parts.append(text(172, top + ROW * (place + 0.5) + 4, name.replace("_", " "), "name", "end"))
    columns = [
        ("tacc", "Scenes right (TAcc)", Panel((184, top, 372, bottom), (0.0, 0.65)), (0, 0.2, 0.4, 0.6)),
        ("ndiff", "Wrong cells a change (NDiff)", Panel((396, top, 584, bottom), (0.4, 3.2), log=True), (0.5, 1, 2)),
        ("predictions", "Changes named", Panel((608, top, 796, bottom), (0.9, 6.0), log=True), (1, 2, 4)),
    ]
    for measure, title, panel, marks in columns:
        parts += _said_and_came(results, names, measure, title, panel=panel, marks=marks)
    return drawn(812, bottom + 62, "Eleven rewards: said before training, and trained", parts)


def _said_and_came(
    results: Results, names: Sequence[str], measure: str, title: str, *, panel: Panel, marks: Sequence[float]
) -> Iterator[str]:
    left, top, right, bottom = panel.box
    yield text((left + right) / 2, top - 28, title, "title", "middle")
    for value in marks:
        at = panel.at_x(value)
        yield line("grid", (at, at), (top, bottom))
        yield text(at, bottom + 16, f"{value:g}", anchor="middle")
    start = panel.at_x(results.mean("start", measure).value)
    yield line("mark", (start, start), (top - 8, bottom))
    for place, name in enumerate(names):
        y = top + ROW * (place + 0.5)
        came, said = results.mean(name, measure), results.predicted[name][measure]
        low, here, high, there = (panel.at_x(v) for v in (came.low, came.value, came.high, said))
        yield line("way", (here, there), (y, y))
        yield line("span", (low, high), (y, y))
        yield f'<circle class="said" cx="{there:.1f}" cy="{y:.1f}" r="4.5"/>'
        yield f'<circle class="came" cx="{here:.1f}" cy="{y:.1f}" r="4"><title>{came.value:.3f}</title></circle>'


def curves(results: Results) -> str:
    """Return what was measured on the way of the main arms: accuracy, NDiff, predictions and reward over steps."""
    kinds = [
        ("tacc", "Scenes right (TAcc)"),
        ("ndiff", "Wrong cells a change (NDiff)"),
        ("predictions", "Changes named"),
        ("reward", "Reward of the default preset"),
    ]
    parts: list[str] = []
    for place, (measure, title) in enumerate(kinds):
        left, top = 50 + 390 * (place % 2), 40 + 232 * (place // 2)
        parts += _curve(results, measure, title, (left, top, left + 330, top + 165))
    for place, name in enumerate(MAIN):
        x, y = 50 + 250 * (place % 3), 500 + 20 * (place // 3)
        parts.append(f'<line class="line t{place}" x1="{x}" x2="{x + 26}" y1="{y}" y2="{y}"/>')
        parts.append(text(x + 33, y + 4, name.replace("_", " "), "name"))
    return drawn(790, 534, "Six rewards over training steps, on held-out scenes", parts)


def _curve(results: Results, measure: str, title: str, box: tuple[float, float, float, float]) -> Iterator[str]:
    lines = {}
    for name in MAIN:
        tests = [{test["step"]: test[measure] for test in run["tests"]} for run in results.seeds[name]]
        shared = sorted(set.intersection(*(set(each) for each in tests)))  # a seed ended sooner
        lines[name] = [(step, sum(each[step] for each in tests) / len(tests)) for step in shared]
    values = [value for points in lines.values() for _, value in points]
    last = max(step for points in lines.values() for step, _ in points)
    spare = 0.05 * (max(values) - min(values))
    panel = Panel(box, (0, last), (min(values) - spare, max(values) + spare))
    left, top, right, bottom = box
    yield text(left, top - 14, title, "title")
    for value in ticks(*panel.y, tick_step(panel.y[1] - panel.y[0], 4)):
        at = panel.at_y(value)
        yield line("grid", (left, right), (at, at))
        yield text(left - 6, at + 4, f"{value:g}", anchor="end")
    for value in ticks(*panel.x, tick_step(panel.x[1], 5)):
        yield text(panel.at_x(value), bottom + 16, f"{value:g}", anchor="middle")
    yield text((left + right) / 2, bottom + 33, "step", anchor="middle")
    for place, points in enumerate(lines.values()):
        path = " ".join(f"{panel.at_x(x):.1f},{panel.at_y(y):.1f}" for x, y in points)
        yield f'<polyline class="line t{place}" points="{path}"/>'
