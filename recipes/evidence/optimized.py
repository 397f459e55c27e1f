"""What optimizing a reward does: curves, harder optimization, the break-even, the alarm."""

from __future__ import annotations

import json
from math import isnan, nan
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from recipes.evidence.analysis import FEW, SEEDS, alarm_record, break_even, logged, spearman
from recipes.evidence.claims import code, counted, interval, percent, points, table
from recipes.evidence.study import RESULTS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from recipes.evidence.analysis import AlarmRecord, Results

CHOSEN_WITH: Final = ("e1", "5c0b8fe")
"""The commits whose runs were at hand when the alarm was made."""

HARDER: Final = {
    "full_rate": ("`full`, twice the learning rate", "full"),
    "full_groups": ("`full`, 16 prompts of 32 completions for 64 of 8", "full"),
    "full_spans": ("`full`, [credit by spans](training.md#credit-by-spans)", "full"),
    "third": ("the paper's tiers, b = 1/3", "full"),
    "half": ("the paper's tiers, b = 1/2", "full"),
    "ndiff_rate": ("`ndiff`, twice the learning rate", "ndiff"),
    "ndiff_spans": ("`ndiff`, credit by spans", "ndiff"),
}
"""Arms, what each is, and what it is held against on the same scenes."""
KINDS: Final = ("over-prediction", "silence", "format only")  # of the alarm, of changes


def on_the_way(results: Results, every: Results) -> str:
    """Return the curves, and what optimizing a reward does to answers.

    Args:
        results: as the headline tells them.
        every: all of them.
    """
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
    literal = [results.difference("paper", other, "tacc") for other in ("start", "full")]
    own = [logged(results.seeds["paper"], "reward", last=end) for end in (False, True)]
    first = results.runs["full"]["tests"][0]
    named = results.mean("full", "predictions").value
    return f"""\
## What optimizing each reward does

![Accuracy, NDiff, changes named and reward over steps](images/evidence-curves.svg)

Greedy completions of {first["scenes"]:,} held-out scenes every {results.runs["full"]["tests"][1]["step"]} steps, means over
{counted(len(results.seeds["full"]), "seed")}; the standard error of one test's TAcc is {100 * first["tacc_se"]:.1f} points.

{table(["reward", "own reward, sampled, first → last steps", "best TAcc on the way, %", "last, %", "NDiff", "changes named"], rows)}

- `paper`, the literal sum{", is optimized at the cost of answers" if own[1] > own[0] and literal[1].sign < 0 else ""}: its own reward goes from {own[0]:.2f} to {own[1]:.2f}, and
  TAcc changes by {points(literal[0])} points from the start, by {points(literal[1])} against `full`.
- `full`, the same tiers matched one to one: changes named move by {over.value:+.2f} {interval((over.low, over.high))}, to
  {named:.2f} where {results.true.mean():.2f} are true.

### Does optimizing the paper's reward better make answers worse?

{_harder(every)}

### A reward for both

{_for_both(results, every)}"""


