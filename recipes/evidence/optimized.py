"""What optimizing a reward does: curves, harder optimization, the break-even, the alarm."""

from __future__ import annotations

import json
from math import isnan
from typing import TYPE_CHECKING, Any, Final

from recipes.evidence.analysis import alarm_record, break_even, logged
from recipes.evidence.claims import code, interval, percent, points, table
from recipes.evidence.study import RESULTS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from recipes.evidence.analysis import AlarmRecord, Results

CHOSEN_WITH: Final = (
    *("full", "no_incorrect_penalty", "naive_binary", "ndiff", "paper", "calibrated", "no_object_tier"),
    *("no_attribute_tier", "no_underprediction_penalty", "count_difference", "ndiff_missing"),
    *("start", "labels", "center", "rl_alone", "sft_more", "center_more", "labels_more", "center_labels_more"),
)
"""Arms whose runs of seed 0 were at hand when the alarm was made."""

HARDER: Final = {
    "full_rate": ("`full`, twice the learning rate", "full"),
    "full_groups": ("`full`, 16 prompts of 32 completions for 64 of 8", "full"),
    "full_spans": ("`full`, [credit by spans](training.md#credit-by-spans)", "full"),
    "third": ("the paper's tiers, b = 1/3", "full"),
    "half": ("the paper's tiers, b = 1/2", "full"),
    "ndiff_rate": ("`ndiff`, twice the learning rate", "ndiff"),
    "ndiff_spans": ("`ndiff`, credit by spans", "ndiff"),
}
"""Arms on the same few scenes, what each is, and what it is held against."""


def on_the_way(results: Results) -> str:
    """Return the curves, and what optimizing a reward does to answers."""
    rows = []
    for name in ("full", "paper", "no_incorrect_penalty", "naive_binary", "calibrated", "ndiff", "ndiff_missing"):
        own = [logged(results.seeds[name], "reward", last=end) for end in (False, True)]
        best = [max(test["tacc"] for test in run["tests"]) for run in results.seeds[name]]
        rows.append(
            [
                code(name),
                f"{own[0]:.2f} → {own[1]:.2f}",
                percent(sum(best) / len(best)),
                percent(results.mean(name, "tacc").value),
                f"{results.mean(name, 'ndiff').value:.3f}",
                f"{results.mean(name, 'predictions').value:.2f}",
            ]
        )
    over = results.difference("full", "start", "predictions")
    literal = results.difference("paper", "start", "tacc")
    own = [logged(results.seeds["paper"], "reward", last=end) for end in (False, True)]
    first = results.runs["full"]["tests"][0]
    return f"""\
## What optimizing each reward does

![Accuracy, NDiff, changes named and reward over steps](images/evidence-curves.svg)

Greedy completions of {first["scenes"]:,} held-out scenes every {results.runs["full"]["tests"][1]["step"]} steps, means over
{len(results.seeds["full"])} seeds; the standard error of one test's TAcc is {100 * first["tacc_se"]:.1f} points.

{table(["reward", "own reward, sampled, first → last steps", "best TAcc on the way, %", "last, %", "NDiff", "changes named"], rows)}

- `paper`, the literal sum, is optimized at the cost of answers: its own reward rises from {own[0]:.2f} to {own[1]:.2f}, and
  TAcc changes by {points(literal)} points from the start, by {points(results.difference("paper", "full", "tacc"))} against `full`.
- `full`, the same tiers matched one to one: changes named move by {over.value:+.2f} {interval((over.low, over.high))} and stay
  under the true number of {results.true.mean():.2f}.

### Does optimizing the paper's reward better make answers worse?

{_harder(results)}

### A reward for both

{_for_both(results)}"""


