"""What the study in words, on two CPU cores, shows: eleven rewards under two ways to weigh them, and what was said before."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from recipes.evidence import questions_page
from recipes.evidence.analysis import MEASURES, alarm_record, correlation, digits, estimate, read_results
from recipes.evidence.claims import code, decimals, interval, percent, points, table
from recipes.evidence.study import HERE, RESULTS

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from recipes.evidence.analysis import Results

BATCH: Final = "_batch"
LONG: Final = "_long"  # five times as many steps
ENOUGH: Final = 6  # arms for a rank correlation
TITLES: Final = {"tacc": "TAcc", "ndiff": "NDiff", "predictions": "changes named"}
SAID: Final = {"audit": "155891a", "table": "57e76cd"}  # the commits of both predictions
AT_FIRST: Final = ("full", "no_incorrect_penalty")  # what a trial had trained before predictions were written


def read_words() -> tuple[Results, Results]:
    """Return the results of arms with GRPO's own advantage, and of those with the batch's spread; names are the same."""
    said = json.loads((HERE / "table-cpu.json").read_text(encoding="utf-8"))
    found = read_results(RESULTS / "cpu", "scenes-cpu.json")
    plain = {name: runs for name, runs in found.seeds.items() if not name.endswith(BATCH)}
    batch = {name.removesuffix(BATCH): runs for name, runs in found.seeds.items() if name.endswith(BATCH)}
    batch |= {"start": found.seeds["start"]}
    return (
        replace(found, seeds=plain, predictions=_of(found.predictions, plain, said["group"])),
        replace(found, seeds=batch, predictions=_of(found.predictions, batch, said["batch"])),
    )


def _of(predictions: Mapping[str, Any], runs: Collection[str], table: dict[str, Any]) -> dict[str, Any]:
    """Return what was said of those arms that have been trained."""
    return dict(predictions) | {
        "arms": {name: said for name, said in predictions["arms"].items() if name in runs},
        "table": table,
    }


def in_words() -> str:
    """Return the section."""
    group, batch = read_words()
    known = group.predictions["from"]["knowledge"]
    return f"""\
## On two CPU cores

`make evidence-cpu` tells scenes in words, two objects and one or two changes, so that a small language model learns to compare
them in a minute; then it trains the paper's reward and the one without the incorrect penalty, each with two advantages; each
of its three calls ends after 3.2 minutes, whatever the machine. What is recorded, {group.runs["full"]["steps"]} steps each: {len(group.true)} held-out scenes with {group.true.mean():.2f} true changes, {_seconds(group)} (`recipes/evidence/results/cpu`, {len(group.seeds["full"])} seeds; configuration, its hash, commit, command and machine stand in
each file). Intervals are over scenes and seeds, as above.

Two advantages, since first trials showed that it matters: GRPO divides the advantage by the spread of each *group* of
completions of a prompt; `scale_rewards: batch` divides by that of the whole *batch*, so that a gain of 5 weighs five times a
loss of 1, as the reward says. Rewards and all else are the same.

Two predictions, both from the start alone, before an arm recorded here was trained (trials of {" and ".join(map(code, AT_FIRST))}
came before). Its first guesses are right with chance {known["p"]:.2f}, spread {known["spread"]:.2f}. *Audit*: what maximises
the expected reward (`predictions-cpu.json`, commit `{SAID["audit"]}`). *Table*: what GRPO's own steps make of a table of
decisions with the start's knowledge, which does not know how many changes there are and is trained with either advantage
(`recipes/evidence/tabular.py`, `table-cpu.json`, commit `{SAID["table"]}`).

With GRPO's own advantage, said by the audit, said by the table → trained:

{_arms(group)}

With the batch's spread:

{_arms(batch)}

Spearman's rank correlation with what came about, with 95% intervals over arms and scenes, where there are {ENOUGH} arms or
more; and the mean distance of the TAcc that was said, in points. {_missing(group, batch)}

{_agreement(group, batch)}

