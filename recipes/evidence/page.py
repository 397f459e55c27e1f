"""Write docs/evidence.md and its figures from the committed results: ``python -m recipes.evidence.page``.

No figure on the page is typed by hand but the paper's own and those of an earlier trial, in `recipes.evidence.claims`.
"""

from __future__ import annotations

import json
import textwrap
from dataclasses import replace
from math import isnan
from typing import TYPE_CHECKING, Final

from benchmarks.files.write import write_whole
from recipes.evidence import claims, words
from recipes.evidence.analysis import (
    MEASURES,
    alarm_record,
    break_even,
    correlation,
    logged,
    order,
    read_results,
    trained_ranks,
    way_gone,
)
from recipes.evidence.claims import code, decimals, interval, percent, points, signed, table
from recipes.evidence.figure import curves, headline
from recipes.evidence.predict import predicted
from recipes.evidence.study import HERE, read_study

if TYPE_CHECKING:
    from pathlib import Path

    from recipes.evidence.analysis import Results

DOCS: Final = HERE.parent.parent / "docs"
FAR: Final = 3  # ranks by which a prediction misses
HACKED: Final = ("paper", "no_incorrect_penalty")
LESS: Final = (0.6, 0.55, 0.5)
LEVEL: Final = 0.005  # predicted accuracies that differ by less are level


def pages() -> dict[Path, str]:
    """Return the text of each file that the results decide."""
    results = read_results()
    sections = [
        opening(results),
        claims.claims(results),
        predicted_and_trained(results),
        misses(results),
        on_the_way(results),
        stage_one(results),
        groups(results),
        guesses(results),
        alarm(results),
        words.in_words(),
        words.questions(),
        not_run(results),
        provenance(results),
    ]
    return {
        DOCS / "evidence.md": "\n\n".join(map(wrapped, "\n\n".join(sections).split("\n\n"))) + "\n",
        DOCS / "images" / "evidence.svg": headline(results),
        DOCS / "images" / "evidence-curves.svg": curves(results),
    }


def wrapped(block: str) -> str:
    r"""Return a paragraph or a list in lines of at most 120 letters; anything else as it is.

    >>> wrapped("- one\n  two\n- three")
    '- one two\n- three'
    """
    if block.startswith(("|", "#", "<", "!", "```")):
        return block
    if not block.startswith("- "):
        return fill(block)
    items = ("\n" + block).split("\n- ")[1:]
    return "\n".join(fill(f"- {item}", subsequent="  ") for item in items)


def fill(text: str, subsequent: str = "") -> str:
    """Return a text in lines of at most 120 letters."""
    options = {"break_long_words": False, "break_on_hyphens": False}
    return textwrap.fill(" ".join(text.split()), 120, subsequent_indent=subsequent, **options)  # type: ignore[arg-type]


def opening(results: Results) -> str:
    """Return what was found in a paragraph, under the figure."""
    found = {measure: correlation(results, measure) for measure in MEASURES}
    told = ", ".join(
        f"{name} {found[measure].value:.2f} {interval(found[measure].over_arms)}"
        for measure, name in (("ndiff", "NDiff"), ("predictions", "changes named"), ("tacc", "TAcc"))
    )
    steps = results.runs["full"]["steps"]
    return f"""\
<!-- Written by `python -m recipes.evidence.page` from recipes/evidence/results; do not edit. -->
# Evidence

![Eleven rewards: what the audit said before training, and what came about](images/evidence.svg)

What eleven rewards do to a policy was said by `star audit --predict` and committed *before* they were trained. Then each
trained the same start for {steps} steps. Spearman's rank correlation, with 95% intervals over arms and scenes: {told}.

**One seed.** A model of {results.runs["start"]["parameters"] / 1e6:.1f} million parameters, drawn scenes of two to four
objects, {len(results.true):,} held-out scenes. Intervals are over these scenes, paired where arms are compared; they say
nothing of what another seed does. Percentages are of scenes whose whole set of changes is right (TAcc). NDiff is wrong
cells of the final state per true change: less is better. No result at 7B is claimed."""


