"""The ray caster: the same bytes always, the objects where the cameras see them, looks that differ. Needs torch."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from benchmarks.tvr.codec import encode_scene
from benchmarks.tvr.world import COLORS, MATERIALS, SHAPES, SIZES, VIEWS
from rewards.errors import ConfigError
from trainers.scenes.cameras import nominal_stage
from trainers.scenes.render import Picture, raycast_batch, render
from trainers.scenes.solids import Bodies, bodies_of, id_map
from trainers.scenes.tvr import Scene, generate_scene

torch = pytest.importorskip("torch")
from trainers.scenes.raycast import MISS, meet_all, meet_near, rays, solids_of, trace  # noqa: E402


def object_ids(solids, width, height):
    """Which object is seen at each pixel's center, ``(scenes, height, width)``; -1 for the ground."""
    hit = trace(solids.axes[0], rays(solids, width, height, (0.0, 0.0)), solids)
    which = hit.owner.to(torch.int64).argmax(dim=-2)
    return torch.where(hit.on_object[:, 0], which, -1).reshape(-1, height, width)


torch.set_num_threads(1)

ROOT = Path(__file__).parents[3]
PICTURES = [
    Picture(generate_scene(3, item), view, final) for item in range(4) for view in VIEWS for final in (False, True)
]


def single(shape="sphere", size="medium", color="red", material="rubber", *, place=(0, 0), turn=0.5):
    """A scene of one object."""
    item = {"color": color, "shape": shape, "size": size, "material": material, "position": list(place)}
    state = encode_scene([item])
    return Scene(0, state, state, (), np.full(10, turn), nominal_stage())


def test_a_picture_has_the_same_bytes_alone_in_a_batch_and_on_more_threads():
    batch = raycast_batch(PICTURES, (48, 32)).numpy()
    assert batch.shape == (24, 32, 48, 3)
    assert batch.dtype == np.uint8
    threads = torch.get_num_threads()
    some = [(*PICTURES[at], batch[at]) for at in range(0, 24, 5)]  # each view, before and after
    try:
        for count in (1, 2):
            torch.set_num_threads(count)
            for scene, view, final, expected in some:
                assert render(scene, view, (48, 32), final=final).tobytes() == expected.tobytes()
    finally:
        torch.set_num_threads(threads)


@pytest.mark.slow
def test_another_process_makes_the_same_bytes():
    script = (
        "import sys; from trainers.scenes.render import render; from trainers.scenes.tvr import generate_scene\n"
        "sys.stdout.buffer.write(render(generate_scene(3, 1), 'left', (48, 32), final=True).tobytes())"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    out = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True, env=environment).stdout
    assert out == render(generate_scene(3, 1), "left", (48, 32), final=True).tobytes()


def test_objects_are_where_the_id_map_has_them():
    for size in ((128, 128), (160, 120)):
        for scene, view, final in PICTURES[:12]:
            bodies = bodies_of(scene.final if final else scene.initial, scene.rotations)
            camera = VIEWS.index(view)
            one = Bodies(*(field[None] for field in bodies))
            solids = solids_of(one, scene.stage.cameras[[camera]], scene.stage.lamps[None])
            drawn = object_ids(solids, *size).numpy()[0]
            packed = np.append(np.argsort(~bodies.shown, kind="stable"), -1)
            exact = id_map(bodies, scene.stage.cameras[camera], size)
            assert (packed[drawn] != exact).mean() < 0.001  # float32 against float64 at edges


def test_choosing_rays_by_balls_loses_no_intersection():
    for scene, *_ in PICTURES[::6]:
        one = Bodies(*(field[None] for field in bodies_of(scene.initial, scene.rotations)))
        solids = solids_of(one, scene.stage.cameras[:1], scene.stage.lamps[None], slots=10)
        through = rays(solids, 80, 60, (0.0, 0.0))
        for origin, ray in ((solids.axes[0], through), (solids.axes[0] + 5 * through, through.roll(7, -1))):
            every = meet_all(origin - solids.place, ray, solids, solids.shown)
            assert torch.equal(meet_near(origin - solids.place, ray, solids, solids.shown), every)
            assert (every < MISS).any()