def _harder(results: Results) -> str:
    rows = []
    for name, (title, other) in HARDER.items():
        rewards = [run["final"]["reward"] for run in (*results.seeds[name], *results.seeds[other])]
        here, there = rewards[: len(results.seeds[name])], rewards[len(results.seeds[name]) :]
        ndiff = results.difference(name, other, "ndiff")
        rows.append(
            [
                code(name),
                title,
                f"{sum(here) / len(here):.2f} ({sum(there) / len(there):.2f})",
                points(results.difference(name, other, "tacc")),
                f"{ndiff.value:+.3f} {interval(ndiff[1:], 3)}",
                f"{results.mean(name, 'predictions').value:.2f}",
            ]
        )
    tests = results.runs["full_long"]["tests"]
    reward = [test["reward"] for test in tests]
    gained = results.difference("full_long", "start", "tacc")
    better = results.difference("full_better", "better", "tacc")
    named = results.mean("full_long", "predictions").value
    return f"""\
Not here. On the same few scenes, one seed each, `full` and `ndiff` optimized in other ways; in brackets the reward of
what it is held against, greedy, of the default preset as everywhere; differences in TAcc and NDiff from that:

{table(["arm", "", "reward", "TAcc, points", "NDiff", "changes named"], rows)}

None of the three gets more of the paper's reward than `full` does, so that they do not answer the question: the higher rate
loses reward and answers together, larger groups and finer credit are level. What does get more is more scenes.
`full_long` sees each scene once for {results.runs["full_long"]["steps"]} steps: the greedy reward rises from {reward[0]:.2f} to
{reward[-1]:.2f} and TAcc with it, by {points(gained)} points; {named:.2f} changes are named where {results.true.mean():.2f} are
true. From the better start `full` adds {points(better)} points. The break-even of 1/6 does not make it name too much in either.
[Why not](#on-two-cpu-cores) was tried in words: where the advantage is divided by the spread of each group, the break-even
moves towards 1/2. With b = 1/3 and 1/2 in the reward itself fewer are named ({results.mean("third", "predictions").value:.2f} and
{results.mean("half", "predictions").value:.2f}), NDiff is less, TAcc level: so b does what it says, from 1/6 upwards. In an earlier
trial four arms with finer credit earned more and were right less often; `full_spans` does not repeat that."""


def _for_both(results: Results) -> str:
    rows = []
    for name, other, what in (
        ("ndiff", "full", "few scenes"),
        ("calibrated", "full", "few scenes"),
        ("ndiff_missing", "full", "few scenes"),
        ("half", "full", "few scenes"),
        ("ndiff_once", "full_once", "each scene once"),
        ("ndiff_long", "full_long", "each scene once, longer"),
        ("calibrated_long", "full_long", "each scene once, longer"),
        ("half_long", "full_long", "each scene once, longer"),
        ("ndiff_better", "full_better", "each scene once, better start"),
        ("calibrated_better", "full_better", "each scene once, better start"),
    ):
        base = results.mean(other, "ndiff").value
        ndiff = results.difference(name, other, "ndiff")
        share = ", ".join(f"{100 * each / base:+.0f}" for each in ndiff[1:])
        rows.append(
            [
                code(name),
                what,
                str(min(len(results.seeds[name]), len(results.seeds[other]))),
                points(results.difference(name, other, "tacc")),
                f"{100 * ndiff.value / base:+.0f} [{share}]",
            ]
        )
    few, once = (
        results.difference(name, other, "ndiff").value / results.mean(other, "ndiff").value
        for name, other in (("ndiff", "full"), ("ndiff_once", "full_once"))
    )
    better = results.difference("ndiff_better", "full_better", "tacc")
    return f"""\
Asked for was a reward that is no worse than the paper's in TAcc and at least 10% better in NDiff over three seeds, and better
in both from a better start ({percent(results.mean("better", "tacc").value)}%). Against `full` under the same conditions:

{table(["reward", "conditions", "seeds", "TAcc, points", "NDiff, %"], rows)}

`ndiff` follows from the metric (a prediction is worth what it takes off NDiff, five times, so that b = 1/2) and is `preset:
calibrated` with `underprediction_penalty: 0`. It does the first half on few scenes, over three seeds ({100 * few:+.0f}% in NDiff,
TAcc level), and hardly differs where each scene comes once ({100 * once:+.0f}%); from the better start it is level in TAcc
({points(better)}), not better. So no new preset: the docs go on recommending `default` for what the paper did, and `calibrated`
where NDiff counts, with the charge for missing changes as the one number to lower."""


