"""What a question's reward pays for: the answer and the references."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any

from rewards.errors import ConfigError
from rewards.spec import nearest


@dataclass(frozen=True, slots=True, kw_only=True)
class QuestionSpec:
    """R_total = answer_weight · R_ans + reference_weight · R_ref + format_weight · R_format (STAR-R1: 1, 1, 0).

    Attributes:
        answer_weight: of R_ans in [0, 1].
        reference_weight: of R_ref in [0, 1].
        format_weight: of R_format, 0 or 1; the paper names no format term for this stage.
        relation_weight: share of R_ref that the relations of the triplets decide, in [0, 1].
    """

    answer_weight: float = 1.0
    reference_weight: float = 1.0
    format_weight: float = 0.0
    relation_weight: float = 0.0

    def __post_init__(self) -> None:
        for each in fields(self):
            value = getattr(self, each.name)
            limit = 1.0 if each.name == "relation_weight" else 1e9
            if not isinstance(value, int | float) or not 0 <= value <= limit:
                raise ConfigError(f"{each.name} is {value!r}; it is a number from 0{' to 1' if limit == 1 else ''}")

    def change(self, **changes: Any) -> QuestionSpec:
        """Return a copy with named changes.

        Raises:
            ConfigError: for an unknown name, with the nearest one.
        """
        known = [each.name for each in fields(self)]
        for name in changes:
            if name not in known:
                raise ConfigError(f"unknown reward option {name!r}{nearest(name, known)}")
        return replace(self, **changes)
