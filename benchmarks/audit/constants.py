"""What answers that do not look score where no record is charged: the same box, point, set, word or map always.

No penalty makes up for what such a box or word scores, so it is shown beside what the exact answer scores. Of maps, the
names are those of the scene, as its prompt has them, and only the places are the same.
"""

from __future__ import annotations

import textwrap
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from benchmarks.audit.reward import honest, score_candidates
from benchmarks.audit.scenes import map_text, prompt_text
from benchmarks.audit.uncertainty import majority_answer
from parsers.cognitive_map import CognitiveMap, Thing, parse_map
from parsers.region import LARGEST, parse_box, parse_point
from parsers.word_set import parse_set
from rewards.answers import map_layout, true_map
from rewards.spec import QuestionSpec

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from benchmarks.audit.reward import AuditedReward
    from benchmarks.audit.scenes import Scene
    from parsers.region import Numbers


class ConstantAnswer(NamedTuple):
    """An answer that is the same for every scene.

    Attributes:
        name: ``"whole image"``, ``"center"``, ``"mean"`` (of the true ones), ``"all names"``, ``"empty set"``, ``"most
            frequent name"``, ``"most frequent"`` or ``"empty"``; of maps ``"most frequent places"``, ``"one spot"``,
            ``"the prompt's example"``, ``"empty map"``, ``"mirror image"`` (of the true one) and ``"empty"``.
        answer: as it is written; of maps in one line, as it is in the first scene.
        mean: what it scores on average over the scenes.
        exact: what the exact answer scores.
    """

    name: str
    answer: str
    mean: float
    exact: float


def constant_answers(audited: AuditedReward, scenes: Sequence[Scene]) -> tuple[ConstantAnswer, ...]:
    """Return what constant answers score on scenes of a task of places, sets, words or maps; nothing of other tasks."""
    spec = scenes[0].task.spec
    if not isinstance(spec, QuestionSpec) or spec.kind not in ("box", "point", "set", "text", "map"):
        return ()
    if spec.kind == "map":
        answers = _maps(scenes, spec)
    else:
        written = _everything(scenes) if spec.kind == "set" else {}
        written |= _places(scenes, spec) if spec.kind in ("box", "point") else {}
        written |= {"most frequent": str(majority_answer(scenes)[0][0])}
        answers = {name: [answer] * len(scenes) for name, answer in written.items()}
    answers["empty"] = [""] * len(scenes)
    best = float(score_candidates(audited, [honest(scene) for scene in scenes], scenes).mean())
    found = []
    for name, each in answers.items():
        said = [
            replace(honest(scene), items=(answer,) if answer else ())
            for scene, answer in zip(scenes, each, strict=True)
        ]
        mean = float(score_candidates(audited, said, scenes).mean())
        found.append(ConstantAnswer(name, _shown(each[0], spec), mean, best))
    return tuple(found)


def _shown(answer: str, spec: QuestionSpec) -> str:
    if spec.kind != "map" or not answer:
        return answer
    read = parse_map(answer, layout=map_layout(spec), grid=spec.grid or 0, facings=spec.facings)
    return str(read.value) if read.value is not None else textwrap.shorten(answer, 40, placeholder="...")


def _maps(scenes: Sequence[Scene], spec: QuestionSpec) -> dict[str, list[str]]:
    """Return maps that do not look, with the names of each scene; and the mirror image of each true one."""
    true = [true_map(str(scene.target[0][0]), spec) for scene in scenes]
    middle = Thing(spec.grid // 2, spec.grid // 2) if spec.grid else Thing(0, 0)
    # Names as the prompt lists them, in alphabetical order: the n-th object and view are where most n-th ones are.
    often: dict[tuple[int, int], Counter[Thing]] = {}
    for each in true:
        for kind, things in enumerate(each):
            for at, name in enumerate(sorted(things)):
                often.setdefault((kind, at), Counter())[things[name]] += 1

    def usual(kind: int, things: Mapping[str, Thing]) -> dict[str, Thing]:
        return {name: often[kind, at].most_common(1)[0][0] for at, name in enumerate(sorted(things))}

    def mirrored(things: Mapping[str, Thing]) -> dict[str, Thing]:
        across = (spec.grid or 1) - 1
        return {
            name: Thing(across - thing.x, thing.y, None if thing.facing is None else -thing.facing % 4)
            for name, thing in things.items()
        }

    def in_one_spot(things: Mapping[str, Thing]) -> dict[str, Thing]:
        return {name: middle._replace(facing=None if thing.facing is None else 0) for name, thing in things.items()}

    prompts = [prompt_text(scene) for scene in scenes]
    nothing = CognitiveMap({}, {})
    return {
        "most frequent places": [map_text(CognitiveMap(*map(usual, (0, 1), each)), spec) for each in true],
        "one spot": [map_text(CognitiveMap(*map(in_one_spot, each)), spec) for each in true],
        "the prompt's example": [prompt[prompt.find("{") : prompt.rfind("}") + 1] for prompt in prompts],
        "empty map": [map_text(nothing, spec) for _ in scenes],
        "mirror image": [map_text(CognitiveMap(*map(mirrored, each)), spec) for each in true],
    }


def _everything(scenes: Sequence[Scene]) -> dict[str, str]:
    """Return the set of all that is ever true, the name that is true most often, and the empty set."""
    names = [sorted(parse_set(str(scene.target[0][0])).items or ()) for scene in scenes]
    common = Counter(name for each in names for name in each).most_common(1)
    found = {"all names": ", ".join(dict.fromkeys(name for each in names for name in each)), "empty set": "none"}
    return found | ({"most frequent name": common[0][0]} if common else {})


def _places(scenes: Sequence[Scene], spec: QuestionSpec) -> dict[str, str]:
    """Return the middle and the mean place, and the whole image."""
    true = np.array([_read(str(scene.target[0][0]), spec) for scene in scenes])
    # The image: all of it where coordinates are shares; of pixels, whose number is not known, what holds all targets.
    ends = true.reshape(-1, 2)
    low, high = (np.zeros(2), np.full(2, LARGEST[spec.coordinates or "unit"]))
    if spec.coordinates == "pixels":
        low, high = ends.min(axis=0), ends.max(axis=0)
    answers: dict[str, NDArray[np.float64]] = {"center": (low + high) / 2, "mean": true.mean(axis=0)}
    if spec.kind == "box":
        quarter = (high - low) / 4
        answers["center"] = np.concatenate([low + quarter, high - quarter])
        answers["whole image"] = np.concatenate([low, high])
    return {name: region_text(tuple(numbers.tolist()), spec) for name, numbers in answers.items()}


def region_text(numbers: Numbers, spec: QuestionSpec) -> str:
    """Return a box, given by two corners, or a point as the task asks for it.

    >>> region_text((10, 20, 30, 60), QuestionSpec(kind="box", coordinates="pixels", layout="xywh"))
    '[10, 20, 20, 40]'
    """
    if spec.layout == "xywh" and len(numbers) == 4:
        x, y, x2, y2 = numbers
        numbers = (x, y, x2 - x, y2 - y)
    digits = 3 if spec.coordinates == "unit" else 0
    values = ", ".join(f"{round(number, digits):g}" for number in numbers)
    return f"[{values}]" if len(numbers) == 4 else f"({values})"


def _read(text: str, spec: QuestionSpec) -> Numbers:
    coordinates = spec.coordinates or "unit"
    read = parse_point(text, coordinates=coordinates)
    if spec.kind == "box":
        read = parse_box(text, coordinates=coordinates, layout="xywh" if spec.layout == "xywh" else "xyxy")
    assert read.value is not None  # targets are read before
    return read.value
