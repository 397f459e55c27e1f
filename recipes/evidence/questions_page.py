"""What models trained on questions under three rewards show, in words and tables, from as many seeds as there are."""

from __future__ import annotations

import json
from math import sqrt
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np
from scipy.stats import t as student

from parsers.references import parse_references
from recipes.evidence.analysis import LATELY, Estimate, digits
from recipes.evidence.claims import code, decimals, percent, points, table
from recipes.evidence.questions import KINDS, held_out_items
from recipes.evidence.study import HERE, RESULTS, read_study
from rewards.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import numpy.typing as npt

    Array = npt.NDArray[np.float64]

ARMS: Final = {"answers": "R_ans alone", "plain_sum": "R_ans + R_ref, preset `paper`", "references": "the default"}
STUDIES: Final = {"questions-clear": "drawn clearly", "questions": "drawn", "questions-cpu": "told in words"}
LOST: Final = {
    "questions": "`answers` of seed 0 ended at step 47 with a loss that was NaN, and that seed is left out. Losses and gradients "
    "were as ever until step 45. The likeliest cause is the attention of cuDNN, torch's default on that GPU, whose gradient can "
    "be NaN where prompts are padded ([training](training.md#while-it-runs)); that was not reproduced, and training does not "
    "use it any more."
}
"""Of each study, what was run and has no result."""
LOSS: Final = 0.05  # of F1 under the start's, from which references count as unlearned
CEILING: Final = 0.97  # accuracy above which runs that differ are not looked for
PAPER: Final = 17.5  # points of accuracy that the paper loses without R_ref


class Trained(NamedTuple):
    """The results of one study of questions.

    Attributes:
        start: of the start, which all arms share.
        runs: by arm, its runs by seed.
        seeds: those of which every arm has a run.
    """

    start: dict[str, Any]
    runs: dict[str, dict[int, dict[str, Any]]]
    seeds: tuple[int, ...]

    def mean(self, arm: str, measure: str) -> list[float]:
        """Return a measure of an arm, by seed."""
        return [self.runs[arm][seed]["final"][measure] for seed in self.seeds]

    @property
    def looks(self) -> bool:
        """Whether the start answers better than whoever does not look: beyond two standard errors."""
        final = self.start["final"]
        return bool(final["accuracy"] - 2 * final["accuracy_se"] > final["floor"])

    def difference(self, one: str, other: str, measure: str = "correct") -> Estimate:
        """Return by how much one arm exceeds another, with its 95% interval over seeds and scenes.

        Seeds by Student's t, scenes by the paired difference of each, averaged over seeds; both half-widths are added
        in squares, which counts the scenes twice. With one seed it is over scenes alone. Seeds are those of both arms.
        """
        ours, others = self.runs[one], self.runs[other]
        scenes = np.array(
            [_each(ours[seed], measure) - _each(others[seed], measure) for seed in sorted(ours.keys() & others.keys())]
        )
        value, by_seed = float(scenes.mean()), scenes.mean(axis=1)
        over_scenes = 1.96 * float(scenes.mean(axis=0).std(ddof=1)) / sqrt(scenes.shape[1])
        over_seeds = 0.0
        if (count := len(by_seed)) > 1:
            over_seeds = float(student.ppf(0.975, count - 1) * by_seed.std(ddof=1) / sqrt(count))
        half = sqrt(over_scenes**2 + over_seeds**2)
        return Estimate(value, value - half, value + half)


def _each(run: dict[str, Any], measure: str) -> Array:
    found = run["final"]["each"][measure]
    return digits(found) if isinstance(found, str) else np.array(found, dtype=np.float64) / 100