def predicted_and_trained(results: Results) -> str:
    """Return both, arm by arm, with rank correlations."""
    rows = []
    for name, said in results.predicted.items():
        cells = [code(name)]
        for measure in MEASURES:
            show = percent if measure == "tacc" else decimals
            change = results.difference(name, "start", measure)
            start = results.mean("start", measure).value
            cells.append(f"{show(said[measure])} → {show(results.mean(name, measure).value)}")
            cells.append(_direction(said[measure] - start, change.sign))
        rows.append(cells)
    start = [
        f"– → {show(results.mean('start', measure).value)}"
        for measure, show in zip(MEASURES, (percent, decimals, decimals), strict=True)
    ]
    rows.append(["the start", start[0], "", start[1], "", start[2], ""])
    ranked = []
    rest = [name for name in results.predicted if name not in HACKED]
    for measure, title in zip(MEASURES, ("TAcc", "NDiff", "changes named"), strict=True):
        every, without = correlation(results, measure), correlation(results, measure, rest)
        right = [row[2 * MEASURES.index(measure) + 2] for row in rows[:-1]]
        ranked.append(
            [
                title,
                f"{every.value:.2f}",
                interval(every.over_scenes),
                interval(every.over_arms),
                f"{without.value:.2f} {interval(without.over_arms)}",
                f"{right.count('right')} right, {right.count('level')} level, {right.count('wrong')} wrong",
            ]
        )
    known = results.predictions["from"]["knowledge"]
    return f"""\
## Predict, then train

What the audit knew of the start: a first guess at a true change, the value that most samples name, is right with chance
{known["p"]:.2f}; its knowledge is spread by
{known["spread"]:.2f}, and of its wrong guesses {percent(known["wrong"]["attribute"])}% have object and attribute right,
{percent(known["wrong"]["object"])}% the object alone ([what the audit supposes](audit.md)). Predictions are in
`recipes/evidence/predictions.json` (commit `5c0b8fe`, before the rewards were trained), as they were committed.

{table(["rank correlation", "all eleven", "95%, scenes", "95%, scenes and arms", "without " + " and ".join(map(code, HACKED)), "direction from the start"], ranked)}

So the audit foresees which rewards make a policy name too much and which keep NDiff low. It tells arms that ruin a policy
from others. Its order of TAcc among arms that do not is not shown to be better than chance; most of them differ by less
than seeds make.

Said → trained. Direction is that from the start: *right* or *wrong* where the paired interval leaves out zero, else *level*.

{table(["reward", "TAcc, %", "", "NDiff", "", "changes named", ""], rows)}

There are {results.true.mean():.2f} true changes a scene. `ndiff` is `calibrated` without a charge for missing changes,
`ndiff_missing` has half of it. `full` is the default preset, the paper's tiers matched one to one; `paper` is the literal sum."""


def _if_less_were_known(results: Results) -> list[list[str]]:
    study, known = read_study(HERE / "study.yaml"), results.predictions["from"]["knowledge"]
    start = results.mean("start", "tacc").value
    rows = []
    for p in (known["p"], *LESS):
        said = {name: predicted(study, name, known | {"p": p}) for name in results.predicted}
        other = replace(results, predictions={"arms": said})
        went = [_direction(said[name]["tacc"] - start, results.difference(name, "start", "tacc").sign) for name in said]
        rows.append(
            [
                f"{p:.2f}",
                *(f"{order(other, measure):.2f}" for measure in MEASURES),
                f"{went.count('right')} right, {went.count('level')} level, {went.count('wrong')} wrong",
            ]
        )
    return rows


def _by_table(results: Results) -> str:
    told = json.loads((HERE / "table-study.json").read_text(encoding="utf-8"))
    rows = []
    for title, arms in (
        ("audit, before", results.predictions["arms"]),
        ("table, each group's spread", told["group"]),
        ("table, the batch's", told["batch"]),
    ):
        other = replace(results, predictions={"arms": arms})
        off = {
            measure: sum(abs(arms[name][measure] - results.mean(name, measure).value) for name in arms) / len(arms)
            for measure in MEASURES
        }
        rows.append(
            [
                title,
                *(f"{order(other, measure):.2f}" for measure in MEASURES),
                *(f"{100 * off['tacc']:.1f}", f"{off['ndiff']:.2f}", f"{off['predictions']:.2f}"),
            ]
        )
    head = [
        "said by",
        "rank correlation: TAcc",
        "NDiff",
        "changes named",
        "mean distance: TAcc, points",
        "NDiff",
        "changes named",
    ]
    return table(head, rows)


def _direction(said: float, came: int) -> str:
    return "level" if came == 0 else "right" if (said > 0) == (came > 0) else "wrong"


