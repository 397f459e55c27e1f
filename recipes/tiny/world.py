"""Small TVR scenes for models that learn from nothing, and their rows: a few objects in a row, near cameras, no text.

Objects are numbered from left to right in the first image. What a scene shows is only in its two images. Scenes
whose combination of attributes before and after hashes to the held-out tenth are never trained on.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import count as naturals
from itertools import islice
from typing import TYPE_CHECKING, Any, Final
from zlib import crc32

import numpy as np

from benchmarks.tvr.codec import decode_scene
from benchmarks.tvr.world import (
    ABSENT,
    ATTRIBUTES,
    MIN_GAP,
    N_OBJECTS,
    PAIR_CODE,
    PARKED,
    RADII,
    VALUES,
    State,
    apply,
)
from recipes.tiny.model import CHANGED, SAME
from rewards.errors import ConfigError
from trainers.fast_collate import Undrawn
from trainers.scenes.cameras import Stage, frame_at, nominal_stage, project
from trainers.scenes.render import Picture, raycast_batch
from trainers.scenes.solids import bodies_of
from trainers.scenes.tvr import Change, Scene, targets

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import numpy.typing as npt

USUAL: Final = {"color": "gray", "shape": "cube", "size": "large", "material": "rubber"}
"""What an attribute is that does not vary in a world."""

HELD_OUT: Final = 10  # one combination in so many
QUESTION: Final = "changed?"
BATCH: Final = 32  # scenes drawn at once
WORKERS: Final = 64  # of a data loader, at most


@dataclass(frozen=True, slots=True)
class World:
    """Which scenes there are.

    Attributes:
        objects: fewest and most objects.
        changes: fewest and most changes.
        attributes: those that vary and change.
        side: of the square images, pixels.
        distance: of the cameras, as a share of TRANCE's.
        spacing: of the row of objects, grid units.
        jitter: along the row, grid units; under half the spacing.
        depth: how far objects stand before or behind the row, grid units.
    """

    objects: tuple[int, int] = (2, 2)
    changes: tuple[int, int] = (1, 1)
    attributes: tuple[str, ...] = ("color", "shape")
    side: int = 32
    distance: float = 0.56
    spacing: float = 16.0
    jitter: float = 2.5
    depth: float = 3.5

    def __post_init__(self) -> None:
        few, most = self.objects
        if not 1 <= few <= most <= N_OBJECTS:
            raise ConfigError(f"objects {self.objects} are not a range within 1 to {N_OBJECTS}")
        if not 1 <= self.changes[0] <= self.changes[1] <= few * len(self.attributes):
            raise ConfigError(f"changes {self.changes} are not a range within 1 to objects times attributes")
        if any(name not in ATTRIBUTES for name in self.attributes):
            raise ConfigError(f"attributes {self.attributes} are not some of {', '.join(ATTRIBUTES)}")


def scenes(world: World, seed: int, *, part: int = 0, held_out: bool = False) -> Iterator[Scene]:
    """Yield scenes without end; the same for the same arguments.

    Args:
        world: which scenes there are.
        seed: of the draws.
        part: another number gives other scenes, so that several processes can draw one data set.
        held_out: only scenes of the held-out tenth, otherwise only others.

    >>> scene = next(scenes(World(), 0))
    >>> int((scene.initial.attributes[:, 0] >= 0).sum()), len(scene.changes)
    (2, 1)
    """
    rng = np.random.default_rng([seed, part, int(held_out)])
    index = 0
    while True:
        scene = _draw(world, rng, index)
        if scene is not None and is_held_out(scene) == held_out:
            yield scene
            index += 1


def is_held_out(scene: Scene) -> bool:
    """Return whether a scene's attributes, before and after, are of the tenth that is kept for tests."""
    codes = scene.initial.attributes.tobytes() + scene.final.attributes.tobytes()
    return crc32(codes) % HELD_OUT == 0


def _draw(world: World, rng: np.random.Generator, index: int) -> Scene | None:
    """Draw a scene; None where objects touch."""
    count = int(rng.integers(world.objects[0], world.objects[1] + 1))
    attributes = np.full((N_OBJECTS, len(ATTRIBUTES)), ABSENT, dtype=np.int8)
    for column, name in enumerate(ATTRIBUTES):
        varies = name in world.attributes
        usual = VALUES[name].index(USUAL[name])
        attributes[:count, column] = rng.integers(len(VALUES[name]), size=count) if varies else usual
    row = (np.arange(count) - (count - 1) / 2) * world.spacing + rng.uniform(-world.jitter, world.jitter, count)
    depth = rng.uniform(-world.depth, world.depth, count)
    places = np.rint(np.stack([depth, row], axis=-1)).astype(np.int32)
    radii = np.array(RADII)[attributes[:count, ATTRIBUTES.index("size")]]
    gap = np.hypot(*(places[:, None] - places).transpose(2, 0, 1)) - (radii[:, None] + radii + MIN_GAP)
    if (gap[np.triu_indices(count, 1)] < 0).any():
        return None
    rotations = np.zeros(N_OBJECTS)
    rotations[:count] = rng.uniform(0, np.pi / 2, count).round(6)
    stage = _stage(world)
    positions = PARKED.copy()
    positions[:count] = places
    initial = _numbered(State(attributes, positions), rotations, stage, count)
    changes = _changes(world, rng, initial, count)
    final = initial
    for change in changes:
        final = apply(final, change.obj_idx, change.pair)
    return Scene(index, initial, final, changes, rotations, stage)


