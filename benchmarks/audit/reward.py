"""The reward under audit, and what it is asked about: candidates, written out and scored as a trainer scores them.

A `Candidate` is a completion in parts, so that it can be judged and made smaller without reading text.
"""

from __future__ import annotations

import inspect
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from traceback import extract_tb
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from benchmarks.audit.scenes import OPPOSITE, chain, in_order, prompt_text, spell, target_text

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from numpy.typing import NDArray

    from benchmarks.audit.scenes import Scene
    from rewards.tiered import Record


PLAIN = "<think>{reasoning}</think><answer>{answer}</answer>"
REASONING = "I compared the views."
COMMA = ", "
OR = " or "


@dataclass(frozen=True, slots=True)
class Candidate:
    """A completion in parts.

    Attributes:
        items: of the answer, in order: records, or text that stays as it is.
        named: of questions, the reference objects named for each view.
        reasoning: further text of the reasoning.
        layout: where ``{reasoning}`` and ``{answer}`` go.
        separator: what stands between the items.
        relations: how the named objects are said to stand to each other: as they do, always to the left, the other way
            round, or both.
    """

    items: tuple[Record | str, ...] = ()
    named: tuple[tuple[str, ...], ...] = ()
    reasoning: str = REASONING
    layout: str = PLAIN
    separator: str = COMMA
    relations: Literal["true", "left", "reversed", "both"] = "true"


def honest(scene: Scene) -> Candidate:
    """Return the exact answer to a scene; where the scene is only believed, the honest best guess."""
    return Candidate(scene.target, scene.references)


def is_exact(candidate: Candidate, scene: Scene) -> bool:
    """Return whether a candidate names what is true, all of it, once, in the form asked for.

    The order matters where the task says so. The reasoning beyond the references does not; a reference, or the one
    answer to a question, counts as named however often.
    """
    question = scene.task.record_format is None
    collect: Callable[[Sequence[Any]], Any] = set if question else tuple if in_order(scene.task) else Counter
    separators = (COMMA, OR) if question else (COMMA,)
    return (
        candidate.layout == PLAIN
        and candidate.relations == "true"
        and (candidate.separator in separators or len(candidate.items) < 2)
        and collect(candidate.items) == collect(scene.target)
        and [set(names) for names in candidate.named] == [set(names) for names in scene.references]
    )


def write(candidate: Candidate, scene: Scene) -> str:
    """Return the completion.

    >>> from benchmarks.audit.scenes import read_scenes
    >>> from rewards.tasks import load_task
    >>> (scene,) = read_scenes(load_task("tvr"), ["2.color.cyan"])
    >>> write(honest(scene), scene)
    '<think>I compared the views.</think><answer>2.color.cyan</answer>'
    >>> (scene,) = read_scenes(load_task("multiview"), ["B"], references=[[["sofa"]]])
    >>> write(Candidate((("B",),), (("sofa",),), ""), scene)
    '<think>View 1: [sofa, camera, front]</think><answer>B</answer>'
    """
    views = [_view(candidate, scene, view) for view in range(len(candidate.named))]
    reasoning = "\n".join([*filter(None, [candidate.reasoning]), *views])
    answer = candidate.separator.join(spell(scene.task, item) for item in candidate.items)
    return candidate.layout.format(reasoning=reasoning, answer=answer)


def _view(candidate: Candidate, scene: Scene, view: int) -> str:
    said = []
    for one, other, relation in chain(scene, view, candidate.named[view]):
        opposite = OPPOSITE[relation]
        relations = {"true": [relation], "left": ["left"], "reversed": [opposite], "both": [relation, opposite]}
        said += [f"[{one}, {other}, {each}]" for each in relations[candidate.relations]]
    return " ".join([f"View {view + 1}:", *said])


TOLERANCE = 1e-9
"""Rewards that differ by no more are equal."""

Convention = Literal["trl", "verl", "verl_batch", "easyr1", "easyr1_item"]
"""Whose reward functions are called alike, see `call_convention`."""

_CONVENTIONS: dict[str, Convention] = {
    "solution_str": "verl",
    "solution_strs": "verl_batch",
    "reward_inputs": "easyr1",
    "reward_input": "easyr1_item",
}


