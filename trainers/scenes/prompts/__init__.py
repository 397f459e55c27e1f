"""Every prompt and every wording: the texts are files of this folder, each with its version in its name.

===============================  ======================================================================
file                             what it is
===============================  ======================================================================
``tvr.v1.txt``                   what changed between two images of a scene (`tvr_prompt`)
``tvr-moves.v1.txt``             the same where objects also move
``multiview.v1.txt``             a question about several images, in three steps (`multiview_prompt`);
                                 of generated questions and of MindCube, SPAR-Bench and SPAR-7M
``multiview-questions.v1.yaml``  the generated questions (`trainers.scenes.multiview_questions`)
``tvr-chain.v1.yaml``            sentences of the chains of thought about TVR scenes (`trainers.scenes.chains`)
``multiview-chain.v1.yaml``      the same about multi-view scenes
===============================  ======================================================================
"""

from __future__ import annotations

from functools import lru_cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Final

from benchmarks.tvr.codec import decode_scene
from benchmarks.tvr.world import ATTRIBUTES, VALUES
from trainers.scenes.solids import bodies_of, percent_in_image

if TYPE_CHECKING:
    from collections.abc import Sequence

    from trainers.scenes.tvr import Scene

TVR: Final = "tvr.v1"
TVR_MOVES: Final = "tvr-moves.v1"
MULTIVIEW: Final = "multiview.v1"
_EXAMPLES: Final = {
    "color": "2.color.cyan",
    "shape": "2.shape.sphere",
    "size": "5.size.large",
    "material": "7.material.metal",
    "position": "4.position.front-left.2",
}


@lru_cache
def prompt_template(name: str) -> str:
    """Return a prompt of this folder by its versioned name, e.g. ``tvr.v1``."""
    return (files(__name__) / f"{name}.txt").read_text(encoding="utf-8").rstrip("\n")


@lru_cache
def wordings(name: str) -> Any:
    """Return a YAML file of this folder by its versioned name, e.g. ``tvr-chain.v1``."""
    import yaml

    return yaml.safe_load((files(__name__) / f"{name}.yaml").read_text(encoding="utf-8"))


def multiview_prompt(question: str, count: int) -> str:
    """Return the prompt that asks a question about several images in three steps.

    Args:
        question: with its options, if it has any.
        count: number of images.
    """
    return prompt_template(MULTIVIEW).format(question=question.strip(), count=count)


def tvr_prompt(scene: Scene, attributes: Sequence[str] = ATTRIBUTES, *, size: tuple[int, int] = (128, 128)) -> str:
    """Return the question about a scene; it is the same for every final view, which it does not tell.

    Args:
        scene: any scene.
        attributes: those that may change in the data set, not those that do change here.
        size: width and height of the images, which decide where an object's center is in percent.
    """
    moves = "position" in attributes
    named = [name for name in attributes if name != "position"]
    values = [f"- {name}: {', '.join(VALUES[name])}" for name in named]
    if moves:
        values.append("- position: direction.steps")
    return prompt_template(TVR_MOVES if moves else TVR).format(
        objects="\n".join(_object_lines(scene, size, hidden=moves)),
        values="\n".join(values),
        example=", ".join([_EXAMPLES[name] for name in attributes][:2]),
    )


def _object_lines(scene: Scene, size: tuple[int, int], *, hidden: bool) -> list[str]:
    """List the objects of the initial image and, where they can move in, those outside."""
    bodies = bodies_of(scene.initial, scene.rotations)
    percent = percent_in_image(bodies, scene.stage.cameras[0], size)
    lines = []
    for index, item in enumerate(decode_scene(scene.initial)):
        place = "outside"
        if bodies.shown[index]:
            place = f"at ({percent[index, 0]}, {percent[index, 1]})"
        elif not hidden:
            continue
        lines.append(f"{index}: {item['size']} {item['color']} {item['material']} {item['shape']}, {place}")
    return lines