def _stage(world: World) -> Stage:
    """The three cameras of TRANCE, nearer by a factor and without jitter."""
    nominal = nominal_stage()
    return Stage(nominal.cameras * world.distance, nominal.lamps)


def _numbered(state: State, rotations: npt.NDArray[np.float64], stage: Stage, count: int) -> State:
    """Sort the objects from left to right in the first image."""
    bodies = bodies_of(state, rotations)
    centers = np.stack([bodies.x, bodies.y, bodies.half], axis=-1)[:count]
    pixels, _ = project(centers, frame_at(stage.cameras[0]), 1000, 1000)
    order = np.arange(N_OBJECTS)
    order[:count] = np.argsort(pixels[:, 0], kind="stable")
    return State(state.attributes[order], state.positions[order])


def _changes(world: World, rng: np.random.Generator, initial: State, count: int) -> tuple[Change, ...]:
    """Draw distinct (object, attribute) cells and give each another value."""
    many = int(rng.integers(world.changes[0], world.changes[1] + 1))
    cells = np.sort(rng.permutation(count * len(world.attributes))[:many])
    changes = []
    for cell in cells.tolist():
        index, which = divmod(cell, len(world.attributes))
        name = world.attributes[which]
        values = VALUES[name]
        old = int(initial.attributes[index, ATTRIBUTES.index(name)])
        value = values[(old + int(rng.integers(1, len(values)))) % len(values)]
        changes.append(Change(index, PAIR_CODE[name, value], None, (value,)))
    return tuple(changes)


# --- rows: two images, the question, a demonstration with a chain of thought, the target --------------------------


def demonstration(scene: Scene, attributes: Sequence[str]) -> str:
    """Return what a model should write: each attribute of each object before, after, and whether it changed; an answer.

    The verdict beside each pair of values is what makes the comparison learnable: without it, models of this size see
    everything rightly and go on guessing which object a new color belongs to.

    >>> demonstration(next(scenes(World(), 1)), ("color", "shape"))  # doctest: +ELLIPSIS
    '<think> 0 ... same ... changed ...</think><answer> ...</answer>'
    """
    before, after = decode_scene(scene.initial), decode_scene(scene.final)
    seen = []
    for index, (old, new) in enumerate(zip(before, after, strict=True)):
        seen.append(str(index))
        for name in attributes:
            seen += [old[name], new[name], SAME if old[name] == new[name] else CHANGED]
    return f"<think> {' '.join(seen)}</think><answer> {target(scene)}</answer>"


def target(scene: Scene) -> str:
    """Return the canonical answer."""
    return ", ".join(map(str, targets(scene)))


def row(
    scene: Scene, view: str, world: World, pictures: list[Any], *, name: str, reasoning: bool = True
) -> dict[str, Any]:
    """Return one row; ``pictures`` are of before and after, PIL images or `Undrawn`.

    Without ``reasoning`` the demonstration is the answer behind an empty chain of thought.
    """
    labels = f"<think> </think><answer> {target(scene)}</answer>"
    shown = demonstration(scene, world.attributes) if reasoning else labels
    return {
        "id": f"{name}-{scene.idx}-{view}",
        "view": view,
        "images": pictures,
        "prompt": [{"role": "user", "content": QUESTION}],
        "completion": [{"role": "assistant", "content": shown}],
        "target": target(scene),
    }


def rows(
    world: World,
    views: Sequence[str],
    seed: int,
    *,
    part: int = 0,
    held_out: bool = False,
    name: str = "tiny",
    device: str = "cpu",
    compiled: bool = False,
) -> Iterator[dict[str, Any]]:
    """Yield rows without end, drawn in batches; scene ``i`` is seen from view ``i mod len(views)``."""
    from PIL import Image

    stream = scenes(world, seed, part=part, held_out=held_out)
    while True:
        batch = list(islice(stream, BATCH))
        turned = [views[scene.idx % len(views)] for scene in batch]
        wanted = [Picture(scene, "center") for scene in batch]
        wanted += [Picture(scene, view, final=True) for scene, view in zip(batch, turned, strict=True)]
        pixels = raycast_batch(wanted, world.side, device=device, samples=1, compiled=compiled).cpu().numpy()
        for at, (scene, view) in enumerate(zip(batch, turned, strict=True)):
            pictures = [Image.fromarray(pixels[at]), Image.fromarray(pixels[at + len(batch)])]
            yield row(scene, view, world, pictures, name=f"{name}-{part}")