def read_trained(name: str, folder: Path = RESULTS) -> Trained | None:
    """Return the committed results of a study of questions; None where it has not been run.

    Raises:
        ConfigError: a result is of another configuration than the study's file has: other scenes, or another training.
    """
    study = read_study(HERE / f"{name}.yaml")
    found: dict[str, dict[int, dict[str, Any]]] = {}
    for path in sorted((folder / name).glob("*.json")):
        run = json.loads(path.read_text(encoding="utf-8"))
        end = {"max_steps": run["config"]["max_steps"]}
        if run["config"] != study.configuration(run["arm"], run["seed"]) | end:
            raise ConfigError(f"{path}: not of the configuration in {study.path.name}: run it again, or move it away")
        found.setdefault(run["arm"], {})[run["seed"]] = run
    if "start" not in found or any(arm not in found for arm in ARMS):
        return None
    seeds = sorted(set.intersection(*(set(found[arm]) for arm in ARMS)))
    if not seeds:
        return None
    (start,) = found.pop("start").values()
    return Trained(start, found, tuple(seeds))


def trained() -> str:
    """Return what trained models say of references, and what has not been run."""
    return "\n\n".join(_section(name, told, read_trained(name)) for name, told in STUDIES.items())


def claim() -> str:
    """Return the verdict on the paper's claim about R_ref: of the first study whose start looks, else of the first."""
    every = [(told, each) for name, told in STUDIES.items() if (each := read_trained(name)) is not None]
    link = "[trained models and a table](#questions-which-references-are-learned)"
    if not every:
        return f"not tested: no model has been trained on questions yet. See {link}."
    told, found = next((pair for pair in every if pair[1].looks), every[0])
    others = "".join(f" Of scenes {other}, {_verdict(each)}." for other, each in every if each is not found)
    return f"of scenes {told}, {_verdict(found)}. {_told(found)}.{others} See {link}."


def _told(found: Trained) -> str:
    ours = [points(found.difference(arm, "answers")) for arm in ("plain_sum", "references")]
    return (
        f"Paper: {PAPER} points less without it. Here accuracy with the plain sum is {ours[0]} points above that of R_ans "
        f"alone, with the default R_ref {ours[1]} ({_seeds(found)})"
    )


def _seeds(found: Trained) -> str:
    return "one seed: the interval is over scenes" if len(found.seeds) == 1 else f"{len(found.seeds)} seeds"


def _verdict(found: Trained) -> str:
    """Return whether R_ref adds accuracy: the paper's, which is a plain sum, or ours."""
    if not found.looks:
        return (
            "not testable with this start, which answers no better than whoever does not look "
            f"({percent(found.start['final']['accuracy'])}% against {percent(found.start['final']['floor'])}%)"
        )
    signs = {arm: found.difference(arm, "answers").sign for arm in ("plain_sum", "references")}
    more = [arm for arm, sign in signs.items() if sign > 0]
    least = min(100 * found.difference(arm, "answers").value for arm in more) if more else 0.0
    size = f", though by less than {PAPER} points" if more and least < PAPER else ""
    if len(more) == len(signs):
        verdict = f"reproduced with either R_ref{size}"
    elif more:
        verdict = f"reproduced with {'the plain sum' if more == ['plain_sum'] else 'the default R_ref'} alone{size}"
    elif min(signs.values()) < 0:
        verdict = "not reproduced: with R_ref fewer answers are right"
    elif max(100 * found.difference(arm, "answers").high for arm in signs) >= PAPER:
        verdict = f"not decided: so few seeds and steps leave room for zero and for {PAPER} points"
    else:
        verdict = "not reproduced: level within the intervals"
    return verdict + (" (with one seed)" if len(found.seeds) == 1 else "")


def _command(name: str, call: str) -> str:
    return f"python -m recipes.evidence.run {call} --study recipes/evidence/{name}.yaml --out runs/{name}"


