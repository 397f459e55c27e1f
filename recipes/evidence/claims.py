"""The paper's claims beside what the study found, in words and tables."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from benchmarks.correspondences import find_in
from recipes.evidence.analysis import Estimate, logged, on_few_scenes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from recipes.evidence.analysis import Results

# The paper's own figures: its Table 3 (TAcc in %, NDiff), Table 1 and text.
PAPER: Final = {
    "full": ("full", 61.4, 0.31),
    "no_object_tier": ("w/o object reward", 58.0, 0.37),
    "no_attribute_tier": ("w/o attribute reward", 56.8, 0.40),
    "no_underprediction_penalty": ("w/o under-prediction penalty", 58.2, 0.41),
    "no_incorrect_penalty": ("w/o incorrect penalty", 54.3, 0.44),
    "naive_binary": ("naive GRPO, read as whole sets", 54.5, 0.43),
    "count_difference": ("naive GRPO, read as the difference of counts", 54.5, 0.43),
}
SFT, RL = (84.2, 30.9), (76.3, 53.9)  # center, other views
FEW, MANY = 91.0, 37.5  # accuracy with 1 to 3 and with 9 or 10 objects


def code(name: str) -> str:
    """Return a name as code."""
    return f"`{name}`"


def percent(share: float) -> str:
    """Return a share in percent."""
    return f"{100 * share:.1f}"


def decimals(value: float) -> str:
    """Return a number with two decimals."""
    return f"{value:.2f}"


def signed(value: float) -> str:
    """Return a number with its sign."""
    return f"{value:+.2f}"


def counted(count: int, what: str) -> str:
    """Return how many there are of something.

    >>> counted(1, "seed"), counted(3, "seed")
    ('1 seed', '3 seeds')
    """
    return f"{count} {what}{'' if count == 1 else 's'}"


def interval(ends: tuple[float, float], places: int = 2) -> str:
    """Return an interval."""
    return f"[{ends[0]:.{places}f}, {ends[1]:.{places}f}]"


def points(found: Estimate, sign: int = 1) -> str:
    """Return a difference of shares in points, with its interval."""
    value, low, high = (100 * sign * each for each in found)
    low, high = min(low, high), max(low, high)
    return f"{value:+.1f} [{low:+.1f}, {high:+.1f}]" if sign > 0 else f"{value:.1f} [{low:.1f}, {high:.1f}]"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def claims(results: Results, every: Results) -> str:
    """Return the paper's tables beside ours, and a sentence for each claim.

    Args:
        results: as the headline tells them.
        every: all of them.
    """
    rows, few = [], None if results.few else on_few_scenes(every)
    for name, (title, tacc, ndiff) in PAPER.items():
        ours = results.difference(name, "full", "tacc")
        wrong = results.difference(name, "full", "ndiff")
        rows.append(
            [
                title,
                code(name),
                f"{tacc:.1f} ({tacc - PAPER['full'][1]:+.1f})",
                f"{ndiff:.2f} ({ndiff - PAPER['full'][2]:+.2f})",
                percent(results.mean(name, "tacc").value) + ("" if name == "full" else f" ({points(ours)})"),
                f"{results.mean(name, 'ndiff').value:.2f}"
                + ("" if name == "full" else f" ({wrong.value:+.2f} {interval(wrong[1:])})"),
            ]
        )
        if few is not None:
            other = "" if name == "full" else f" ({points(few.difference(name, 'full', 'tacc'))})"
            rows[-1].append(percent(few.mean(name, "tacc").value) + other)
    told = "\n".join(f"- **{title}** {text}" for title, text in sentences(results, every))
    head, beside = [], ""
    if few is not None:
        seeds = counted(len(few.seeds["full"]), "seed")
        head, beside = (
            ["few scenes: TAcc, %"],
            f" The last column is of [few scenes](#ten-times-the-same-scenes), {seeds}.",
        )
    return f"""\
## The paper's claims

Means over {counted(len(results.seeds["full"]), "seed")}. In brackets: the difference from `full`, ours with its 95% interval over scenes and
seeds; *reproduced* below is what it leaves zero out of.{beside}

{table(["paper's Table 3", "preset", "paper: TAcc, %", "NDiff", "ours: TAcc, %", "NDiff", *head], rows)}

