"""Questions about a row of objects of which each of two images shows a part: scenes, rows, an endless stream of them.

The camera moves along the row, so that the images share one object, by which they hang together; which of them shows
the left part is drawn. What an image does not show is left out of it. A question names all objects in random order, as
the options of real ones do, and asks for an end of the row, which no single image tells, or how an object of one image
stands to one of the other. What is named says nothing of the view that it is in. An object is named by its color and
shape, or by its color alone where each has its own. Told in words instead of drawn, some words are hidden, so that no
policy can know everything.
"""

from __future__ import annotations

from itertools import islice, pairwise
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from zlib import crc32

import numpy as np

from benchmarks.tvr.world import ABSENT, ATTRIBUTES, COLORS, MIN_GAP, N_OBJECTS, PARKED, RADII, SHAPES, VALUES, State
from recipes.tiny.world import HELD_OUT, WORKERS, World, parts_of
from trainers.fast_collate import Undrawn
from trainers.scenes.cameras import Stage, frame_at, nominal_stage, project
from trainers.scenes.render import Picture
from trainers.scenes.solids import bodies_of
from trainers.scenes.tvr import Scene

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import numpy.typing as npt

    from recipes.evidence.study import Study

KINDS: Final = ("leftmost", "rightmost", "where")
SIDES: Final = ("left", "right")
HIDDEN: Final = "?"
WORDS: Final = (
    *("View", "1:", "2:", "[", "]", "row:", ",", "from", HIDDEN, *SIDES, "[UNK]"),
    *(f"{kind}?" for kind in KINDS),
    *COLORS,
    *SHAPES,
)
"""What questions and demonstrations are written with."""
USUAL: Final = {"size": "medium", "material": "rubber"}
"""What an attribute is that does not vary. Color and shape always do: they are the names."""
SEED: Final = 7  # of the held-out scenes: the same for all arms


class Item(NamedTuple):
    """A scene and its question.

    Attributes:
        scene: for `Picture`: ``initial`` is what view 1 shows, ``final`` what view 2 does.
        names: of the objects from left to right, all different: ``"red cube"``, or ``"red"``.
        views: for each of the two views the indices of the objects that it shows, from left to right.
        kind: one of `KINDS`.
        question: its text, options included.
        options: what can be answered, in the order in which it is named.
        answer: the right one.
        told: the views in words, some of them `HIDDEN`.
    """

    scene: Scene
    names: tuple[str, ...]
    views: tuple[tuple[int, ...], tuple[int, ...]]
    kind: str
    question: str
    options: tuple[str, ...]
    answer: str
    told: str

    @property
    def references(self) -> list[list[str]]:
        """The true names of each view."""
        return [[self.names[index] for index in view] for view in self.views]


def items(
    world: World,
    seed: int,
    *,
    part: int = 0,
    held_out: bool = False,
    hidden: float = 0.0,
    own_colors: bool = False,
    kinds: tuple[str, ...] = KINDS,
) -> Iterator[Item]:
    """Yield scenes with questions without end; the same for the same arguments.

    Args:
        world: ``objects`` are those that an image shows; ``attributes`` vary, color and shape in any case.
        seed: of the draws.
        part: another number gives other scenes.
        held_out: only scenes of the held-out tenth, otherwise only others.
        hidden: the share of words that is hidden where scenes are told.
        own_colors: whether no two objects of a scene have the same color, which is then their name; else they differ in
            color or shape, and are named by both.
        kinds: of questions, some of `KINDS`.

    >>> item = next(items(World(objects=(2, 2), spacing=12.0), 0))
    >>> item.references, item.question, item.answer  # doctest: +NORMALIZE_WHITESPACE
    ([['blue cylinder', 'brown cylinder'], ['purple sphere', 'blue cylinder']],
     'purple sphere, blue cylinder, brown cylinder leftmost?', 'purple sphere')
    """
    rng = np.random.default_rng([seed, part, int(held_out)])
    index = 0
    while True:
        found = _draw(world, rng, index, hidden, own_colors=own_colors, kinds=kinds)
        if found is not None and is_held_out(found) == held_out:
            yield found
            index += 1


def is_held_out(item: Item) -> bool:
    """Return whether a row of names, and what is seen of it, is of the tenth that is kept for tests."""
    return crc32(repr((item.names, item.views)).encode()) % HELD_OUT == 0


