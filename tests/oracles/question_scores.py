"""Slow, obviously right twins of the scores of questions."""

from fractions import Fraction

OPPOSITE = {"left": "right", "front": "behind", "above": "below", "closer": "farther", "inside": "contains"}
OPPOSITE |= {opposite: relation for relation, opposite in OPPOSITE.items()} | {"near": "near", "far": "far"}


def mean_relative_accuracy(prediction, truth):
    """Count thresholds in floats, as the official scorer does, one by one."""
    hits = 0
    for step in range(10):
        threshold = 0.5 + step * ((0.95 - 0.5) / 9)
        threshold = 0.95 if step == 9 else threshold
        error = abs(prediction - truth) / abs(truth) if truth else abs(prediction - truth)
        hits += error <= 1 - threshold
    return hits / 10


def f1(found, truth):
    """F1 of two lists of distinct things from precision and recall."""
    if not found or not truth:
        return Fraction(found == truth)
    right = sum(1 for thing in found if thing in truth)
    precision, recall = Fraction(right, len(found)), Fraction(right, len(truth))
    return 2 * precision * recall / (precision + recall) if right else Fraction(0)


def distinct(things):
    kept = []
    for thing in things:
        if thing not in kept:
            kept.append(thing)
    return kept


def name_score(written, truth):
    """Mean over the true views of the F1 of the names; both arguments are {view: list of names}."""
    scores = [f1(sorted(distinct(written.get(view, []))), sorted(distinct(names))) for view, names in truth.items()]
    return sum(scores) / len(scores)


def informedness(written, truth):
    """Mean slope of "it is written here" over "it is true here", of what is true in some views; None if nothing is.

    Both arguments are {view: list of things}. The slope is that of the least squares line, cov / var, in fractions.
    What is true nowhere has no slope and counts as 0, unless it is written in all views alike.
    """
    slopes, false = [], 0
    for thing in distinct([thing for things in [*truth.values(), *written.values()] for thing in things]):
        true = [int(thing in things) for things in truth.values()]
        said = [int(thing in written.get(view, [])) for view in truth]
        n, products = len(true), sum(one * other for one, other in zip(true, said, strict=True))
        variance = n * sum(true) - sum(true) ** 2
        if variance:
            slopes.append(Fraction(n * products - sum(true) * sum(said), variance))
        elif not any(true) and len(set(said)) > 1:
            false += 1
    return sum(slopes) / (len(slopes) + false) if slopes else None


def consistent(triplets):
    """What triplets say, one direction of each pair alone, without what something else contradicts."""
    said = statements(triplets)
    kept = [(s, o, r) for s, o, r in said if not any((s, o, clash) in said for clash in rivals(r))]
    return [(s, o, r) for s, o, r in kept if s <= o]


def statements(triplets):
    """Everything that triplets say, in both directions, one basic relation at a time."""
    said = []
    for subject, other, relation in triplets:
        for basic in relation.split("-"):
            said += [(subject, other, basic), (other, subject, OPPOSITE[basic])]
    return distinct(said)


def relation_f1(triplets, truth):
    """F1 of what is said, where nothing that something else contradicts is right."""
    said, true = statements(triplets), statements(truth)
    clashes = [(s, o, r) for s, o, r in said if any((s, o, clash) in said for clash in rivals(r))]
    right = [each for each in said if each in true and each not in clashes]
    if not said and not true:
        return Fraction(1)
    return Fraction(2 * len(right), len(said) + len(true))


def rivals(basic):
    """The relations that cannot hold together with this one."""
    return ["far"] if basic == "near" else ["near"] if basic == "far" else [OPPOSITE[basic]]
