"""R_ref: does the reasoning name the right reference objects in each view?

The paper gives no formula for R_ref; this one is ours, see `score_references`.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from parsers.references import VIEWER, Cell, cells, normalise_name, normalise_relation
from parsers.values import Relation
from rewards.errors import ConfigError, DataError

if TYPE_CHECKING:
    from parsers.references import References

Fact = tuple[Cell, str]
"""One part of a relation: what holds between two objects on one axis."""


class ReferenceScore(NamedTuple):
    """The score of the references of one reasoning.

    Attributes:
        value: in [0, 1].
        per_view: F1 of the names by true view.
        per_view_relations: F1 of the relations by view that has true ones; empty where they are not scored.
        extra_views: views that are written but are not among the true ones; they cost nothing.
        missing_views: true views that are not written.
    """

    value: float
    per_view: Mapping[int, float]
    per_view_relations: Mapping[int, float]
    extra_views: tuple[int, ...]
    missing_views: tuple[int, ...]


def score_references(
    parsed: References,
    truth: Mapping[Any, Collection[str]] | Sequence[Collection[str]] | str,
    *,
    relations: Mapping[Any, Collection[Sequence[str]]] | Sequence[Collection[Sequence[str]]] | str | None = None,
    relation_weight: float = 0.0,
) -> ReferenceScore:
    """Score the references that a reasoning names.

    With N_v the names in the triplets of view v, T_v the true names, and w the relation weight:

        value = (1 − w) · mean over true views of F1(N_v, T_v) + w · mean over those with true relations of their F1
        F1(N, T) = 2 |N ∩ T| / (|N| + |T|),   F1(∅, ∅) = 1

    Repeats count once. A true view that is not written scores 0, or 1 if its true set is empty: that is matched by
    naming nothing, written or not. Whoever looks (``camera``, ``me``) is no reference unless the truth names it.
    Relations are compared part by part (``front-left`` is ``front`` and ``left``), and ``[a, b, left]`` is
    ``[b, a, right]``. What contradicts another relation of the view is wrong, so that saying both never pays. Where no
    view has true relations, the names alone count.

    Args:
        parsed: from `parsers.references.parse_references`.
        truth: the true names of each view: by view number, or a list whose first item is view 1; or either as JSON.
        relations: the true triplets of each view, likewise; a view that they leave out has none.
        relation_weight: w in [0, 1].

    Raises:
        DataError: if *truth* or *relations* is not of that form.
        ConfigError: if the weight is out of range or lacks relations.

    >>> from parsers.references import parse_references
    >>> parsed = parse_references("View 1: [sofa, ball, left]")
    >>> score_references(parsed, [["sofa", "ball"], ["lamp"]]).value
    0.5
    """
    if not 0 <= relation_weight <= 1:
        raise ConfigError(f"relation_weight must lie in [0, 1], not {relation_weight!r}")
    if relation_weight and relations is None:
        raise ConfigError("relation_weight is set, but there are no true relations")
    true_names = reference_names(truth)
    true_facts = {} if relations is None else reference_facts(relations)
    if not true_facts.keys() <= true_names.keys():
        raise DataError(f"relations: views {sorted(true_facts.keys() - true_names.keys())} have no true references")
    per_view = {view: _f1(_named(parsed, view, names), names) for view, names in true_names.items()}
    per_view_relations = {view: _relation_f1(parsed, view, facts) for view, facts in true_facts.items() if facts}
    value = _mean(per_view)
    if per_view_relations:
        value = (1 - relation_weight) * value + relation_weight * _mean(per_view_relations)
    return ReferenceScore(
        value,
        per_view,
        per_view_relations,
        extra_views=tuple(sorted(set(parsed.views) - true_names.keys())),
        missing_views=tuple(sorted(true_names.keys() - set(parsed.views))),
    )


def _named(parsed: References, view: int, truth: frozenset[str]) -> frozenset[str]:
    return parsed.names(view) - ({VIEWER} - truth)


def _f1(found: frozenset[str], truth: frozenset[str]) -> float:
    return 2 * len(found & truth) / (len(found) + len(truth)) if found or truth else 1.0


def _mean(values: Mapping[int, float]) -> float:
    return sum(values.values()) / len(values)


def _relation_f1(parsed: References, view: int, truth: frozenset[Fact]) -> float:
    """F1 of the facts of a view; those that contradict each other count as predictions but are never right."""
    facts = {fact for triplet in parsed.relations.get(view, ()) for fact in cells(triplet)}
    said = Counter(cell for cell, _ in facts)
    right = sum(said[fact[0]] == 1 for fact in facts & truth)
    return 2 * right / (len(facts) + len(truth))


def reference_names(truth: Any) -> dict[int, frozenset[str]]:
    """Read the true names of each view; see `score_references` for the forms.

    Raises:
        DataError: if there is no view, or something is not a list of names.

    >>> reference_names('{"1": ["The sofa", "balls"], "2": []}') == {1: {"sofa", "ball"}, 2: set()}
    True
    """
    views = _by_view(truth, "references")
    if not views:
        raise DataError("references: there is no view")
    return {view: frozenset(_name(name, view) for name in _items(names, view)) for view, names in views.items()}


def reference_facts(relations: Any) -> dict[int, frozenset[Fact]]:
    """Read the true triplets of each view, as the parts that hold; see `score_references` for the forms.

    Raises:
        DataError: if something is not a list of triplets, or triplets of one view contradict each other.
    """
    facts: dict[int, frozenset[Fact]] = {}
    for view, triplets in _by_view(relations, "relations").items():
        facts[view] = frozenset(fact for triplet in _items(triplets, view) for fact in cells(_relation(triplet, view)))
        if len({cell for cell, _ in facts[view]}) < len(facts[view]):
            raise DataError(f"relations, view {view}: triplets contradict each other: {triplets!r}")
    return facts


def _by_view(value: Any, what: str) -> dict[int, Any]:
    """Return a mapping or sequence of views, or the JSON text of one, by view number."""
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError) as error:
            raise DataError(f"{what}: not valid JSON ({error}): {value[:60]!r}") from None
    if isinstance(value, Mapping):
        views = {_view_number(key, what): items for key, items in value.items()}
        if len(views) < len(value):
            raise DataError(f"{what}: a view is there twice: {list(value)!r}")
        return views
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return dict(enumerate(value, start=1))
    raise DataError(f"{what}: {value!r} is a {type(value).__name__}, expected lists by view")


def _view_number(key: object, what: str) -> int:
    if isinstance(key, str) and key.isascii() and key.isdigit() and len(key) < 5:
        return int(key)
    if isinstance(key, int) and not isinstance(key, bool) and key >= 0:
        return key
    raise DataError(f"{what}: {key!r} is no view number")


def _items(value: Any, view: int) -> Collection[Any]:
    if isinstance(value, Collection) and not isinstance(value, str | bytes | Mapping):
        return value
    raise DataError(f"view {view}: {value!r} is a {type(value).__name__}, expected a list")


def _name(value: object, view: int) -> str:
    name = normalise_name(value) if isinstance(value, str) else ""
    if not name:
        raise DataError(f"view {view}: {value!r} is no name of an object")
    return name


def _relation(value: Any, view: int) -> Relation:
    if not isinstance(value, Sequence) or isinstance(value, str | bytes) or len(value) != 3:
        raise DataError(f"view {view}: {value!r} is no triplet [object 1, object 2, relation]")
    subject, other, name = value
    relation = normalise_relation(name) if isinstance(name, str) else ""
    if not relation:
        raise DataError(f"view {view}: {name!r} is no relation")
    return Relation(_name(subject, view), _name(other, view), relation)