def _draw(
    world: World, rng: np.random.Generator, index: int, hidden: float, *, own_colors: bool, kinds: tuple[str, ...]
) -> Item | None:
    """Draw an item; None where objects touch, or stand in another order in an image than in the row."""
    left, right = (int(count) for count in rng.integers(world.objects[0], world.objects[1] + 1, 2))
    count = left + right - 1
    parts = tuple(range(left)), tuple(range(left - 1, count))
    views = parts if rng.integers(2) else parts[::-1]
    attributes = _looks(world, rng, count, own_colors=own_colors)
    along = np.arange(count) * world.spacing + rng.uniform(-world.jitter, world.jitter, count)
    places = np.stack([rng.uniform(-world.depth, world.depth, count), along], axis=-1)
    rotations = np.zeros(N_OBJECTS)
    rotations[:count] = rng.uniform(0, np.pi / 2, count).round(6)
    nominal = nominal_stage()
    stage = Stage(nominal.cameras * world.distance, nominal.lamps)
    shown = [_shown(attributes, places, view) for view in views]
    clear = [_is_clear(state, rotations, stage, view) for state, view in zip(shown, views, strict=True)]
    words = [(COLORS[color], SHAPES[shape]) for color, shape, *_ in attributes[:count].tolist()]
    names = tuple(color if own_colors else f"{color} {shape}" for color, shape in words)
    kind = kinds[int(rng.integers(len(kinds)))]
    question, options, answer = _ask(kind, names, views, rng)
    told = _told(names, views, rng, hidden)
    if not all(clear):
        return None
    return Item(Scene(index, *shown, (), rotations, stage), names, views, kind, question, options, answer, told)


def _looks(world: World, rng: np.random.Generator, count: int, *, own_colors: bool) -> npt.NDArray[np.int8]:
    """Draw attributes; no two objects share color and shape."""
    attributes = np.full((N_OBJECTS, len(ATTRIBUTES)), ABSENT, dtype=np.int8)
    if own_colors:
        color, shape = rng.permutation(len(COLORS))[:count], rng.integers(len(SHAPES), size=count)
    else:
        color, shape = np.divmod(rng.permutation(len(COLORS) * len(SHAPES))[:count], len(SHAPES))
    known = {"color": color, "shape": shape}
    for column, name in enumerate(ATTRIBUTES):
        if name in known:
            attributes[:count, column] = known[name]
        elif name in world.attributes:
            attributes[:count, column] = rng.integers(len(VALUES[name]), size=count)
        else:
            attributes[:count, column] = VALUES[name].index(USUAL[name])
    return attributes


def _shown(attributes: npt.NDArray[np.int8], places: npt.NDArray[np.float64], view: tuple[int, ...]) -> State:
    """Return what an image shows: some of the objects, about the middle of where the camera looks."""
    seen = list(view)
    positions = PARKED.copy()
    middle = (places[seen, 1].min() + places[seen, 1].max()) / 2
    positions[seen] = np.rint(places[seen] - [0.0, middle]).astype(np.int32)
    only = np.full_like(attributes, ABSENT)
    only[seen] = attributes[seen]
    return State(only, positions)


def _is_clear(state: State, rotations: npt.NDArray[np.float64], stage: Stage, view: tuple[int, ...]) -> bool:
    seen = list(view)
    places = state.positions[seen]
    radii = np.array(RADII)[state.attributes[seen, ATTRIBUTES.index("size")]]
    gap = np.hypot(*(places[:, None] - places).transpose(2, 0, 1)) - (radii[:, None] + radii + MIN_GAP)
    bodies = bodies_of(state, rotations)
    centers = np.stack([bodies.x, bodies.y, bodies.half], axis=-1)[seen]
    pixels, _ = project(centers, frame_at(stage.cameras[0]), 1000, 1000)
    return bool((gap[np.triu_indices(len(seen), 1)] >= 0).all() and (np.diff(pixels[:, 0]) > 0).all())


def _ask(
    kind: str, names: tuple[str, ...], views: tuple[tuple[int, ...], ...], rng: np.random.Generator
) -> tuple[str, tuple[str, ...], str]:
    """Return the question, its options and the answer."""
    named = tuple(names[index] for index in rng.permutation(len(names)))
    if kind != "where":
        return f"{', '.join(named)} {kind}?", named, names[0 if kind == "leftmost" else -1]
    alone = [sorted(set(view) - set(other)) for view, other in (views, views[::-1])]
    one, other = (int(rng.choice(each)) for each in (alone if rng.integers(2) else alone[::-1]))
    asked = f"{', '.join(named)} where? {names[one]} from {names[other]}"
    return asked, SIDES, SIDES[int(one > other)]