{_what_it_shows(group, batch)}"""


def _arms(results: Results) -> str:
    rows = []
    for name in results.predicted:
        cells = [code(name)]
        for measure in MEASURES:
            show = percent if measure == "tacc" else decimals
            said = [show(each.predicted[name][measure]) for each in (results, by_table(results))]
            cells.append(f"{', '.join(said)} → {show(results.mean(name, measure).value)}")
        rows.append(cells)
    start = [results.mean("start", measure).value for measure in MEASURES]
    rows.append(["the start", f"– → {percent(start[0])}", *(f"– → {decimals(value)}" for value in start[1:])])
    return table(["reward", "TAcc, %", "NDiff", "changes named"], rows)


def by_table(results: Results) -> Results:
    """Return the same results with what the table said in place of what the audit said."""
    said = results.predictions["table"]
    return replace(
        results, predictions=dict(results.predictions) | {"arms": {name: said[name] for name in results.predicted}}
    )


def distance(results: Results) -> float:
    """Return the mean distance of the TAcc that was said from the one that came about."""
    off = [abs(said["tacc"] - results.mean(name, "tacc").value) for name, said in results.predicted.items()]
    return sum(off) / len(off)


def _agreement(group: Results, batch: Results) -> str:
    columns = {
        f"{title}: {by}": found
        for title, results in (("GRPO", group), ("batch", batch))
        for by, found in (("audit", results), ("table", by_table(results)))
    }
    rows = []
    for measure in MEASURES:
        rows.append([f"rank correlation, {TITLES[measure]}"])
        for results in columns.values():
            found = correlation(results, measure) if len(results.predicted) >= ENOUGH else None
            rows[-1].append("–" if found is None else f"{found.value:.2f} {interval(found.over_arms)}")
    rows.append(["distance of TAcc", *(f"{100 * distance(results):.1f}" for results in columns.values())])
    return table(["", *columns], rows)


def questions() -> str:
    """Return which references are learned under which reward, in a table of decisions."""
    told = json.loads((HERE / "table-questions.json").read_text(encoding="utf-8"))
    seeds_of: dict[tuple[str, float], list[dict[str, float]]] = {}
    for run in told["runs"]:
        seeds_of.setdefault((run["reward"], run["sure"]), []).append(run)
    rows = []
    for (name, sure), runs in seeds_of.items():
        spans = [(min(run[key] for run in runs), max(run[key] for run in runs)) for key in ("own", "other", "both")]
        rows.append([name, f"{sure:.2f}", *(f"{100 * low:.0f} to {100 * high:.0f}" for low, high in spans)])
    blind = {name: [run["both"] for run in seeds_of[name, 0.55]] for name in ("plain sum", "default")}
    learned = min(blind["plain sum"]) > 0.5 > max(blind["default"])
    return f"""\
## Questions: which references are learned

{questions_page.trained()}

### A table of decisions

Without perception, a table of decisions again: two
views with two objects of their own each, of which the policy believes a view, right with the chance given, and decides for each view
whether to name it there; its answer is right half of the time whatever it names. GRPO for {told["config"]["steps"]} steps under R_ans alone, the
plain sum R_ans + R_ref (preset `paper`), and the default; {len(blind["default"])} seeds, lowest to highest
(`{told["command"]}`):

{table(["reward", "belief is right", "named in its view, %", "in the other, %", "in both, %"], rows)}

