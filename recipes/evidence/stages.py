"""Stage 1, stage 2, either alone; fewer scenes, other views, no images."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from recipes.evidence.analysis import FEW, MEASURES, correlation, headline, on_few_scenes
from recipes.evidence.claims import code, counted, decimals, interval, percent, points, table

if TYPE_CHECKING:
    from recipes.evidence.analysis import Results

BLIND: Final = 0.023
"""TAcc of the best answer without images, as `recipes/small-gpu/world.yaml` derives it."""


STARTS: Final = {"better": "better", "long": "start"}
"""With what `full_better` and `full_long` begin."""


def stage_one(results: Results, every: Results) -> str:
    """Return stage 1 and what more of it does, beside stage 2.

    Args:
        results: as the headline tells them.
        every: all of them.
    """
    rl_center = results.either("rl_center")
    both = results.views("left", "right")
    center = results.views("center")
    names = ["start", "sft_more", "center_more", "labels_more", "center_labels_more", "full", "calibrated", rl_center]
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
        for name in ("center_more", "center_labels_more", "full", rl_center)
    }
    alone = results.runs["rl_alone"]
    once = percent(every.mean("full", "tacc").value)
    once = f" ({once}% [where each scene comes once](#more-scenes-more-steps-a-better-start))" if results.few else ""
    carried = gains[rl_center][1].sign > 0
    return f"""\
## Stage 1, stage 2, and either alone

Seconds are by the clock while arms shared GPUs, not GPU seconds of a run alone: they compare arms of one
call, and other calls only roughly; steps and seconds are of the first seed. `labels` arms learn answers without reasoning, `center` arms see final images from the
front only; the rest see all three views. `*_more` arms ended by time, before their learning rate fell.

{table(["arm", "begins with", "stage", "steps", "seconds", "TAcc, %", "center", "left, right", "NDiff"], rows)}

- *More demonstrations {"beat RL here" if at["tacc"] > results.mean("full", "tacc").value else "and RL"}.* After {at["seconds"]:.0f} seconds `sft_more` has {percent(at["tacc"])}%; RL under `full`
  has {percent(beside["tacc"])}% after {beside["seconds"]:.0f} and {percent(results.mean("full", "tacc").value)}% after
  {results.runs["full"]["seconds"]:.0f}{once}. Demonstrations are free and exact in a drawn world, and what is missing is
  perception, which they teach token by token. That says nothing of a pretrained model with few demonstrations.
- *Demonstrations from the front only* add {points(gains["center_more"][0])} points on the center and
  {points(gains["center_more"][1])} on left and right: what they teach stays where it was taught. RL under `full`, which
  sees all views, adds {points(gains["full"][0])} and {points(gains["full"][1])}; on the center alone ({code(rl_center)})
  {points(gains[rl_center][0])} and {points(gains[rl_center][1])}: {"what RL teaches carries over to the other views" if carried else "RL does not carry over to the other views here either"}.
- *Labels alone* undo what reasoning had taught: {points(gains["center_labels_more"][0])} points on the center,
  {points(gains["center_labels_more"][1])} on left and right. From random weights they taught next to nothing in
  {results.runs["labels"]["steps"]} steps ({percent(results.mean("labels", "tacc").value)}%), where reasoning, from the front
  only, led to {percent(results.mean("center", "tacc").value)}%.
- *RL without stage 1* (`rl_alone`, {alone["steps"]} steps from random weights): no completion has the form, all rewards of
  all groups are equal, nothing is learned. The paper's single stage begins with a pretrained model."""


def more(results: Results) -> str:
    """Return the arms in which each scene comes once: as many steps, more, and from a better start."""
    names = ("full", "ndiff", "full_long", "calibrated_long", "ndiff_long", "half_long", "better")
    rows = [_row(results, name, "start") for name in names]
    rows += [_row(results, name, "better") for name in ("full_better", "calibrated_better", "ndiff_better")]
    start, better = results.runs["full_better"]["from"], results.runs["better"]
    gained = {name: points(results.difference(f"full_{name}", begins, "tacc")) for name, begins in STARTS.items()}
    return f"""\
## More scenes, more steps, a better start

Each scene comes once in these. `better` are demonstrations from `start` on until {better["about"]["until"]:.2f} on the way
(greedy, {better["tests"][-1]["scenes"]:,} scenes); `*_better` begin with it (`{start}`).

{table(["arm", "seeds", "steps", "TAcc, %", "from its start, points", "NDiff", "changes named"], rows)}

From a better start RL adds {gained["better"]} points in {results.runs["full_better"]["steps"]} steps; from `start`, in
{results.runs["full_long"]["steps"]} steps, {gained["long"]}."""


