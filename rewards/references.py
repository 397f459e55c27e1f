"""R_ref: does the reasoning name the right reference objects in each view?

The paper gives no formula for R_ref; both of these are ours. `score_informedness` is the default: it is worth nothing
to a policy that does not look. `score_references` is the plain F1 of each view, which preset ``paper`` keeps.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

from parsers.references import VIEWER, Cell, cells, normalise_name, normalise_relation, true_name, view_number
from parsers.types import Relation
from rewards.errors import ConfigError, DataError
from rewards.targets import plain_value

if TYPE_CHECKING:
    from parsers.references import References

Fact = tuple[Cell, str]
"""One part of a relation: what holds between two objects on one axis."""


# --- the default: informedness across views ---------------------------------------------------------------------------


class Informedness(NamedTuple):
    """How well one name, or one relation, is told apart across the views.

    Attributes:
        item: a name, or a fact: ((object, object, axis), what holds).
        true: the labelled views in which it is true; never all, and none of an item that is true nowhere.
        written: the labelled views in which it is written.
        value: in [-1, 1].
    """

    item: Any
    true: frozenset[int]
    written: frozenset[int]
    value: float


class InformednessScore(NamedTuple):
    """The score of the references of one reasoning.

    Attributes:
        value: in [-1, 1].
        names: of each name that tells views apart, in truth or as it is written.
        relations: likewise of each fact.
        extra_views: views that are written but are not among the true ones; they cost nothing.
        missing_views: true views that are not written.
    """

    value: float
    names: tuple[Informedness, ...]
    relations: tuple[Informedness, ...]
    extra_views: tuple[int, ...]
    missing_views: tuple[int, ...]


def score_informedness(
    parsed: References, truth: Any, *, relations: Any = None, relation_weight: float = 0.0
) -> InformednessScore | None:
    """Score the references that a reasoning names, such that whoever does not look scores nothing on average.

    Let V be the labelled views, T_x those in which x is true, W_x those in which it is written. Of each name x that is
    true in some views and not in others:

        J_x = |W_x ∩ T_x| / |T_x| − |W_x ∖ T_x| / |V ∖ T_x|
        R_ref = mean of J_x over these names, and of 0 over those that are true nowhere and written in some views only

    J is Youden's informedness, the share of hits minus the share of false alarms: how much better than chance the views
    of x are known. It is the slope with which "x is written here" follows "x is true here" over the views.

    - What is written alike in every view, or nowhere, scores exactly 0: both shares are equal.
    - If what is written does not depend on what is true, each view has the same chance of being written in, and J_x is
      0 on average; it is not clipped, since a guess that can only win scores something.
    - The true sets score 1, and each name more in a view where it is true adds 1 / |T_x| to its J.
    - A name that is true nowhere dilutes the mean where it is said to tell views apart, so that naming whatever may be
      there is not free. What dilutes gains and losses alike leaves a guess worth 0.
    - A name that is true in every view tells none apart: it neither scores nor costs; nor does whoever looks
      (``camera``, ``me``).

    Relations are scored likewise, over the views that have any: a fact is a part of a relation (``front-left`` is
    ``front`` and ``left``; ``[a, b, left]`` is ``[b, a, right]``), and of two facts that contradict each other in one
    view neither counts as written; of false ones those dilute whose objects and axis are labelled in some view. With w
    the relation weight,

        R_ref = (1 − w) · mean J of the names + w · mean J of the facts

    and where only names, or only facts, tell views apart, they alone count.

    Args:
        parsed: from `parsers.references.parse_references`.
        truth: the true names of each view: by view number, or a list whose first item is view 1; or either as JSON.
        relations: the true triplets of each view, likewise; or None.
        relation_weight: w in [0, 1].

    Returns:
        The score; None where nothing tells views apart, so that the row counts as unlabelled.

    Raises:
        DataError: if *truth* or *relations* is not of that form.
        ConfigError: if the weight is out of range or lacks relations.

    >>> from parsers.references import parse_references
    >>> parsed = parse_references("View 1: [sofa, ball, left] View 2: [sofa, lamp, left]")
    >>> score = score_informedness(parsed, [["sofa", "ball"], ["sofa", "lamp"], ["sofa", "lamp"]])
    >>> score.value, [(each.item, each.value) for each in score.names]
    (0.75, [('ball', 1.0), ('lamp', 0.5)])
    """
    return informedness_of(parsed, read_labels(truth, relations, relation_weight))


def informedness_of(parsed: References, labels: Labels) -> InformednessScore | None:
    """Score the references that a reasoning names by labels that have been read; see `score_informedness`."""
    if not labels.told_names and not labels.told_facts:
        return None
    written_names = {view: _true_forms(parsed.names(view), labels.known) for view in labels.names}
    names = _informedness(written_names, labels.told_names, labels.known | {VIEWER}) if labels.told_names else ()
    facts: tuple[Informedness, ...] = ()
    if labels.told_facts:
        written_facts = {view: consistent_facts(parsed, view, labels.known) for view in labels.fact_views}
        true_facts = frozenset().union(*labels.facts.values())
        cells_known = {cell for cell, _ in true_facts}
        unlabelled = {fact for said in written_facts.values() for fact in said if fact[0] not in cells_known}
        facts = _informedness(written_facts, labels.told_facts, true_facts | unlabelled)
    # R_ref = (1 − w) · mean J(names) + w · mean J(facts)
    weight = labels.relation_weight if names and facts else float(not names)
    value = (1 - weight) * _mean([each.value for each in names]) + weight * _mean([each.value for each in facts])
    return InformednessScore(value, names, facts, *_other_views(parsed, labels.names))


def _informedness(
    written: Mapping[int, frozenset[Any]], told: Sequence[tuple[Any, frozenset[int]]], known: frozenset[Any]
) -> tuple[Informedness, ...]:
    """Return J of each item that tells views apart, in truth or as it is written.

    Args:
        written: the items that each labelled view names.
        told: the items that are true in some views and not in others, with these views.
        known: the items that are true somewhere, or not to be counted.
    """
    found = []
    for item, true in told:
        said = frozenset([view for view, items in written.items() if item in items])
        hits = len(said & true)
        # J_x = |W ∩ T| / |T| − |W ∖ T| / |V ∖ T|
        value = hits / len(true) - (len(said) - hits) / (len(written) - len(true))
        found.append(Informedness(item, true, said, value))
    false = frozenset().union(*written.values()) - known
    for item in sorted(false) if false else ():
        said = frozenset([view for view, items in written.items() if item in items])
        if len(said) < len(written):
            found.append(Informedness(item, frozenset(), said, 0.0))
    return tuple(found)


# --- preset paper: F1 of each view -----------------------------------------------------------------------------------


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
    naming nothing, written or not. Whoever looks (``camera``, ``me``) is no reference unless the ground truth names it.
    Relations are compared part by part (``front-left`` is ``front`` and ``left``), and ``[a, b, left]`` is
    ``[b, a, right]``. What contradicts another relation of the view is wrong, so that saying both is never profitable.
    Where no view has true relations, the names alone count.

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
    return f1_of(parsed, read_labels(truth, relations, relation_weight))


def f1_of(parsed: References, labels: Labels) -> ReferenceScore:
    """Score the references that a reasoning names by labels that have been read; see `score_references`."""
    per_view = {view: _f1(named(parsed, view, labels), names) for view, names in labels.names.items()}
    per_view_relations = {
        view: _relation_f1(parsed, view, labels.facts[view], labels.known) for view in labels.fact_views
    }
    value = _mean(per_view.values())
    if per_view_relations:
        # value = (1 − w) · mean F1 of the names + w · mean F1 of the relations
        weight = labels.relation_weight
        value = (1 - weight) * value + weight * _mean(per_view_relations.values())
    return ReferenceScore(value, per_view, per_view_relations, *_other_views(parsed, labels.names))


def _f1(found: frozenset[str], truth: frozenset[str]) -> float:
    return 2 * len(found & truth) / (len(found) + len(truth)) if found or truth else 1.0


def _relation_f1(parsed: References, view: int, truth: frozenset[Fact], known: frozenset[str]) -> float:
    """F1 of the facts of a view; those that contradict each other count as predictions but are never right."""
    facts = facts_of(parsed, view, known)
    return 2 * len(consistent_facts(parsed, view, known) & truth) / (len(facts) + len(truth))


# --- what is written, in the words of the labels ----------------------------------------------------------------------


def _true_forms(names: Collection[str], known: frozenset[str]) -> frozenset[str]:
    return frozenset([_true_name(name, known) for name in names])


_true_name = lru_cache(maxsize=8192)(true_name)  # the completions of a group share their labels


def named(parsed: References, view: int, labels: Labels) -> frozenset[str]:
    """Return the objects that a view names, in the words of the labels; whoever looks is none but where it is true."""
    forms = _true_forms(parsed.names(view), labels.known)
    return forms - {VIEWER} if VIEWER in forms and VIEWER not in labels.names[view] else forms


def facts_of(parsed: References, view: int, known: frozenset[str]) -> frozenset[Fact]:
    """Return what the triplets of a view say, part by part."""
    triplets = parsed.relations.get(view, ())
    true_forms = (Relation(_true_name(one, known), _true_name(other, known), name) for one, other, name in triplets)
    return frozenset(fact for triplet in true_forms for fact in cells(triplet))


def consistent_facts(parsed: References, view: int, known: frozenset[str]) -> frozenset[Fact]:
    """Return what the triplets of a view say and no other triplet of the view contradicts."""
    facts = facts_of(parsed, view, known)
    said = Counter(cell for cell, _ in facts)
    return frozenset(fact for fact in facts if said[fact[0]] == 1)


def _other_views(parsed: References, truth: Collection[int]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return the views that are written and not true, and the other way round."""
    written, true = set(parsed.views), set(truth)
    return tuple(sorted(written - true)), tuple(sorted(true - written))