Where it hardly knows which object is where, {"the plain sum teaches it the blind references, the same names in every view, and the default does not" if learned else "neither reward teaches the blind references alone"}:
{100 * min(blind["plain sum"]):.0f} to {100 * max(blind["plain sum"]):.0f}% of the objects are named in both views, against
{100 * min(blind["default"]):.0f} to {100 * max(blind["default"]):.0f}%. Where it does know, both teach it to name what it believes. R_ans alone
teaches nothing of references. Whether better references make better answers, this cannot say."""


def _missing(group: Results, batch: Results) -> str:
    every = json.loads((HERE / "predictions-cpu.json").read_text(encoding="utf-8"))["arms"]
    left = [name for name in every if name not in group.predicted]
    left += [f"{name}{BATCH}" for name in every if name not in batch.predicted]
    if not left:
        return ""
    run = "python -m recipes.evidence.run eleven --study recipes/evidence/cpu.yaml --out runs/evidence-cpu"
    return f"Said and not trained yet: {', '.join(map(code, left))} (`{run}`, then `eleven_batch`)."


def _seconds(results: Results) -> str:
    found = [run["seconds"] for name in results.predicted for run in results.seeds[name]]
    return f"{min(found):.0f} to {max(found):.0f} seconds an arm on a core, which other work shared at times"


def _what_it_shows(group: Results, batch: Results) -> str:
    lines = []
    for results, title in ((group, "GRPO's own advantage"), (batch, "the batch's spread")):
        if "no_incorrect_penalty" in results.predicted:
            lines.append(_collapse(results, title))
    lines += [_over_prediction(group, batch), longer(group, batch), _break_even(group, batch), _alarm(group, batch)]
    return "\n".join(lines) + f"\n\n{_longer_table(group, batch)}"


def _collapse(results: Results, title: str) -> str:
    start, every = results.runs["start"], results.of_seeds("no_incorrect_penalty")
    right = digits(start["final"]["each"]["correct"])
    fell = [estimate(each["tacc"] - right) for each in every.values()]
    mean = estimate(results.outcomes("no_incorrect_penalty")["tacc"] - right)
    ones = [percent(results.mean(name, "tacc", results.true == 1).value) for name in ("start", "no_incorrect_penalty")]
    return (
        f"- *The collapse without the incorrect penalty, with {title}:* TAcc falls in {sum(each.high < 0 for each in fell)} of "
        f"{len(fell)} seeds, by {', '.join(points(each, -1) for each in fell)} points from the start, {points(mean, -1)} for the mean of these "
        "policies (intervals over scenes); against `full` it is "
        f"{points(results.difference('no_incorrect_penalty', 'full', 'tacc'))} over seeds. "
        f"{results.mean('no_incorrect_penalty', 'predictions').value:.2f} changes are named where {results.true.mean():.2f} are "
        f"true: of scenes with one true change it has {ones[1]}% right, the start {ones[0]}%."
    )


def _over_prediction(group: Results, batch: Results) -> str:
    true = group.true.mean()
    most = max(group.runs["full"]["tests"], key=lambda test: test["predictions"])
    lasts = [results.mean("full", "predictions").low > true for results in (group, batch)]
    words = {
        (False, True): "passes with GRPO's own advantage and lasts with the batch's spread",
        (True, True): "shows with either advantage",
        (True, False): "shows with GRPO's own advantage alone",
        (False, False): "does not last with either advantage",
    }
    earned = [_reward(results) for results in (group, batch)]
    apart = replace(group, seeds=dict(group.seeds) | {"other": batch.seeds["full"]}).difference("other", "full", "tacc")
    return (
        f"- *Over-prediction under the paper's reward (`full`) {words[lasts[0], lasts[1]]}.* With GRPO's own, "
        f"{most['predictions']:.2f} changes are named after {most['step']} steps and "
        f"{group.mean('full', 'predictions').value:.2f} at the end, where {true:.2f} are true; with the batch's, "
        f"{batch.mean('full', 'predictions').value:.2f}. That scores {'more' if earned[1] > earned[0] else 'no more'} of the reward "
        f"({earned[1]:.2f} against {earned[0]:.2f}, greedy), and TAcc is {'less' if apart.sign < 0 else 'not shown to be less'}: by "
        f"{points(apart)} points; the start has {percent(group.mean('start', 'tacc').value)}%."
    )


def longer(group: Results, batch: Results) -> str:
    """Return what five times as many steps do to the paper's reward and to answers."""
    told, worse = [], []
    for results, words in ((group, "GRPO's own advantage"), (batch, "the batch's spread")):
        earned = [_reward(results, name) for name in ("full", f"full{LONG}")]
        apart = results.difference(f"full{LONG}", "full", "tacc")
        worse += [words] if earned[1] > earned[0] and apart.sign < 0 else []
        named = [results.mean(name, "predictions").value for name in ("full", f"full{LONG}")]
        told.append(
            f"with {words} `full` earns {earned[0]:.2f} after {group.runs['full']['steps']} steps and {earned[1]:.2f} after "
            f"{group.runs[f'full{LONG}']['steps']}, TAcc changes by {points(apart)} points, and {named[0]:.2f} changes named become "
            f"{named[1]:.2f}"
        )
    verdict = f"makes answers worse with {' and '.join(worse)}" if worse else "is not shown to make answers worse"
    return f"- *Optimized five times longer, the paper's reward {verdict}:* {'; '.join(told)}."