def _section(name: str, told: str, found: Trained | None) -> str:
    command = _command(name, "one")
    title = f"### Models trained on questions, scenes {told}"
    if found is None:
        return f"{title}\n\nNot run yet: `{command}`, then `two`, also with `--seed 1` and `--seed 2`."
    final = found.start["final"]
    rows = [["the start", *_cells([final])]]
    rows += [[code(arm), *_cells([found.runs[arm][seed]["final"] for seed in found.seeds])] for arm in ARMS]
    head = [
        "reward",
        "right, %",
        "precision, %",
        "recall, %",
        "R_ref",
        "in its view, %",
        "in the other, %",
        "in both, %",
    ]
    given = found.start["config"]["dataset_arguments"]
    objects = given["world"]["objects"]
    ends = "which is leftmost or rightmost"
    asked = ends if "where" not in given.get("kinds", KINDS) else f"{ends}, or where one is from another"
    steps = sorted({run["steps"] for arm in ARMS for run in found.runs[arm].values()})
    return f"""\
{title}

A row of objects, of which each of two views shows {objects[0]} or {objects[1]} and both show one ({_shown(given)}). A question
names all objects and asks {asked}; whoever does not look is right at most
{percent(final["floor"])}% of the time. One start (demonstrations until {percent(final["accuracy"])}% were right), then
{" to ".join(map(str, (steps[0], steps[-1]) if len(steps) > 1 else steps))} steps under each reward; {_seeds(found)}{", mean and (lowest to highest)" if len(found.seeds) > 1 else ""}; greedy,
{final["scenes"]:,} held-out scenes. References are the names of each view; the last three columns are of the objects that stand
in one view alone; R_ref is the default's, in [-1, 1] (`{command}`, then `two`; results in
`recipes/evidence/results/{name}`).

{table(head, rows)}

{_limits(name, found)}- **R_ref adds accuracy:** {_verdict(found)}. {_told(found)}.
- **R_ref teaches references:** {_taught(found)}
- **The blind references, the same names in every view:** {_blind(found)}
{_kinds(found)}{_images(found)}"""


def _shown(given: dict[str, Any]) -> str:
    """Return what scenes look like, of the arguments of a data set."""
    if hidden := given.get("hidden"):
        return f"{percent(hidden)}% of the words hidden"
    varies = "sizes and materials vary" if "size" in given["world"]["attributes"] else "of one size and material"
    return f"{given['world']['side']} pixels, {varies}{', each named by a color of its own' if given.get('own_colors') else ''}"


def _limits(name: str, found: Trained) -> str:
    told = [LOST[name]] if name in LOST else []
    if not found.looks:
        words, count = _perceived(name, found)
        kinds = [
            f"the right {kind} in {percent(share)}%" for kind, share in zip(("color", "shape"), words, strict=False)
        ]
        told.append(
            f"What the start sees: names in the recorded completions ({count}, three scenes a run) have {' and '.join(kinds)}."
        )
    every = [run for runs in found.runs.values() for run in runs.values()]
    if (least := min(min(found.mean(arm, "accuracy")) for arm in ARMS)) > CEILING:
        told.append(
            f"In every run at least {percent(least)}% is right: R_ref could not have added much, but without it answers did not "
            "get worse either."
        )
    if len({run["steps"] for run in every}) > 1:
        told.append("Arms ended by time, at unequal steps.")
    if unknown := [
        f"{code(run['arm'])} {run['seed']}" for run in (found.start, *every) if run.get("commit") == "unknown"
    ]:
        told.append(
            f"Run before their configuration was committed, which they record: {', '.join(unknown)} (arm, seed)."
        )
    return " ".join(told) + "\n\n" if told else ""


def _perceived(name: str, found: Trained) -> tuple[list[float], int]:
    """Return how often each word of a name is right in recorded completions, of views with the true number of names."""
    scenes = held_out_items(read_study(HERE / f"{name}.yaml"), 3)
    pairs: list[tuple[str, str]] = []
    for run in (found.start, *(run for runs in found.runs.values() for run in runs.values())):
        for item, example in zip(scenes, run["examples"], strict=True):
            relations = parse_references(example["completion"]).relations
            for view, true in enumerate(item.references, start=1):
                said = (
                    [relations[view][0].subject, *(each.object for each in relations[view])]
                    if relations.get(view)
                    else []
                )
                pairs += zip(said, true, strict=True) if len(said) == len(true) else []
    alike = np.array(
        [[one in said.split()[at : at + 1] for at, one in enumerate(true.split())] for said, true in pairs]
    )
    return [float(share) for share in alike.mean(axis=0)], len(pairs)


def _cells(finals: Sequence[dict[str, Any]]) -> list[str]:
    cells = []
    for measure in ("accuracy", "precision", "recall", "informedness", "own", "other", "both"):
        show = decimals if measure == "informedness" else percent
        values = [final[measure] for final in finals]
        spread = f" ({show(min(values))} to {show(max(values))})" if len(values) > 1 else ""
        cells.append(show(float(np.mean(values))) + spread)
    return cells