def ten_times(results: Results) -> str:
    """Return what the same steps made of few scenes that come ten times, and of scenes that come once."""
    rows = []
    for name in results.predicted:
        if not {run["seed"] for run in results.seeds.get(name, ())} & {
            run["seed"] for run in results.seeds[FEW + name]
        }:
            continue
        cells = [code(name)]
        for measure in MEASURES:
            few, once = (results.mean(each, measure).value for each in (FEW + name, name))
            gained = results.difference(name, FEW + name, measure)
            show = percent if measure == "tacc" else decimals
            told = points(gained) if measure == "tacc" else f"{gained.value:+.2f} {interval(gained[1:])}"
            cells += [f"{show(few)} → {show(once)}", told]
        rows.append(cells)
    steps = [", ".join(str(run["steps"]) for run in results.seeds[name]) for name in (f"{FEW}full", "full")]
    return f"""\
## Ten times the same scenes

The eleven rewards were first trained on some 1,700 scenes, each of which came ten times: the shuffle that TRL makes of a stream
read ten copies of it. It was found after these runs; each scene comes once since. Both from one start, few scenes → each scene
once, and the difference over the seeds of both; steps of `full` by seed: {steps[0]} on few, {steps[1]} with each once.

{table(["reward", "TAcc, %", "points", "NDiff", "", "changes named", ""], rows)}

{_both_orders(results, len(rows))}"""


def _both_orders(results: Results, count: int) -> str:
    """Return the rank correlations of either kind, where all arms have been trained with each scene once."""
    once = headline(results)
    if once.few:
        return (
            f"Of {len(results.predicted)} rewards {count} have been trained so; the headline takes the others' place once "
            "all have a seed in common ([not run](#not-run))."
        )
    kinds = {"few scenes": on_few_scenes(results), "each scene once": once}
    rows = [
        [title, counted(len(each.seeds["full"]), "seed")]
        + [
            f"{found.value:.2f} {interval(found.over_arms)}"
            for found in (correlation(each, measure) for measure in MEASURES)
        ]
        for title, each in kinds.items()
    ]
    head = ["what was said, and what came about", "", *("TAcc", "NDiff", "changes named")]
    return f"Rank correlation with what was said, with 95% intervals over arms and scenes:\n\n{table(head, rows)}"


def _row(results: Results, name: str, begins: str) -> list[str]:
    return [
        code(name),
        str(len(results.seeds[name])),
        ", ".join(str(run["steps"]) for run in results.seeds[name]),
        percent(results.mean(name, "tacc").value),
        points(results.difference(name, begins, "tacc")),
        f"{results.mean(name, 'ndiff').value:.3f}",
        f"{results.mean(name, 'predictions').value:.2f}",
    ]


def fewer_scenes(results: Results) -> str:
    """Return accuracy against the number of scenes, for RL and for demonstrations."""
    rows = []
    for scenes, rl, sft in (
        ("16,640", "full", "sft_all"),
        ("1,664", "full_tenth", "sft_tenth"),
        ("192", "full_hundredth", "sft_hundredth"),
    ):
        cells = [scenes]
        for name in (rl, sft):
            cells += [
                f"{percent(results.mean(name, 'tacc').value)} ({code(name)})",
                points(results.difference(name, "start", "tacc")),
            ]
        rows.append(cells)
    steps = [results.runs[name]["steps"] for name in ("full_tenth", "sft_tenth")]
    return f"""\
## Fewer scenes

As many steps over fewer scenes, from `start`: RL under `full` ({steps[0]} steps of 64 prompts) and demonstrations ({steps[1]}
steps of 64). {counted(len(results.seeds["full_tenth"]), "seed")} each, {len(results.seeds["full"])} of RL on all.

{table(["scenes", "RL: TAcc, %", "from the start, points", "demonstrations: TAcc, %", "from the start, points"], rows)}

{_which_loses(results)}"""


def _which_loses(results: Results) -> str:
    """Return whether demonstrations gain more from many scenes and lose more from few than RL does."""
    over = {
        size: results.difference(f"sft_{size}", rl, "tacc")
        for size, rl in (("all", "full"), ("tenth", "full_tenth"), ("hundredth", "full_hundredth"))
    }
    words = {1: "teach more than RL", 0: "are level with RL", -1: "teach less than RL"}
    told = ", ".join(
        f"{words[over[size].sign]} {where} ({points(over[size])})"
        for size, where in (("all", "on all scenes"), ("tenth", "on a tenth"), ("hundredth", "on a hundredth"))
    )
    why = (
        ": few are learned by heart. That is the sense of the paper's claim, not its number"
        if over["hundredth"].sign < 0
        else ""
    )
    return f"Demonstrations {told}{why}."


def images(results: Results) -> str:
    """Return what is right where a scene is shown the images of another, or none."""
    found = {
        name: [run["final"]["images"] for run in runs if "images" in run["final"]]
        for name, runs in results.seeds.items()
    }
    seen = {name: each for name, each in found.items() if each}
    some = sorted(each["swapped"]["tacc"] for every in seen.values() for each in every)
    formed = max(each["blank"]["well_formed"] for every in seen.values() for each in every)
    blank = max(each["blank"]["tacc"] for every in seen.values() for each in every)
    count = next(iter(seen.values()))[0]["swapped"]["scenes"]
    return f"""\
## Images swapped or removed

The first {count:,} held-out scenes with the images of another scene from the same view: {percent(some[0])} to
{percent(some[-1])}% are right in the {len(some)} runs that were tested so, where the best answer without looking is right in
{percent(BLIND)}%. With gray images at most {percent(blank)}% are right, and {percent(formed)}% of the completions have the form:
that is not an input that a model of this size has ever seen. What is right is right by looking."""


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

TAcc in %, with half of the 95% interval over scenes and seeds.

{table(head, rows)}"""