def _mean(values: Collection[float]) -> float:
    return sum(values) / len(values) if values else 0.0


# --- reading the labels ----------------------------------------------------------------------------------------------


class Labels(NamedTuple):
    """The labels of a row, read.

    Attributes:
        names: the true names of each view.
        facts: what the true triplets of each view say.
        relation_weight: share of R_ref that relations decide.
        known: all true names.
        told_names: the names that are true in some views and not in others, with these views; in an order of their own.
        told_facts: likewise the facts, over *fact_views*.
        fact_views: the views that have any.
    """

    names: Mapping[int, frozenset[str]]
    facts: Mapping[int, frozenset[Fact]]
    relation_weight: float
    known: frozenset[str]
    told_names: tuple[tuple[str, frozenset[int]], ...]
    told_facts: tuple[tuple[Fact, frozenset[int]], ...]
    fact_views: tuple[int, ...]


def read_labels(truth: Any, relations: Any = None, relation_weight: float = 0.0) -> Labels:
    """Read the labels of a row; see `score_informedness` for the forms.

    Raises:
        DataError: if *truth* or *relations* is not of that form.
        ConfigError: if the weight is out of range or lacks relations.
    """
    if not 0 <= relation_weight <= 1:
        raise ConfigError(f"relation_weight must lie in [0, 1], not {relation_weight!r}")
    if relation_weight and relations is None:
        raise ConfigError("relation_weight is set, but there are no true relations")
    names = reference_names(truth)
    facts = {} if relations is None else reference_facts(relations)
    if not facts.keys() <= names.keys():
        raise DataError(f"relations: views {sorted(facts.keys() - names.keys())} have no true references")
    labelled = {view: said for view, said in facts.items() if said}
    seen = {view: here - {VIEWER} for view, here in names.items()}
    known = frozenset().union(*names.values())
    return Labels(names, facts, relation_weight, known, _told_apart(seen), _told_apart(labelled), tuple(labelled))