def _taught(found: Trained) -> str:
    told = []
    for arm in ("plain_sum", "references"):
        more = {measure: found.difference(arm, "answers", measure) for measure in ("f1", "informedness")}
        told.append(
            f"{code(arm)}: {', '.join(f'{each.value:+.3f} [{each.low:+.3f}, {each.high:+.3f}]' for each in more.values())}"
        )
    return (
        "against R_ans alone, the mean F1 of the views (R_ref of `paper`) and R_ref of the default change by: "
        f"{'; '.join(told)}. {_unlearned(found)}Training it was short: {_reward(found)}."
    )


def _unlearned(found: Trained) -> str:
    """Return of which seeds R_ans alone lost references that the start had, and what became of the answers."""
    had = found.start["final"]["f1"]
    lost = [seed for seed in found.seeds if found.runs["answers"][seed]["final"]["f1"] < had - LOSS]
    if not lost:
        return ""
    each = [found.runs["answers"][seed]["final"] for seed in lost]
    return (
        f"The start has an F1 of {decimals(had)}; R_ans alone unlearns it in {len(lost)} of {len(found.seeds)} seeds "
        f"({', '.join(decimals(final['f1']) for final in each)}), where "
        f"{', '.join(percent(final['accuracy']) for final in each)}% of the answers are right: what is not rewarded is not kept. "
    )


def _reward(found: Trained) -> str:
    """Return by how much each arm's own reward rose while it was trained, sampled."""
    told = []
    for arm in ARMS:
        logs = [[step["reward"] for step in found.runs[arm][seed]["curve"]] for seed in found.seeds]
        first, last = (
            float(np.mean([np.mean(each[part]) for each in logs])) for part in (slice(LATELY), slice(-LATELY, None))
        )
        told.append(f"{code(arm)} {first:.2f} → {last:.2f}")
    return f"the reward of sampled completions went {', '.join(told)}"


def _blind(found: Trained) -> str:
    start = found.start["final"]["both"]
    ours = {arm: found.difference(arm, "answers", "both") for arm in ("plain_sum", "references")}
    apart = found.difference("plain_sum", "references", "both")
    most = max(found.mean("plain_sum", "both"))
    learned = "learned under the plain sum" if apart.sign > 0 and most > 0.5 else "not learned"
    if learned == "not learned" and apart.sign > 0:
        learned = "not learned, but the plain sum leads that way"
    same = [percent(float(np.mean(found.mean(arm, "same")))) for arm in ARMS]
    return (
        f"{learned}. Of the objects of one view, {percent(start)}% are named in both at the start. Against R_ans alone it is "
        f"{points(ours['plain_sum'])} points with the plain sum, {points(ours['references'])} with the default; the plain sum "
        f"against the default {points(apart)} ({len(found.runs['plain_sum'].keys() & found.runs['references'].keys())} seeds). Both views "
        f"name the same objects in {', '.join(same)}% of completions ({', '.join(map(code, ARMS))})."
    )


def _kinds(found: Trained) -> str:
    kinds = sorted(found.start["final"]["views"])
    told = [
        f"{code(arm)} "
        + ", ".join(
            percent(float(np.mean([found.runs[arm][seed]["final"]["views"][kind]["accuracy"] for seed in found.seeds])))
            for kind in kinds
        )
        for arm in ARMS
    ]
    start = ", ".join(percent(found.start["final"]["views"][kind]["accuracy"]) for kind in kinds)
    return f"- By question ({', '.join(kinds)}), % right: the start {start}; {'; '.join(told)}."


def _images(found: Trained) -> str:
    if "images" not in found.start["final"]:
        return ""
    told = [
        f"{code(arm)} "
        + " and ".join(
            percent(
                float(np.mean([found.runs[arm][seed]["final"]["images"][kind]["accuracy"] for seed in found.seeds]))
            )
            for kind in ("swapped", "blank")
        )
        for arm in ARMS
    ]
    return f"\n- With the images of another scene, and with none, % right: {'; '.join(told)}."
