"""The tables that ``star audit`` prints."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

from benchmarks.audit.page import (
    CONSTANT_HEADERS,
    EXPECTATION_HEADERS,
    amount,
    constant_row,
    cost_line,
    expectation_row,
    group_rows,
    shorten,
    verdict,
)
from star_cli.screen import Screen, ruled_table

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rich.table import Table

    from benchmarks.audit import Audit, AuditFinding
    from benchmarks.audit.differential import Differential
    from benchmarks.audit.findings import Kind
    from benchmarks.audit.predictions import Prediction

_SHOWN = 150  # characters of an answer
_SOURCES = 8  # policies and dialects that are named


def print_audit(found: Audit, *, no_color: bool) -> None:
    """Print an audit to standard output."""
    console = Screen(color=not no_color)
    style = "bold red" if found.of("exploit") else "bold"
    console.print(Text.assemble((found.name, "bold"), ": ", (verdict(found), style)), soft_wrap=True)
    console.print(Text(f"{found.policies} policies on {found.scenes} scenes of {found.task}", style="dim"))
    for kind, title in _TITLES.items():
        if rows := found.of(kind):
            console.print()
            console.print(Text(title, style="dim"), soft_wrap=True)
            console.print(_findings(kind, rows))
            for finding in rows:
                console.print(_example(finding), soft_wrap=True)
    tables = [_table(EXPECTATION_HEADERS, map(expectation_row, found.expectation))] if found.expectation else []
    if found.constants:
        tables.append(_table(CONSTANT_HEADERS, map(constant_row, found.constants)))
    if found.groups is not None:
        tables.append(_table(("real predictions", ""), group_rows(found.groups)))
    for table in tables:
        console.print()
        console.print(table)
    if found.cost is not None:
        console.print()
        console.print(Text(cost_line(found.cost), style="dim"), soft_wrap=True)


_TITLES: dict[Kind, str] = {
    "exploit": "An exploit scores at least as high as a better answer, such as the exact one on the same scene.",
    "incentive": "An incentive scores higher under uncertainty than the honest best guess.",
    "check": "A check is a property that a reward should have.",
}


def _findings(kind: Kind, findings: Sequence[AuditFinding]) -> Table:
    last = {"exploit": "tries", "incentive": "profitable", "check": "fails because"}[kind]
    table = ruled_table()
    for header in (kind, "reward", "against", "scenes", last):
        table.add_column(header, justify="right" if header in ("reward", "against", "scenes") else "left")
    for finding in findings:
        example = finding.smallest
        some = example is not None and example.worlds
        paid, against = (amount(example.paid), amount(example.against)) if example and some else ("", "")
        if finding.means is not None:
            paid, against = map(amount, finding.means)
        name = Text.assemble((finding.name, "bold"), f"\n{finding.about}" if finding.about else "")
        table.add_row(name, paid, against, f"{finding.share:.0%}", finding.pays_while or finding.says)
    return table


def _example(finding: AuditFinding) -> Text:
    example = finding.smallest
    if example is None:
        return Text("")
    worlds = [
        world.target if len(example.worlds) == 1 else f"{world.target} ({world.chance:.2g})"
        for world in example.worlds[:3]
    ]
    rest = f" or {len(example.worlds) - 3} more" if len(example.worlds) > 3 else ""
    true, written = f"{' or '.join(worlds)}{rest}", shorten(example.completion, _SHOWN) or "(nothing)"
    told = f"true {true}\n  {written}" if worlds else written
    text = Text.assemble((f"{finding.name}: ", "bold"), told, style="dim")
    if finding.kind == "exploit" and finding.largest is not None and finding.largest != example:
        text.append(f"\n  on one scene even {amount(finding.largest.paid)} against {amount(finding.largest.against)}")
    if finding.kind == "check" and example.honest != example.completion:
        text.append(f"\n  {shorten(example.honest, _SHOWN)}")
    return text


def _table(headers: Sequence[str], rows: Iterable[Sequence[str]]) -> Table:
    table = ruled_table()
    for at, header in enumerate(headers):
        table.add_column(header, justify="right" if at and len(headers) > 2 else "left")
    for row in rows:
        table.add_row(*row)
    return table


def markdown_table(audits: Sequence[Audit]) -> str:
    """Return a line for each audit, as a Markdown table: exploits, incentives, and failed checks."""
    lines = [
        "| reward | exploits (reward / exact answer) | incentives (where profitable) | failed checks |",
        "|---|---|---|---|",
    ]
    for found in audits:
        exploits = [f"`{each.name}` ({_pair(each)})" for each in found.of("exploit")]
        incentives = [f"`{each.name}`, {each.about}: {each.pays_while}" for each in found.of("incentive")]
        checks = [f"`{each.name}`" for each in found.of("check")]
        cells = ("<br>".join(cell) or "none" for cell in (exploits, incentives, checks))
        lines.append(f"| `{found.name}` | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _pair(finding: AuditFinding) -> str:
    """Return what is scored, and what a better answer earns: the means of a policy that guesses, else the example's."""
    if finding.means is not None:
        return " / ".join(map(amount, finding.means))
    example = finding.smallest
    return "" if example is None else f"{amount(example.paid)} / {amount(example.against)}"


