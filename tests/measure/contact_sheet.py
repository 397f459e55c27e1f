"""Draw ``docs/images/contact-sheet.png``: all shapes, sizes, colours, materials and views, by both renderers.

``python -m tests.measure.contact_sheet [FILE]``. Rows: rubber, metal, glass, and a generated scene;
columns: centre, left, right by the ray caster, then by Mitsuba.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.tvr.world import COLORS, MATERIALS, SHAPES, SIZES, State
from trainers.scenes.cameras import VIEWS, nominal_stage
from trainers.scenes.render import BACKENDS, render
from trainers.scenes.tvr import Scene, generate_scene

SIZE = (176, 132)
PLACES = ((-14, -15), (-15, 1), (-13, 16), (0, -17), (-1, -5), (1, 6), (0, 17), (14, -14), (15, 1), (14, 15))


def sample(material: str) -> Scene:
    """Return ten objects of one material: all colours, shapes and sizes, the same for each material."""
    attributes = [
        (k % len(COLORS), k % len(SHAPES), (k + k // 3) % len(SIZES), MATERIALS.index(material)) for k in range(10)
    ]
    state = State(np.array(attributes, dtype=np.int8), np.array(PLACES, dtype=np.int32))
    return Scene(0, state, state, (), np.linspace(0, 1.4, 10), nominal_stage())


def main() -> None:
    """Write the sheet."""
    target = Path(sys.argv[1] if len(sys.argv) > 1 else "docs/images/contact-sheet.png")
    scenes = [*map(sample, MATERIALS), generate_scene(0, 23)]
    kinds = [(backend, view) for backend in BACKENDS for view in VIEWS]
    rows = [np.concatenate([render(scene, view, SIZE, name) for name, view in kinds], 1) for scene in scenes]
    sheet = Image.fromarray(np.concatenate(rows, 0))
    target.parent.mkdir(parents=True, exist_ok=True)
    sheet.save(target, optimize=True)
    print(f"{target}: {target.stat().st_size} bytes")


if __name__ == "__main__":
    main()