def test_a_change_is_seen_at_its_object_and_nothing_moves_elsewhere():
    red, cyan = (
        single("cylinder", color="red", place=(-14, -14)),
        single("cylinder", color="cyan", place=(-14, -14)),
    )
    one, two = render(red, size=96).astype(int), render(cyan, size=96).astype(int)
    bodies = bodies_of(red.initial, red.rotations)
    ids = id_map(bodies, red.stage.cameras[0], (96, 96)) >= 0
    differs = np.abs(one - two).max(axis=-1)
    assert differs[ids].min() > 15
    rows, columns = np.nonzero(differs)
    near = np.nonzero(ids)
    assert rows.min() >= near[0].min() - 1
    assert rows.max() <= near[0].max() + 1
    assert columns.min() >= near[1].min() - 1
    assert columns.max() <= near[1].max() + 1


def looks(scene, size=128):
    """Colors of an object's pixels: mean, darkest and brightest tenth."""
    bodies = bodies_of(scene.initial, scene.rotations)
    ids = id_map(bodies, scene.stage.cameras[0], (size, size)) >= 0
    pixels = render(scene, size=size)[ids].astype(float)
    order = pixels.sum(axis=-1).argsort()
    tenth = max(1, len(order) // 10)
    return np.concatenate(
        [pixels.mean(axis=0), pixels[order[:tenth]].mean(axis=0), pixels[order[-tenth:]].mean(axis=0)]
    )


@pytest.mark.slow
@pytest.mark.parametrize(("shape", "size"), list(zip(SHAPES, SIZES, strict=True)))  # each shape and each size once
def test_colors_and_materials_are_told_apart_at_128_pixels(shape, size):
    """The nearest looks, seen at one place, of an object seen at another place have its color and material."""
    kinds = [(color, material) for color in COLORS for material in MATERIALS]
    known = np.stack([looks(single(shape, size, *kind)) for kind in kinds])
    wrong = []
    for place, turn in (((6, -9), 1.1), ((-8, 7), 0.2)):
        for kind in kinds:
            seen = looks(single(shape, size, *kind, place=place, turn=turn))
            found = kinds[int(((known - seen) ** 2).sum(axis=-1).argmin())]
            if found != kind:
                wrong.append((kind, found))
    assert len(wrong) <= 2, wrong


def test_sizes_and_shapes_are_told_apart_by_their_outlines():
    areas = {}
    for shape in SHAPES:
        for size in SIZES:
            scene = single(shape, size)
            areas[shape, size] = (id_map(bodies_of(scene.initial, scene.rotations), scene.stage.cameras[0]) >= 0).sum()
    for shape in SHAPES:
        assert areas[shape, "large"] > 2 * areas[shape, "medium"] > 6 * areas[shape, "small"]


def test_shadows_fall_on_the_ground_and_glass_throws_lighter_ones():
    empty = render(single(place=(30, 30)), size=96).astype(int)
    dark = {}
    for material in ("rubber", "glass"):
        scene = single(size="large", material=material, color="gray")
        ground = id_map(bodies_of(scene.initial, scene.rotations), scene.stage.cameras[0], (96, 96)) < 0
        shade = (empty - render(scene, size=96).astype(int)).sum(axis=-1)
        dark[material] = shade[ground].clip(min=0).sum()
        assert shade[ground].max() > 20
    assert dark["glass"] < 0.75 * dark["rubber"]


def test_drafts_are_like_the_finished_picture():
    fine = raycast_batch(PICTURES[:3], 64).numpy().astype(int)
    draft = raycast_batch(PICTURES[:3], 64, samples=1).numpy().astype(int)
    assert 0 < np.abs(fine - draft).mean() < 4


def test_a_scene_without_visible_objects_can_be_drawn():
    image = render(single(place=(30, 30)), size=32)
    assert image.std() > 0


@pytest.mark.parametrize(
    ("options", "text"),
    [({"view": "up"}, "'up'"), ({"size": (0, 5)}, "0 x 5"), ({"backend": "blender"}, "'blender'")],
)
def test_impossible_pictures_are_refused(options, text):
    with pytest.raises(ConfigError, match=text):
        render(single(), **options)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
def test_a_gpu_draws_the_same_up_to_rounding():
    here = raycast_batch(PICTURES, 96).numpy().astype(int)
    for compiled in (False, True):
        there = raycast_batch(PICTURES, 96, device="cuda", compiled=compiled).cpu().numpy().astype(int)
        assert (np.abs(here - there).max(axis=-1) > 3).mean() < 0.002
