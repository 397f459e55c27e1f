"""Properties that a reward should have whatever it is given for: order, more right, more wrong, and the same again."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from benchmarks.audit.findings import AuditFinding, Example, World
from benchmarks.audit.policies import LONG, PROSE, unlike, written
from benchmarks.audit.reward import TOLERANCE, Candidate, honest, raised, score_candidates, score_texts, write
from benchmarks.audit.scenes import in_order, new_names, rename, rename_views, renamed_scene, target_text
from benchmarks.audit.uncertainty import Belief, majority_answer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray

    from benchmarks.audit.policies import Policy
    from benchmarks.audit.reward import AuditedReward
    from benchmarks.audit.scenes import Scene
    from rewards.tiered import Record

_ALONE = 32  # rows that are also scored one by one


class Probes(NamedTuple):
    """Completions on which a reward is asked again, (rows,)."""

    texts: tuple[str, ...]
    scenes: tuple[Scene, ...]


def probes(scenes: Sequence[Scene], policies: Sequence[Policy]) -> Probes:
    """Return what the policies write on scenes that they know."""
    majority = majority_answer(scenes)
    rows = [
        (write(written(policy, Belief(scene, scene, majority))[0], scene), scene)
        for scene in scenes
        for policy in policies
        if policy.is_for(scene.task)
    ]
    return Probes(tuple(text for text, _ in rows), tuple(scene for _, scene in rows))


class _Pair(NamedTuple):
    """Two candidates of which the first should be rewarded as much as the second, or at most as much."""

    scene: Scene
    candidate: Candidate
    other: Candidate


def _wrong_in_all(scene: Scene) -> tuple[Record, ...]:
    """Return a record that shares no field with a true one, in a tuple; of small vocabularies there may be none.

    One that shares a field may rightly score part of the credit, or be in the cell of a true one.
    """
    wrong = unlike(scene)
    shared = any(a == b for true in scene.target for a, b in zip(true, wrong, strict=True))
    return () if shared else (wrong,)


def _orders(scene: Scene) -> Iterator[_Pair]:
    exact = honest(scene)
    wrong = _wrong_in_all(scene)
    backwards = tuple(names[::-1] for names in exact.named)
    for items in (exact.items, (*exact.items, *wrong), (*wrong, *exact.items[1:])):
        candidate = replace(exact, items=items)
        if scene.task.record_format is not None and len(items) > 1 and not in_order(scene.task):
            yield _Pair(scene, replace(candidate, items=items[::-1]), candidate)
            yield _Pair(scene, replace(candidate, items=(*items[1:], items[0])), candidate)
    if backwards != exact.named:
        yield _Pair(scene, replace(exact, named=backwards), exact)


def _more_right(scene: Scene) -> Iterator[_Pair]:
    exact = honest(scene)
    for at, record in enumerate(exact.items):
        yield _Pair(scene, replace(exact, items=exact.items[:at]), replace(exact, items=(*exact.items[:at], record)))
        mistaken = (*exact.items[:at], unlike(scene), *exact.items[at + 1 :])
        yield _Pair(scene, replace(exact, items=mistaken), exact)
    for view, names in enumerate(exact.named):
        for at in range(len(names)):
            fewer, more = (_name(exact, view, names[:many]) for many in (at, at + 1))
            yield _Pair(scene, fewer, more)


def _more_wrong(scene: Scene) -> Iterator[_Pair]:
    exact = honest(scene)
    if scene.task.record_format is not None:
        for wrong in _wrong_in_all(scene):
            for at in range(len(exact.items) + 1):
                some = exact.items[:at]
                yield _Pair(scene, replace(exact, items=(*some, wrong)), replace(exact, items=some))
    for view, (names, visible) in enumerate(zip(exact.named, scene.visible, strict=True)):
        for name in visible:
            if name not in names:
                yield _Pair(scene, _name(exact, view, (*names, name)), exact)


def _name(candidate: Candidate, view: int, names: tuple[str, ...]) -> Candidate:
    return replace(candidate, named=(*candidate.named[:view], names, *candidate.named[view + 1 :]))


_RULES: tuple[tuple[str, str, Callable[[Scene], Iterator[_Pair]], bool], ...] = (
    ("permutation", "the order of items changes the reward", _orders, True),
    (
        "more_right",
        "adding a correct item, or correcting one, lowers the reward",
        _more_right,
        False,
    ),
    ("more_wrong", "adding an incorrect item raises the reward", _more_wrong, False),
)


def check_rules(audited: AuditedReward, scenes: Sequence[Scene]) -> list[AuditFinding]:
    """Return a finding for each of the rules of order and of monotonicity that the reward breaks."""
    found = []
    for name, says, pairs_of, equal in _RULES:
        by_scene = [list(pairs_of(scene)) for scene in scenes]
        pairs = [pair for each in by_scene for pair in each]
        places = [pair.scene for pair in pairs]
        paid = score_candidates(audited, [pair.candidate for pair in pairs], places)
        other = score_candidates(audited, [pair.other for pair in pairs], places)
        broken = np.abs(paid - other) > TOLERANCE if equal else paid > other + TOLERANCE
        if broken.any():
            texts = [(write(pair.candidate, pair.scene), write(pair.other, pair.scene)) for pair in pairs]
            guilty = {id(scene) for scene, bad in zip(places, broken, strict=True) if bad}
            share = len(guilty) / len(scenes)
            found.append(_broken(name, says, broken, texts=texts, scenes=places, paid=(paid, other), share=share))
    return found


PROSE_ITEMS = 7
"""Items that cannot be read, in the answers on which `check_cliff` asks."""


def check_cliff(audited: AuditedReward, scenes: Sequence[Scene]) -> list[AuditFinding]:
    """Return a finding if an answer scores less for being nearer to the format: there is a cliff to fall from.

    Beside items that cannot be read, adding a right record never scores less; and a wrong record in place of one of
    them costs at most what it costs beside the right answer.
    """
    if scenes[0].task.record_format is None:
        return []
    exact = [honest(scene) for scene in scenes]
    wrong = [_wrong_in_all(scene) for scene in scenes]
    junk = (PROSE,) * PROSE_ITEMS

    def score(answers: Sequence[Sequence[Record | str]]) -> NDArray[np.float64]:
        return score_candidates(audited, _with_answers(exact, answers), scenes)

    right = [(*each.items, *junk) for each in exact]
    beside: list[tuple[Record | str, ...]] = [(*other, *junk[1:]) for other in wrong]
    unread = score([junk] * len(scenes))
    # What a wrong record costs beside the right answer; some vocabularies have none that is wrong in all fields.
    costs = score([each.items for each in exact]) - score([(*e.items, *w) for e, w in zip(exact, wrong, strict=True)])
    costly = np.array(list(map(bool, wrong))) & (unread - score(beside) > np.maximum(costs, 0.0) + TOLERANCE)
    for answers, broken, says in (
        (right, unread > score(right) + TOLERANCE, "adding what is right to items that cannot be read scores less"),
        (beside, costly, "a wrong record in place of an item that cannot be read costs more than a wrong record does"),
    ):
        if broken.any():
            shown = _with_answers(exact, [junk] * len(scenes)), _with_answers(exact, answers)
            texts = [(write(a, scene), write(b, scene)) for a, b, scene in zip(*shown, scenes, strict=True)]
            paid, share = (unread, score(answers)), float(broken.mean())
            return [_broken("cliff", says, broken, texts=texts, scenes=scenes, paid=paid, share=share)]
    return []


def _with_answers(exact: Sequence[Candidate], answers: Sequence[Sequence[Record | str]]) -> list[Candidate]:
    return [replace(each, items=tuple(items)) for each, items in zip(exact, answers, strict=True)]


def check_isomorphic(audited: AuditedReward, scenes: Sequence[Scene], policies: Sequence[Policy]) -> list[AuditFinding]:
    """Return a finding if the same answer to the same scene is rewarded otherwise under other names of its objects.

    Objects are renamed and views are reordered, in the scene and in the answer alike.
    """
    rng = np.random.default_rng(0)
    majority = majority_answer(scenes)
    pairs = []
    for scene in scenes:
        names = new_names(scene, rng)
        other = renamed_scene(scene, names)
        for policy in policies:
            if policy.is_for(scene.task):
                candidate = written(policy, Belief(scene, scene, majority))[0]
                if not any(isinstance(item, str) for item in candidate.items):
                    items = tuple(rename(item, scene, names) for item in candidate.items if not isinstance(item, str))
                    views = rename_views(candidate.named, names)
                    pairs.append((scene, candidate, other, replace(candidate, items=items, named=views)))
    places, candidates, others, renamed = zip(*pairs, strict=True)
    first, second = score_candidates(audited, candidates, places), score_candidates(audited, renamed, others)
    asked = Probes(tuple(map(write, candidates, places)), places)
    says = "the same answer under other names of objects and views is rewarded otherwise"
    return compare("isomorphic", says, asked, first, second)


LENGTHS = tuple(1000 * 2**step for step in range(7))
"""Characters of reasoning before a right answer, 1,000 to 64,000, at which `check_length` asks."""


def check_length(audited: AuditedReward, scenes: Sequence[Scene]) -> list[AuditFinding]:
    """Return a finding if from some length of the reasoning on a right answer scores less than an empty one.

    The length is found to within a twentieth, on the scene where it is shortest.
    """

    def totals(length: int) -> NDArray[np.float64]:
        return score_candidates(audited, [_after(scene, length) for scene in scenes], scenes)

    silence = [replace(honest(scene), items=(), named=((),) * len(scene.references)) for scene in scenes]
    nothing = score_candidates(audited, silence, scenes)
    if not (totals(0) >= nothing - TOLERANCE).all():
        return []  # it scores less at any length: `find_exploits` has it
    length = next((each for each in LENGTHS if (totals(each) < nothing - TOLERANCE).any()), None)
    if length is None:
        return []
    low = 0 if length == LENGTHS[0] else length // 2
    while length - low > max(1, low // 20):
        middle = (low + length) // 2
        low, length = (low, middle) if (totals(middle) < nothing - TOLERANCE).any() else (middle, length)
    total = totals(length)
    texts = [(write(_after(scene, length), scene), write(no, scene)) for scene, no in zip(scenes, silence, strict=True)]
    broken = total < nothing - TOLERANCE
    says = f"a right answer after {length:,} characters of reasoning is rewarded less than an empty answer"
    share = float(broken.mean())
    return [_broken("length", says, broken, texts=texts, scenes=scenes, paid=(total, nothing), share=share)]


def _after(scene: Scene, length: int) -> Candidate:
    """Return the exact answer after so many characters of reasoning."""
    return replace(honest(scene), reasoning=(LONG * (length // len(LONG) + 1))[:length])


BATCHED = ("batch_order", "batch_alone")
"""Names of the checks that a reward fails which looks at more than one row."""


def check_repeatable(audited: AuditedReward, asked: Probes) -> list[AuditFinding]:
    """Return findings of a reward that does not give the same again: at once, in another order, one by one.

    Of one that does not give the same at once, the others are not findings of their own.
    """
    first = score_texts(audited, asked.texts, asked.scenes)
    found = []
    if np.isnan(first).any():
        bad = np.isnan(first)
        row = int(bad.argmax())
        reason = raised(audited, asked.texts[row], asked.scenes[row])
        says = f"the reward raises {reason}" if reason else "the reward gives no finite number"
        found.append(_again("finite", says, bad, asked, first=first, second=first))
    again = score_texts(audited, asked.texts, asked.scenes)
    if unsteady := compare("deterministic", "the same batch scores differently the second time", asked, first, again):
        return [*found, *unsteady]
    backwards = score_texts(audited, asked.texts[::-1], asked.scenes[::-1])[::-1]
    alone = [
        score_texts(audited, [asked.texts[row]], [asked.scenes[row]]) for row in range(min(_ALONE, len(asked.texts)))
    ]
    some = Probes(asked.texts[: len(alone)], asked.scenes[: len(alone)])
    found += compare("batch_order", "the reward depends on the order of the batch", asked, first, backwards)
    found += compare("batch_alone", "a row alone scores differently", some, first[: len(alone)], np.concatenate(alone))
    return found


def compare(
    name: str, says: str, asked: Probes, first: NDArray[np.float64], second: NDArray[np.float64]
) -> list[AuditFinding]:
    """Return a finding if the same rows got other rewards; numbers that are missing both times are the same.

    Args:
        name: of the check.
        says: what is wrong where they differ, in one line.
        asked: the completions, (rows,).
        first: what they scored, (rows,).
        second: what they scored the other time, (rows,).
    """
    differ = ~((np.abs(first - second) <= TOLERANCE) | (np.isnan(first) & np.isnan(second)))
    if not differ.any():
        return []
    return [_again(name, says, differ, asked, first=first, second=second)]


def _again(
    name: str,
    says: str,
    broken: NDArray[np.bool_],
    asked: Probes,
    *,
    first: NDArray[np.float64],
    second: NDArray[np.float64],
) -> AuditFinding:
    texts = [(text, text) for text in asked.texts]
    share = float(broken.mean())
    return _broken(name, says, broken, texts=texts, scenes=asked.scenes, paid=(first, second), share=share)


def _broken(
    name: str,
    says: str,
    broken: NDArray[np.bool_],
    *,
    texts: Sequence[tuple[str, str]],
    scenes: Sequence[Scene],
    paid: tuple[NDArray[np.float64], NDArray[np.float64]],
    share: float,
) -> AuditFinding:
    """Return the finding of a check, with its shortest example."""
    rows = np.flatnonzero(broken).tolist()
    row = min(rows, key=lambda row: (len(target_text(scenes[row])), len(texts[row][0])))
    world = World(target_text(scenes[row]), 1.0, float(paid[0][row]), float(paid[1][row]))
    return AuditFinding("check", name, says, share=share, smallest=Example(*texts[row], (world,)))
