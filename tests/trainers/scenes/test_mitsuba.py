"""Path-traced pictures: the same bytes always, the same scenes and cameras as the ray caster. Needs Mitsuba."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from benchmarks.tvr.world import VIEWS
from trainers.scenes.render import render
from trainers.scenes.solids import bodies_of, id_map
from trainers.scenes.tvr import generate_scene

pytest.importorskip("mitsuba")
pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[3]
SCRIPT = (
    "import sys; from trainers.scenes.render import render; from trainers.scenes.tvr import generate_scene\n"
    "from trainers.scenes.mitsuba import use_threads; use_threads(int(sys.argv[1]))\n"
    "sys.stdout.buffer.write(render(generate_scene(3, 0), 'right', (48, 36), 'mitsuba', final=True).tobytes())"
)


def test_the_same_bytes_again_and_in_other_processes_with_other_threads():
    scene = generate_scene(3, 0)
    first = render(scene, "right", (48, 36), "mitsuba", final=True)
    assert first.shape == (36, 48, 3)
    assert first.dtype == np.uint8
    render(scene, "left", (48, 36), "mitsuba")
    assert render(scene, "right", (48, 36), "mitsuba", final=True).tobytes() == first.tobytes()
    for threads in ("1", "2"):
        out = subprocess.run(
            [sys.executable, "-c", SCRIPT, threads],
            capture_output=True,
            check=True,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        ).stdout
        assert out == first.tobytes()


@pytest.mark.parametrize("view", VIEWS)
def test_objects_are_where_the_id_map_has_them(view):
    """Against the same scene without objects, the picture differs at the objects (and their shadows)."""
    scene = generate_scene(3, 5)
    bodies = bodies_of(scene.initial, scene.rotations)
    assert bodies.shown.any()
    away = np.where(bodies.shown[:, None], 30, scene.initial.positions).astype(np.int32)
    empty = scene._replace(initial=scene.initial._replace(positions=away))
    with_objects = render(scene, view, (160, 120), "mitsuba").astype(int)
    without = render(empty, view, (160, 120), "mitsuba").astype(int)
    differs = np.abs(with_objects - without).max(axis=-1) > 12
    ids = id_map(bodies, scene.stage.cameras[VIEWS.index(view)], (160, 120)) >= 0
    assert differs[ids].mean() > 0.85
    far = np.ones_like(ids)
    rows, columns = np.nonzero(ids)
    far[max(0, rows.min() - 30) : rows.max() + 30, max(0, columns.min() - 40) : columns.max() + 40] = False
    assert differs[far].mean() < 0.02


def test_lamps_are_not_in_the_picture():
    """The key lamp hangs before the left camera; no pixel may be black or blown out over empty ground."""
    scene = generate_scene(3, 5)
    away = np.full_like(scene.initial.positions, 30)
    empty = scene._replace(initial=scene.initial._replace(positions=away))
    for view in VIEWS:
        image = render(empty, view, (64, 64), "mitsuba")
        assert image.min() > 30
        assert image.max() < 250
