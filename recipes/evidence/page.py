"""Write docs/evidence.md and its figures from the committed results: ``python -m recipes.evidence.page``.

No figure on the page is typed by hand but the paper's own, in `recipes.evidence.claims`.
"""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Final

from benchmarks.files.write import write_whole
from recipes.evidence import claims, optimized, said, stages, words
from recipes.evidence.analysis import ALIKE, FEW, MEASURES, RUINED, SEEDS, correlation, headline, read_drawn
from recipes.evidence.claims import code, counted, interval, table
from recipes.evidence.figure import curves
from recipes.evidence.figure import headline as figure_of
from recipes.evidence.questions_page import read_trained
from recipes.evidence.study import HERE, RESULTS, read_study

if TYPE_CHECKING:
    from pathlib import Path

    from recipes.evidence.analysis import Results

DOCS: Final = HERE.parent.parent / "docs"
RUN: Final = "python -m recipes.evidence.run"


def pages(folder: Path = RESULTS) -> dict[Path, str]:
    """Return the text of each file that the results in a folder decide."""
    every = read_drawn(folder)
    told = headline(every)
    sections = [
        opening(told, every),
        claims.claims(told, every),
        said.predicted_and_trained(told),
        said.misses(told),
        optimized.on_the_way(told, every),
        stages.stage_one(told, every),
        stages.more(every),
        stages.fewer_scenes(every),
        stages.ten_times(every),
        stages.images(every),
        stages.groups(told),
        optimized.guesses(told),
        optimized.alarm(every),
        words.in_words(),
        words.questions(),
        not_run(every),
        provenance(every),
    ]
    readme = DOCS.parent / "README.md"
    before, figure, after = readme.read_text(encoding="utf-8").partition("(docs/images/evidence.svg)\n\n")
    return {
        DOCS / "evidence.md": "\n\n".join(map(wrapped, "\n\n".join(sections).split("\n\n"))) + "\n",
        DOCS / "images" / "evidence.svg": figure_of(told),
        DOCS / "images" / "evidence-curves.svg": curves(told),
        readme: before + figure + fill(said.in_short(told)) + after[after.index("\n\n") :],
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


def opening(results: Results, every: Results) -> str:
    """Return what was found in a paragraph, under the figure."""
    found = {measure: correlation(results, measure) for measure in MEASURES}
    told = ", ".join(
        f"{name} {found[measure].value:.2f} {interval(found[measure].over_arms)}"
        for measure, name in (("ndiff", "NDiff"), ("predictions", "changes named"), ("tacc", "TAcc"))
    )
    noise = {measure: results.noise(measure) or (float("nan"), 0) for measure in MEASURES}
    own = results.left_over("tacc", few=False) == results.noise("tacc")
    return f"""\
<!-- Written by `python -m recipes.evidence.page` from recipes/evidence/results; do not edit. -->
# Evidence

![Eleven rewards: what the audit said before training, and what came about](images/evidence.svg)

What eleven rewards do to a policy was said by `star audit --predict` and committed *before* they were trained. Then each
trained the same start, {counted(len(results.seeds["full"]), "seed")} of {_steps(results)} steps. Spearman's rank correlation, with 95% intervals over arms and
scenes: {told}.

A model of {results.runs["start"]["parameters"] / 1e6:.1f} million parameters, drawn scenes of two to four objects,
{len(results.true):,} held-out scenes. Percentages are of scenes whose whole set of changes is right (TAcc). NDiff is wrong
cells of the final state per true change: less is better. **Intervals** are of 95%, over these scenes, paired where arms are
compared, and over seeds: equal runs with other seeds differ by {100 * noise["tacc"][0] ** 0.5:.1f} points of TAcc and
{noise["ndiff"][0] ** 0.5:.3f} of NDiff (standard deviation of a run, from the arms of three seeds{"" if own else " on few scenes"} without
{" and ".join(map(code, RUINED))}, whose own runs count instead where there are three). The start is one, of one seed. No result at 7B is claimed.

{_scenes(results, every)}"""


def _steps(results: Results) -> str:
    """Return how many steps the eleven rewards were trained for, by seed."""
    by_seed = [
        sorted({results.seeds[name][place]["steps"] for name in results.predicted})
        for place in range(len(results.seeds["full"]))
    ]
    return ", ".join(str(each[0]) if len(each) == 1 else f"{each[0]} to {each[-1]}" for each in by_seed)


def _scenes(results: Results, every: Results) -> str:
    """Return how often scenes came, and which seeds are not whole."""
    if results.few:
        return f"""\
**Few scenes.** The eleven rewards were trained on some 1,700 scenes, each of which came ten times
([what that does](#ten-times-the-same-scenes)). Each scene comes once in the arms of
[the same with more scenes](#more-scenes-more-steps-a-better-start). Arms of either kind are compared among themselves; where
both stand in one table, names of those on few scenes begin with {code(FEW)}."""
    shared = [run["seed"] for run in results.seeds["full"]]
    more = {run["seed"] for name in results.predicted for run in every.seeds.get(name, ())} - set(shared)
    lack = "; ".join(
        f"of seed {seed}, {sum(seed in {run['seed'] for run in every.seeds[name]} for name in results.predicted)} of "
        f"{len(results.predicted)} have run, which are left out of what compares all"
        for seed in sorted(more)
    )
    few = f" Fewer than {SEEDS} seeds have run ([not run](#not-run))." if len(shared) < SEEDS else ""
    return f"""\
**Scenes.** Each scene comes once; the eleven rewards are of {"seed" if len(shared) == 1 else "seeds"} {", ".join(map(str, shared))}{f" ({lack})" if lack else ""}.{few} They were first
trained on few scenes, each of which came ten times: names of such runs begin with {code(FEW)}, and
[what that did](#ten-times-the-same-scenes) is told apart."""


def not_run(results: Results) -> str:
    """Return what of three seeds the study still lacks, with the command for each."""
    study = read_study(HERE / "study.yaml")
    rows = []
    for call, of_call in study.values["calls"].items():
        lacking: dict[tuple[str, ...], list[int]] = {}
        for seed in range(SEEDS):
            there = {name for name, runs in results.seeds.items() if seed in {run["seed"] for run in runs}}
            if lack := tuple(
                name
                for name in of_call["arms"]
                if name not in there and (seed == 0 or ("from" in (arm := study.arm(name)) and not arm.get("keep")))
            ):
                lacking.setdefault(lack, []).append(seed)
        for lack, seeds in lacking.items():
            only = "" if list(lack) == of_call["arms"] else f" --only {','.join(lack)}"
            told = (
                f"{', '.join(map(code, lack))}: {'seed' if len(seeds) == 1 else 'seeds'} {', '.join(map(str, seeds))}"
            )
            rows.append([told, code(f"{RUN} {call} --seed {' '.join(map(str, seeds))}{only} --out runs/evidence")])
    for call, of_call in study.values["calls"].items():
        runs = [run for name in of_call["arms"] for run in results.seeds.get(name, ()) if run["stage"] == "rl"]
        short = [run for run in runs if run["steps"] < (1 - ALIKE) * run["config"]["max_steps"]]
        for seed in sorted({run["seed"] for run in short}):
            ended = [run for run in short if run["seed"] == seed]
            told = ", ".join(f"{code(run['arm'])} ({run['steps']} of {run['config']['max_steps']})" for run in ended)
            command = f"{RUN} {call} --seed {seed} --only {','.join(run['arm'] for run in ended)} --out runs/{call}"
            rows.append([f"to the end, where time ended it: {told}", code(f"{command} --start runs/evidence/models")])
    found = read_trained("questions-clear")
    if found is None or not found.looks:
        command = f"{RUN} all --study recipes/evidence/questions-clear.yaml --out runs/questions-clear"
        rows.append(["drawn questions from a start that beats not looking", code(command)])
    return f"""\
## Not run

{table(["what", "command"], rows) if rows else "Nothing that the study holds."}

All of it needs a GPU, and but for questions the start that `make evidence` leaves in `runs/evidence/models`. A command trains what has no
result in its folder. `make evidence` runs every call of the study from nothing and writes predictions before it trains what is predicted."""


def provenance(results: Results) -> str:
    """Return where each figure comes from."""
    every = [(f"{name}-{run['seed']}", run) for name, runs in results.seeds.items() for run in runs]
    rows = [
        [
            code(name),
            str(run["seed"]),
            code(run["config_hash"]),
            code(run["commit"]),
            str(run["steps"]),
            run["machine"]["device"],
        ]
        for name, run in every
    ]
    commands = sorted({run["command"] for _, run in every})
    versions = results.runs["full"]["machine"]
    known = results.predictions["from"]
    return f"""\
## Where each figure comes from

`recipes/evidence/results/study/ARM-SEED.json` holds configuration, curve, tests on the way and the outcome of each held-out
scene; `results/few` those of stage 2 in which a scene came ten times, `{FEW}` here; `recipes/evidence/scenes.json` the true number of changes and of objects of each. torch {versions["torch"]}, transformers
{versions["transformers"]}, trl {versions["trl"]}. `e1` was given to call `one` in place of a commit; its code is that of `{known["commit"]}`, which `predictions.json` names for
the start that it was made from (`{known["config_hash"]}`). `once` was a call of `full` and `ndiff` alone, then named `full_once` and
`ndiff_once`. Runs of one call shared GPUs, with MPS from commit `a54086c` on: their seconds compare arms of one call.

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
