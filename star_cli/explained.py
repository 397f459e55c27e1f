"""What ``star explain`` shows: a completion with its gold, and why it earns what it earns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

    from parsers.completion import Mode
    from rewards.explain import Explanation
    from rewards.explain_questions import QuestionExplanation
    from rewards.tasks import Task


class Case(NamedTuple):
    """A completion to explain and the gold that it is scored against.

    Attributes:
        place: where it comes from, for people.
        completion: its text.
        gold: ``target`` and, of questions, ``references``, ``relations``, ``options`` where they are known.
        others: places of further rows with the same id.
    """

    place: str
    completion: str
    gold: Mapping[str, Any]
    others: tuple[str, ...] = ()


class Explained(NamedTuple):
    """A case explained.

    Attributes:
        task: the task.
        preset: the preset that was asked for.
        mode: see `parsers.completion.parse_completion`.
        shown: the explanation under it.
        other: another preset under which lines or sums differ, and the explanation under that; or None.
    """

    task: Task
    preset: str
    mode: Mode
    shown: Explanation | QuestionExplanation
    other: tuple[str, Explanation] | None = None
