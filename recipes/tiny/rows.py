"""Rows of a small world: two pictures, the question, a demonstration with a chain of thought, the target."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from benchmarks.tvr.codec import decode_scene
from recipes.tiny.parts import CHANGED, SAME
from recipes.tiny.world import scenes
from trainers.data.records import targets
from trainers.data.render import Picture, raycast_batch

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from recipes.tiny.world import World
    from trainers.data.records import Scene

QUESTION: Final = "changed?"
BATCH: Final = 32  # scenes drawn at once


def demonstration(scene: Scene, attributes: Sequence[str]) -> str:
    """Return what a model should write: each attribute of each object before, after, and whether it changed; an answer.

    The verdict beside each pair of values is what makes the comparison learnable: without it, models of this size see
    everything rightly and go on guessing which object a new color belongs to.

    >>> from recipes.tiny.world import World, scenes
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


def row(scene: Scene, view: str, world: World, pictures: list[Any], *, name: str) -> dict[str, Any]:
    """Return one row; ``pictures`` are PIL images of before and after."""
    return {
        "id": f"{name}-{scene.idx}-{view}",
        "view": view,
        "images": pictures,
        "prompt": [{"role": "user", "content": QUESTION}],
        "completion": [{"role": "assistant", "content": demonstration(scene, world.attributes)}],
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
    device: str | None = None,
    compiled: bool | None = None,
) -> Any:
    """Return an endless data set whose scenes are drawn while training, on a GPU where there is one.

    For ``dataset_name: recipes.tiny.rows:stream`` in a recipe; ``dataset_arguments`` are the arguments.
    """
    import torch
    from datasets import IterableDataset

    from recipes.tiny.world import World

    gpu = torch.cuda.is_available()
    options = {
        "device": device or ("cuda" if gpu else "cpu"),
        "compiled": gpu if compiled is None else compiled,
    }
    lists: dict[str, Any] = {
        key: tuple(value) if isinstance(value, list) else value for key, value in (world or {}).items()
    }
    arguments = {"world": World(**lists), "views": tuple(views), "seed": seed, **options}
    # without features: with them each picture would be packed as PNG and unpacked again
    return IterableDataset.from_generator(rows, gen_kwargs=arguments)