def misses(results: Results) -> str:
    """Return where order and direction were wrong, and why."""
    lines = []
    for name in results.predicted:
        off = [
            (measure, results.predictions["ranks"][measure][name], trained_ranks(results, measure)[name])
            for measure in MEASURES
        ]
        far = [f"{_title(m)} {said:g} → {came:g}" for m, said, came in off if abs(said - came) >= FAR]
        if far:
            lines.append(f"- {code(name)} ({', '.join(far)}): {_reason(results, name)}")
    gone = {name: way_gone(results, name, "ndiff") for name in results.predicted}
    hits = [name for name in results.predicted if name not in ("naive_binary", "paper")]
    first, last = (sum(_hits(results, name, last=end) for name in hits) / len(hits) for end in (False, True))
    start, said_fewest = results.mean("start", "predictions").value, results.true.mean()
    views = results.runs["start"]["final"]["changes"]
    wrong = [
        name
        for name, said in results.predicted.items()
        if _direction(said["predictions"] - start, results.difference(name, "start", "predictions").sign) == "wrong"
    ]
    others = ", ".join(code(name) for name in wrong if name != "naive_binary")
    arms = [
        [
            code(name),
            *(signed(way_gone(results, name, measure)) for measure in MEASURES),
            percent(logged(results.runs[name], "frac_reward_zero_std", last=False)),
            percent(logged(results.runs[name], "frac_reward_zero_std", last=True)),
            "–"
            if name in ("naive_binary", "paper")
            else f"{_hits(results, name, last=False):.2f} → {_hits(results, name, last=True):.2f}",
        ]
        for name in results.predicted
    ]
    return f"""\
### If less had been known

The majority of samples flatters a policy whose single completions are right less often; between the two commits the code
was changed to count greedy guesses, and the predictions were left. So this was computed *after* the results: what would have
been said with a lower chance p.

{table(["p", "rank correlation: TAcc", "NDiff", "changes named", "TAcc went as said"], _if_less_were_known(results))}

The order hardly depends on p; the direction from the start does.

### What GRPO makes of the same knowledge

Also computed *after* these results, and before those [in words](#on-two-cpu-cores): a table of decisions with the start's
knowledge, which does not know how many changes there are, trained by GRPO's own steps for each reward
(`recipes/evidence/tabular.py`; nothing in it is fitted to an arm). With the advantage divided by each group's spread, as in
these runs, it tells how far arms go and hardly one from another; divided by the batch's, their order.

{_by_table(results)}

### Where its model of a policy is wrong

Ranks that are off by {FAR} or more (1 is the highest TAcc, the lowest NDiff, the most changes named):

{chr(10).join(lines)}

What the model supposes, and what is not so:

- *It predicts the end of optimization.* {results.runs["full"]["steps"]} steps went part of the way: in NDiff from
  {signed(min(gone.values()))} to {signed(max(gone.values()))} of the distance from the start to what was said.
- *It keeps knowledge fixed.* Training adds to it: sampled completions hit {first:.2f} of the true changes in the first
  {5 * 5} steps and {last:.2f} in the last (mean over the arms whose log tells it). Part of that is sharper sampling (the
  entropy under `full` falls from {logged(results.runs["full"], "entropy", last=False):.2f} to
  {logged(results.runs["full"], "entropy", last=True):.2f}), which greedy completions do not gain from.
- *It maximises the expected reward.* GRPO divides the advantage by the spread of each group, so that a wrong guess in a group
  that varies in nothing else weighs as much as a right one in another, whatever the reward gives for either: the chance from
  which a guess is worth it lies between b and 1/2, and nearer to 1/2 the more equal groups become. That `full` does not go on
  to name more, as b = 1/6 would have it, fits; in [small](#on-two-cpu-cores) it was tried with another advantage.
- *It lets the policy know how many changes there are.* The start names {start:.2f} where {said_fewest:.2f} are true: with one
  true change {views["1"]["predictions"]:.2f}, with two {views["2"]["predictions"]:.2f}. So `naive_binary`, which should name
  exactly as many as are true, went down instead of up. Of the others that went the wrong way ({others}), those with b = 1/2
  ([break-even](#break-even)) were said to name about as many, too; `no_underprediction_penalty` was said to name more, and
  nothing here explains why it does not.

Share of the way from the start to what was said (1 is there, beyond 1 past it, below 0 the other way; large where the way is
short), share of groups without any difference in reward, and hits among true changes, in the first and last {5 * 5} steps:

{table(["reward", "TAcc", "NDiff", "changes named", "equal groups, first, %", "last, %", "hits"], arms)}"""


def _title(measure: str) -> str:
    return {"tacc": "TAcc", "ndiff": "NDiff", "predictions": "changes named"}[measure]


