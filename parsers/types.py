"""The typed values that text is parsed into. Everything to the right of the parsers works on these."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator


class Fault(NamedTuple):
    """What the model's text did wrong. A fault is a value, never an exception.

    Attributes:
        code: stable snake_case name, e.g. ``"missing_value"``, ``"no_answer"``, ``"too_long"``.
        message: one line for people: what is wrong and, where possible, what was probably meant.
        offset: character offset in the text that was parsed, or None where no place can be named.
    """

    code: str
    message: str
    offset: int | None = None


class Transformation(NamedTuple):
    """One change of one object: ``2.color.cyan``. ``index`` is 0-based."""

    index: int  # type: ignore[assignment]  # the field hides tuple.index, which nobody needs on a triplet
    attribute: str
    value: str

    def __str__(self) -> str:
        """Return the canonical form, which `parse_transformations` reads back."""
        return f"{self.index}.{self.attribute}.{self.value}"


class Relation(NamedTuple):
    """The paper's ``[object 1, object 2, relation]``: *subject* is *relation* of *object*."""

    subject: str
    object: str
    relation: str


class Completion(NamedTuple):
    """A completion split into its sections, verbatim.

    Attributes:
        think: text of the reasoning, or None where there is none.
        answer: text of the answer, or None where no answer may be taken.
        fault: None where the completion has exactly the strict form; otherwise the first deviation.
        prefilled: True where the opening ``<think>`` is missing and taken as written by the chat template.
    """

    think: str | None
    answer: str | None
    fault: Fault | None = None
    prefilled: bool = False


@dataclass(frozen=True, slots=True)
class Records:
    """The parsed answer of a list task. Iterates over, and has the length of, its valid records.

    Attributes:
        items: valid records in the order written; of TVR, `Transformation`.
        invalid: one fault for each item that is no valid record; each counts as one incorrect prediction.
        notes: deviations that cost nothing, e.g. a separator at the end.
    """

    items: tuple[tuple[int | str, ...], ...] = ()
    invalid: tuple[Fault, ...] = ()
    notes: tuple[Fault, ...] = ()

    def __iter__(self) -> Iterator[tuple[int | str, ...]]:
        return iter(self.items)

    def __len__(self) -> int:
        return len(self.items)