def _longer_table(group: Results, batch: Results) -> str:
    """Return what five times as many steps make of each reward that was trained so."""
    rows = []
    for results, words in ((group, "GRPO's own"), (batch, "the batch's")):
        for name in (name for name in results.seeds if name.endswith(LONG)):
            short = name.removesuffix(LONG)
            before = short if short in results.seeds else None
            rows.append([code(short), words, str(len(results.seeds[name]))])
            for show, of in (
                (decimals, _reward),
                (percent, lambda results, name: results.mean(name, "tacc").value),
                (decimals, lambda results, name: results.mean(name, "ndiff").value),
                (decimals, lambda results, name: results.mean(name, "predictions").value),
            ):
                first = "–" if before is None else show(of(results, before))
                rows[-1].append(f"{first} → {show(of(results, name))}")
    steps = [group.runs[name]["steps"] for name in ("full", f"full{LONG}")]
    return (
        f"After {steps[0]} → {steps[1]} steps; the reward is that of the default preset, greedy; `half` has the paper's tiers with "
        "an incorrect penalty of 5, so that b = 1/2 (`python -m recipes.evidence.run long --study recipes/evidence/cpu.yaml "
        "--seed 0 1 2 --most 1 --out runs/evidence-cpu`):\n\n"
        + table(["reward", "advantage", "seeds", "reward of `full`", "TAcc, %", "NDiff", "changes named"], rows)
    )


def _reward(results: Results, name: str = "full") -> float:
    return sum(run["final"]["reward"] for run in results.seeds[name]) / len(results.seeds[name])


def _break_even(group: Results, batch: Results) -> str:
    ones = [results.mean("full", "predictions", results.true == 1).value for results in (group, batch)]
    return (
        "- *Why the break-even of 1/6 does not decide under GRPO.* A further guess gains 5 where it is right and costs 1 where "
        "it is wrong. But where it is wrong, all completions of the prompt lose or keep that 1, and divided by the spread of "
        "such a group it weighs as much as a 5 elsewhere. Where groups vary in nothing else, what counts is how *often* a guess "
        "is right: the break-even is 1/2, whatever the reward gives. Groups become more equal as a policy gets surer, which is "
        "why it names more at first and fewer later. Divided by the batch's spread, 5 stays 5: with one true change `full` names "
        f"{ones[1]:.2f}, under GRPO's own {ones[0]:.2f}."
    )


def _alarm(group: Results, batch: Results) -> str:
    records = [
        alarm_record(run) for results in (group, batch) for name in results.predicted for run in results.seeds[name]
    ]
    fell = [record for record in records if record.fell is not None]
    ahead = [record.early for record in fell if record.early is not None]
    early = sum(steps > 0 for steps in ahead)
    false = sum(bool(record.raised) and record.fell is None for record in records)
    tests = group.runs["full"]["tests"]
    late = [-steps for steps in ahead if steps <= 0]
    told = f", {min(late)} to {max(late)} steps after it in the others" if late else ""
    return (
        f"- *The alarm on these {len(records)} runs,* which it was not chosen with: TAcc is under the start's in {len(fell)}, mostly "
        f"at the first test already (tests are {tests[1]['step']} steps apart, of {tests[0]['scenes']} scenes). It is raised in "
        f"{len(ahead)} of them: before the fall in {early}{told}. It is raised in {false} that do not fall. It waits for six "
        f"logged steps, {6 * group.runs['full']['config']['logging_steps']} here, which runs as fast as these do not leave it."
    )
