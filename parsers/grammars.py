"""Building lark parsers from the package's ``.lark`` files, and naming their errors by examples."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from lark import Lark, Transformer
    from lark.exceptions import UnexpectedInput

# lark reads literals with `ast`, in which threads of CPython 3.11 disturb each other: "AST constructor recursion depth
# mismatch". Trainers that score in a thread pool build their first grammars at the same time.
_BUILDING = Lock()


def build(grammar: str, *start: str, more: str = "", transformer: Transformer[Any, Any] | None = None) -> Lark:
    """Build the LALR parser of a rule of ``parsers/<grammar>.lark``.

    Args:
        grammar: name of the file.
        start: the rule. One parser a rule keeps the terminals of other rules out of error messages.
        more: grammar text that is filled in from a declaration.
        transformer: what is done with each rule's children while parsing.
    """
    from lark import Lark  # noqa: PLC0415  lark takes 70 ms to import, which `import rewards` should not wait for

    text = Path(__file__).with_name(f"{grammar}.lark").read_text(encoding="utf-8")
    with _BUILDING:
        return Lark(text + more, parser="lalr", start=list(start), transformer=transformer, maybe_placeholders=True)


@cache
def terminals(grammar: str, *start: str) -> dict[str, str]:
    """Return the terminals of some rules as patterns for `re`. Where a language is regular, matching one is parsing."""
    return {terminal.name: terminal.pattern.to_regexp() for terminal in build(grammar, *start).terminals}


class FaultTable:
    """Names an error by the examples that fail in the same parser state, on the same kind of token if there are any.

    This is lark's `match_examples` with its answers kept in a table: every example is parsed once, not once for every
    error, and an error's name cannot depend on which one came first.
    """

    def __init__(self, lark: Lark, examples: Mapping[str, Sequence[str]]) -> None:
        self._codes: dict[tuple[Any, ...], str] = {}
        for code, texts in examples.items():
            for text in dict.fromkeys(texts):
                _, error = attempt(lark.parse, text)
                if error is None:
                    raise AssertionError(f"{text!r} is meant as an example of a fault, but it parses")
                self._codes.setdefault(_place(error), code)
                self._codes.setdefault(_place(error)[:2], code)

    def code(self, error: UnexpectedInput) -> str:
        """Return the label of the examples that fail as *error* does; ``"malformed"`` if none does."""
        place = _place(error)
        return self._codes.get(place) or self._codes.get(place[:2], "malformed")


def attempt(parse: Callable[[str], Any], text: str) -> tuple[Any, UnexpectedInput | None]:
    """Return what *parse* makes of *text*, or else the error. Model text raises nothing: its faults are values."""
    from lark.exceptions import UnexpectedInput  # noqa: PLC0415  lazy, as in `build`

    try:
        return parse(text), None
    except UnexpectedInput as error:
        return None, error


def error_offset(error: UnexpectedInput, text: str) -> int:
    """Return the character of *text* at which the parse failed; its length where more was expected."""
    at_end = getattr(getattr(error, "token", None), "type", None) == "$END"
    return len(text) if at_end or error.pos_in_stream is None else error.pos_in_stream


def _place(error: UnexpectedInput) -> tuple[Any, ...]:
    """Return where a parse failed: the state, the depth of the stack, the kind of token."""
    state: Any = error.state
    return state.position, len(state.state_stack), getattr(getattr(error, "token", None), "type", None)
