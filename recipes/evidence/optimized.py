"""What optimizing a reward does: curves, harder optimization, the break-even, the alarm."""

from __future__ import annotations

from math import isnan
from typing import TYPE_CHECKING

from recipes.evidence.analysis import alarm_record, break_even, logged
from recipes.evidence.claims import code, interval, percent, points, table

if TYPE_CHECKING:
    from recipes.evidence.analysis import Results


def on_the_way(results: Results) -> str:
    """Return the curves, and what optimizing a reward does to answers."""
    rows = []
    for name in ("full", "paper", "no_incorrect_penalty", "naive_binary", "calibrated", "ndiff", "ndiff_missing"):
        run = results.runs[name]
        best = max(run["tests"], key=lambda test: test["tacc"])
        own = [logged(results.seeds[name], "reward", last=end) for end in (False, True)]
        rows.append(
            [
                code(name),
                f"{own[0]:.2f} → {own[1]:.2f}",
                f"{percent(best['tacc'])} (step {best['step']})",
                percent(results.mean(name, "tacc").value),
                f"{results.mean(name, 'ndiff').value:.3f}",
                f"{results.mean(name, 'predictions').value:.2f}",
            ]
        )
    over = results.difference("full", "start", "predictions")
    literal = results.difference("paper", "start", "tacc")
    own = [logged(results.seeds["paper"], "reward", last=end) for end in (False, True)]
    quarter = {measure: results.difference("calibrated", "full", measure) for measure in ("tacc", "ndiff")}
    beyond = results.difference("ndiff", "full", "ndiff").value / results.mean("full", "ndiff").value
    level = results.difference("ndiff", "full", "tacc")
    return f"""\
## What optimizing each reward does

![Accuracy, NDiff, changes named and reward over steps](images/evidence-curves.svg)

Greedy completions of {results.runs["full"]["tests"][0]["scenes"]:,} held-out scenes every
{results.runs["full"]["tests"][1]["step"]} steps; the standard error of TAcc is
{100 * results.runs["full"]["tests"][0]["tacc_se"]:.1f} points.

{table(["reward", "own reward, sampled, first → last steps", "best TAcc on the way, %", "last, %", "NDiff", "changes named"], rows)}

- `paper`, the literal sum, is optimized at the cost of answers: its own reward rises from {own[0]:.2f} to {own[1]:.2f}, and
  TAcc falls by {points(literal, -1)} points from the start.
- `full`, the same tiers matched one to one: changes named rise by {over.value:.2f} {interval((over.low, over.high))} and stay
  under the true number. Over-prediction, as the break-even of 1/6 predicts, is *not seen* after
  {results.runs["full"]["steps"]} steps of sequence credit. A trial with finer credit saw it, and [in words](#on-two-cpu-cores) it lasts where the
  advantage is not divided by each group's spread; the longer and faster arms that may show it here have
  [not been run](#not-run).
- `calibrated` against `full`: TAcc {points(quarter["tacc"])} points, NDiff {quarter["ndiff"].value:+.3f}
  {interval((quarter["ndiff"].low, quarter["ndiff"].high), 3)}. `ndiff` against `full`: NDiff {100 * beyond:+.0f}%, TAcc
  {points(level)} points. In TAcc both are within what seeds make. One seed decides no default: the docs go on recommending `default` for what the paper did, and
  `calibrated` where NDiff counts."""


def guesses(results: Results) -> str:
    """Return from which chance a further guess is worth it, beside how many are named."""
    rows = []
    for name in sorted(results.predicted, key=lambda name: -results.mean(name, "predictions").value):
        chance = break_even(results.runs[name])
        alone = results.mean(name, "predictions", results.true == 1)
        two = results.mean(name, "predictions", results.true == 2)
        rows.append(
            [code(name), "–" if isnan(chance) else f"{chance:.3f}", *(f"{each.value:.2f}" for each in (alone, two))]
        )
    start = [results.mean("start", "predictions", results.true == count).value for count in (1, 2)]
    return f"""\
## Break-even

A guess beyond the true number is worth it from a chance of b on: under the paper's numbers a right one scores 5 and a wrong
one costs 1, so b = 1/6; without the incorrect penalty b = 0; under `calibrated` b = 1/2. b is computed from each arm's reward,
for a third guess at two changes where one is right and one wrong. Changes that greedy completions name:

{table(["reward", "b", "with one true change", "with two"], rows)}

The start names {start[0]:.2f} and {start[1]:.2f}. The two ends of the order are as b tells: none at 0, and 1/2. Between
them b does not decide alone: `paper` also rewards repeats, and arms of one b differ by what a missing change costs. The arms
made for this question, `third` and `half` (b = 1/3 and 1/2 with the paper's tiers), have [not been run](#not-run)."""


def alarm(results: Results) -> str:
    """Return what the hacking alarm would have said of each recorded run."""
    records = {name: alarm_record(run) for name, run in results.runs.items()}
    trained = {name: record for name, record in records.items() if results.runs[name]["stage"] == "rl"}
    rows = [
        [
            code(name),
            ", ".join(f"{kind} ({step})" for kind, step in record.raised.items()) or "none",
            "–" if record.fell is None else str(record.fell),
            "–" if record.early is None else f"{record.early:+d}",
        ]
        for name, record in trained.items()
        if record.raised or record.fell is not None
    ]
    false = [name for name, record in records.items() if record.raised and record.fell is None]
    missed = [name for name, record in records.items() if record.fell is not None and not record.raised]
    early = [record.early for record in records.values() if record.early is not None]
    word = "before" if min(early) > 0 else "after" if max(early) < 0 else "around"
    return f"""\
## The hacking alarm

`star train` says when the log shows over-prediction, silence, format only or blind references
([what is said](training.md#while-it-runs)). Held against all {len(records)} recorded runs of this page, {len(trained)} of them
RL; a run *falls* at the first test on the way whose TAcc is under the start's by more than twice its standard error:

{table(["run", "alarm (step)", "falls at step", "steps before the fall"], rows)}

False alarms: {len(false)} of {len(records) - len([1 for r in records.values() if r.fell is not None])} runs that did not
fall. Missed: {len(missed)} of {len([1 for r in records.values() if r.fell is not None])}. It comes {word} the fall. What it
looks at, the excess of what is named over what is true of the same prompts, was chosen with these runs at hand (an earlier
alarm held the mean number named against that of the first steps, and came 10 steps after either fall). It does not hang on
its numbers: means of two or three logged steps, an excess of 3 to 8% and 3 to 7 standard errors all come 10 to 30 steps
before either fall, without a false alarm. On runs that it was not chosen with it is held
[below](#on-two-cpu-cores). Silence, format only and blind references did not occur in any run; that they are told is tested
on made-up logs only."""