def _harder(results: Results) -> str:
    rows, gains = [], {}
    for arm, (title, beside) in HARDER.items():
        if (pair := results.beside(arm, beside)) is None:
            continue
        name, other = pair
        shared = {run["seed"] for run in results.seeds[name]} & {run["seed"] for run in results.seeds[other]}
        here, there = (
            float(np.mean([run["final"]["reward"] for run in results.seeds[each] if run["seed"] in shared]))
            for each in pair
        )
        tacc, ndiff = (results.difference(name, other, measure) for measure in ("tacc", "ndiff"))
        gains[arm] = (name, here - there, tacc, ndiff)
        named = f"{results.mean(name, 'predictions').value:.2f}"
        rows.append(
            [
                code(name),
                title,
                str(len(shared)),
                f"{here:.2f} ({there:.2f})",
                points(tacc),
                f"{ndiff.value:+.3f} {interval(ndiff[1:], 3)}",
                named,
            ]
        )
    harder = {arm: gains[arm] for arm in ("full_rate", "full_groups", "full_spans") if arm in gains}
    more = [f"{code(name)} ({points(tacc)} points)" for name, reward, tacc, _ in harder.values() if reward > 0]
    worse = [code(name) for name, reward, tacc, _ in harder.values() if reward > 0 and tacc.sign < 0]
    spans = harder.get("full_spans", ("", nan, None, None))
    repeats = code("full_spans") in [name.replace(FEW, "") for name in worse]
    return f"""\
{f"Yes, in {', '.join(worse)}." if worse else "Not here."} `full` and `ndiff` optimized in other ways; in brackets the reward of
what it is held against, on the same scenes and seeds, greedy, of the default preset as everywhere; differences in TAcc and NDiff
from that ({code(FEW)}: on [few scenes](#ten-times-the-same-scenes)):

{table(["arm", "", "seeds", "reward", "TAcc, points", "NDiff", "changes named"], rows)}

{f"More of the paper's reward than `full` get, with a change in TAcc of: {', '.join(more)}." if more else f"None of the {len(harder)} that optimize the paper's reward harder gets more of it than `full` does, so that they do not answer the question."}
{_longer(results)} [Why](#on-two-cpu-cores) the break-even of 1/6 need not make a policy name too much was tried in words: where
the advantage is divided by the spread of each group, the break-even moves towards 1/2; there it was also optimized five times
longer. {_charges(results, gains)}{f"In an earlier trial four arms with finer credit earned more and were right less often; {code(spans[0])} {'repeats' if repeats else 'does not repeat'} that." if spans[0] else ""}"""


def _longer(results: Results) -> str:
    """Return what more scenes and a better start do to the paper's reward and to answers."""
    told = []
    for name, start, words in (
        ("full_long", "start", "`full_long` sees each scene once for {steps} steps"),
        ("full_better", "better", "`full_better`, from the better start, takes {steps}"),
    ):
        tests, gained = results.runs[name]["tests"], results.difference(name, start, "tacc")
        named = results.mean(name, "predictions").value
        told.append(
            f"{words.format(steps=results.runs[name]['steps'])}: the greedy reward goes from {tests[0]['reward']:.2f} to "
            f"{tests[-1]['reward']:.2f} and TAcc by {points(gained)} points; {named:.2f} changes are named where "
            f"{results.true.mean():.2f} are true."
        )
    return " ".join(told)


def _charges(results: Results, gains: dict[str, tuple[str, float, Any, Any]]) -> str:
    """Return what another break-even in the reward itself does."""
    found = [gains[arm] for arm in ("third", "half") if arm in gains]
    if len(found) < 2:
        return ""
    named = [results.mean(name, "predictions").value for name, *_ in found]
    base = results.mean(results.beside("half", "full")[1], "predictions").value  # type: ignore[index]
    less = [f"{ndiff.value:+.2f}" for *_, ndiff in found]
    return (
        f"With b = 1/3 and 1/2 in the reward itself {named[0]:.2f} and {named[1]:.2f} are named ({base:.2f} under `full`), NDiff "
        f"changes by {less[0]} and {less[1]}{': b does what it says, from 1/6 upwards' if named[1] < named[0] < base else ''}. "
    )


