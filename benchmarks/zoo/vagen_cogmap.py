"""VAGEN's MindCube with a cognitive map: 1 for a valid map and a letter, and 5 for the right letter.

Source: mll-lab-nu/VAGEN 7cd6020 (branch MindCube), ``vagen/env/crossview/env.py`` (reward type ``base``) and
``vagen/env/crossview/MindCube_RL_Data/extraction_cogmap_and_reasoning.py``.

Rule: 1 where the completion holds a JSON object that is a map (positions of two numbers, known facings, names) and a
letter, and 5 more for the right letter; without the map nothing. The letter is read as in `vagen_mindcube`. Tags are
not asked for, and what the map says is not rewarded: an empty object is a map.

Differences: views that cannot be gone through, such as null, raise there and make no map here.

Good for: making a policy write a map at all. It cannot make the map right.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from benchmarks.mindcube.cogmap import FACINGS, extract_map
from benchmarks.mindcube.scoring import extract_answer
from rewards.messages import completion_text

if TYPE_CHECKING:
    from collections.abc import Sequence


def reward(completions: Sequence[Any], solution: Sequence[str], **_: Any) -> list[float]:
    """Return 1 for a valid map plus 5 for the letter, in {0, 1, 6}."""
    texts = list(map(completion_text, completions))
    return [_reward(one, true) for one, true in zip(texts, solution, strict=True)]


def _reward(text: str, solution: str) -> float:
    letter, found = extract_answer(text), extract_map(text)
    if letter is None or found is None or not _is_map(found):
        return 0.0
    return 6.0 if letter.lower() == solution.lower() else 1.0


def _is_map(found: dict[str, Any]) -> bool:
    if not isinstance(found.get("objects"), list):  # the plain form: a place for each name
        return all(_is_place(each) and each.keys() <= {"position", "facing"} for each in found.values())
    views = found.get("views", [])
    things = [*found["objects"], *(views if isinstance(views, list | dict | str) else [None])]
    return all(_is_place(each) and "name" in each for each in things)


def _is_place(thing: Any) -> bool:
    return isinstance(thing, dict) and _is_position(thing.get("position", [0, 0])) and _is_facing(thing.get("facing"))


def _is_position(position: Any) -> bool:
    try:
        return isinstance(position, list) and len(list(map(float, position[:2]))) == 2
    except (TypeError, ValueError, OverflowError):
        return False


def _is_facing(facing: Any) -> bool:
    word = facing[0] if isinstance(facing, list) and facing else facing
    return word in (None, []) or (isinstance(word, str) and word.lower().strip() in FACINGS)


AUDITED = {"choice": (reward,)}
MAP = '{"sofa": {"position": [2, 5]}, "lamp": {"position": [7, 5]}}'
WRITES = {"<think>": f"{MAP}<think>"}
