"""The report of an audit as one HTML page: no scripts, no external assets, light and dark, narrow and wide."""

from __future__ import annotations

import math
from html import escape
from typing import TYPE_CHECKING

from benchmarks.audit.figures import best_chart, expected_chart, incentive_chart, knowing
from benchmarks.audit.svg import CHART_STYLE, bar_chart, line_chart, variables

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from benchmarks.audit.cost import Cost
    from benchmarks.audit.expectation import Knowing
    from benchmarks.audit.findings import Example, Finding
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
        "An answer that is not exact is paid at least what the exact answer is, on the same scene.",
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
        _groups(found.groups),
        _cost(found.cost),
    ]
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
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


def _findings(kind: str, findings: Sequence[Finding]) -> str:
    if not findings:
        return ""
    heading, says = _HEADINGS[kind]
    cards = "".join(map(_card, findings))
    return f'<h2>{heading}</h2><p class="soft">{says}</p><div class="cards">{cards}</div>'


def _card(finding: Finding) -> str:
    lines = [f"<h3>{escape(finding.name)}</h3>", f"<p>{escape(finding.says)}"]
    if finding.about:
        lines.append(f"; unsure of: {escape(finding.about)}")
    lines.append(f' <span class="soft">({finding.share:.0%} of the scenes)</span></p>')
    if finding.kind == "incentive":
        lines.append(f"<p>Pays {escape(finding.pays_while)}; at most {finding.size:.3g} more on average.</p>")
    if finding.smallest is not None:
        lines += _example(finding.smallest, finding.kind)
    largest = finding.largest
    if finding.kind == "exploit" and largest is not None and largest != finding.smallest:
        lines.append(f'<p class="soft">The largest: {amount(largest.paid)} against {amount(largest.against)}.</p>')
    chart = incentive_chart(finding) if finding.kind == "incentive" else None
    lines.append(line_chart(chart) if chart is not None else "")
    return f'<div class="card {finding.kind}">{"".join(lines)}</div>'


def _example(example: Example, kind: str) -> Iterator[str]:
    other = {"exploit": "the exact answer", "incentive": "the honest best guess", "check": "the other"}[kind]
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


def _expectation(analysis: Sequence[Knowing], name: str) -> str:
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


def expectation_row(known: Knowing) -> tuple[str, ...]:
    """Return the thresholds of one row of the table, in words and numbers."""
    below = known.hedge.pays_below
    hedging = "never" if known.hedge.gain <= 0 else "always" if below >= 1 else f"{below:.3g}"
    return (
        knowing(known.sure),
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
