"""What a policy knows of a scene: its best guess, and what it cannot tell apart from it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from benchmarks.audit.scenes import drop

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from benchmarks.audit.scenes import Scene
    from rewards.tiered import Record


@dataclass(frozen=True, slots=True)
class Belief:
    """What a policy knows.

    Attributes:
        scene: the scene as it most likely is; its target is the policy's best guess.
        otherwise: the scene as it may be instead; *scene* itself where there is no uncertainty.
        majority: the answer that is most frequent in the data set.
    """

    scene: Scene
    otherwise: Scene
    majority: tuple[Record, ...] = ()


Model = Literal["two candidates", "one guess", "likely there", "likely not there"]

RANGES: dict[Model, tuple[float, float]] = {
    "two candidates": (0.5, 1.0),
    "one guess": (0.0, 1.0),
    "likely there": (0.5, 1.0),
    "likely not there": (0.5, 1.0),
}
"""The chances p that a policy's best guess is right, by model."""


@dataclass(frozen=True, slots=True)
class Uncertainty:
    """A belief, and the two worlds it may stand in.

    Attributes:
        about: what the policy does not know, e.g. ``"value"``.
        model: ``"two candidates"``: what is true is the guess, or else the other one that the policy thinks of; ``"one
            guess"``: what is true is the guess, or else something that it does not think of; ``"likely there"`` and
            ``"likely not there"``: there is one change more, or not.
        belief: what the policy sees.
        worlds: the scene if its best guess is right, with chance p, and if it is not.
    """

    about: str
    model: Model
    belief: Belief
    worlds: tuple[Scene, Scene]


def majority_answer(scenes: Sequence[Scene]) -> tuple[Record, ...]:
    """Return the most frequent answer; of several, the first."""
    return Counter(scene.target for scene in scenes).most_common(1)[0][0]


def uncertainties(scene: Scene, majority: tuple[Record, ...]) -> Iterator[Uncertainty]:
    """Yield what a policy may be unsure of in a scene: its last true record, or a reference of its first view."""
    if scene.task.record_format is None:
        yield from _answer_uncertainties(scene, majority)
        yield from _reference_uncertainties(scene, majority)
    elif scene.target:
        for at in reversed(range(len(scene.target[-1]))):
            yield from _field_uncertainties(scene, majority, at)
        if len(scene.target) > 1:
            yield from _existence(scene, drop(scene, scene.target[-1]), majority, "existence")


def _field_uncertainties(scene: Scene, majority: tuple[Record, ...], at: int) -> Iterator[Uncertainty]:
    """Yield uncertainties about field *at* of the last true record and those after it; what is before is known."""
    assert scene.task.record_format is not None
    record = scene.target[-1]
    taken = {true[: at + 1] for true in scene.target}
    others = [each for each in scene.universe if each[:at] == record[:at] and each[: at + 1] not in taken]
    if others:
        without = drop(scene, record)
        swapped = replace(scene, target=(*without.target, _inconspicuous(others, majority)))
        about = scene.task.record_format.fields[at].name
        yield Uncertainty(about, "two candidates", Belief(scene, swapped, majority), (scene, swapped))
        yield Uncertainty(about, "one guess", Belief(scene, without, majority), (scene, swapped))


def _inconspicuous(others: Sequence[Record], majority: tuple[Record, ...]) -> Record:
    """Return one that policies without knowledge do not name by chance: neither the first nor the most frequent."""
    return next((each for each in others[len(others) // 2 :] if each not in majority), others[-1])


def _existence(scene: Scene, without: Scene, majority: tuple[Record, ...], about: str) -> Iterator[Uncertainty]:
    yield Uncertainty(about, "likely there", Belief(scene, without, majority), (scene, without))
    yield Uncertainty(about, "likely not there", Belief(without, scene, majority), (without, scene))


def _answer_uncertainties(scene: Scene, majority: tuple[Record, ...]) -> Iterator[Uncertainty]:
    others = [each for each in scene.universe if each not in scene.target]
    if others:
        swapped = replace(scene, target=(_inconspicuous(others, majority),))
        silent = replace(scene, target=())
        yield Uncertainty("answer", "two candidates", Belief(scene, swapped, majority), (scene, swapped))
        if len(others) > 1:  # of two answers, one that is wrong makes the other known
            yield Uncertainty("answer", "one guess", Belief(scene, silent, majority), (scene, swapped))


def _reference_uncertainties(scene: Scene, majority: tuple[Record, ...]) -> Iterator[Uncertainty]:
    """Yield uncertainties about the last reference of the first view."""
    for names, visible in zip(scene.references[:1], scene.visible, strict=False):
        unnamed = [name for name in visible if name not in names]
        if names and unnamed:
            swapped = _with_names(scene, (*names[:-1], unnamed[0]))
            yield Uncertainty("reference", "two candidates", Belief(scene, swapped, majority), (scene, swapped))
        if len(names) > 1:
            yield from _existence(scene, _with_names(scene, names[:-1]), majority, "reference")


def _with_names(scene: Scene, names: tuple[str, ...]) -> Scene:
    return replace(scene, references=(names, *scene.references[1:]))
