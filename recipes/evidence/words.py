"""What the study in words, on two CPU cores, shows: eleven rewards under two ways to weigh them, and what was said before."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from recipes.evidence.analysis import MEASURES, alarm_record, correlation, digits, read_results
from recipes.evidence.claims import code, decimals, interval, percent, points, seeds, table
from recipes.evidence.study import HERE, RESULTS

if TYPE_CHECKING:
    from recipes.evidence.analysis import Results

BATCH: Final = "_batch"
TITLES: Final = {"tacc": "TAcc", "ndiff": "NDiff", "predictions": "changes named"}
AT_FIRST: Final = ("full", "no_incorrect_penalty")  # what a trial had trained before predictions were written


def read_words() -> tuple[Results, Results]:
    """Return the results of arms with GRPO's own advantage, and of those with the batch's spread; names are the same."""
    scenes = json.loads((HERE / "scenes-cpu.json").read_text(encoding="utf-8"))
    predictions = json.loads((HERE / "predictions-cpu.json").read_text(encoding="utf-8"))
    runs = read_results(RESULTS / "cpu").runs
    plain = {name: run for name, run in runs.items() if not name.endswith(BATCH)}
    batch = {name.removesuffix(BATCH): run for name, run in runs.items() if name.endswith(BATCH)}
    group = replace(
        read_results(RESULTS / "cpu"),
        runs=plain,
        true=digits(scenes["true"]),
        objects=digits(scenes["objects"]),
        predictions=_of(predictions, plain),
    )
    return group, replace(group, runs=batch | {"start": runs["start"]}, predictions=_of(predictions, batch))


def _of(predictions: dict[str, object], runs: dict[str, object]) -> dict[str, object]:
    """Return what was said of those arms that have been trained."""
    arms = predictions["arms"]
    assert isinstance(arms, dict)
    return predictions | {"arms": {name: said for name, said in arms.items() if name in runs}}


def in_words() -> str:
    """Return the section."""
    group, batch = read_words()
    start = group.runs["start"]
    known = group.predictions["from"]["knowledge"]
    rows = []
    for name, said in group.predicted.items():
        cells = [code(name)]
        for measure in MEASURES:
            show = percent if measure == "tacc" else decimals
            cells.append(show(said[measure]))
            cells += [
                show(results.mean(name, measure).value) if name in results.predicted else "–"
                for results in (group, batch)
            ]
        rows.append(cells)
    came = [percent(group.mean("start", "tacc").value)]
    came += [decimals(group.mean("start", measure).value) for measure in ("ndiff", "predictions")]
    rows.append(["the start", *(cell for value in came for cell in ("–", value, value))])
    head = ["reward", *(f"{TITLES[measure]}{', %' if measure == 'tacc' else ''}: said" for measure in MEASURES)]
    head = [head[0], *(cell for title in head[1:] for cell in (title, "group", "batch"))]
    ranked = [
        [TITLES[measure]]
        + [
            f"{found.value:.2f} {interval(found.over_arms)}" if results.predicted else "–"
            for results in (group, batch)
            for found in ([correlation(results, measure)] if results.predicted else [])
        ]
        for measure in MEASURES
    ]
    ranks = table(["rank correlation", "each group's spread (GRPO)", "the batch's"][: len(ranked[0])], ranked)
    return f"""\
## On two CPU cores

`make evidence-cpu` tells scenes in words, two objects and one or two changes, so that a small language model learns to compare
them in a minute; then it trains the paper's reward and the one without the incorrect penalty, each with two advantages. What
is recorded is that and the other nine rewards (`{_command("eleven")}`), {group.runs["full"]["steps"]} steps each:
seed {start["seed"]}, {len(group.true)} held-out scenes with {group.true.mean():.2f} true changes, {_seconds(group)}. *One seed.*

Two advantages, since the first runs showed that it matters: GRPO divides the advantage by the spread of each *group* of
completions of a prompt; `scale_rewards: batch` divides by that of the whole *batch*, so that a gain of 5 weighs five times a
loss of 1, as the reward says. Rewards and all else are the same.

The start's first guesses are right with chance {known["p"]:.2f} (spread {known["spread"]:.2f}). Said, from that alone and
before any arm recorded here was trained (`recipes/evidence/predictions-cpu.json`, commit `{start["commit"]}` of the start;
trials of {" and ".join(map(code, AT_FIRST))} came before, and changed nothing of it):

{table(head, rows)}

{ranks}

{_what_it_shows(group, batch)}"""


def _command(call: str) -> str:
    return f"python -m recipes.evidence.run {call} --study recipes/evidence/cpu.yaml --out runs/evidence-cpu"


def _seconds(results: Results) -> str:
    found = [run["seconds"] for name, run in results.runs.items() if name != "start"]
    return f"{min(found):.0f} to {max(found):.0f} seconds an arm on a core that other work shared"


def _what_it_shows(group: Results, batch: Results) -> str:
    lines = []
    for results, title in ((group, "GRPO's own advantage"), (batch, "the batch's spread")):
        if not {"full", "no_incorrect_penalty"} <= set(results.predicted):
            continue
        full, true = results.mean("full", "predictions"), results.true.mean()
        named = results.mean("no_incorrect_penalty", "predictions").value
        none = {other: results.difference("no_incorrect_penalty", other, "tacc") for other in ("start", "full")}
        falls = none["start"].high < 0 and abs(none["start"].value) > seeds()
        most = max(results.runs["full"]["tests"], key=lambda test: test["predictions"])
        over = (
            "shows"
            if full.low > true
            else "does *not* last"
            if most["predictions"] > most["true"]
            else "does *not* show"
        )
        loss = results.difference("full", "start", "tacc")
        lines.append(
            f"- *With {title}.* The collapse without the incorrect penalty {'shows' if falls else 'does *not* show'}: "
            f"{named:.2f} changes are named where {true:.2f} are true, TAcc {points(none['start'])} points against the start, "
            f"{points(none['full'])} against `full`. Over-prediction under the paper's reward {over}: {full.value:.2f} named at "
            f"the end, {most['predictions']:.2f} at most on the way (step {most['step']}), TAcc {points(loss)} points against the "
            "start."
        )
    ones = group.true == 1
    spoken = ", ".join(
        f"{results.mean('full', 'predictions', ones).value:.2f} ({title})"
        for results, title in ((group, "group"), (batch, "batch"))
        if "full" in results.predicted
    )
    lines.append(
        "- *Why the break-even of 1/6 does not decide under GRPO.* A further guess gains 5 where it is right and costs 1 where it "
        "is wrong. But of a prompt with one true change, all completions lose or keep that 1, and divided by the spread of such a "
        "group it weighs as much as a 5 elsewhere: what counts is nearer to how *often* a guess is right than to what it is "
        f"worth. With one true change `full` names {spoken}."
    )
    records = [alarm_record(run) for results in (group, batch) for name, run in results.runs.items() if name != "start"]
    fell = [record for record in records if record.fell is not None]
    ahead = [record.early for record in fell if record.early is not None]
    early = sum(steps > 0 for steps in ahead)
    false = sum(bool(record.raised) and record.fell is None for record in records)
    lines.append(
        f"- *The alarm on these {len(records)} runs,* which it was not made on: TAcc falls under the start's in {len(fell)}; it is "
        f"raised in {len(ahead)} of them, before the fall in {early}; and in {false} that do not fall. Tests on the way are "
        f"{group.runs['full']['tests'][1]['step']} steps apart, of {group.runs['full']['tests'][0]['scenes']} scenes."
    )
    return "\n".join(lines)
