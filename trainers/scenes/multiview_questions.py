"""Questions about a multi-view scene that no single image answers, with options, answer and what it follows from.

In the manner of MindCube (where is something when you stand there and turn; how did the camera move) and of SPAR (is
this closer than that). Each asks about an object that is not in the image from which it is asked; the other options are
what a wrong idea of how the images hang together would give.
"""

from __future__ import annotations

from itertools import permutations
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeVar

from trainers.scenes.multiview import (
    DIRECTIONS,
    PAIR,
    QUARTERS,
    direction_from_middle,
    distance_to_camera,
    multiview_scene,
    seen_in,
)
from trainers.scenes.prompts import wordings
from trainers.scenes.tvr_plan import stream

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np

    from trainers.scenes.multiview import MultiviewScene

T = TypeVar("T")

TEXTS: Final = "multiview-questions.v1"
KINDS: Final = ("where", "turned", "beside", "closer", "moved")
TURNS: Final = {"left": 1, "right": -1, "round": 2}  # quarter turns, counter-clockwise from above
MOVES: Final = {"right": 1, "opposite": 2, "left": 3}  # of a camera that looks at the middle
LETTERS: Final = "ABCD"
MARGIN: Final = 1.25  # how many times farther one of two objects is at least

_STREAM = 11  # of random numbers
_ROUND = 12  # items of a kind after which each place of the answer has come equally often


class Question(NamedTuple):
    """A question and its answer.

    Attributes:
        kind: one of `KINDS`.
        text: as the model reads it, options included.
        options: their texts in order; None for yes or no.
        answer: the right letter, or yes or no.
        view: the image from which it is asked, from 0.
        objects: indices of the objects that it is about; the right one first where an object is asked for.
        direction: what is asked or answered: one of `DIRECTIONS`; of a camera's move, a key of `MOVES`.
        turn: a key of `TURNS`, or None.
        last: of a camera's move, the image at its end, from 0; else None.
    """

    kind: str
    text: str
    options: tuple[str, ...] | None
    answer: str
    view: int
    objects: tuple[int, ...] = ()
    direction: str | None = None
    turn: str | None = None
    last: int | None = None


class Draw(NamedTuple):
    """What is left to chance in a question.

    Attributes:
        rng: random numbers.
        place: place of the right answer, counted on over the options.
    """

    rng: np.random.Generator
    place: int

    def one_of(self, things: Sequence[T]) -> T:
        """Return one of some things."""
        return things[int(self.rng.integers(len(things)))]

    def options(self, right: str, wrong: Sequence[str]) -> tuple[tuple[str, ...], str]:
        """Return options in random order, the right one at its place, and its letter."""
        place = self.place % (len(wrong) + 1)
        options = [wrong[at] for at in self.rng.permutation(len(wrong)).tolist()]
        options.insert(place, right)
        return tuple(options), LETTERS[place]

    def text(self, kind: str, options: Sequence[str] | None, **said: Any) -> str:
        """Return the whole question, options included, in one of its wordings."""
        texts = question_texts()
        asked = f"{texts['about']} {self.one_of(texts[kind]).format(**said)}"
        if options is None:
            return f"{asked} {texts['ask_yes_no']}"
        return "\n".join([asked, *(f"{letter}. {option}" for letter, option in zip(LETTERS, options, strict=False))])


def question_texts() -> Any:
    """Return the wordings of the questions, and of their options."""
    return wordings(TEXTS)


