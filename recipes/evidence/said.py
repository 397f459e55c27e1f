"""What was said of eleven rewards before they were trained, and what came about."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import combinations
from typing import TYPE_CHECKING, Final

from recipes.evidence.analysis import (
    FEW,
    MEASURES,
    RUINED,
    break_even,
    correlation,
    logged,
    order,
    trained_ranks,
    way_gone,
)
from recipes.evidence.claims import code, counted, decimals, interval, percent, points, signed, table
from recipes.evidence.predict import predicted
from recipes.evidence.study import HERE, read_study

if TYPE_CHECKING:
    from collections.abc import Sequence

    from recipes.evidence.analysis import Results

FAR: Final = 3  # ranks by which a prediction misses
LESS: Final = (0.6, 0.55, 0.5)
LEVEL: Final = 0.005  # predicted accuracies that differ by less are level


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
    rest = [name for name in results.predicted if name not in RUINED]
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

{table(["rank correlation", "all eleven", "95%, scenes", "95%, scenes and arms", "without " + " and ".join(map(code, RUINED)), "direction from the start"], ranked)}

{foreseen(results)} The same for each seed alone: {_by_seed(results)}.

Said → trained. Direction is that from the start: *right* or *wrong* where the paired interval leaves out zero, else *level*.

{table(["reward", "TAcc, %", "", "NDiff", "", "changes named", ""], rows)}

There are {results.true.mean():.2f} true changes a scene. `ndiff` is `calibrated` without a charge for missing changes,
`ndiff_missing` has half of it. `full` is the default preset, the paper's tiers matched one to one; `paper` is the literal sum."""


def foreseen(results: Results) -> str:
    """Return what of the order that came about the audit has foreseen, by the intervals over scenes and arms."""
    titles = {"predictions": "which rewards make a policy name too much", "ndiff": "which keep NDiff low"}
    seen = [title for measure, title in titles.items() if tells(results, measure)]
    unseen = [title for title in titles.values() if title not in seen]
    told = [f"So the audit foresees {' and '.join(seen)}."] if seen else []
    if unseen:
        told.append(f"{'It' if seen else 'So the audit'} is not shown to foresee {' or '.join(unseen)}.")
    lowest = [
        sorted(results.predicted, key=accuracy)[: len(RUINED)]
        for accuracy in (
            lambda name: results.predicted[name]["tacc"],
            lambda name: results.mean(name, "tacc").value,
        )
    ]
    if set(lowest[0]) == set(lowest[1]):
        told.append(f"It tells the arms of lowest TAcc, {' and '.join(map(code, lowest[1]))}, from the others.")
    rest = [name for name in results.predicted if name not in RUINED]
    pairs = list(combinations(rest, 2))
    level = sum(results.difference(*pair, "tacc").sign == 0 for pair in pairs)
    told.append(
        f"Its order of TAcc among arms without {' and '.join(map(code, RUINED))} is "
        f"{'better than chance' if tells(results, 'tacc', rest) else 'not shown to be better than chance'}; {level} of their "
        f"{len(pairs)} pairs differ by less than scenes and seeds make."
    )
    return " ".join(told)


def tells(results: Results, measure: str, arms: Sequence[str] | None = None) -> bool:
    """Return whether the order that was said is better than chance."""
    return correlation(results, measure, arms).over_arms[0] > 0


def in_short(results: Results) -> str:
    """Return the paragraph of the README."""
    rest = [name for name in results.predicted if name not in RUINED]
    return (
        "What `star audit --predict` said of eleven rewards before they were trained, and what they did to one policy: it "
        f"{'tells' if tells(results, 'predictions') else 'is not shown to tell'} which make a policy name too much, and "
        f"{'orders' if tells(results, 'tacc', rest) else 'is not shown to order'} the rest by accuracy "
        f"([evidence](docs/evidence.md), {counted(len(results.seeds['full']), 'seed')}, a small model)."
    )


def _by_seed(results: Results) -> str:
    told = []
    for measure in MEASURES:
        alone = []
        for place in range(len(results.seeds["full"])):
            seeds = {name: runs[place : place + 1] for name, runs in results.seeds.items() if name in results.predicted}
            alone.append(f"{order(replace(results, seeds=seeds), measure):.2f}")
        told.append(f"{_title(measure)} {', '.join(alone)}")
    return "; ".join(told)


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