def _told(names: tuple[str, ...], views: tuple[tuple[int, ...], ...], rng: np.random.Generator, hidden: float) -> str:
    """Return the views in words; each word is hidden with some chance, in each view by itself."""
    lines = []
    for number, view in enumerate(views, start=1):
        words = " , ".join(names[index] for index in view).split()
        hides = rng.random(len(words)) < hidden
        words = [HIDDEN if hide and word != "," else word for word, hide in zip(words, hides, strict=True)]
        lines.append(f"View {number}: {' '.join(words)}".replace(" ,", ","))
    return " ".join(lines)


# --- rows ----------------------------------------------------------------------------------------------------------


def demonstration(item: Item) -> str:
    """Return what a model should write: the paper's three steps in short. Each view, the row, the answer.

    >>> demonstration(next(items(World(objects=(2, 2), spacing=12.0), 0)))  # doctest: +NORMALIZE_WHITESPACE
    '<think> View 1: [ blue cylinder, brown cylinder, left ] View 2: [ purple sphere, blue cylinder, left ]
     row: purple sphere, blue cylinder, brown cylinder</think><answer> purple sphere</answer>'
    """
    lines = []
    for number, seen in enumerate(item.references, start=1):
        lines.append(f"View {number}: " + " ".join(f"[ {one}, {other}, left ]" for one, other in pairwise(seen)))
    return f"<think> {' '.join(lines)} row: {', '.join(item.names)}</think><answer> {item.answer}</answer>"


def row(item: Item, world: World, *, symbolic: bool = False, name: str = "questions") -> dict[str, Any]:
    """Return one row, undrawn, or told in words; its view is the kind of question, by which accuracies are logged."""
    found = {
        "id": f"{name}-{item.scene.idx}",
        "view": item.kind,
        "prompt": [{"role": "user", "content": f"{item.told} {item.question}" if symbolic else item.question}],
        "completion": [{"role": "assistant", "content": demonstration(item)}],
        "target": item.answer,
        "references": item.references,
    }
    if not symbolic:
        pictures = Picture(item.scene, "center"), Picture(item.scene, "center", final=True)
        found["images"] = [Undrawn(picture, world.side) for picture in pictures]
    return found


def held_out_items(study: Study, count: int | None = None) -> list[Item]:
    """Return the held-out scenes of a study, or the first of them."""
    given = study.base["sft"]["dataset_arguments"]
    settings = {name: given[name] for name in ("hidden", "own_colors", "kinds") if name in given}
    found = items(study.world, SEED, held_out=True, **settings)
    return list(islice(found, study.test["scenes"] if count is None else count))


def stream(
    *,
    world: dict[str, Any],
    views: list[str] | None = None,  # noqa: ARG001  every study names them
    seed: int = 0,
    block: int = 64,
    symbolic: bool = False,
    hidden: float = 0.0,
    own_colors: bool = False,
    kinds: Sequence[str] = KINDS,
) -> Any:
    """Return an endless data set, for ``dataset_name: recipes.evidence.questions:stream``.

    Args:
        world: fields of `World`; see `items`.
        views: the same for all scenes.
        seed: of the draws.
        block: rows that one worker of the data loader makes in a row.
        symbolic: whether scenes are told in words; else ``fast_collator`` draws them.
        hidden: see `items`.
        own_colors: likewise.
        kinds: likewise.
    """
    from datasets import IterableDataset

    lists: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in world.items()}
    # a tuple, since `datasets` deals out lists among workers
    drawn = {"hidden": hidden, "own_colors": own_colors, "kinds": tuple(kinds)}
    arguments = {"world": World(**lists), "seed": seed, "block": block, "symbolic": symbolic, "drawn": drawn}
    return IterableDataset.from_generator(_blocks, gen_kwargs=arguments | {"workers": list(range(WORKERS))})


def _blocks(
    world: World,
    seed: int,
    block: int,
    *,
    symbolic: bool,
    drawn: dict[str, Any],
    workers: list[int],
) -> Iterator[dict[str, Any]]:
    """Yield rows without end, block by block."""
    for part in parts_of(workers):
        for item in islice(items(world, seed, part=part, **drawn), block):
            yield row(item, world, symbolic=symbolic, name=f"questions-{part}")