def multiview_item(seed: int, index: int) -> tuple[MultiviewScene, Question]:
    """Generate item ``index`` of a data set of questions: the scene and its question.

    Kinds take turns; within a kind the right answer stands at each place, and is yes and no, equally often over any
    `_ROUND` items that follow one another.

    >>> [multiview_item(0, index)[1].kind for index in range(5)]
    ['where', 'turned', 'beside', 'closer', 'moved']
    """
    rng = stream(seed, _STREAM, index)
    kind, number = KINDS[index % len(KINDS)], index // len(KINDS)
    place = int(stream(seed, _STREAM, 0, KINDS.index(kind), number // _ROUND).permutation(_ROUND)[number % _ROUND])
    least = 3 if kind in ("beside", "closer") else 2  # enough for an object at each place that is asked about
    views = int(rng.integers(least, QUARTERS + 1))
    scene = multiview_scene(seed, index, tuple(rng.permutation(QUARTERS)[:views].tolist()))
    return scene, _ASK[kind](scene, Draw(rng, place))


def _unseen(scene: MultiviewScene, view: int) -> list[int]:
    return [index for index in range(len(scene.names)) if index not in seen_in(scene, view)]


def after_turn(direction: str, turn: str | None) -> str:
    """Return where something is after a turn that was in a direction before.

    >>> after_turn("in front", "left"), after_turn("behind", "round")
    ('right', 'in front')
    """
    steps = 0 if turn is None else TURNS[turn]
    return DIRECTIONS[(DIRECTIONS.index(direction) - steps) % QUARTERS]


def _where(scene: MultiviewScene, draw: Draw) -> Question:
    return _ask_direction(scene, draw, None)


def _turned(scene: MultiviewScene, draw: Draw) -> Question:
    turn = draw.one_of(tuple(TURNS))
    if len(scene.quarters) > 2 and draw.one_of((True, False)):
        return _ask_object_after(scene, draw, turn)
    return _ask_direction(scene, draw, turn)


def _ask_direction(scene: MultiviewScene, draw: Draw, turn: str | None) -> Question:
    """Ask where an object is. Where the object of the image itself would be is no option: it is never the answer."""
    texts = question_texts()
    view = draw.one_of(range(len(scene.quarters)))
    index = draw.one_of(_unseen(scene, view))
    right = after_turn(direction_from_middle(scene, view, index), turn)
    wrong = [name for name in DIRECTIONS if name not in (right, after_turn("in front", turn))]
    options, answer = draw.options(texts["directions"][right], [texts["directions"][name] for name in wrong])
    kind = "where" if turn is None else "turned"
    text = draw.text(kind, options, view=view + 1, object=scene.names[index], turn=texts["turns"].get(turn))
    return Question(kind, text, options, answer, view, (index,), right, turn)


def _ask_object_after(scene: MultiviewScene, draw: Draw, turn: str) -> Question:
    """Ask what is in a direction after a turn."""
    texts = question_texts()
    view = draw.one_of(range(len(scene.quarters)))
    index = draw.one_of(_unseen(scene, view))
    direction = after_turn(direction_from_middle(scene, view, index), turn)
    options, answer = _objects_around(scene, draw, index)
    said = {"turn": texts["turns"][turn], "direction": texts["directions"][direction]}
    text = draw.text("around", options, view=view + 1, **said)
    return Question("turned", text, options, answer, view, (index,), direction, turn)


def _beside(scene: MultiviewScene, draw: Draw) -> Question:
    """Ask what is to the left or right of one of the pair, beyond the image."""
    beside = [
        (view, index)
        for view in range(len(scene.quarters))
        for index in _unseen(scene, view)
        if direction_from_middle(scene, view, index) in ("left", "right")
    ]
    view, index = draw.one_of(beside)
    anchor = draw.one_of(PAIR)
    direction = direction_from_middle(scene, view, index)
    options, answer = _objects_around(scene, draw, index)
    text = draw.text("beside", options, view=view + 1, object=scene.names[anchor], direction=direction)
    return Question("beside", text, options, answer, view, (index, anchor), direction)


def _objects_around(scene: MultiviewScene, draw: Draw, right: int) -> tuple[tuple[str, ...], str]:
    wrong = [name for index, name in enumerate(scene.names) if index not in (*PAIR, right)]
    return draw.options(scene.names[right], wrong)


def _closer(scene: MultiviewScene, draw: Draw) -> Question:
    """Ask whether one of two objects is closer, where at least one is not in the image.

    What the image shows beyond the middle is farther away than all else, wherever that is, so it is never asked about.
    One of the pair is the closer one as often as the farther one, as it would not be by chance.
    """
    pairs: dict[tuple[bool, bool], list[tuple[int, int, int]]] = {}
    for view in range(len(scene.quarters)):
        far = {index: distance_to_camera(scene, view, index) for index in (*PAIR, *_unseen(scene, view))}
        for one, other in permutations(far, 2):
            if MARGIN * far[one] <= far[other] and not {one, other} <= set(PAIR):
                pairs.setdefault((one in PAIR, other in PAIR), []).append((view, one, other))
    view, one, other = draw.one_of(pairs[draw.one_of(sorted(pairs))])
    answer = "no" if draw.place % 2 else "yes"
    one, other = (other, one) if answer == "no" else (one, other)
    text = draw.text("closer", None, view=view + 1, one=scene.names[one], other=scene.names[other])
    return Question("closer", text, None, answer, view, (one, other))


def _moved(scene: MultiviewScene, draw: Draw) -> Question:
    """Ask how the camera went from one image to another."""
    first, last = draw.one_of(list(permutations(range(len(scene.quarters)), 2)))
    right = camera_move(scene, first, last)
    texts = question_texts()["moves"]
    options, answer = draw.options(texts[right], [texts[name] for name in MOVES if name != right])
    text = draw.text("moved", options, first=first + 1, last=last + 1)
    return Question("moved", text, options, answer, first, (), right, last=last)


def camera_move(scene: MultiviewScene, first: int, last: int) -> str:
    """Return how the camera went round the middle between two images, as its own left and right: a key of `MOVES`."""
    steps = (scene.quarters[last] - scene.quarters[first]) % QUARTERS
    return next(name for name, quarters in MOVES.items() if quarters == steps)


_ASK = {"where": _where, "turned": _turned, "beside": _beside, "closer": _closer, "moved": _moved}
