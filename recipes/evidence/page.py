"""Write docs/evidence.md and its figures from the committed results: ``python -m recipes.evidence.page``.

No figure on the page is typed by hand but the paper's own, in `recipes.evidence.claims`.
"""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Final

from benchmarks.files.write import write_whole
from recipes.evidence import claims, optimized, said, stages, words
from recipes.evidence.analysis import MEASURES, RUINED, correlation, read_results
from recipes.evidence.claims import code, interval, table
from recipes.evidence.figure import curves, headline
from recipes.evidence.study import HERE, read_study

if TYPE_CHECKING:
    from pathlib import Path

    from recipes.evidence.analysis import Results

DOCS: Final = HERE.parent.parent / "docs"


def pages() -> dict[Path, str]:
    """Return the text of each file that the results decide."""
    results = read_results()
    sections = [
        opening(results),
        claims.claims(results),
        said.predicted_and_trained(results),
        said.misses(results),
        optimized.on_the_way(results),
        stages.stage_one(results),
        stages.more(results),
        stages.few_scenes(results),
        stages.images(results),
        stages.groups(results),
        optimized.guesses(results),
        optimized.alarm(results),
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
    steps = [str(run["steps"]) for run in results.seeds["full"]]
    return f"""\
<!-- Written by `python -m recipes.evidence.page` from recipes/evidence/results; do not edit. -->
# Evidence

![Eleven rewards: what the audit said before training, and what came about](images/evidence.svg)

What eleven rewards do to a policy was said by `star audit --predict` and committed *before* they were trained. Then each
trained the same start, {len(steps)} seeds of {", ".join(steps)} steps. Spearman's rank correlation, with 95% intervals over arms and
scenes: {told}.

A model of {results.runs["start"]["parameters"] / 1e6:.1f} million parameters, drawn scenes of two to four objects,
{len(results.true):,} held-out scenes. Percentages are of scenes whose whole set of changes is right (TAcc). NDiff is wrong
cells of the final state per true change: less is better. **Intervals** are of 95%, over these scenes, paired where arms are
compared, and over seeds: equal runs with other seeds differ by {100 * _noise(results, "tacc"):.1f} points of TAcc and
{_noise(results, "ndiff"):.3f} of NDiff (standard deviation of a run, from the eleven arms without
{" and ".join(map(code, RUINED))}, whose own three runs count instead). The start is one, of one seed. No result at 7B is claimed.

**Few scenes.** The eleven rewards were trained on some 1,700 scenes, each of which came ten times: the shuffle that TRL
makes of a stream read ten copies of it. It was found after these runs; each scene comes once since, in the arms of
[the same with more scenes](#more-scenes-more-steps-a-better-start). Arms of either kind are compared among themselves."""


def _noise(results: Results, measure: str) -> float:
    found = results.noise(measure)
    return float("nan") if found is None else float(found[0] ** 0.5)


def not_run(results: Results) -> str:
    """Return what the study holds that has not been run, with the command for each."""
    study = read_study(HERE / "study.yaml")
    missing = [name for name in study.values["arms"] if name not in results.runs]
    run = "python -m recipes.evidence.run"
    rows = [
        [
            f"the eleven rewards with each scene once ({len(results.seeds['full_once'])} seeds of two have run: `full_once`, `ndiff_once`)",
            f"`{run} two --out runs/evidence --seed 0`, then `--seed 1`, `--seed 2`",
        ],
        [
            "further seeds of harder optimization, of longer runs, of fewer scenes and of the better start",
            f"`{run} three --out runs/evidence --seed 1`; `long`, `samples` and `better` likewise",
        ],
        [
            f"1,300 steps: `*_long` ended by time at {results.runs['full_long']['steps']}",
            f"`{run} long --out runs/long --start runs/evidence/models`, on two GPUs with nothing beside it",
        ],
        [
            "stage 2 on the center alone with each scene once",
            f"`{run} three --only rl_center --out runs/once --start runs/evidence/models`",
        ],
        [
            "drawn questions from a start that beats not looking, to 260 steps",
            f"`{run} all --study recipes/evidence/questions.yaml --out runs/questions`",
        ],
    ]
    if missing:
        rows.append([f"arms: {', '.join(map(code, missing))}", f"`{run} CALL --only ARM --out runs/evidence`"])
    return f"""\
## Not run

{table(["what", "command"], rows)}

All of it needs a GPU, and but for questions the start that `make evidence` leaves in `runs/evidence/models`. `make evidence` runs every call of
the study from nothing and writes predictions before it trains what is predicted."""


def provenance(results: Results) -> str:
    """Return where each figure comes from."""
    every = [run for runs in results.seeds.values() for run in runs]
    rows = [
        [
            code(f"{run['arm']}-{run['seed']}"),
            str(run["seed"]),
            code(run["config_hash"]),
            code(run["commit"]),
            str(run["steps"]),
            run["machine"]["device"],
        ]
        for run in every
    ]
    commands = sorted({run["command"] for run in every})
    versions = results.runs["full"]["machine"]
    known = results.predictions["from"]
    return f"""\
## Where each figure comes from

`recipes/evidence/results/study/ARM-SEED.json` holds configuration, curve, tests on the way and the outcome of each held-out
scene; `recipes/evidence/scenes.json` the true number of changes and of objects of each. torch {versions["torch"]}, transformers
{versions["transformers"]}, trl {versions["trl"]}. `e1` was given to call `one` in place of a commit; its code is that of `{known["commit"]}`, which `predictions.json` names for
the start that it was made from (`{known["config_hash"]}`). Runs of one call shared two GPUs, with MPS from commit `a54086c`
on: their seconds compare arms of one call. Up to that commit a scene came ten times in stage 2.

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