def _hits(results: Results, name: str, *, last: bool) -> float:
    run = results.runs[name]
    return logged(run, "tvr/exact", last=last) / 5.0 / logged(run, "tvr/true_predictions", last=last)


def _reason(results: Results, name: str) -> str:
    said = results.predicted
    if name == "naive_binary":
        equal = percent(logged(results.runs[name], "frac_reward_zero_std", last=False))
        usual = percent(logged(results.runs["full"], "frac_reward_zero_std", last=False))
        return (
            f"only whole sets are rewarded, so that {equal}% of its groups are equal in the first steps and teach "
            f"nothing ({usual}% under `full`); it went {signed(way_gone(results, name, 'tacc'))} of the way. The audit "
            "knows what is worth it, not how fast it is learned."
        )
    if name == "count_difference":
        return (
            "a wrong guess is free while fewer are named than are true, and the policy, which does not know the number, "
            f"names more at once: it went {signed(way_gone(results, name, 'predictions'))} of the way, `full` "
            f"{signed(way_gone(results, 'full', 'predictions'))}. At the end `full` was said to name more."
        )
    level = [other for other in said if abs(said[other]["tacc"] - said[name]["tacc"]) <= LEVEL]
    low, high = min(said[each]["tacc"] for each in level), max(said[each]["tacc"] for each in level)
    more = results.difference(name, "full", "tacc")
    return (
        f"{len(level)} arms were said to be level ({percent(low)} to {percent(high)}%), and their order is chance; "
        f"trained, it exceeds `full` by {points(more)} points. Nothing in the model tells these apart."
    )


def on_the_way(results: Results) -> str:
    """Return the curves, and what optimizing a reward does to answers."""
    rows = []
    for name in ("full", "paper", "no_incorrect_penalty", "naive_binary", "calibrated", "ndiff", "ndiff_missing"):
        run = results.runs[name]
        best = max(run["tests"], key=lambda test: test["tacc"])
        own = [logged(run, "reward", last=end) for end in (False, True)]
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
    own = [logged(results.runs["paper"], "reward", last=end) for end in (False, True)]
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


def stage_one(results: Results) -> str:
    """Return stage 1 and what more of it does, beside stage 2."""
    both = results.views("left", "right")
    center = results.views("center")
    names = ["start", "sft_more", "center_more", "labels_more", "center_labels_more", "full", "calibrated"]
    names += ["center", "labels", "rl_alone"]
    rows = []
    for name in names:
        run = results.runs[name]
        begins = run.get("from", "").removesuffix("-0") or "random weights"
        rows.append(
            [code(name), begins, run["stage"], str(run["steps"]), f"{run['seconds']:.0f}"]
            + [percent(results.mean(name, "tacc", some).value) for some in (None, center, both)]
            + [f"{results.mean(name, 'ndiff').value:.3f}"]
        )
    more = results.runs["sft_more"]
    at = more["tests"][-1]
    beside = min(results.runs["full"]["tests"][1:], key=lambda test: abs(test["seconds"] - at["seconds"]))
    gains = {
        name: [results.difference(name, "start", "tacc", some) for some in (center, both)]
        for name in ("center_more", "center_labels_more", "full")
    }
    alone = results.runs["rl_alone"]
    return f"""\
## Stage 1, stage 2, and either alone

Seconds are by the clock while up to eleven arms shared two GPUs, not GPU seconds of a run alone: they compare arms of one
call, and the two calls only roughly. `labels` arms learn answers without reasoning, `center` arms see final images from the
front only; the rest see all three views. `*_more` arms ended by time, before their learning rate fell.

{table(["arm", "begins with", "stage", "steps", "seconds", "TAcc, %", "center", "left, right", "NDiff"], rows)}

- *More demonstrations beat RL here.* After {at["seconds"]:.0f} seconds `sft_more` has {percent(at["tacc"])}%; RL under `full`
  has {percent(beside["tacc"])}% after {beside["seconds"]:.0f} and {percent(results.mean("full", "tacc").value)}% after
  {results.runs["full"]["seconds"]:.0f}. Demonstrations are free and exact in a drawn world, and what is missing is
  perception, which they teach token by token. That says nothing of a pretrained model with few demonstrations.
- *Demonstrations from the front only* add {points(gains["center_more"][0])} points on the center and
  {points(gains["center_more"][1])} on left and right: what they teach stays where it was taught. RL under `full`, which
  sees all views, adds {points(gains["full"][0])} and {points(gains["full"][1])}. RL on the center alone (`rl_center`) has not
  been run, so that the paper's comparison of the two is not made.
- *Labels alone* undo what reasoning had taught: {points(gains["center_labels_more"][0])} points on the center,
  {points(gains["center_labels_more"][1])} on left and right. From random weights they taught next to nothing in
  {results.runs["labels"]["steps"]} steps ({percent(results.mean("labels", "tacc").value)}%), where reasoning, from the front
  only, led to {percent(results.mean("center", "tacc").value)}%.
- *RL without stage 1* (`rl_alone`, {alone["steps"]} steps from random weights): no completion has the form, all rewards of
  all groups are equal, nothing is learned. The paper's single stage begins with a pretrained model."""


