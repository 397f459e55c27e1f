"""The charts of an audit."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.audit.expectation import CHANCES, N_GT
from benchmarks.audit.svg import Chart, Line

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.audit.expectation import Knowing
    from benchmarks.audit.findings import Finding


def knowing(sure: str | None) -> str:
    """Return in words what a policy knows for sure whose wrong guess still reaches the tier *sure*."""
    return "nothing for sure" if sure is None else f"the {sure}" if sure == "object" else f"up to the {sure}"


def expected_chart(known: Knowing, name: str) -> Chart:
    """Return what 0, 1, ... predictions pay, over the chance that a guess is right."""
    lines = [Line(f"{many} predictions", CHANCES, ys) for many, ys in enumerate(known.expected)]
    lines[1] = lines[1]._replace(label="1 prediction")
    title = f"{name}: expected reward, {N_GT} changes"
    return Chart(title, "chance p that a guess is right", lines)


def best_chart(analysis: Sequence[Knowing], name: str) -> Chart:
    """Return how many predictions pay most, over the chance that a guess is right."""
    lines = [Line(f"knows {knowing(each.sure)}", CHANCES, each.best) for each in analysis]
    most = max(max(each.best) for each in analysis)
    title = f"{name}: best number of predictions"
    limits = (0.0, max(most, 4) + 0.4)
    return Chart(title, f"chance p that a guess is right ({N_GT} changes)", lines, y_range=limits, steps=True)


def incentive_chart(finding: Finding) -> Chart | None:
    """Return what a policy and honesty are paid over the chance p; None where more than two worlds may be."""
    example = finding.smallest
    if example is None or len(example.worlds) != 2 or finding.pays_between is None:
        return None
    right, wrong = example.worlds
    ends = (0.0, 1.0)
    paid = Line(finding.name, ends, (wrong.paid, right.paid))
    honest = Line("honest best guess", ends, (wrong.against, right.against))
    gain_right, gain_wrong = right.paid - right.against, wrong.paid - wrong.against
    even = gain_wrong / (gain_wrong - gain_right) if gain_wrong * gain_right < 0 else None
    marks = [] if even is None else [(even, f"{even:.3g}")]
    about, comma, _ = finding.about.partition(",")
    title = f"{finding.name}, unsure of the {about}" if comma else finding.name
    return Chart(title, "chance p that the best guess is right, in this example", [paid, honest], marks=marks)
