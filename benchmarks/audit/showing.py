"""A draft that is paid too much, the case that shows it, and how to make both as small as possible."""

from __future__ import annotations

from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from benchmarks.audit.drafts import REASONING, Draft, is_exact, write
from benchmarks.audit.findings import Example, World
from benchmarks.audit.payment import TOLERANCE, pay_drafts
from benchmarks.audit.scenes import Scene, drop, drop_view, target_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from benchmarks.audit.payment import Payer
    from rewards.conflicts import Record

_AT_ONCE = 24  # smaller cases that are paid in one call


class Showing(NamedTuple):
    """A case.

    Attributes:
        worlds: the scenes that may be.
        chances: of each, adding up to 1.
        honest: the exact answer, or the honest best guess.
        draft: what is paid too much.
    """

    worlds: tuple[Scene, ...]
    chances: tuple[float, ...]
    honest: Draft
    draft: Draft


def known(scene: Scene, honest: Draft, draft: Draft) -> Showing:
    """Return the case of a scene that is known."""
    return Showing((scene,), (1.0,), honest, draft)


def expect(
    payer: Payer, drafts: Sequence[Draft], worlds: Sequence[Scene], chances: Sequence[float]
) -> NDArray[np.float64]:
    """Return what each draft is paid in expectation, (drafts,)."""
    rows = [draft for draft in drafts for _ in worlds]
    paid = pay_drafts(payer, rows, [*worlds] * len(drafts)).reshape(len(drafts), len(worlds))
    expected: NDArray[np.float64] = paid @ np.asarray(chances)
    return expected


def gains(payer: Payer, showings: Sequence[Showing]) -> NDArray[np.float64]:
    """Return how much more each draft is paid than the honest one, in expectation, (showings,)."""
    drafts = [draft for each in showings for draft in (each.draft, each.honest) for _ in each.worlds]
    scenes = [scene for each in showings for _ in range(2) for scene in each.worlds]
    paid = iter(pay_drafts(payer, drafts, scenes).tolist())
    found = []
    for each in showings:
        mine, honest = (np.dot(list(islice(paid, len(each.worlds))), each.chances) for _ in range(2))
        found.append(float(mine - honest))
    return np.array(found)


def is_exploit(payer: Payer, showings: Sequence[Showing]) -> list[bool]:
    """Return which cases show an exploit: the draft is not exact and is paid at least what the exact one is."""
    paid = gains(payer, showings) >= -TOLERANCE
    return [
        bool(enough) and not is_exact(each.draft, each.worlds[0]) for enough, each in zip(paid, showings, strict=True)
    ]


def is_incentive(payer: Payer, showings: Sequence[Showing]) -> list[bool]:
    """Return which cases show an incentive: the draft is paid more."""
    return [bool(gain > TOLERANCE) for gain in gains(payer, showings)]


def shrink(payer: Payer, showing: Showing, *, exploit: bool) -> Showing:
    """Return a smallest case that still shows it: nothing can be left out of the scene or of the draft."""
    shows = is_exploit if exploit else is_incentive
    while True:
        candidates = _smaller(showing)
        while batch := list(islice(candidates, _AT_ONCE)):
            kept = next((each for each, still in zip(batch, shows(payer, batch), strict=True) if still), None)
            if kept is not None:
                showing = kept
                break
        else:
            return showing


def _smaller(showing: Showing) -> Iterator[Showing]:
    """Yield the same case with something left out, the largest steps first."""
    draft = showing.draft
    for record in showing.honest.pieces:
        if not isinstance(record, str) and len(showing.honest.pieces) > 1:
            yield from _without_record(showing, record)
    for at in range(len(showing.worlds[0].references)):
        if len(showing.worlds[0].references) > 1:
            yield _without_view(showing, at)
    if len(draft.reasoning) > len(REASONING):
        yield showing._replace(draft=replace(draft, reasoning=REASONING))
        yield showing._replace(draft=replace(draft, reasoning=draft.reasoning[: len(draft.reasoning) // 2]))
    step = len(draft.pieces)
    while step > 0:
        for start in range(0, len(draft.pieces), step):
            kept = draft.pieces[:start] + draft.pieces[start + step :]
            yield showing._replace(draft=replace(draft, pieces=kept))
        step //= 2
    for view, names in enumerate(draft.named):
        for name in names:
            fewer = tuple(other for other in names if other != name)
            named = (*draft.named[:view], fewer, *draft.named[view + 1 :])
            yield showing._replace(draft=replace(draft, named=named))


def _without_record(showing: Showing, record: Record) -> Iterator[Showing]:
    """Leave out a record that is true in all worlds, and what the draft says of it or of its object."""
    if not all(record in world.target and len(world.target) > 1 for world in showing.worlds):
        return
    worlds = tuple(drop(world, record) for world in showing.worlds)
    honest = replace(showing.honest, pieces=tuple(piece for piece in showing.honest.pieces if piece != record))
    for width in (1, None):
        pieces = tuple(piece for piece in showing.draft.pieces if piece[:width] != record[:width])
        yield Showing(worlds, showing.chances, honest, replace(showing.draft, pieces=pieces))


def _without_view(showing: Showing, at: int) -> Showing:
    worlds = tuple(drop_view(world, at) for world in showing.worlds)
    honest, draft = (
        replace(each, named=(*each.named[:at], *each.named[at + 1 :])) for each in (showing.honest, showing.draft)
    )
    return Showing(worlds, showing.chances, honest, draft)


def example(payer: Payer, showing: Showing) -> Example:
    """Return the case in words and numbers."""
    scenes = [*showing.worlds]
    task = scenes[0].task
    paid = pay_drafts(payer, [showing.draft] * len(scenes), scenes).tolist()
    against = pay_drafts(payer, [showing.honest] * len(scenes), scenes).tolist()
    worlds = zip(map(_truth, scenes), showing.chances, paid, against, strict=True)
    return Example(write(showing.draft, task), write(showing.honest, task), tuple(World(*each) for each in worlds))


def _truth(scene: Scene) -> str:
    views = [f"view {number}: {', '.join(names) or 'none'}" for number, names in enumerate(scene.references, start=1)]
    return "; ".join([target_text(scene), *views])
