"""An audit as a document, with its charts; and the words that its page and its tables in the terminal share."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from benchmarks.audit.expected import CHANCES, N_GT
from benchmarks.report.content import Card, Document, Grid, Histogram, Line, Lines, Passage, Section
from benchmarks.run.signature import installed_version

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from benchmarks.audit.constants import ConstantAnswer
    from benchmarks.audit.cost import Cost
    from benchmarks.audit.expected import GuessAnalysis
    from benchmarks.audit.findings import AuditFinding, Example, Kind
    from benchmarks.audit.groups import Groups
    from benchmarks.audit.run import Audit


LONGEST = 280
"""Characters of a completion that are shown."""

_HEADINGS: dict[Kind, tuple[str, str, str]] = {
    "exploit": (
        "Exploits",
        "bad",
        "An answer scores at least as high as a better one, such as the exact answer on the same scene.",
    ),
    "incentive": ("Incentives", "unsure", "Under uncertainty this scores higher than the honest best guess."),
    "check": ("Failed checks", "plain", "Properties that a reward should have."),
}


def audit_document(found: Audit) -> Document:
    """Return the audit as a document."""
    sections = [_findings(kind, found.of(kind)) for kind in _HEADINGS]
    sections += [_expectation(found.expectation, found.name), _constants(found.constants)]
    sections += [_groups(found.groups), _cost(found.cost)]
    subtitle = f"{verdict(found)}: {found.policies} policies on {found.scenes} scenes of the task {found.task}"
    return Document(f"Audit of {found.name}", subtitle, tuple(sections), (f"star-r1 {installed_version()}",))


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
    """Return a reward, in four digits.

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


def _findings(kind: Kind, findings: Sequence[AuditFinding]) -> Section:
    heading, tone, says = _HEADINGS[kind]
    cards = [Card(finding.name, tone, tuple(_in_card(finding))) for finding in findings]
    return Section(heading, (says, *cards) if cards else ())


def _in_card(finding: AuditFinding) -> Iterator[str | Passage | Lines]:
    about = f"; unsure of: {finding.about}" if finding.about else ""
    yield f"{finding.says}{about} ({finding.share:.0%} of the scenes)"
    if finding.kind == "incentive":
        yield f"Profitable {finding.pays_while}; at most {finding.size:.3g} more on average."
    if finding.smallest is not None:
        yield from _example(finding.smallest, finding)
    largest = finding.largest
    if finding.kind == "exploit" and largest is not None and largest != finding.smallest:
        yield f"The largest: {amount(largest.paid)} against {amount(largest.against)}."
    chart = incentive_chart(finding) if finding.kind == "incentive" else None
    if chart is not None:
        yield chart


def _example(example: Example, finding: AuditFinding) -> Iterator[str | Passage]:
    other = {"exploit": "the better answer", "incentive": "the honest best guess", "check": "the other"}[finding.kind]
    if finding.means is not None:
        mine, theirs = map(amount, finding.means)
        yield f"Reward {mine} on average over the scenes, {other} {theirs}. On one of them:"
    scores = f"Reward {amount(example.paid)}, {other} {amount(example.against)}" if example.worlds else "Completion"
    yield Passage(scores, shorten(example.completion) or "(nothing)")
    for world in example.worlds[:4]:
        several = len(example.worlds) > 1
        chance = f", chance {world.chance:.3g}: {amount(world.paid)} against {amount(world.against)}" if several else ""
        yield f"target: {shorten(world.target)}{chance}"
    if len(example.worlds) > 4:
        yield f"and {len(example.worlds) - 4} more"


def _expectation(analysis: Sequence[GuessAnalysis], name: str) -> Section:
    if not analysis:
        return Section("Expected reward of guessing", ())
    says = (
        "Exact expectations: a policy guesses, and each guess is right with chance p given that those before it at the "
        "same change are wrong."
    )
    table = Grid("", EXPECTATION_HEADERS, tuple(map(expectation_row, analysis)))
    charts = (expected_chart(analysis[0], name), best_chart(analysis, name))
    return Section("Expected reward of guessing", (says, table, *charts))


EXPECTATION_HEADERS = (
    "knows",
    "guess profitable from",
    "beyond the true number",
    "hedging two profitable below",
    "gain at 1/2",
)


CONSTANT_HEADERS = ("the same answer always", "", "scores", "exact")
"""Of the table of `constant_row`."""


def constant_row(each: ConstantAnswer) -> tuple[str, ...]:
    """Return a row of the table of constant answers."""
    return each.name, each.answer or "(none)", amount(each.mean), amount(each.exact)