def _by_table(results: Results) -> list[tuple[str, dict[str, float], dict[str, float]]]:
    """Return by whom something was said, its rank correlations and its mean distances, by measure."""
    told = json.loads((HERE / "table-study.json").read_text(encoding="utf-8"))
    found = []
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
        found.append((title, {measure: order(other, measure) for measure in MEASURES}, off))
    return found


def _of_the_table(results: Results) -> str:
    found = _by_table(results)
    rows = [
        [
            title,
            *(f"{ranked[measure]:.2f}" for measure in MEASURES),
            *(f"{100 * off['tacc']:.1f}", f"{off['ndiff']:.2f}", f"{off['predictions']:.2f}"),
        ]
        for title, ranked, off in found
    ]
    head = ["said by", "rank correlation: TAcc", "NDiff", "changes named"]
    head += ["mean distance: TAcc, points", "NDiff", "changes named"]
    nearest = {measure: min(found, key=lambda each: each[2][measure])[0] for measure in MEASURES}
    ranked = {measure: max(found, key=lambda each: each[1][measure])[0] for measure in MEASURES}
    told = [
        f"{words} {'; '.join(f'{_title(measure)}: {who}' for measure, who in chosen.items())}."
        for words, chosen in (("Best in order,", ranked), ("Nearest,", nearest))
    ]
    return f"{table(head, rows)}\n\n{' '.join(told)}"


def _on_p(rows: Sequence[Sequence[str]]) -> str:
    """Return how far order and direction depend on what is supposed to be known."""
    spans = [max(map(float, column)) - min(map(float, column)) for column in list(zip(*rows, strict=True))[1:4]]
    right = [int(row[4].split()[0]) for row in rows]
    return f"Rank correlations differ by {max(spans):.2f} at most; from {min(right)} to {max(right)} arms go from the start as said."


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
    rose = results.difference("full", "start", "predictions")
    arms = [
        [
            code(name),
            *(signed(way_gone(results, name, measure)) for measure in MEASURES),
            percent(logged(results.seeds[name], "frac_reward_zero_std", last=False)),
            percent(logged(results.seeds[name], "frac_reward_zero_std", last=True)),
            "–"
            if name in ("naive_binary", "paper")
            else f"{_hits(results, name, last=False):.2f} → {_hits(results, name, last=True):.2f}",
        ]
        for name in results.predicted
    ]
    less_known = _if_less_were_known(results)
    return f"""\
### If less had been known

The majority of samples flatters a policy whose single completions are right less often; between the two commits the code
was changed to count greedy guesses, and the predictions were left. So this was computed *after* the results: what would have
been said with a lower chance p.

{table(["p", "rank correlation: TAcc", "NDiff", "changes named", "TAcc went as said"], less_known)}

{_on_p(less_known)}

### What GRPO makes of the same knowledge

{"Also computed *after* these results, and" if results.few else "Computed after the results on [few scenes](#ten-times-the-same-scenes), *before* these (commit `57e76cd`) and"} before those [in words](#on-two-cpu-cores): a table of decisions with the start's
knowledge, which does not know how many changes there are, trained by GRPO's own steps for each reward
(`recipes/evidence/tabular.py`; nothing in it is fitted to an arm). In these runs the advantage is divided by each group's spread.

{_of_the_table(results)}

### Where its model of a policy is wrong

Ranks that are off by {FAR} or more (1 is the highest TAcc, the lowest NDiff, the most changes named):

{chr(10).join(lines or ["- none."])}

What the model supposes, and what is not so:

- *It predicts the end of optimization.* In {results.runs["full"]["steps"]} steps arms went, in NDiff,
  {signed(min(gone.values()))} to {signed(max(gone.values()))} of the distance from the start to what was said.
- *It keeps knowledge fixed.* {"Training adds to it: sampled" if last > first else "Sampled"} completions hit {first:.2f} of the true changes in the first
  {5 * 5} steps and {last:.2f} in the last (mean over the arms whose log tells it). Part of that is sharper sampling (the
  entropy under `full` goes from {logged(results.seeds["full"], "entropy", last=False):.2f} to
  {logged(results.seeds["full"], "entropy", last=True):.2f}), which greedy completions do not gain from.
- *It maximises the expected reward.* GRPO divides the advantage by the spread of each group, so that a wrong guess in a group
  that varies in nothing else weighs as much as a right one in another, whatever the reward gives for either: the chance from
  which a guess is worth it lies between b and 1/2, and nearer to 1/2 the more equal groups become. {"That `full` does not go on to name more, as b = 1/6 would have it, fits; in" if rose.sign <= 0 else "`full` goes on to name more, as b = 1/6 has it; in"} [small](#on-two-cpu-cores) it was tried with another advantage.
- *It lets the policy know how many changes there are.* The start names {start:.2f} where {said_fewest:.2f} are true: with one
  true change {views["1"]["predictions"]:.2f}, with two {views["2"]["predictions"]:.2f}. {_wrong_way(results, wrong)}

Share of the way from the start to what was said (1 is there, beyond 1 past it, below 0 the other way; large where the way is
short), share of groups without any difference in reward, and hits among true changes, in the first and last {5 * 5} steps:

{table(["reward", "TAcc", "NDiff", "changes named", "equal groups, first, %", "last, %", "hits"], arms)}"""