def call_convention(parameters: Collection[str]) -> Convention:
    """Return how a reward function is called, by the names of its parameters.

    ===============  ==========================================================================  =====================
    convention       call                                                                        result
    ===============  ==========================================================================  =====================
    ``trl``          ``f(prompts=[...], completions=[...], COLUMN=[...], ...)``                  a number a completion
    ``verl``         ``f(data_source=, solution_str=, ground_truth=, extra_info={...})``         a number, or ``score``
    ``verl_batch``   ``f(data_sources=, solution_strs=, ground_truths=, extra_infos=)``, lists   one of these for each
    ``easyr1``       ``f([{"response":, "response_length":, "ground_truth":}, ...])``            ``overall`` for each
    ``easyr1_item``  the same with one of these items                                            ``overall``
    ===============  ==========================================================================  =====================

    verl's ``extra_info`` holds the other columns of the row (of questions ``references``, ``relations``, ``options``),
    and EasyR1's items hold them beside the response. Lengths are in characters, since there is no tokenizer.

    >>> call_convention(["data_source", "solution_str", "ground_truth"]), call_convention(["completions", "target"])
    ('verl', 'trl')
    """
    return next((_CONVENTIONS[name] for name in parameters if name in _CONVENTIONS), "trl")


@dataclass(frozen=True, slots=True)
class AuditedReward:
    """A reward function and how to call it.

    Attributes:
        reward: called as *convention* says; also ``async``.
        name: what reports call it.
        target_column: the name under which it takes the target.
        messages: whether it takes each completion as a list of messages rather than as text.
        accepts: the columns that it takes; None where it takes any.
        prefilled: whether the chat template writes ``<think>``, so that what policies write comes without it.
        alone: whether each completion is scored in a call of its own.
        convention: see `call_convention`.
    """

    reward: Callable[..., Any]
    name: str = "reward"
    target_column: str = "target"
    messages: bool = False
    accepts: Collection[str] | None = None
    prefilled: bool = False
    alone: bool = False
    convention: Convention = "trl"


def score_rows(
    audited: AuditedReward, completions: Sequence[str], given: Mapping[str, Sequence[Any]]
) -> NDArray[np.float64]:
    """Return what the reward gives, (rows,); NaN where it gives no finite number.

    If a batch raises, its rows are asked for one by one, and those that raise are NaN.

    Args:
        audited: the reward.
        completions: texts, (rows,).
        given: dataset columns, each (rows,).
    """
    if not completions:
        return np.empty(0)
    if audited.alone and len(completions) > 1:
        return _one_by_one(audited, completions, given)
    try:
        return _numbers(_call(audited, completions, given), len(completions))
    except Exception:  # noqa: BLE001  a reward under audit may raise anything, and that is a finding
        return np.array([np.nan]) if len(completions) == 1 else _one_by_one(audited, completions, given)


def _one_by_one(
    audited: AuditedReward, completions: Sequence[str], given: Mapping[str, Sequence[Any]]
) -> NDArray[np.float64]:
    rows = [{name: values[row : row + 1] for name, values in given.items()} for row in range(len(completions))]
    return np.concatenate([score_rows(audited, [text], row) for text, row in zip(completions, rows, strict=True)])


def score_texts(audited: AuditedReward, completions: Sequence[str], scenes: Sequence[Scene]) -> NDArray[np.float64]:
    """Return what the reward gives completions on scenes, (rows,); see `score_rows`."""
    if not completions:
        return np.empty(0)
    texts = [text.removeprefix("<think>") for text in completions] if audited.prefilled else completions
    return score_rows(audited, texts, columns(audited, scenes))


def raised(audited: AuditedReward, completion: str, scene: Scene) -> str | None:
    """Return in a line what the reward raises on a completion, and where; None where it raises nothing."""
    text = completion.removeprefix("<think>") if audited.prefilled else completion
    try:
        _numbers(_call(audited, [text], columns(audited, [scene])), 1)
    except Exception as error:  # noqa: BLE001  as above
        frame = extract_tb(error.__traceback__)[-1]
        said = " ".join(f"{type(error).__name__}: {error}".split())
        return f"{said[:200]} ({frame.filename.rpartition('/')[2]}:{frame.lineno})"
    return None


def score_candidates(
    audited: AuditedReward, candidates: Sequence[Candidate], scenes: Sequence[Scene]
) -> NDArray[np.float64]:
    """Return what the reward gives each candidate on its scene, (rows,); see `score_texts`."""
    texts = list(map(write, candidates, scenes))
    return score_texts(audited, texts, scenes)


def exactness(audited: AuditedReward, scenes: Sequence[Scene]) -> Callable[[Candidate, Scene], bool]:
    """Return what is exact to a reward: `is_exact`, but for what makes no difference to it on any of the scenes.

    That may be how reference objects are said to stand to each other; names that no view has (they tell nothing); and
    names that all views have (they tell no view apart). What makes a difference anywhere is asked for. Where the chat
    template has opened the reasoning, another tag at the beginning is a part of it.
    """
    true = [honest(scene) for scene in scenes]

    def ignores(change: Callable[[Candidate, Scene], Candidate]) -> bool:
        changed = [change(each, scene) for each, scene in zip(true, scenes, strict=True)]
        gap = score_candidates(audited, changed, scenes) - score_candidates(audited, true, scenes)
        return changed != true and bool((np.abs(gap) <= TOLERANCE).all())

    relations = ignores(lambda candidate, _: replace(candidate, relations="reversed"))
    foreign = ignores(_with_foreign_names)
    common = ignores(_without_common_names)

    def exact(candidate: Candidate, scene: Scene) -> bool:
        if audited.prefilled:
            candidate = replace(candidate, layout=re.sub(r"^</?\w+>", "<think>", candidate.layout))
        if relations:
            candidate = replace(candidate, relations="true")
        if foreign:
            candidate = _named(candidate, lambda name: any(name in names for names in scene.references))
        if common and len(candidate.named) == len(scene.references):
            # Whether a name that all views have is named makes no difference: then it is.
            everywhere = _common_names(scene)
            named = tuple((*names, *sorted(everywhere - {*names})) for names in candidate.named)
            candidate = replace(candidate, named=named)
        return is_exact(candidate, scene)

    return exact


