"""The reward under audit, and what it is asked about: candidates, written out and scored as a trainer scores them.

A `Candidate` is a completion in parts, so that it can be judged and made smaller without reading text.
"""

from __future__ import annotations

import inspect
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.audit.scenes import chain, prompt_text, spell, target_text

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from numpy.typing import NDArray

    from benchmarks.audit.scenes import Scene
    from rewards.tasks import Task
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
    """

    items: tuple[Record | str, ...] = ()
    named: tuple[tuple[str, ...], ...] = ()
    reasoning: str = REASONING
    layout: str = PLAIN
    separator: str = COMMA


def honest(scene: Scene) -> Candidate:
    """Return the exact answer to a scene; where the scene is only believed, the honest best guess."""
    return Candidate(scene.target, scene.references)


def is_exact(candidate: Candidate, scene: Scene) -> bool:
    """Return whether a candidate names what is true, all of it, once, in the form asked for.

    The order does not matter, nor does the reasoning beyond the references; a reference, or the one answer to a
    question, counts as named however often.
    """
    question = scene.task.record_format is None
    collect = set if question else Counter
    separators = (COMMA, OR) if question else (COMMA,)
    return (
        candidate.layout == PLAIN
        and (candidate.separator in separators or len(candidate.items) < 2)
        and collect(candidate.items) == collect(scene.target)
        and [set(names) for names in candidate.named] == [set(names) for names in scene.references]
    )


def write(candidate: Candidate, task: Task) -> str:
    r"""Return the completion.

    >>> from rewards.tasks import load_task
    >>> write(Candidate(((2, "color", "cyan"),)), load_task("tvr"))
    '<think>I compared the views.</think><answer>2.color.cyan</answer>'
    >>> write(Candidate((("B",),), (("sofa", "lamp"), ("ball",)), ""), load_task("multiview"))
    '<think>View 1: [sofa, lamp, left]\nView 2: [ball, camera, front]</think><answer>B</answer>'
    """
    views = [_view(number, names) for number, names in enumerate(candidate.named, start=1)]
    reasoning = "\n".join([*filter(None, [candidate.reasoning]), *views])
    answer = candidate.separator.join(spell(task, item) for item in candidate.items)
    return candidate.layout.format(reasoning=reasoning, answer=answer)


def _view(number: int, names: tuple[str, ...]) -> str:
    return " ".join([f"View {number}:", *(f"[{', '.join(triplet)}]" for triplet in chain(names))])


TOLERANCE = 1e-9
"""Rewards that differ by no more are equal."""


@dataclass(frozen=True, slots=True)
class AuditedReward:
    """A reward function and how to call it.

    Attributes:
        reward: called by keyword with ``prompts``, ``completions`` and columns, as TRL does; also ``async``.
        name: what reports call it.
        target_column: the name under which it takes the gold.
        messages: whether it takes each completion as a list of messages rather than as text.
        accepts: the columns that it takes; None where it takes any.
        prefilled: whether the chat template writes ``<think>``, so that what policies write comes without it.
        alone: whether each completion is paid in a call of its own.
    """

    reward: Callable[..., Any]
    name: str = "reward"
    target_column: str = "target"
    messages: bool = False
    accepts: Collection[str] | None = None
    prefilled: bool = False
    alone: bool = False


def score_rows(
    audited: AuditedReward, completions: Sequence[str], given: Mapping[str, Sequence[Any]]
) -> NDArray[np.float64]:
    """Return what the reward pays, (rows,); NaN where it gives no finite number.

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
    """Return what the reward pays for completions on scenes, (rows,); see `score_rows`."""
    if not completions:
        return np.empty(0)
    texts = [text.removeprefix("<think>") for text in completions] if audited.prefilled else completions
    return score_rows(audited, texts, columns(audited, scenes))


def score_candidates(
    audited: AuditedReward, candidates: Sequence[Candidate], scenes: Sequence[Scene]
) -> NDArray[np.float64]:
    """Return what the reward pays for each candidate on its scene, (rows,); see `score_texts`."""
    texts = [write(candidate, scene.task) for candidate, scene in zip(candidates, scenes, strict=True)]
    return score_texts(audited, texts, scenes)


def columns(audited: AuditedReward, scenes: Sequence[Scene]) -> dict[str, list[Any]]:
    """Return the dataset columns of scenes."""
    found: dict[str, list[Any]] = {
        "prompts": [prompt_text(scene) for scene in scenes],
        audited.target_column: [target_text(scene) for scene in scenes],
    }
    if scenes[0].task.record_format is None:
        found["references"] = [[list(names) for names in scene.references] or None for scene in scenes]
        found["relations"] = [[chain(names) for names in scene.references] or None for scene in scenes]
        found["options"] = [list(scene.options) or None for scene in scenes]
    return found


def _call(audited: AuditedReward, completions: Sequence[str], given: Mapping[str, Sequence[Any]]) -> Any:
    written: list[Any] = list(completions)
    if audited.messages:
        written = [[{"role": "assistant", "content": text}] for text in completions]
    taken = {name: values for name, values in given.items() if audited.accepts is None or name in audited.accepts}
    result = audited.reward(completions=written, **taken)
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