def _constants(constants: Sequence[ConstantAnswer]) -> Section:
    if not constants:
        return Section("Answers that do not look", ())
    text = "What the same answer to every question scores, without a look at the image, beside the exact answer."
    text += " Maps have the names of each scene; a mirror image is that of the true one."
    return Section("Answers that do not look", (text, Grid("", CONSTANT_HEADERS, tuple(map(constant_row, constants)))))


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


def _groups(groups: Groups | None) -> Section:
    if groups is None:
        return Section("Real predictions", ())
    chart = Histogram("How often each total occurs", groups.totals, f"{groups.rows:,} predictions", "total")
    return Section("Real predictions", (Grid("", ("", ""), tuple(group_rows(groups)), words=2), chart))


def group_rows(groups: Groups) -> list[tuple[str, str]]:
    """Return what there is to say of the groups of real predictions."""
    return [
        ("predictions", f"{groups.rows:,}"),
        ("groups of one prompt", f"{groups.groups:,}, of {groups.size:.3g} predictions"),
        (
            "without variance",
            f"{groups.zero_variance:.1%} (all at the best reward {groups.all_best:.1%}, worst {groups.all_worst:.1%})",
        ),
        ("unlike texts with equal rewards", f"{groups.ties:.1%}"),
        ("distinct totals in a group", f"{groups.distinct:.3g}"),
        *(
            [("answer contradicts the reasoning", f"{groups.contradicting:.1%}")]
            if groups.contradicting is not None
            else []
        ),
    ]


def _cost(cost: Cost | None) -> Section:
    if cost is None:
        return Section("Cost", ())
    rows = tuple(
        (each.family, f"{each.longest:,}", f"{1000 * max(each.seconds):.3g}", f"{each.exponent:.2f}")
        for each in cost.growth
    )
    return Section("Cost", (cost_line(cost), Grid("", ("adversarial text", "characters", "ms", "time ~ size^"), rows)))


def cost_line(cost: Cost) -> str:
    """Return the times of ordinary completions in one line."""
    single = f"{1e3 * cost.p50:.3g} ms at the median and {1e3 * cost.p99:.3g} ms at the 99th percentile"
    return f"One completion in a call of its own takes {single}; in one call for all, {1e3 * cost.batch:.3g} ms."


def knowledge_in_words(sure: str | None) -> str:
    """Return in words what a policy knows for sure whose wrong guess still reaches the tier *sure*."""
    return "nothing for sure" if sure is None else f"the {sure}" if sure == "object" else f"up to the {sure}"


def expected_chart(known: GuessAnalysis, name: str) -> Lines:
    """Return the expected reward of 0, 1, ... predictions, over the chance that a guess is right."""
    names = [f"{many} prediction{'' if many == 1 else 's'}" for many in range(len(known.expected))]
    lines = [Line(label, CHANCES, y) for label, y in zip(names, known.expected, strict=True)]
    return Lines(f"{name}: expected reward, {N_GT} changes", "chance p that a guess is right", tuple(lines))


def best_chart(analysis: Sequence[GuessAnalysis], name: str) -> Lines:
    """Return how many predictions score highest, over the chance that a guess is right."""
    lines = [Line(f"knows {knowledge_in_words(each.sure)}", CHANCES, tuple(map(float, each.best))) for each in analysis]
    label = f"chance p that a guess is right ({N_GT} changes)"
    return Lines(f"{name}: best number of predictions", label, tuple(lines), steps=True)


def incentive_chart(finding: AuditFinding) -> Lines | None:
    """Return the reward of a policy and of honesty over the chance p; None where more than two worlds may be.

    p is the chance that the best guess is right; where it is that something is not there, the chart shows 1 - p, the
    chance that it is there, as ``finding.pays_while`` does.
    """
    example = finding.smallest
    if example is None or len(example.worlds) != 2 or finding.pays_between is None:
        return None
    absent = finding.about.endswith("likely not there")
    one, zero = example.worlds[::-1] if absent else example.worlds  # at the right end, and at the left end
    ends = (0.0, 1.0)
    policy = Line(finding.name, ends, (zero.paid, one.paid))
    honest = Line("honest best guess", ends, (zero.against, one.against))
    gain_one, gain_zero = one.paid - one.against, zero.paid - zero.against
    even = gain_zero / (gain_zero - gain_one) if gain_zero * gain_one < 0 else None
    marks = () if even is None else ((even, f"{even:.3g}"),)
    about, comma, _ = finding.about.partition(",")
    title = f"{finding.name}, unsure of the {about}" if comma else finding.name
    of = "chance that it is there" if absent else "chance p that the best guess is right"
    return Lines(title, f"{of}, in this example", (policy, honest), marks=marks)
