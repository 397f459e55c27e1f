"""DR-MV3D: answer 5, cognitive map 1, trajectory of views 1, format 1.

Source: kaist-cvml/DR-MV3D 8981d37, ``drmv3d/grpo/reward.py``, ``parsing.py``, ``cogmap_similarity.py`` and
``drmv3d/eval/answers.py``.

Rule: 5 for the right letter, read out of the answer block, else out of the whole completion (the last letter before a
full stop, else the last alone); how alike the maps are, or −.1 for one that cannot be read; the share of the two views
(the one asked from, and the one that shows the answer) whose number is right; and the format: .2 each for reasoning, a
map and views that can be used, .4 for an answer block with a letter.

Differences: a position of infinity, and nesting too deep for Python, raise there and make no map here.

Good for: a dense signal on MindCube's annotations. The map is worth a fifth of the answer, so shaping cannot outvote
it, but it is rewarded beside a wrong answer too, and a letter in the reasoning counts where the block has none.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from benchmarks.zoo.dr_mv3d_json import relaxed_json
from benchmarks.zoo.dr_mv3d_maps import likeness
from rewards.messages import completion_text

if TYPE_CHECKING:
    from collections.abc import Sequence

_LETTERS = (re.compile(r"([A-E])\."), re.compile(r"\b([A-E])\b"))
_VIEW_KEYS = (("view", "selected_view", "target_view", "start_view"), ("answer_visible_in_view", "answer_view"))
_REFERENCES = ("reference_cogmap", "reference_selected_view", "reference_answer_view")


def reward(completions: Sequence[Any], solution: Sequence[str], **columns: Any) -> list[float]:
    """Return the weighted sum, in [−.1, 8]; columns ``reference_cogmap``, ``_selected_view`` and ``_answer_view``."""
    texts = list(map(completion_text, completions))
    references = zip(*(columns.get(name) or [None] * len(texts) for name in _REFERENCES), strict=True)
    return [_reward(*row) for row in zip(texts, solution, references, strict=True)]


def _reward(text: str, solution: str, reference: tuple[Any, ...]) -> float:
    answer, think, drawn, said = (_block(text, tag) for tag in ("answer", "think", "cogmap", "egomap"))
    cogmap, views = relaxed_json(drawn), relaxed_json(said)
    form = 0.4 * bool(_letter(answer)) + 0.2 * bool((think or "").strip()) + 0.2 * _usable_views(views)
    form += 0.2 * (isinstance(cogmap, dict) and cogmap.keys() >= {"objects", "views"})
    letter = _letter(answer) or _letter(text)
    right = letter is not None and letter == solution.strip().upper()
    true = reference[0] if isinstance(reference[0], dict) else relaxed_json(reference[0])
    alike = likeness(cogmap, true) if isinstance(true, dict) and drawn is not None else 0.0
    return alike + _trajectory(views, reference[1:]) + 5 * right + min(1.0, form)


def _trajectory(views: Any, wanted: Sequence[str | None]) -> float:
    entries = [each for each in (views if isinstance(views, list) else [views]) if isinstance(each, dict)]
    primary = next((each for each in entries if each.get("is_primary")), (entries or [{}])[0])
    named = [next((str(text) for text in map(primary.get, keys) if _says(text)), "") for keys in _VIEW_KEYS]
    asked = [(name, true) for name, true in zip(named, wanted, strict=True) if true]
    return sum(_number(name) == _number(true) for name, true in asked) / len(asked) if asked else 0.0


def _usable_views(views: Any) -> bool:
    if isinstance(views, dict):
        return "objects" in views
    entries = [each for each in views if isinstance(each, dict)] if isinstance(views, list) else []
    return bool(entries) and all(each.keys() >= {"view", "objects"} for each in entries)


def _says(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _number(view: str) -> str | None:
    digits = re.search(r"\d+", view)
    return digits[0] if digits else None


def _letter(text: str | None) -> str | None:
    return next((str(found[-1]) for one in _LETTERS if (found := one.findall(text or ""))), None)


def _block(text: str, tag: str) -> str | None:
    found = re.search(rf"<{tag}>(.*?)</{tag}>", text, re.IGNORECASE | re.DOTALL)
    return found[1] if found else None


AUDITED = {"choice": (reward,)}
MAP = (
    '{"objects": [{"name": "sofa", "position": [2, 5]}, {"name": "lamp", "position": [7, 5]}],'
    ' "views": [{"name": "Image 1", "position": [5, 9], "facing": "up"}]}'
)
COLUMNS = dict(zip(_REFERENCES, (MAP, "Image 1", "Image 2"), strict=True))
_EGOMAP = '<egomap>[{"view": "Image 1", "objects": [], "answer_visible_in_view": "Image 2"}]</egomap>'
WRITES = {"<think>": f"<cogmap>{MAP}</cogmap>{_EGOMAP}<think>"}