def dataset(world: World, views: Sequence[str], seed: int, count: int, **options: Any) -> Any:
    """Return ``count`` rows as a Hugging Face data set."""
    from datasets import Dataset

    found = list(islice(rows(world, views, seed, **options), count))
    columns = {key: [each[key] for each in found] for key in found[0]}
    return Dataset.from_dict(columns, features=_features())


def _features() -> Any:
    from datasets import Features, Image, List, Value

    texts = {name: Value("string") for name in ("id", "view", "target")}
    message = List({"role": Value("string"), "content": Value("string")})
    return Features({**texts, "images": List(Image()), "prompt": message, "completion": message})


def stream(
    *,
    world: dict[str, Any] | None = None,
    views: Sequence[str] = ("center",),
    seed: int = 0,
    block: int = 256,
    drawn: bool = True,
    reasoning: bool = True,
    blocks: int | None = None,
) -> Any:
    """Return an endless data set whose scenes are made while training.

    For ``dataset_name: recipes.tiny.world:stream`` in a recipe; ``dataset_arguments`` are the arguments.

    Args:
        world: fields of `World`.
        views: of the final images.
        seed: of the draws.
        block: rows that one worker of the data loader makes in a row. Where it is the batch size, the batches do not
            depend on the number of workers, from one on.
        drawn: whether images are drawn here, on a GPU where there is one and without workers; otherwise
            ``fast_collator`` draws them, a batch at a time.
        reasoning: whether demonstrations have a chain of thought; without: labels alone, of undrawn images only.
        blocks: how many blocks differ; then the first comes again. Left out: all.

    Raises:
        ConfigError: labels alone of drawn images; ``blocks`` is not positive.
    """
    from datasets import IterableDataset

    lists: dict[str, Any] = {
        key: tuple(value) if isinstance(value, list) else value for key, value in (world or {}).items()
    }
    if drawn and not reasoning:
        raise ConfigError("reasoning: false needs drawn: false")
    if blocks is not None and blocks < 1:
        raise ConfigError(f"blocks: {blocks} is not a positive number of blocks")
    arguments: dict[str, Any] = {"world": World(**lists), "views": tuple(views), "seed": seed, "block": block}
    arguments |= {"drawn": drawn, "reasoning": reasoning, "blocks": blocks}
    # without features: with them each image would be packed as PNG and unpacked again
    return IterableDataset.from_generator(_blocks, gen_kwargs=arguments | {"workers": list(range(WORKERS))})


def _blocks(
    world: World,
    views: Sequence[str],
    seed: int,
    block: int,
    *,
    drawn: bool,
    reasoning: bool,
    blocks: int | None,
    workers: list[int],
) -> Iterator[dict[str, Any]]:
    """Yield rows without end, block by block; see `parts_of`."""
    import torch
    from torch.utils.data import get_worker_info

    gpu = torch.cuda.is_available() and get_worker_info() is None
    options: dict[str, Any] = {"device": "cuda", "compiled": True} if gpu else {}
    for number in parts_of(workers):
        part = number if blocks is None else sum(divmod(number, WORKERS)) % blocks  # each in turn, wherever it begins
        if drawn:
            yield from islice(rows(world, views, seed, part=part, **options), block)
        else:
            for scene in islice(scenes(world, seed, part=part), block):
                view = views[scene.idx % len(views)]
                pictures = Picture(scene, "center"), Picture(scene, view, final=True)
                undrawn = [Undrawn(picture, world.side) for picture in pictures]
                yield row(scene, view, world, undrawn, name=f"tiny-{part}", reasoning=reasoning)


def parts_of(workers: list[int]) -> Iterator[int]:
    """Yield without end the numbers of the blocks that are made here: each is made once, whoever else makes others.

    Args:
        workers: some of ``range(WORKERS)``, by which `datasets` deals a stream out. The workers of a data loader take
            turns. Without them a shuffle (TRL's, of stage 2) reads several streams at once, of one number each.
    """
    from torch.utils.data import get_worker_info

    worker = get_worker_info()
    if worker is not None:
        yield from naturals(worker.id, worker.num_workers)
    yield from (turn * WORKERS + number for turn in naturals() for number in workers)
