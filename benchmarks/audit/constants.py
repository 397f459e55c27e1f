"""What answers that do not look score where a wrong one costs nothing: always the same box, point, set or word.

No penalty makes up for what such an answer scores, so it is shown beside what the exact answer scores.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from benchmarks.audit.reward import honest, score_candidates
from benchmarks.audit.uncertainty import majority_answer
from parsers.region import LARGEST, parse_box, parse_point
from parsers.word_set import parse_set
from rewards.spec import QuestionSpec

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from benchmarks.audit.reward import AuditedReward
    from benchmarks.audit.scenes import Scene
    from parsers.region import Numbers


class ConstantAnswer(NamedTuple):
    """An answer that is the same for every scene.

    Attributes:
        name: ``"whole image"``, ``"center"``, ``"mean"`` (of the true ones), ``"all names"``, ``"empty set"``, ``"most
            frequent name"``, ``"most frequent"`` or ``"empty"``.
        answer: as it is written.
        mean: what it scores on average over the scenes.
        exact: what the exact answer scores.
    """

    name: str
    answer: str
    mean: float
    exact: float


def constant_answers(audited: AuditedReward, scenes: Sequence[Scene]) -> tuple[ConstantAnswer, ...]:
    """Return what constant answers score on scenes of a task of boxes, points, sets or words; of others nothing."""
    spec = scenes[0].task.spec
    if not isinstance(spec, QuestionSpec) or spec.kind not in ("box", "point", "set", "text"):
        return ()
    written = _everything(scenes) if spec.kind == "set" else {}
    written |= _places(scenes, spec) if spec.kind in ("box", "point") else {}
    written |= {"most frequent": str(majority_answer(scenes)[0][0])} | {"empty": ""}
    best = float(score_candidates(audited, [honest(scene) for scene in scenes], scenes).mean())
    found = []
    for name, answer in written.items():
        said = [replace(honest(scene), items=(answer,) if answer else ()) for scene in scenes]
        found.append(ConstantAnswer(name, answer, float(score_candidates(audited, said, scenes).mean()), best))
    return tuple(found)


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
        read = parse_box(text, coordinates=coordinates, layout=spec.layout or "xyxy")
    assert read.value is not None  # targets are read before
    return read.value