def _wrong_way(results: Results, wrong: Sequence[str]) -> str:
    """Return what is explained of arms that moved the number of changes named the other way than was said, and what not."""
    told = []
    if "naive_binary" in wrong:
        told.append("So `naive_binary`, which should name exactly as many as are true, went down instead of up.")
    if others := [name for name in wrong if name != "naive_binary"]:
        told.append(f"{'Others' if told else 'Arms'} that went the wrong way: {', '.join(map(code, others))}.")
    if half := [name for name in others if break_even(results.runs[name]) == 0.5]:
        told.append(
            f"{' and '.join(map(code, half))}, with b = 1/2 ([break-even](#break-even)), should name about as many, too."
        )
    if "no_underprediction_penalty" in wrong:
        told.append("`no_underprediction_penalty` was said to name more, and nothing here explains why it does not.")
    return " ".join(told or ["No arm went the wrong way in how many are named."])


def _title(measure: str) -> str:
    return {"tacc": "TAcc", "ndiff": "NDiff", "predictions": "changes named"}[measure]


def _hits(results: Results, name: str, *, last: bool) -> float:
    runs = results.seeds[name]
    return logged(runs, "tvr/exact", last=last) / 5.0 / logged(runs, "tvr/true_predictions", last=last)


def _reason(results: Results, name: str) -> str:
    said = results.predicted
    if name == "naive_binary":
        equal = percent(logged(results.seeds[name], "frac_reward_zero_std", last=False))
        usual = percent(logged(results.seeds["full"], "frac_reward_zero_std", last=False))
        return (
            f"only whole sets are rewarded, so that {equal}% of its groups are equal in the first steps and teach "
            f"nothing ({usual}% under `full`); it went {signed(way_gone(results, name, 'tacc'))} of the way. The audit "
            "knows what is worth it, not how fast it is learned."
        )
    if name == "count_difference" and results.difference(name, "start", "predictions").sign > 0:
        return (
            "a wrong guess is free while fewer are named than are true, and the policy, which does not know the number, "
            f"names more at once: it went {signed(way_gone(results, name, 'predictions'))} of the way, `full` "
            f"{signed(way_gone(results, 'full', 'predictions'))}. At the end `full` was said to name more."
        )
    if name == "paper" and results.difference(name, "start", "predictions").sign <= 0:
        first = [logged(results.seeds[arm], "reward", last=False) for arm in (name, "full")]
        named = [results.mean(arm, "predictions").value for arm in (name, "full")]
        few = results.mean(FEW + name, "predictions").value
        return (
            "it rewards further guesses about what is right already, and the audit lets a policy find that at once. Sampled "
            f"completions hardly hold such guesses: in the first steps they earn {first[0]:.2f}, under `full` {first[1]:.2f}, "
            f"and in the end {named[0]:.2f} changes are named, under `full` {named[1]:.2f}. On few scenes "
            f"it was found: {few:.2f} named."
        )
    level = [other for other in said if abs(said[other]["tacc"] - said[name]["tacc"]) <= LEVEL]
    low, high = min(said[each]["tacc"] for each in level), max(said[each]["tacc"] for each in level)
    other = "start" if name == "full" else "full"
    against = f"trained, it is {points(results.difference(name, other, 'tacc'))} points from {code(other)}"
    if len(level) == 1:
        near = sum(results.difference(name, each, "tacc").sign == 0 for each in said if each != name)
        return (
            f"it went {signed(way_gone(results, name, 'tacc'))} of the way; {against}, and {near} of the {len(said) - 1} "
            "other arms are level with it."
        )
    return (
        f"{len(level)} arms were said to be level ({percent(low)} to {percent(high)}%), and their order is chance; "
        f"{against}. Nothing in the model tells these apart."
    )
