"""What a policy writes: a `Draft`, kept in parts so that it can be judged and made smaller without reading text."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from benchmarks.audit.scenes import chain, spell

if TYPE_CHECKING:
    from benchmarks.audit.scenes import Scene
    from rewards.conflicts import Record
    from rewards.tasks import Task

PLAIN = "<think>{reasoning}</think><answer>{answer}</answer>"
REASONING = "I compared the views."
COMMA = ", "
OR = " or "


@dataclass(frozen=True, slots=True)
class Draft:
    """A completion in parts.

    Attributes:
        pieces: of the answer, in order: records, or text that stays as it is.
        named: of questions, the reference objects named for each view.
        reasoning: further text of the reasoning.
        layout: where ``{reasoning}`` and ``{answer}`` go.
        joint: what stands between the pieces.
    """

    pieces: tuple[Record | str, ...] = ()
    named: tuple[tuple[str, ...], ...] = ()
    reasoning: str = REASONING
    layout: str = PLAIN
    joint: str = COMMA


def honest(scene: Scene) -> Draft:
    """Return the exact answer to a scene; where the scene is only believed, the honest best guess."""
    return Draft(scene.target, scene.references)


def is_exact(draft: Draft, scene: Scene) -> bool:
    """Return whether a draft names what is true, all of it, once, in the form asked for.

    The order does not matter, nor does the reasoning beyond the references; a reference, or the one answer to a
    question, counts as named however often.
    """
    question = scene.task.record_format is None
    collect = set if question else Counter
    joints = (COMMA, OR) if question else (COMMA,)
    return (
        draft.layout == PLAIN
        and (draft.joint in joints or len(draft.pieces) < 2)
        and collect(draft.pieces) == collect(scene.target)
        and [set(names) for names in draft.named] == [set(names) for names in scene.references]
    )


def write(draft: Draft, task: Task) -> str:
    r"""Return the completion.

    >>> from rewards.tasks import load_task
    >>> write(Draft(((2, "color", "cyan"),)), load_task("tvr"))
    '<think>I compared the views.</think><answer>2.color.cyan</answer>'
    >>> write(Draft((("B",),), (("sofa", "lamp"), ("ball",)), ""), load_task("multiview"))
    '<think>View 1: [sofa, lamp, left]\nView 2: [ball, camera, front]</think><answer>B</answer>'
    """
    views = [_view(number, names) for number, names in enumerate(draft.named, start=1)]
    reasoning = "\n".join([*filter(None, [draft.reasoning]), *views])
    answer = draft.joint.join(spell(task, piece) for piece in draft.pieces)
    return draft.layout.format(reasoning=reasoning, answer=answer)


def _view(number: int, names: tuple[str, ...]) -> str:
    return " ".join([f"View {number}:", *(f"[{', '.join(triplet)}]" for triplet in chain(names))])