def _for_both(results: Results, every: Results) -> str:
    conditions = (
        ("each scene once", ("ndiff", "calibrated", "ndiff_missing", "half"), "full"),
        ("each scene once, longer", ("ndiff_long", "calibrated_long", "half_long"), "full_long"),
        ("each scene once, better start", ("ndiff_better", "calibrated_better", "half_better"), "full_better"),
    )
    pairs = [
        (*pair, "few scenes" if pair[0].startswith(FEW) else what)
        for what, names, other in conditions
        for name in names
        if (pair := every.beside(name, other))
    ]
    if results.few:
        few = [(FEW + name, f"{FEW}full", "few scenes") for name in conditions[0][1] if FEW + name in every.seeds]
        pairs = list(dict.fromkeys([*few, *pairs]))
    rows = []
    for name, other, what in pairs:
        seeds = {run["seed"] for run in every.seeds[name]} & {run["seed"] for run in every.seeds[other]}
        base, ndiff = every.mean(other, "ndiff").value, every.difference(name, other, "ndiff")
        share = ", ".join(f"{100 * each / base:+.0f}" for each in ndiff[1:])
        rows.append(
            [
                code(name),
                what,
                str(len(seeds)),
                points(every.difference(name, other, "tacc")),
                f"{100 * ndiff.value / base:+.0f} [{share}]",
            ]
        )
    few, once = (_ndiff(every, kind) for kind in (FEW, ""))
    kind, told = (FEW, few) if results.few else ("", once)
    half = every.difference(f"{kind}ndiff", f"{kind}full", "tacc").sign >= 0 and told[0] <= -10
    better = every.difference("ndiff_better", "full_better", "tacc")
    both = half and told[1] >= SEEDS and better.sign > 0
    where = "on few scenes" if results.few else "with each scene once"
    return f"""\
Asked for was a reward that is no worse than the paper's in TAcc and at least 10% better in NDiff over three seeds, and better
in both from a better start ({percent(every.mean("better", "tacc").value)}%). Against `full` under the same conditions:

{table(["reward", "conditions", "seeds", "TAcc, points", "NDiff, %"], rows)}

`ndiff` follows from the metric (a prediction is worth what it takes off NDiff, five times, so that b = 1/2) and is `preset:
calibrated` with `underprediction_penalty: 0`. {"It does" if half else "It does not do"} the first half {where}, over
{counted(told[1], "seed")}. In NDiff it is {few[0]:+.0f}% on few scenes ({counted(few[1], "seed")}) and {once[0]:+.0f}% with each
scene once ({counted(once[1], "seed")}); from the better start it is {("worse", "level", "better")[better.sign + 1]} in TAcc
({points(better)}). {_half(every, pairs)}{"Both halves are done." if both else "So no new preset: the docs go on recommending `default` for what the paper did, and `calibrated` where NDiff counts, with the charge for missing changes as the one number to lower."}"""


def _half(results: Results, pairs: Sequence[tuple[str, str, str]]) -> str:
    """Return what the paper's tiers with a break-even of 1/2 do, under each condition that they were run in."""
    told, least = [], SEEDS
    for name, other, what in pairs:
        if name.removeprefix(FEW).startswith("half"):
            tacc, ndiff = (results.difference(name, other, measure) for measure in ("tacc", "ndiff"))
            share = 100 * ndiff.value / results.mean(other, "ndiff").value
            told.append(f"{what}, {share:+.0f}% in NDiff, TAcc {('less', 'level', 'more')[tacc.sign + 1]}")
            least = min(least, len(results.seeds[name]))
    if not told:
        return ""
    short = "" if least == SEEDS else f" ({counted(least, 'seed')} each, so it is not recommended yet)"
    return (
        "`half`, the paper's tiers with an incorrect penalty of 5 so that b = 1/2, follows from the metric likewise and keeps the "
        f"charge for missing changes: {'; '.join(told)}{short}. "
    )


def _ndiff(results: Results, kind: str) -> tuple[float, int]:
    """Return by how many percent NDiff is higher under `ndiff` than under `full`, and over how many seeds."""
    name, other = f"{kind}ndiff", f"{kind}full"
    seeds = {run["seed"] for run in results.seeds[name]} & {run["seed"] for run in results.seeds[other]}
    return 100 * results.difference(name, other, "ndiff").value / results.mean(other, "ndiff").value, len(seeds)