def _told_apart(true: Mapping[int, frozenset[Any]]) -> tuple[tuple[Any, frozenset[int]], ...]:
    """Return what is true in some of the views and not in others, with the views in which it is."""
    views = (
        (item, frozenset(view for view, here in true.items() if item in here))
        for item in sorted(frozenset().union(*true.values()))
    )
    return tuple((item, here) for item, here in views if len(here) < len(true))


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


def reference_triplets(relations: Any) -> dict[int, list[Relation]]:
    """Read the true triplets of each view; see `score_references` for the forms.

    Raises:
        DataError: if something is not a list of triplets.

    >>> reference_triplets([[["sofa", "lamp", "left"]], []])
    {1: [Relation(subject='sofa', object='lamp', relation='left')], 2: []}
    """
    views = _by_view(relations, "relations")
    return {view: [_relation(each, view) for each in _items(triplets, view)] for view, triplets in views.items()}


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
    """Return a mapping or sequence of views, or the JSON text of one, by view number; a view of None is absent."""
    if type(value) not in (str, list, dict):
        value = plain_value(value)
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError) as error:
            raise DataError(f"{what}: not valid JSON ({error}): {value[:60]!r}") from None
    if isinstance(value, Mapping):
        # Arrow's structs hold every key of the column: None is what is not there.
        there = {key: items for key, items in value.items() if items is not None}
        views = {_view_number(key, what): items for key, items in there.items()}
        if len(views) < len(there):
            raise DataError(f"{what}: a view is there twice: {list(there)!r}")
        return views
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return {view: items for view, items in enumerate(value, start=1) if items is not None}
    raise DataError(f"{what}: {value!r} is a {type(value).__name__}, expected lists by view")


