"""What models trained on questions under three rewards show, in words and tables, from as many seeds as there are."""

from __future__ import annotations

import json
from math import sqrt
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np
from scipy.stats import t as student

from recipes.evidence.analysis import Estimate, digits
from recipes.evidence.claims import code, decimals, percent, points, table
from recipes.evidence.study import RESULTS

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import numpy.typing as npt

    Array = npt.NDArray[np.float64]

ARMS: Final = {"answers": "R_ans alone", "plain_sum": "R_ans + R_ref, preset `paper`", "references": "the default"}
STUDIES: Final = {"questions": "drawn", "questions-cpu": "told in words"}
SEEDS: Final = (0, 1, 2)
RUN: Final = "python -m recipes.evidence.run --study recipes/evidence/questions.yaml --out runs/questions"
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

    def difference(self, one: str, other: str, measure: str = "correct") -> Estimate:
        """Return by how much one arm exceeds another, with its 95% interval over seeds and scenes.

        Seeds by Student's t, scenes by the paired difference of each, averaged over seeds; both half-widths are added
        in squares, which counts the scenes twice. With one seed it is over scenes alone.
        """
        scenes = np.array(
            [_each(self.runs[one][seed], measure) - _each(self.runs[other][seed], measure) for seed in self.seeds]
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
    """Return the committed results of a study of questions; None where it has not been run."""
    found: dict[str, dict[int, dict[str, Any]]] = {}
    for path in sorted((folder / name).glob("*.json")):
        run = json.loads(path.read_text(encoding="utf-8"))
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
    """Return the verdict on the paper's claim about R_ref, of drawn scenes where these have been run."""
    found = next((each for name in STUDIES if (each := read_trained(name)) is not None), None)
    link = "[trained models and a table](#questions-which-references-are-learned)"
    if found is None:
        return f"not tested: no model has been trained on questions yet. See {link}."
    return f"{_verdict(found)}. {_told(found)} ({link})."


def left() -> str:
    """Return the commands of what three seeds of the drawn study still lack."""
    found = read_trained("questions")
    seeds = [seed for seed in SEEDS if found is None or seed not in found.seeds]
    if not seeds:
        return f"drawn, run with seeds {', '.join(map(str, SEEDS))}"
    return ", ".join(code(f"{RUN} {call}") for call in ([] if found else ["one"]) + [f"two --seed {n}" for n in seeds])


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
    else:
        verdict = "not reproduced: level within the intervals"
    return verdict + (" (with one seed)" if len(found.seeds) == 1 else "")


def _section(name: str, told: str, found: Trained | None) -> str:
    command = f"python -m recipes.evidence.run one --study recipes/evidence/{name}.yaml --out runs/{name}"
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
    world = found.start["config"]["dataset_arguments"]["world"]["objects"]
    hidden = found.start["config"]["dataset_arguments"].get("hidden")
    shown = f"{percent(hidden)}% of the words hidden" if hidden else "112 pixels, sizes and materials vary"
    steps = sorted({run["steps"] for arm in ARMS for run in found.runs[arm].values()})
    return f"""\
{title}

A row of objects, of which each of two views shows {world[0]} or {world[1]} and both show one ({shown}). A question names all
objects and asks which is leftmost or rightmost, or where one is from another; whoever does not look is right at most
{percent(final["floor"])}% of the time. One start (demonstrations until {percent(final["accuracy"])}% were right), then
{" to ".join(map(str, (steps[0], steps[-1]) if len(steps) > 1 else steps))} steps under each reward; {_seeds(found)}{", mean and (lowest to highest)" if len(found.seeds) > 1 else ""}; greedy,
{final["scenes"]:,} held-out scenes. References are the names of each view; the last three columns are of the objects that stand
in one view alone; R_ref is the default's, in [-1, 1] (`{command}`, then `two`; results in
`recipes/evidence/results/{name}`).

{table(head, rows)}

- **R_ref adds accuracy:** {_verdict(found)}. {_told(found)}.
- **The blind references, the same names in every view:** {_blind(found)}
{_kinds(found)}{_images(found)}"""


def _cells(finals: Sequence[dict[str, Any]]) -> list[str]:
    cells = []
    for measure in ("accuracy", "precision", "recall", "informedness", "own", "other", "both"):
        show = decimals if measure == "informedness" else percent
        values = [final[measure] for final in finals]
        spread = f" ({show(min(values))} to {show(max(values))})" if len(values) > 1 else ""
        cells.append(show(float(np.mean(values))) + spread)
    return cells


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
        f"{points(ours['plain_sum'])} points with the plain sum, {points(ours['references'])} with the default. Both views "
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