def markdown_thresholds(audits: Sequence[Audit]) -> str:
    """Return the exact thresholds of audits of tiered rewards, as a Markdown table; nothing where there are none."""
    if not any(found.expectation for found in audits):
        return ""
    lines = [f"| reward | {' | '.join(EXPECTATION_HEADERS)} |", "|---|---|" + "---:|" * (len(EXPECTATION_HEADERS) - 1)]
    for found in audits:
        lines += [f"| `{found.name}` | {' | '.join(expectation_row(each))} |" for each in found.expectation]
    return "\n".join(lines) + "\n"


def differential_text(found: Differential) -> str:
    """Return how two rewards differ, in lines."""
    lines = [
        f"{found.name} against {found.reference}: {found.texts:,} texts on {found.scenes} scenes of {found.task}",
        f"accepted: {found.accepted:,} against {found.reference_accepted:,}",
    ]
    for what, rate, sources, example in (
        ("positive", found.false_positive_rate, found.false_positives, found.false_positive),
        ("negative", found.false_negative_rate, found.false_negatives, found.false_negative),
    ):
        of = "refuses" if what == "positive" else "accepts"
        share = "none" if rate is None else f"{rate:.1%}"
        lines += ["", f"false-{what} rate: {share} of what {found.reference} {of}"]
        if sources:
            lines.append("  " + ", ".join(f"{name} {count}" for name, count in list(sources.items())[:_SOURCES]))
        if example is not None:
            lines += [f"  true {example.worlds[0].target}", f"  {shorten(example.completion, _SHOWN) or '(nothing)'}"]
    return "\n".join(lines) + "\n"


PREDICTION_HEADERS = ("p", "predictions", "exact set", "Diff", "NDiff", "silence", "R_acc")


def predictions_text(name: str, found: Sequence[Prediction]) -> str:
    """Return what an unsure policy does whose wrong guesses reach no tier, as a Markdown table for each spread."""
    lines = [f"{name}: {found[0].true:g} true records, a policy that maximizes R_acc"]
    for spread in dict.fromkeys(each.spread for each in found):
        known = "every record known equally well" if spread == 0 else f"records known unequally, spread {spread:g}"
        lines += ["", f"{known}:", "", f"| {' | '.join(PREDICTION_HEADERS)} |", "|" + "---:|" * len(PREDICTION_HEADERS)]
        for each in found:
            if each.spread == spread and each.sure is None and round(10 * each.p, 9) % 1 == 0:
                lines.append(f"| {' | '.join(_prediction_row(each))} |")
    return "\n".join(lines) + "\n"


def _prediction_row(each: Prediction) -> tuple[str, ...]:
    return (
        f"{each.p:.1f}",
        f"{each.predictions:.2f}",
        f"{each.exact:.1%}",
        f"{each.diff:.2f}",
        f"{each.ndiff:.2f}",
        f"{each.silence:.1%}",
        f"{each.reward:.2f}",
    )