{told}"""


def sentences(results: Results, every: Results) -> list[tuple[str, str]]:
    """Return each claim and what is found of it."""
    from recipes.evidence.questions_page import claim  # which is told with what stands above

    found = [_ablation(results, name) for name in PAPER if name != "full"]
    by_objects = [results.mean("full", "tacc", results.objects == count) for count in (2, 4)]
    falls = by_objects[0].low > by_objects[1].high
    length = [logged(results.seeds["full"], "completions/mean_length", last=end) for end in (False, True)]
    more = results.difference("no_incorrect_penalty", "full", "predictions")
    named = results.mean("no_incorrect_penalty", "predictions").value
    texts = [example["completion"] for run in every.runs.values() for example in run["examples"]]
    spoken = [places for text in texts if (places := find_in(text)) is not None]
    fewer = interval((more.low, more.high))
    return [
        *found,
        (
            "Without the incorrect penalty the model enumerates:",
            (
                f"{'reproduced, in its beginnings' if more.sign > 0 else 'not reproduced'}. It names {named:.2f} changes, "
                f"{more.value:+.2f} {fewer} against `full`, where {results.true.mean():.2f} are true."
            ),
        ),
        (
            "Accuracy falls with the number of objects:",
            (
                f"{'reproduced' if falls else 'not reproduced'}. Paper: {FEW}% with 1 to 3 objects, {MANY}% with 9 or 10; "
                f"ours: {percent(by_objects[0].value)}% with 2, {percent(by_objects[1].value)}% with 4 (`full`)."
            ),
        ),
        ("SFT is better on the trained view, RL on others:", _views(every)),
        (
            "RL alone is enough:",
            (
                "not testable at this scale. From random weights no completion has the form; the paper begins with a "
                "pretrained model."
            ),
        ),
        (
            "Responses get shorter, then longer:",
            (
                f"not testable at this scale. Demonstrations fix the form of the reasoning: {length[0]:.0f} tokens in the "
                f"first steps of `full`, {length[1]:.0f} in the last."
            ),
        ),
        (
            "Completions name correspondences across views (81% OOD, 67% ID):",
            (
                "not testable at this scale. The reasoning lists attributes, as demonstrated, and has no words for "
                f"correspondences: `star correspondences` finds one in {sum(map(bool, spoken))} of the {len(spoken)} recorded "
                "completions with reasoning, and [counts them](evaluation.md#correspondences-across-views) in any rollouts."
            ),
        ),
        ("Ten times less data is enough for RL:", _few(every)),
        ("R_ref adds up to 17.5 points:", claim()),
    ]


def _ablation(results: Results, name: str) -> tuple[str, str]:
    title, tacc, _ = PAPER[name]
    ours, wrong = (results.difference("full", name, measure) for measure in ("tacc", "ndiff"))
    told = f"By {PAPER['full'][1] - tacc:.1f} points in the paper, by {points(ours)} here"
    if ours.sign > 0:
        verdict = "reproduced" if wrong.sign < 0 else "reproduced in TAcc; NDiff is level"
    else:
        verdict = "not reproduced: the other way" if ours.sign < 0 else "not reproduced: level"
    if wrong.sign > 0:
        verdict += "; NDiff is better without"
    return f"{title[0].upper()}{title[1:]}: fewer are right:", f"{verdict}. {told}."


def _views(results: Results) -> str:
    some = {"center": results.views("center"), "other": results.views("left", "right")}
    rl_arm = results.either("rl_center")
    sft, rl = (
        {view: results.difference(name, "start", "tacc", which) for view, which in some.items()}
        for name in ("center_more", rl_arm)
    )
    trained, other = (results.difference(rl_arm, "center_more", "tacc", some[view]).sign for view in some)
    halves = {
        (True, True): "reproduced",
        (True, False): "the first half reproduced, the second not",
        (False, True): "the second half reproduced, the first not",
        (False, False): "not reproduced",
    }
    return (
        f"{halves[trained < 0, other > 0]}. Paper, center and other views: SFT {SFT[0]} and {SFT[1]}, RL {RL[0]} and {RL[1]}. Ours, both on the center "
        f"only, from a start that knows all views: demonstrations add {points(sft['center'])} and {points(sft['other'])} points, "
        f"RL ({code(rl_arm)}) {points(rl['center'])} and {points(rl['other'])}. Demonstrations from the center alone, without that start: "
        f"{percent(results.mean('center', 'tacc', some['center']).value)}% and "
        f"{percent(results.mean('center', 'tacc', some['other']).value)}%."
    )


def _few(results: Results) -> str:
    lost = {
        stage: [results.difference(fewer, whole, "tacc") for fewer in (tenth, hundredth)]
        for stage, whole, tenth, hundredth in (
            ("RL", "full", "full_tenth", "full_hundredth"),
            ("SFT", "sft_all", "sft_tenth", "sft_hundredth"),
        )
    }
    enough = lost["RL"][0].sign == 0
    return (
        f"{'reproduced in its sense' if enough else 'not reproduced'}. With a tenth of the scenes, as many steps, RL loses "
        f"{points(lost['RL'][0], -1)} points and demonstrations {points(lost['SFT'][0], -1)}; with a hundredth "
        f"{points(lost['RL'][1], -1)} and {points(lost['SFT'][1], -1)} ([fewer scenes](#fewer-scenes))."
    )
