"""Reasoning about several views -> the relations and reference objects of each. The grammar is ``references.lark``."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache, lru_cache
from string import digits
from typing import TYPE_CHECKING, Any

from parsers.grammars import build
from parsers.relations import Cell, cells, normalise_name, normalise_relation
from parsers.values import Fault, Relation

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

MAX_REASONING = 10_000_000
"""Characters of a reasoning beyond which it is the fault ``too_long``."""

_CACHED_LENGTH = 200  # longer brackets are read anew each time, which bounds the cache's memory


@dataclass(frozen=True, slots=True)
class References:
    """What a reasoning says about each view. Views are numbered as written (usually from 1).

    Attributes:
        relations: the triplets of each view that is written, in the order written, repeats included; names and
            relations are normalised. Under None, those that stand in no view.
        invalid: one fault for each bracket that is no triplet: ``part_count``, ``empty_part``, ``placeholder`` (the
            words of the prompt), ``unclosed`` (one for a run of these).
        notes: what is odd but kept: ``outside_view``, ``self_relation``, ``contradiction``.
        fault: ``empty`` or ``too_long`` where nothing could be read, else None.
    """

    relations: Mapping[int | None, tuple[Relation, ...]] = field(default_factory=dict)
    invalid: tuple[Fault, ...] = ()
    notes: tuple[Fault, ...] = ()
    fault: Fault | None = None

    def names(self, view: int | None) -> frozenset[str]:
        """Return the objects that the triplets of a view name; none for a view that is not written."""
        triplets = self.relations.get(view, ())
        return frozenset(name for subject, other, _ in triplets for name in (subject, other))

    @property
    def views(self) -> tuple[int, ...]:
        """The views that are written, with or without triplets, in the order written."""
        return tuple(view for view in self.relations if view is not None)

    def __str__(self) -> str:
        """Return the canonical form, which `parse_references` reads back."""
        blocks = sorted(self.relations.items(), key=lambda item: item[0] is not None)
        return "\n".join(_render(view, triplets) for view, triplets in blocks)


def _render(view: int | None, triplets: Iterable[Relation]) -> str:
    head = [] if view is None else [f"View {view}:"]
    return " ".join(head + [f"[{', '.join(triplet)}]" for triplet in triplets])


def parse_references(text: str) -> References:
    """Find the triplets ``[object 1, object 2, relation]`` of each view, in linear time. Never raises on any text.

    ``View k:`` and ``Image k:`` begin a view's section (also as markdown headings), any other heading ends it; a view
    that comes twice is one. The brackets that are no triplets are reported, and the others kept.

    Args:
        text: the reasoning without its tags, at most `MAX_REASONING` characters.

    >>> parsed = parse_references("View 1: [the sofa, Balls, to the left of]. View 2: [lamp, sofa]")
    >>> parsed.relations
    {1: (Relation(subject='sofa', object='ball', relation='left'),), 2: ()}
    >>> parsed.invalid[0].message
    'a triplet has 3 parts, this has 2'
    """
    if len(text) > MAX_REASONING:
        message = f"the reasoning has {len(text):,} characters; {MAX_REASONING:,} are read"
        return References(fault=Fault("too_long", message, MAX_REASONING))
    if not text.strip():
        return References(fault=Fault("empty", "the reasoning is empty", 0))
    found: dict[int | None, list[tuple[int, Relation]]] = {}
    invalid: list[Fault] = []
    notes: list[Fault] = []
    view: int | None = None
    for token in _parser()(text).children:
        if token.type == "VIEW":
            view = int(token[len(token.rstrip(digits)) :])
            found.setdefault(view, [])
        elif token.type == "HEADING":
            view = None
        else:
            triplet = _triplet(str(token)) if token.type == "TRIPLET" else _malformed(token)
            if isinstance(triplet, Fault):
                invalid.append(triplet._replace(offset=token.start_pos))
            else:
                found.setdefault(view, []).append((token.start_pos, triplet))
    if None in found:
        message = f"triplets outside any view's section: {len(found[None])}"
        notes.append(Fault("outside_view", message, found[None][0][0]))
    for number, triplets in found.items():
        notes += _odd(number, triplets)
    relations = {number: tuple(triplet for _, triplet in triplets) for number, triplets in found.items()}
    return References(relations, tuple(invalid), tuple(notes))


def _triplet(text: str) -> Relation | Fault:
    return _cached_triplet(text) if len(text) <= _CACHED_LENGTH else _read_triplet(text)


def _read_triplet(text: str) -> Relation | Fault:
    subject, other, relation = _parts(text)
    triplet = Relation(normalise_name(subject), normalise_name(other), normalise_relation(relation))
    if triplet == ("object 1", "object 2", "relation"):
        return Fault("placeholder", "these are the prompt's words, not objects")
    return triplet if all(triplet) else _EMPTY_PART


_cached_triplet = lru_cache(maxsize=8192)(_read_triplet)

_EMPTY_PART = Fault("empty_part", "a part of the triplet is empty")


def _malformed(token: Any) -> Fault:
    if token.type == "UNCLOSED":
        return Fault("unclosed", "a bracket is not closed on its line")
    count = len(_parts(token))
    return _EMPTY_PART if count == 3 else Fault("part_count", f"a triplet has 3 parts, this has {count}")


def _parts(bracket: str) -> list[str]:
    return bracket[1:-1].replace("，", ",").split(",")


def _odd(view: int | None, triplets: Iterable[tuple[int, Relation]]) -> Iterator[Fault]:
    """Yield what is odd among the triplets of one view: an object related to itself, and contradictions."""
    seen: dict[Cell, str] = {}
    for offset, triplet in triplets:
        if triplet.subject == triplet.object:
            yield Fault("self_relation", f"{triplet.subject!r} is related to itself", offset)
            continue
        for cell, basic in cells(triplet):
            if seen.setdefault(cell, basic) != basic:
                where = "outside the views" if view is None else f"in view {view}"
                message = f"{cell[0]!r} is both {seen[cell]} and {basic} of {cell[1]!r} {where}"
                yield Fault("contradiction", message, offset)


@cache
def _parser() -> Callable[[str], Any]:
    return build("references", "start").parse
