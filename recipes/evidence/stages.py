"""Stage 1, stage 2, either alone; fewer scenes, other views, no images."""

from __future__ import annotations

from typing import TYPE_CHECKING

from recipes.evidence.claims import code, percent, points, table

if TYPE_CHECKING:
    from recipes.evidence.analysis import Results


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
