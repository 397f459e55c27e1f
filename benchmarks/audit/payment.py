"""Asking a reward function what it pays, as a trainer would: a batch of completions and dataset columns."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.audit.drafts import write
from benchmarks.audit.scenes import chain, prompt_text, target_text

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from numpy.typing import NDArray

    from benchmarks.audit.drafts import Draft
    from benchmarks.audit.scenes import Scene

TOLERANCE = 1e-9
"""Rewards that differ by no more are equal."""


@dataclass(frozen=True, slots=True)
class Payer:
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


def pay_rows(payer: Payer, completions: Sequence[str], given: Mapping[str, Sequence[Any]]) -> NDArray[np.float64]:
    """Return what the reward pays, (rows,); NaN where it gives no finite number.

    If a batch raises, its rows are asked for one by one, and those that raise are NaN.

    Args:
        payer: the reward.
        completions: texts, (rows,).
        given: dataset columns, each (rows,).
    """
    if not completions:
        return np.empty(0)
    if payer.alone and len(completions) > 1:
        return _one_by_one(payer, completions, given)
    try:
        return _numbers(_call(payer, completions, given), len(completions))
    except Exception:  # noqa: BLE001  a reward under audit may raise anything, and that is a finding
        return np.array([np.nan]) if len(completions) == 1 else _one_by_one(payer, completions, given)


def _one_by_one(payer: Payer, completions: Sequence[str], given: Mapping[str, Sequence[Any]]) -> NDArray[np.float64]:
    rows = [{name: values[row : row + 1] for name, values in given.items()} for row in range(len(completions))]
    return np.concatenate([pay_rows(payer, [text], row) for text, row in zip(completions, rows, strict=True)])


def pay_texts(payer: Payer, completions: Sequence[str], scenes: Sequence[Scene]) -> NDArray[np.float64]:
    """Return what the reward pays for completions on scenes, (rows,); see `pay_rows`."""
    if not completions:
        return np.empty(0)
    texts = [text.removeprefix("<think>") for text in completions] if payer.prefilled else completions
    return pay_rows(payer, texts, columns(payer, scenes))


def pay_drafts(payer: Payer, drafts: Sequence[Draft], scenes: Sequence[Scene]) -> NDArray[np.float64]:
    """Return what the reward pays for each draft on its scene, (rows,); see `pay_texts`."""
    texts = [write(draft, scene.task) for draft, scene in zip(drafts, scenes, strict=True)]
    return pay_texts(payer, texts, scenes)


def columns(payer: Payer, scenes: Sequence[Scene]) -> dict[str, list[Any]]:
    """Return the dataset columns of scenes."""
    found: dict[str, list[Any]] = {
        "prompts": [prompt_text(scene) for scene in scenes],
        payer.target_column: [target_text(scene) for scene in scenes],
    }
    if scenes[0].task.record_format is None:
        found["references"] = [[list(names) for names in scene.references] or None for scene in scenes]
        found["relations"] = [[chain(names) for names in scene.references] or None for scene in scenes]
        found["options"] = [list(scene.options) or None for scene in scenes]
    return found


def _call(payer: Payer, completions: Sequence[str], given: Mapping[str, Sequence[Any]]) -> Any:
    written: list[Any] = list(completions)
    if payer.messages:
        written = [[{"role": "assistant", "content": text}] for text in completions]
    taken = {name: values for name, values in given.items() if payer.accepts is None or name in payer.accepts}
    result = payer.reward(completions=written, **taken)
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