def guesses(results: Results) -> str:
    """Return from which chance a further guess is worth it, beside how many are named."""
    charged = [results.either(name) for name in ("third", "half")]
    names = sorted((*results.predicted, *charged), key=lambda name: -results.mean(name, "predictions").value)
    chances = {name: break_even(results.runs[name]) for name in names}
    rows = [
        [code(name), "–" if isnan(chances[name]) else f"{chances[name]:.3f}"]
        + [f"{results.mean(name, 'predictions', results.true == count).value:.2f}" for count in (1, 2)]
        for name in names
    ]
    start = [results.mean("start", "predictions", results.true == count).value for count in (1, 2)]
    some = [name for name in names if not isnan(chances[name])]
    named = [results.mean(name, "predictions").value for name in some]
    order = spearman(np.array([[-chances[name] for name in some]]), np.array([named]))[0]
    return f"""\
## Break-even

A guess beyond the true number is worth it from a chance of b on: under the paper's numbers a right one scores 5 and a wrong
one costs 1, so b = 1/6; without the incorrect penalty b = 0; under `calibrated` b = 1/2. b is computed from each arm's reward,
for a third guess at two changes where one is right and one wrong. Changes that greedy completions name:

{table(["reward", "b", "with one true change", "with two"], rows)}

The start names {start[0]:.2f} and {start[1]:.2f}. The lower b, the more are named: rank correlation {order:.2f} over these arms.
b does not decide alone: `paper` also rewards repeats, and arms of one b differ by what a missing change costs. In
{" and ".join(map(code, charged))} only b differs from `full` on the same scenes."""


def alarm(results: Results) -> str:
    """Return what the hacking alarm would have said of each recorded run."""
    every = [(f"{name}-{run['seed']}", run) for name, runs in results.seeds.items() for run in runs]
    records = [(name, run, alarm_record(run)) for name, run in every]
    chosen = [record for _, run, record in records if run["commit"] in CHOSEN_WITH]
    others = [record for _, run, record in records if run["commit"] not in CHOSEN_WITH]
    rows = [
        [
            code(name),
            ", ".join(f"{kind} ({step})" for kind, step in record.raised.items()) or "none",
            "–" if record.fell is None else str(record.fell),
            "–" if record.early is None else f"{record.early:+d}",
            "yes" if run["commit"] in CHOSEN_WITH else "",
        ]
        for name, run, record in records
        if record.raised or record.fell is not None
    ]
    ahead = [record.early > 0 for _, _, record in records if record.early is not None]
    usual = "before accuracy falls" if 2 * sum(ahead) > len(ahead) else "when accuracy falls rather than before"
    never = [kind for kind in KINDS if not any(kind in record.raised for _, _, record in records)]
    return f"""\
## The hacking alarm

`star train` says when the log shows over-prediction, silence, format only or blind references
([what is said](training.md#while-it-runs)). Held against all {len(records)} recorded runs of this page; a run *falls* at the
first test on the way whose TAcc is under the start's by more than twice its standard error:

{table(["run", "alarm (step)", "falls at step", "steps before the fall", "chosen with"], rows)}

On the {len(chosen)} runs that it was chosen with, {_told(chosen)} On the {len(others)} others, {_told(others)} So it names
over-prediction where that is what happens, mostly {usual}. Runs that
fall otherwise it does not see, and is not made to: `count_difference` teaches wrong guesses in place of right ones without
more of them than are true, a learning rate that is too high or scenes that are too few spoil the policy itself. On runs in words
it is held [below](#on-two-cpu-cores). *Blind references*, that references score more while answers are not right more often, is
raised of [drawn questions](#questions-which-references-are-learned) in {_blind("questions")}; in words, where a run is short and
its log noisy, in {_blind("questions-cpu")}, which tells nothing. {f"Told in none of these runs, and tested on made-up logs only: {', '.join(never)}." if never else ""}"""


def _blind(study: str) -> str:
    """Return in how many runs on questions the alarm tells of blind references, by arm."""
    raised: dict[str, list[bool]] = {}
    for path in sorted((RESULTS / study).glob("*.json")):
        run = json.loads(path.read_text(encoding="utf-8"))
        if run["stage"] == "rl":
            raised.setdefault(run["arm"], []).append("blind references" in alarm_record(run).raised)
    return ", ".join(f"{sum(each)} of {len(each)} runs under {code(arm)}" for arm, each in raised.items())


def _told(records: Sequence[AlarmRecord]) -> str:
    fell = [record for record in records if record.fell is not None]
    early = sorted(record.early for record in fell if record.early is not None)
    false = sum(bool(record.raised) and record.fell is None for record in records)
    ahead = f"{', '.join(f'{steps:+d}' for steps in early)} steps before the fall" if early else "never"
    return f"{len(fell)} fall; it is raised in {len(early)} of these ({ahead}), and in {false} that do not fall."