def guesses(results: Results) -> str:
    """Return from which chance a further guess is worth it, beside how many are named."""
    rows = []
    for name in sorted(
        (*results.predicted, "third", "half"), key=lambda name: -results.mean(name, "predictions").value
    ):
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
them b does not decide alone: `paper` also rewards repeats, and arms of one b differ by what a missing change costs. In `third`
and `half` only b differs from `full`."""


def alarm(results: Results) -> str:
    """Return what the hacking alarm would have said of each recorded run."""
    every = [run for runs in results.seeds.values() for run in runs]
    records = [(run, alarm_record(run)) for run in every]
    chosen = [(run, record) for run, record in records if run["arm"] in CHOSEN_WITH and run["seed"] == 0]
    others = [(run, record) for run, record in records if (run, record) not in chosen]
    rows = [
        [
            code(f"{run['arm']}-{run['seed']}"),
            ", ".join(f"{kind} ({step})" for kind, step in record.raised.items()) or "none",
            "–" if record.fell is None else str(record.fell),
            "–" if record.early is None else f"{record.early:+d}",
            "yes" if (run, record) in chosen else "",
        ]
        for run, record in records
        if record.raised or record.fell is not None
    ]
    return f"""\
## The hacking alarm

`star train` says when the log shows over-prediction, silence, format only or blind references
([what is said](training.md#while-it-runs)). Held against all {len(records)} recorded runs of this page; a run *falls* at the
first test on the way whose TAcc is under the start's by more than twice its standard error:

{table(["run", "alarm (step)", "falls at step", "steps before the fall", "chosen with"], rows)}

On the {len(chosen)} runs that it was chosen with, {_told(chosen)} On the {len(others)} others, {_told(others)} So it names
over-prediction where that is what happens, mostly when accuracy falls rather than before. Runs that
fall otherwise it does not see, and is not made to: `count_difference` teaches wrong guesses in place of right ones without
more of them than are true, a learning rate that is too high or scenes that are too few spoil the policy itself. On runs in words
it is held [below](#on-two-cpu-cores). *Blind references*, that references score more while answers are not right more often, is
raised of [drawn questions](#questions-which-references-are-learned) in {_blind("questions")}; in words, where a run is short and
its log noisy, in {_blind("questions-cpu")}, which tells nothing. Silence and format only did not occur in any run; that
they are told is tested on made-up logs only."""


def _blind(study: str) -> str:
    """Return in how many runs on questions the alarm tells of blind references, by arm."""
    raised: dict[str, list[bool]] = {}
    for path in sorted((RESULTS / study).glob("*.json")):
        run = json.loads(path.read_text(encoding="utf-8"))
        if run["stage"] == "rl":
            raised.setdefault(run["arm"], []).append("blind references" in alarm_record(run).raised)
    return ", ".join(f"{sum(each)} of {len(each)} runs under {code(arm)}" for arm, each in raised.items())


def _told(records: Sequence[tuple[dict[str, Any], AlarmRecord]]) -> str:
    fell = [record for _, record in records if record.fell is not None]
    early = sorted(record.early for record in fell if record.early is not None)
    false = sum(bool(record.raised) and record.fell is None for _, record in records)
    ahead = f"{', '.join(f'{steps:+d}' for steps in early)} steps before the fall" if early else "never"
    return f"{len(fell)} fall; it is raised in {len(early)} of these ({ahead}), and in {false} that do not fall."
