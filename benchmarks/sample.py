"""The one record that every data set is read into."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

Image = Path | bytes
"""An image: the path of its file, or the bytes of one (PNG, JPEG)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One question of a benchmark.

    Attributes:
        id: unique within its data set.
        benchmark: ``"tvr"``, ``"mindcube"``, ``"sparbench"``, ``"spar7m"`` or ``"mmsi"``.
        prompt: the question as the data set words it.
        images: in the order in which the prompt speaks of them.
        target: what is right: a letter, a number or a sentence as text; for ``tvr`` the tuple of the record's
            transformations (``{"obj_idx", "attr", "val", ...}``).
        options: the texts of the options A, B, ... in order, or None where there is no choice.
        category: the benchmark's own kind of question (setting, task, type).
        view: ``"center"``, ``"left"`` or ``"right"`` for ``tvr``, else None.
        group: scene or other cluster; samples of one group are not independent.
        references: for each image the names of the objects that a view's analysis should refer to, or None
            where the annotation does not tell.
        extra: whatever else the data set says, under its own names.
        place: where it was read: ``file:line`` or the like, for messages.
    """

    id: str
    benchmark: str
    prompt: str
    images: tuple[Image, ...]
    target: Any
    category: str
    group: str
    options: tuple[str, ...] | None = None
    view: str | None = None
    references: tuple[frozenset[str], ...] | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)
    place: str = ""