def _common_names(scene: Scene) -> set[str]:
    return set.intersection(*map(set, scene.references)) if scene.references else set()


def _with_foreign_names(candidate: Candidate, scene: Scene) -> Candidate:
    """Name in each view what can be seen there and is no reference in any view."""
    known = {name for names in scene.references for name in names}
    pairs = zip(candidate.named, scene.visible, strict=True)
    named = tuple((*names, *(name for name in visible if name not in known)) for names, visible in pairs)
    return replace(candidate, named=named)


def _without_common_names(candidate: Candidate, scene: Scene) -> Candidate:
    everywhere = _common_names(scene)
    return _named(candidate, lambda name: name not in everywhere)


def _named(candidate: Candidate, keep: Callable[[str], bool]) -> Candidate:
    return replace(candidate, named=tuple(tuple(filter(keep, names)) for names in candidate.named))


def columns(audited: AuditedReward, scenes: Sequence[Scene]) -> dict[str, list[Any]]:
    """Return the dataset columns of scenes."""
    found: dict[str, list[Any]] = {
        "prompts": [prompt_text(scene) for scene in scenes],
        audited.target_column: [target_text(scene) for scene in scenes],
    }
    if scenes[0].task.record_format is None:
        found["references"] = [[list(names) for names in scene.references] or None for scene in scenes]
        found["relations"] = [
            [chain(scene, view, names) for view, names in enumerate(scene.references)] or None for scene in scenes
        ]
        found["options"] = [list(scene.options) or None for scene in scenes]
    return found


def _call(audited: AuditedReward, completions: Sequence[str], given: Mapping[str, Sequence[Any]]) -> Any:
    if audited.convention != "trl":
        return _call_others(audited, completions, given)
    written: list[Any] = list(completions)
    if audited.messages:
        written = [[{"role": "assistant", "content": text}] for text in completions]
    taken = {name: values for name, values in given.items() if audited.accepts is None or name in audited.accepts}
    return _result(audited.reward(completions=written, **taken))


def _call_others(audited: AuditedReward, completions: Sequence[str], given: Mapping[str, Sequence[Any]]) -> list[Any]:
    """Call a reward of another trainer as `call_convention` says."""
    reward, targets = audited.reward, given[audited.target_column]
    names = [name for name in given if name not in ("prompts", audited.target_column)]
    rest = [{name: given[name][row] for name in names} for row in range(len(completions))]
    items = [
        {"response": text, "response_length": len(text), "ground_truth": target, **others}
        for text, target, others in zip(completions, targets, rest, strict=True)
    ]
    sources = ["star"] * len(completions)
    if audited.convention == "easyr1":
        found = _result(reward(items))
    elif audited.convention == "easyr1_item":
        found = [_result(reward(item)) for item in items]
    elif audited.convention == "verl_batch":
        given = {"data_sources": sources, "solution_strs": list(completions), "ground_truths": list(targets)}
        found = _result(reward(**given, extra_infos=rest))
    else:
        rows = zip(sources, completions, targets, rest, strict=True)
        names = ["data_source", "solution_str", "ground_truth", "extra_info"]
        found = [_result(reward(**dict(zip(names, row, strict=True)))) for row in rows]
    key = "overall" if audited.convention.startswith("easyr1") else "score"
    return [each[key] if isinstance(each, Mapping) else each for each in found]


def _result(result: Any) -> Any:
    """Return what a reward gave, waiting for it where it is asynchronous."""
    if inspect.isawaitable(result):
        import asyncio  # noqa: PLC0415  only asynchronous rewards need it

        return asyncio.run(_wait(result))
    return result


async def _wait(result: Any) -> Any:
    return await result


def _numbers(result: Any, rows: int) -> NDArray[np.float64]:
    numbers = np.array([np.nan if value is None else float(value) for value in result], dtype=np.float64)
    if len(numbers) != rows:
        raise ValueError(f"the reward gave {len(numbers)} numbers for {rows} completions")
    return np.where(np.isfinite(numbers), numbers, np.nan)