def groups(results: Results) -> str:
    """Return accuracy by objects and by views."""
    rows = []
    for name in ("start", *results.predicted, "sft_more"):
        by_objects = [results.mean(name, "tacc", results.objects == count) for count in (2, 3, 4)]
        by_view = [results.mean(name, "tacc", results.views(view)) for view in ("center", "left", "right")]
        rows.append(
            [
                code(name),
                *(f"{percent(each.value)} ± {100 * (each.high - each.value):.1f}" for each in (*by_objects, *by_view)),
            ]
        )
    head = ["arm", "2 objects", "3", "4", "center", "left", "right"]
    return f"""\
## By objects and by views

TAcc in %, with half of the 95% interval over scenes.

{table(head, rows)}"""


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


def not_run(results: Results) -> str:
    """Return what the study holds that has not been run, with the command for each."""
    study = read_study(HERE / "study.yaml")
    missing = [name for name in study.values["arms"] if name not in results.runs]
    run = "python -m recipes.evidence.run"
    rows = [
        [
            "seeds 1 and 2 of the eleven rewards (three seeds are what a claim needs)",
            f"`{run} two --out runs/evidence --seed 1 --start-seed 0`, then `--seed 2`",
        ],
        ["the paper's table and `ndiff` again, seed 1", f"`{run} table --out runs/evidence --seed 1`"],
        [f"call `three`: {', '.join(map(code, missing))}", f"`{run} three --out runs/evidence`"],
        [
            "five times more steps",
            "`max_steps: 1500` under `rl:` of `study.yaml`, then " + f"`{run} two --out runs/long --minutes 30`",
        ],
        [
            "R_ans, R_ans + raw R_ref, R_ans + the default R_ref on generated questions",
            (
                "no model yet, only [a table](#questions-which-references-are-learned); `star train --stage rl "
                "recipes/multiview-7b/rl-answers.yaml` is the setting at 7B"
            ),
        ],
        ["images removed or swapped", "no arm yet"],
        [
            "accuracy against number of demonstrations",
            "no arm yet; the tests on the way of `start`, `center` and `labels` are the curve of one pass",
        ],
        ["a better start (.55)", f"`until: 0.55` of `start` in `study.yaml`, then `{run} all --out runs/better`"],
    ]
    return f"""\
## Not run

{table(["what", "command"], rows)}

In words, on a CPU: seeds 1 and 2 of the eleven rewards, `{run} eleven --study recipes/evidence/cpu.yaml --out
runs/evidence-cpu --seed 1`; questions told in words have no task there yet. All else needs a GPU, and the start that
`make evidence` leaves in `runs/evidence/models`. `make evidence` runs every call of the
study from nothing and writes predictions before it trains what is predicted."""


def provenance(results: Results) -> str:
    """Return where each figure comes from."""
    rows = [
        [
            code(f"{name}-{run['seed']}"),
            str(run["seed"]),
            code(run["config_hash"]),
            code(run["commit"]),
            str(run["steps"]),
            run["machine"]["device"],
        ]
        for name, run in results.runs.items()
    ]
    commands = sorted({run["command"] for run in results.runs.values()})
    versions = results.runs["full"]["machine"]
    known = results.predictions["from"]
    return f"""\
## Where each figure comes from

`recipes/evidence/results/study/ARM-SEED.json` holds configuration, curve, tests on the way and the outcome of each held-out
scene; `recipes/evidence/scenes.json` the true number of changes and of objects of each. torch {versions["torch"]}, transformers
{versions["transformers"]}, trl {versions["trl"]}. `e1` was given to call `one` in place of a commit; its code is that of `{known["commit"]}`, which `predictions.json` names for
the start that it was made from (`{known["config_hash"]}`).

{table(["result", "seed", "config", "commit", "steps", "device"], rows)}

```text
{chr(10).join(commands)}
```"""


def main() -> None:
    """Write the page and its figures."""
    for path, text in pages().items():
        write_whole(path, text)


if __name__ == "__main__":
    main()
