"""The report of an audit as one HTML page with its charts: no scripts, no external assets, light and dark."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

from benchmarks.audit.expected import CHANCES, N_GT
from benchmarks.plain_text import CONTENT_POLICY, escape

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from benchmarks.audit.constants import ConstantAnswer
    from benchmarks.audit.cost import Cost
    from benchmarks.audit.expected import GuessAnalysis
    from benchmarks.audit.findings import AuditFinding, Example
    from benchmarks.audit.groups import Groups
    from benchmarks.audit.run import Audit


LONGEST = 280
"""Characters of a completion that are shown."""

_STYLE = """\
*{box-sizing:border-box}
body{margin:0 auto;max-width:76rem;padding:1rem clamp(.8rem,3vw,2rem) 3rem;background:var(--paper);color:var(--ink);
font:16px/1.5 system-ui,sans-serif}
h1{font-size:1.5rem;margin:.5rem 0}h2{font-size:1.15rem;margin:2rem 0 .6rem}h3{font-size:1rem;margin:0}
p{margin:.4rem 0;max-width:46rem}.soft{color:var(--soft)}
.cards{display:grid;gap:1rem;grid-template-columns:repeat(auto-fill,minmax(min(100%,22rem),1fr))}
.card{border:1px solid var(--grid);border-radius:.5rem;padding:.8rem 1rem;min-width:0}
.exploit{border-left:.3rem solid var(--l1)}.incentive{border-left:.3rem solid var(--l4)}
.check{border-left:.3rem solid var(--l3)}
code,pre{font:13px/1.45 ui-monospace,monospace}pre{white-space:pre-wrap;overflow-wrap:anywhere;margin:.2rem 0 .5rem}
.wide+.cards{margin-top:1rem}.wide{overflow-x:auto}table{border-collapse:collapse;font-size:.9rem}
th,td{text-align:left;padding:.25rem .9rem .25rem 0;border-bottom:1px solid var(--grid);vertical-align:top}
td.n,th.n{text-align:right;font-variant-numeric:tabular-nums}
svg.chart{width:100%;max-width:30rem;height:auto;display:block}
.verdict{font-size:1.1rem;font-weight:600}"""

_HEADINGS = {
    "exploit": (
        "Exploits",
        "Something is paid at least what a better answer is, such as the exact one on the same scene.",
    ),
    "incentive": ("Incentives", "Under uncertainty this is paid more than the honest best guess."),
    "check": ("Failed checks", "Properties that a reward should have."),
}


def html_page(found: Audit) -> str:
    """Return the page."""
    title = f"Audit of {found.name}"
    body = [
        f"<h1>{escape(title)}</h1>",
        f'<p class="verdict">{escape(verdict(found))}</p>',
        f'<p class="soft">{found.policies} policies on {found.scenes} scenes of the task {escape(found.task)}.</p>',
        *(_findings(kind, found.of(kind)) for kind in ("exploit", "incentive", "check")),
        _expectation(found.expectation, found.name),
        _constants(found.constants),
        _groups(found.groups),
        _cost(found.cost),
    ]
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{CONTENT_POLICY}">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{escape(title)}</title><style>{variables()}\n{_STYLE}\n{CHART_STYLE}</style></head>\n"
        f"<body>{''.join(body)}</body></html>\n"
    )


def verdict(found: Audit) -> str:
    """Return the result in one line.

    >>> from benchmarks.audit.run import Audit
    >>> verdict(Audit("r", "tvr", 1, 1, ()))
    'no exploit, no incentive, no failed check'
    """
    words = (("exploit", "exploit"), ("incentive", "incentive"), ("check", "failed check"))
    return ", ".join(_count(len([each for each in found.findings if each.kind == kind]), word) for kind, word in words)


def _count(number: int, word: str) -> str:
    return f"{number or 'no'} {word}{'s' if number > 1 else ''}"


def amount(value: float) -> str:
    """Return what is paid, in four digits.

    >>> amount(2.75), amount(float("nan")), amount(-1e-17)
    ('2.75', 'none', '0')
    """
    return "none" if math.isnan(value) else f"{round(value, 9) + 0.0:.4g}"


def shorten(text: str, longest: int = LONGEST) -> str:
    """Return a text with its middle left out where it is long."""
    if len(text) <= longest:
        return text
    half = longest // 2
    return f"{text[:half]} … {text[-half:]} ({len(text):,} characters)"


def _findings(kind: str, findings: Sequence[AuditFinding]) -> str:
    if not findings:
        return ""
    heading, says = _HEADINGS[kind]
    cards = "".join(map(_card, findings))
    return f'<h2>{heading}</h2><p class="soft">{says}</p><div class="cards">{cards}</div>'


def _card(finding: AuditFinding) -> str:
    lines = [f"<h3>{escape(finding.name)}</h3>", f"<p>{escape(finding.says)}"]
    if finding.about:
        lines.append(f"; unsure of: {escape(finding.about)}")
    lines.append(f' <span class="soft">({finding.share:.0%} of the scenes)</span></p>')
    if finding.kind == "incentive":
        lines.append(f"<p>Pays {escape(finding.pays_while)}; at most {finding.size:.3g} more on average.</p>")
    if finding.smallest is not None:
        lines += _example(finding.smallest, finding)
    largest = finding.largest
    if finding.kind == "exploit" and largest is not None and largest != finding.smallest:
        lines.append(f'<p class="soft">The largest: {amount(largest.paid)} against {amount(largest.against)}.</p>')
    chart = incentive_chart(finding) if finding.kind == "incentive" else None
    lines.append(line_chart(chart) if chart is not None else "")
    return f'<div class="card {finding.kind}">{"".join(lines)}</div>'


def _example(example: Example, finding: AuditFinding) -> Iterator[str]:
    other = {"exploit": "the better answer", "incentive": "the honest best guess", "check": "the other"}[finding.kind]
    if finding.means is not None:
        mine, theirs = map(amount, finding.means)
        yield f"<p>Paid <b>{mine}</b> on average over the scenes, {other} <b>{theirs}</b>. On one of them:</p>"
    if example.worlds:
        yield f"<p>Paid <b>{amount(example.paid)}</b>, {other} <b>{amount(example.against)}</b>:</p>"
    yield f"<pre>{escape(shorten(example.completion) or '(nothing)')}</pre>"
    for world in example.worlds[:4]:
        chance = (
            ""
            if len(example.worlds) == 1
            else f", chance {world.chance:.3g}: {amount(world.paid)} against {amount(world.against)}"
        )
        yield f'<p class="soft">true: <code>{escape(shorten(world.target))}</code>{chance}</p>'
    if len(example.worlds) > 4:
        yield f'<p class="soft">and {len(example.worlds) - 4} more</p>'


def _expectation(analysis: Sequence[GuessAnalysis], name: str) -> str:
    if not analysis:
        return ""
    charts = [*(expected_chart(each, name) for each in analysis[:1]), best_chart(analysis, name)]
    drawn = "".join(f'<div class="card">{line_chart(chart)}</div>' for chart in charts)
    return (
        '<h2>What guessing pays</h2><p class="soft">Exact expectations: a policy guesses, and each guess is right '
        "with chance p given that those before it at the same change are wrong.</p>"
        f"{_table(EXPECTATION_HEADERS, map(expectation_row, analysis))}<div class='cards'>{drawn}</div>"
    )


EXPECTATION_HEADERS = ("knows", "guess pays from", "beyond the true number", "hedging two pays below", "gain at 1/2")


CONSTANT_HEADERS = ("the same answer always", "", "earns", "exact")
"""Of the table of `constant_row`."""


def constant_row(each: ConstantAnswer) -> tuple[str, ...]:
    """Return a row of the table of constant answers."""
    return each.name, each.answer or "(none)", amount(each.mean), amount(each.exact)


def _constants(constants: Sequence[ConstantAnswer]) -> str:
    if not constants:
        return ""
    text = "What the same answer to every question earns, without a look at the image, beside the exact answer."
    table = _table(CONSTANT_HEADERS, map(constant_row, constants))
    return f'<h2>Answers that do not look</h2><p class="soft">{text}</p>{table}'


def expectation_row(known: GuessAnalysis) -> tuple[str, ...]:
    """Return the thresholds of one row of the table, in words and numbers."""
    below = known.hedge.pays_below
    hedging = "never" if known.hedge.gain <= 0 else "always" if below >= 1 else f"{below:.3g}"
    return (
        knowledge_in_words(known.sure),
        _chance(known.within),
        _chance(known.beyond),
        hedging,
        f"{known.hedge.gain:+.3g}",
    )


def _chance(value: float | None) -> str:
    return "never" if value is None else "any chance" if value <= 0 else f"{value:.3g}"


def _groups(groups: Groups | None) -> str:
    if groups is None:
        return ""
    bars = [(f"{total:g}", float(count)) for total, count in groups.totals[:40]]
    chart = bar_chart("How often each total is paid", "predictions", bars)
    return (
        f"<h2>Real predictions</h2>{_table(('', ''), group_rows(groups))}"
        f'<div class="cards"><div class="card">{chart}</div></div>'
    )


def group_rows(groups: Groups) -> list[tuple[str, str]]:
    """Return what there is to say of the groups of real predictions."""
    return [
        ("predictions", f"{groups.rows:,}"),
        ("groups of one prompt", f"{groups.groups:,}, of {groups.size:.3g} predictions"),
        (
            "without variance",
            f"{groups.zero_variance:.1%} (all paid best {groups.all_best:.1%}, worst {groups.all_worst:.1%})",
        ),
        ("pairs of unlike texts paid the same", f"{groups.ties:.1%}"),
        ("distinct totals in a group", f"{groups.distinct:.3g}"),
        *(
            [("answer contradicts the reasoning", f"{groups.contradicting:.1%}")]
            if groups.contradicting is not None
            else []
        ),
    ]


def _cost(cost: Cost | None) -> str:
    if cost is None:
        return ""
    rows = [
        (each.family, f"{each.longest:,}", f"{1000 * max(each.seconds):.3g}", f"{each.exponent:.2f}")
        for each in cost.growth
    ]
    return (
        f"<h2>Cost</h2><p>{escape(cost_line(cost))}</p>"
        f"{_table(('adversarial text', 'characters', 'ms', 'time ~ size^'), rows)}"
    )


def cost_line(cost: Cost) -> str:
    """Return the times of ordinary completions in one line."""
    single = f"{1e3 * cost.p50:.3g} ms at the median and {1e3 * cost.p99:.3g} ms at the 99th percentile"
    return f"One completion in a call of its own takes {single}; in one call for all, {1e3 * cost.batch:.3g} ms."


def _table(headers: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    def cells(tag: str, values: Sequence[str]) -> str:
        number = ' class="n"' if len(values) > 2 else ""
        return "".join(f"<{tag}{number if at else ''}>{escape(value)}</{tag}>" for at, value in enumerate(values))

    head = f"<thead><tr>{cells('th', headers)}</tr></thead>" if any(headers) else ""
    body = "".join(f"<tr>{cells('td', row)}</tr>" for row in rows)
    return f'<div class="wide"><table>{head}<tbody>{body}</tbody></table></div>'


def knowledge_in_words(sure: str | None) -> str:
    """Return in words what a policy knows for sure whose wrong guess still reaches the tier *sure*."""
    return "nothing for sure" if sure is None else f"the {sure}" if sure == "object" else f"up to the {sure}"


def expected_chart(known: GuessAnalysis, name: str) -> Chart:
    """Return what 0, 1, ... predictions pay, over the chance that a guess is right."""
    lines = [Line(f"{many} predictions", CHANCES, ys) for many, ys in enumerate(known.expected)]
    lines[1] = lines[1]._replace(label="1 prediction")
    title = f"{name}: expected reward, {N_GT} changes"
    return Chart(title, "chance p that a guess is right", lines)


def best_chart(analysis: Sequence[GuessAnalysis], name: str) -> Chart:
    """Return how many predictions pay most, over the chance that a guess is right."""
    lines = [Line(f"knows {knowledge_in_words(each.sure)}", CHANCES, each.best) for each in analysis]
    most = max(max(each.best) for each in analysis)
    title = f"{name}: best number of predictions"
    limits = (0.0, max(most, 4) + 0.4)
    return Chart(title, f"chance p that a guess is right ({N_GT} changes)", lines, y_range=limits, steps=True)


def incentive_chart(finding: AuditFinding) -> Chart | None:
    """Return what a policy and honesty are paid over the chance p; None where more than two worlds may be.

    p is the chance that the best guess is right; where it is that something is not there, the chart shows 1 - p, the
    chance that it is there, as ``finding.pays_while`` does.
    """
    example = finding.smallest
    if example is None or len(example.worlds) != 2 or finding.pays_between is None:
        return None
    absent = finding.about.endswith("likely not there")
    one, zero = example.worlds[::-1] if absent else example.worlds  # at the right end, and at the left end
    ends = (0.0, 1.0)
    paid = Line(finding.name, ends, (zero.paid, one.paid))
    honest = Line("honest best guess", ends, (zero.against, one.against))
    gain_one, gain_zero = one.paid - one.against, zero.paid - zero.against
    even = gain_zero / (gain_zero - gain_one) if gain_zero * gain_one < 0 else None
    marks = [] if even is None else [(even, f"{even:.3g}")]
    about, comma, _ = finding.about.partition(",")
    title = f"{finding.name}, unsure of the {about}" if comma else finding.name
    of = "chance that it is there" if absent else "chance p that the best guess is right"
    return Chart(title, f"{of}, in this example", [paid, honest], marks=marks)


WIDTH, HEIGHT = 360, 240
_LEFT, _RIGHT, _TOP, _BOTTOM = 44, 10, 30, 40
_LEGEND_ROW = 18
_DASHES = ("", "7 3", "2 3", "9 3 2 3", "1 3", "5 2 1 2")

LIGHT = {"ink": "#1d2329", "soft": "#5d6771", "grid": "#dfe3e8", "paper": "#ffffff"}
DARK = {"ink": "#e6e9ec", "soft": "#a3adb7", "grid": "#39414a", "paper": "#15191e"}
_LINES_LIGHT = ("#0b62a4", "#b8420f", "#15795a", "#7a3e9d", "#8a6100", "#505a64")
_LINES_DARK = ("#6cb6f2", "#f29464", "#5fcfa5", "#cf9cf0", "#e2bd55", "#b4bec8")

CHART_STYLE = """\
svg.chart text{font:12px system-ui,sans-serif;fill:var(--ink)}
svg.chart .title{font-weight:600;font-size:13px}
svg.chart .soft{fill:var(--soft);font-size:11px}
svg.chart .grid{stroke:var(--grid);stroke-width:1}
svg.chart .mark{stroke:var(--soft);stroke-width:1;stroke-dasharray:3 3}
svg.chart .line{fill:none;stroke-width:2;stroke-linejoin:round}
svg.chart .bar{fill:var(--l0)}"""


class Line(NamedTuple):
    """One line of a chart; the points are (xs, ys)."""

    label: str
    xs: Sequence[float]
    ys: Sequence[float]


class Chart(NamedTuple):
    """What a chart shows.

    Attributes:
        title: above it.
        x_label: below it.
        lines: at most six can be told apart.
        x_range: from, to.
        y_range: from, to; by default what the lines need.
        marks: (x, label) of vertical lines.
        steps: whether the values hold until the next one.
    """

    title: str
    x_label: str
    lines: Sequence[Line]
    x_range: tuple[float, float] = (0.0, 1.0)
    y_range: tuple[float, float] | None = None
    marks: Sequence[tuple[float, str]] = ()
    steps: bool = False


def variables() -> str:
    """Return the CSS variables of all colours, light by default and dark where the reader prefers it."""
    light, dark = (
        "".join(f"--{name}:{colour};" for name, colour in colours.items())
        + "".join(f"--l{at}:{colour};" for at, colour in enumerate(lines))
        for colours, lines in ((LIGHT, _LINES_LIGHT), (DARK, _LINES_DARK))
    )
    return f":root{{{light}color-scheme:light dark}}@media(prefers-color-scheme:dark){{:root{{{dark}}}}}"


def line_chart(chart: Chart, *, standalone: bool = False) -> str:
    """Return a line chart.

    Args:
        chart: what it shows.
        standalone: whether it is a file of its own, which needs its style and background.
    """
    low, high = chart.y_range or _range([y for line in chart.lines for y in line.ys])
    height = HEIGHT + _LEGEND_ROW * ((len(chart.lines) + 1) // 2 if len(chart.lines) > 1 else 0)
    parts = [f'<text class="title" x="8" y="17">{escape(chart.title)}</text>']
    parts += _grid(chart, low, high)
    for x, label in chart.marks:
        at = _x(x, chart.x_range)
        anchor = "end" if at > WIDTH * 0.6 else "start"
        shift = -4 if anchor == "end" else 4
        parts.append(f'<line class="mark" x1="{at:.1f}" x2="{at:.1f}" y1="{_TOP}" y2="{HEIGHT - _BOTTOM}"/>')
        parts.append(
            f'<text class="soft" x="{at + shift:.1f}" y="{_TOP + 11}" text-anchor="{anchor}">{escape(label)}</text>'
        )
    for at, line in enumerate(chart.lines):
        points = " ".join(
            f"{_x(x, chart.x_range):.1f},{_y(y, low, high):.1f}" for x, y in _points(line, steps=chart.steps)
        )
        parts.append(f'<polyline class="line" {_stroke(at)} points="{points}"/>')
    if len(chart.lines) > 1:
        parts += _legend(chart.lines)
    return _svg(chart.title, parts, height, standalone=standalone)


def bar_chart(title: str, x_label: str, bars: Sequence[tuple[str, float]]) -> str:
    """Return a chart of horizontal bars: (label, length >= 0)."""
    most = max((length for _, length in bars), default=1.0) or 1.0
    parts = [f'<text class="title" x="8" y="17">{escape(title)}</text>']
    for at, (label, length) in enumerate(bars):
        top = _TOP + 18 * at
        width = (WIDTH - 190) * length / most
        parts.append(f'<text class="soft" x="8" y="{top + 11}">{escape(label)}</text>')
        parts.append(f'<rect class="bar" x="130" y="{top + 2}" width="{width:.1f}" height="11" rx="2"/>')
        parts.append(f'<text class="soft" x="{134 + width:.1f}" y="{top + 11}">{length:.4g}</text>')
    bottom = _TOP + 18 * len(bars) + 14
    parts.append(f'<text class="soft" x="130" y="{bottom}">{escape(x_label)}</text>')
    return _svg(title, parts, bottom + 8)


def _svg(title: str, parts: Sequence[str], height: float, *, standalone: bool = False) -> str:
    style = backdrop = ""
    if standalone:
        style = f"<style>{variables()}\n{CHART_STYLE}</style>"
        backdrop = f'<rect width="{WIDTH}" height="{height}" fill="var(--paper)"/>'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="chart" viewBox="0 0 {WIDTH} {height}" role="img" '
        f'aria-label="{escape(title)}">{style}{backdrop}{"".join(parts)}</svg>'
    )


def _range(values: Sequence[float]) -> tuple[float, float]:
    """Return limits a little beyond the values."""
    low, high = min(values, default=0.0), max(values, default=1.0)
    spare = 0.06 * (high - low) or 1.0
    return low - spare, high + spare


def _x(value: float, limits: tuple[float, float]) -> float:
    return _LEFT + (WIDTH - _LEFT - _RIGHT) * (value - limits[0]) / (limits[1] - limits[0])


def _y(value: float, low: float, high: float) -> float:
    return HEIGHT - _BOTTOM - (HEIGHT - _TOP - _BOTTOM) * (value - low) / (high - low)


def _points(line: Line, *, steps: bool) -> Iterator[tuple[float, float]]:
    before = None
    for x, y in zip(line.xs, line.ys, strict=True):
        if steps and before is not None and before != y:
            yield x, before
        yield x, y
        before = y


def _grid(chart: Chart, low: float, high: float) -> Iterator[str]:
    for value in ticks(low, high):
        at = _y(value, low, high)
        yield f'<line class="grid" x1="{_LEFT}" x2="{WIDTH - _RIGHT}" y1="{at:.1f}" y2="{at:.1f}"/>'
        yield f'<text class="soft" x="{_LEFT - 6}" y="{at + 4:.1f}" text-anchor="end">{value:g}</text>'
    for value in ticks(*chart.x_range):
        at = _x(value, chart.x_range)
        yield f'<text class="soft" x="{at:.1f}" y="{HEIGHT - _BOTTOM + 15}" text-anchor="middle">{value:g}</text>'
    middle = (WIDTH + _LEFT - _RIGHT) / 2
    yield f'<text class="soft" x="{middle}" y="{HEIGHT - 8}" text-anchor="middle">{escape(chart.x_label)}</text>'


def ticks(low: float, high: float) -> list[float]:
    """Return round numbers within the limits, three to seven of them.

    >>> ticks(0.0, 1.0), ticks(-2.6, 11.0)
    ([0.0, 0.2, 0.4, 0.6, 0.8, 1.0], [-2.0, 0.0, 2.0, 4.0, 6.0, 8.0, 10.0])
    """
    step = next(
        base * 10.0**power for power in range(-6, 9) for base in (1, 2, 5) if (high - low) / (base * 10.0**power) <= 7
    )
    first = -int(-low // step)
    first = first if first * step >= low - 1e-12 else first + 1
    values = []
    while first * step <= high + 1e-9:
        values.append(round(first * step, 9) + 0.0)
        first += 1
    return values


def _stroke(at: int) -> str:
    dash = _DASHES[at % len(_DASHES)]
    return f'style="stroke:var(--l{at % len(_LINES_LIGHT)})"' + (f' stroke-dasharray="{dash}"' if dash else "")


def _legend(lines: Sequence[Line]) -> Iterator[str]:
    for at, line in enumerate(lines):
        x = 12 + (WIDTH - 20) / 2 * (at % 2)
        y = HEIGHT + 6 + _LEGEND_ROW * (at // 2)
        yield f'<line class="line" {_stroke(at)} x1="{x:.0f}" x2="{x + 24:.0f}" y1="{y}" y2="{y}"/>'
        yield f'<text class="soft" x="{x + 30:.0f}" y="{y + 4}">{escape(line.label)}</text>'