def _view_number(key: object, what: str) -> int:
    if isinstance(key, int) and not isinstance(key, bool):
        number = key if key >= 0 else None
    elif isinstance(key, str) and key.isascii() and key.isdigit() and len(key) < 5:
        number = int(key)
    else:
        number = view_number(key) if isinstance(key, str) else None  # `View 1`, as headers of a reasoning
    if number is None:
        raise DataError(f"{what}: {key!r} is no view number, such as 1 or 'View 1'")
    if number == 0:  # all of the row's labels would be those of the view before
        raise DataError(f"{what}: there is a view {key!r}; views count from 1, as in prompts and 'View 1:'")
    return number


def _items(value: Any, view: int) -> Collection[Any]:
    if isinstance(value, Collection) and not isinstance(value, str | bytes | Mapping):
        return value
    raise DataError(f"view {view}: {value!r} is a {type(value).__name__}, expected a list")


_USUAL = 64  # characters; longer names are not kept, which bounds the memory
_usual_name = lru_cache(maxsize=4096)(normalise_name)  # the objects of a batch's targets are few


def _name(value: object, view: int) -> str:
    name = (_usual_name if len(value) <= _USUAL else normalise_name)(value) if isinstance(value, str) else ""
    if not name:
        raise DataError(f"view {view}: {value!r} is no name of an object")
    return name


def _relation(value: Any, view: int) -> Relation:
    if type(value) is not list:
        value = plain_value(value)
    if not isinstance(value, Sequence) or isinstance(value, str | bytes) or len(value) != 3:
        raise DataError(f"view {view}: {value!r} is no triplet [object 1, object 2, relation]")
    subject, other, name = value
    relation = normalise_relation(name) if isinstance(name, str) else ""
    if not relation:
        raise DataError(f"view {view}: {name!r} is no relation")
    return Relation(_name(subject, view), _name(other, view), relation)
