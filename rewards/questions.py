"""What a question's reward pays for: the answer and the references."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from string import ascii_uppercase
from typing import Any, Literal, get_args

from rewards.errors import ConfigError
from rewards.spec import nearest

Kind = Literal["choice", "yes_no", "number", "text"]
"""What an answer can be."""


@dataclass(frozen=True, slots=True, kw_only=True)
class QuestionSpec:
    """R_total = answer_weight · R_ans + reference_weight · R_ref + format_weight · R_format (STAR-R1: 1, 1, 0).

    Attributes:
        answer_weight: of R_ans in [0, 1].
        reference_weight: of R_ref in [0, 1].
        format_weight: of R_format, 0 or 1; the paper names no format term for this stage.
        relation_weight: share of R_ref that the relations of the triplets decide, in [0, 1].
        kind: what an answer is; None infers it from each target, see `rewards.answers.infer_kind`.
        letters: the letters that options have, of rows that come without their texts; None reads A to F.

    Raises:
        ConfigError: for values outside the above.
    """

    answer_weight: float = 1.0
    reference_weight: float = 1.0
    format_weight: float = 0.0
    relation_weight: float = 0.0
    kind: Kind | None = None
    letters: str | None = None

    def __post_init__(self) -> None:
        for name in ("answer_weight", "reference_weight", "format_weight", "relation_weight"):
            value = getattr(self, name)
            limit = 1.0 if name == "relation_weight" else 1e9
            if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value <= limit:
                raise ConfigError(f"{name} is {value!r}; it is a number from 0{' to 1' if limit == 1 else ''}")
        if self.kind not in (None, *get_args(Kind)):
            raise ConfigError(f"kind is {self.kind!r}; it is one of {', '.join(get_args(Kind))}")
        if self.letters is not None:
            text = self.letters if isinstance(self.letters, str) else ""
            if len(text) < 2 or len(set(text)) < len(text) or not set(text) <= set(ascii_uppercase):
                raise ConfigError(f"letters is {self.letters!r}; it is two or more capital letters, such as ABCD")

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
