"""Id maps and the rule of occlusion, against an oracle that walks along each ray in small steps."""

from itertools import product

import numpy as np
import pytest

from benchmarks.tvr.codec import encode_scene
from trainers.scenes.cameras import CAMERA_PLACES, frame_at, image_plane
from trainers.scenes.solids import CUBE, MIN_PIXELS, SPHERE, Sight, bodies_of, id_map
from trainers.scenes.tvr import generate_scene

CENTER = np.array(CAMERA_PLACES[0])


def thing(x, y, size="medium", shape="sphere"):
    return {"color": "red", "shape": shape, "size": size, "material": "rubber", "position": [x, y]}


def inside(bodies, index, points):
    """Whether points ``(..., 3)`` lie in a solid, from its definition."""
    x, y, z = np.moveaxis(points - [bodies.x[index], bodies.y[index], bodies.half[index]], -1, 0)
    half, turn = bodies.half[index], bodies.rotation[index]
    if bodies.shape[index] == SPHERE:
        return x**2 + y**2 + z**2 < half**2
    if bodies.shape[index] == CUBE:
        along, across = x * np.cos(turn) + y * np.sin(turn), y * np.cos(turn) - x * np.sin(turn)
        return np.maximum(np.maximum(abs(along), abs(across)), abs(z)) < half
    return (x**2 + y**2 < half**2) & (abs(z) < half)


def walked_ids(bodies, camera, size):
    """The first solid that a walk along each pixel's ray is in; -1 where it meets none."""
    frame = frame_at(camera)
    x, y = image_plane(np.arange(size[0]) + 0.5, np.arange(size[1]) + 0.5, *size)
    rays = frame.forward + x[None, :, None] * frame.right + y[:, None, None] * frame.up
    ids = np.full((size[1], size[0]), -1)
    for depth in np.arange(4, 20, 0.01):
        here = frame.origin + depth * rays
        for index in np.flatnonzero(bodies.shown):
            ids[(ids < 0) & inside(bodies, index, here)] = index
    return ids


@pytest.mark.parametrize("item", [0, 1, 2])
def test_id_map_is_what_a_walk_along_the_rays_meets(item):
    scene = generate_scene(11, item)
    bodies = bodies_of(scene.initial, scene.rotations)
    for camera in scene.stage.cameras:
        exact, walked = id_map(bodies, camera, (48, 36)), walked_ids(bodies, camera, (48, 36))
        assert (exact != walked).mean() < 0.003  # a step of the walk can jump over an edge


def test_seen_pixels_are_those_of_the_id_map():
    for item in range(20):
        scene = generate_scene(5, item)
        bodies = bodies_of(scene.final, scene.rotations)
        sight = Sight(bodies, scene.stage.cameras)
        for number, camera in enumerate(scene.stage.cameras):
            ids = id_map(bodies, camera)
            for index in np.flatnonzero(bodies.shown):
                assert sight.seen_pixels(index, number) == (ids == index).sum()


@pytest.mark.parametrize("spread", [3.0, 1.5, 0.7])
def test_what_is_well_seen_follows_from_its_pixels_however_it_is_found_out(spread):
    """The shortcuts by boxes, discs and samples never differ from counting all pixels; objects may even intersect."""
    rng = np.random.default_rng(int(10 * spread))
    counts = []
    for _ in range(50):
        scene = generate_scene(3, int(rng.integers(1000)))
        bodies = bodies_of(scene.initial, scene.rotations)._replace(
            x=rng.uniform(-spread, spread, 10), y=rng.uniform(-spread, spread, 10), shown=rng.random(10) < 0.7
        )
        # From afar and from among the objects, where some stand behind the camera or beside the image.
        cameras = scene.stage.cameras * rng.uniform(0.1, 1.4, (3, 1))
        sight = Sight(bodies, cameras)
        for index, camera in product(np.flatnonzero(bodies.shown).tolist(), range(3)):
            counts.append(sight.seen_pixels(index, camera))
            assert sight.well_seen(index, camera) == (counts[-1] >= MIN_PIXELS)
        hidden = [k for k in np.flatnonzero(bodies.shown).tolist() if not all(sight.well_seen(k, c) for c in range(3))]
        assert sight.occluded(range(10)) == (hidden[0] if hidden else None)
    assert 0.02 < np.mean(np.array(counts) < MIN_PIXELS) < 0.98
    assert min(abs(np.array(counts) - MIN_PIXELS)) <= 3  # near misses are among them


def test_a_small_object_behind_a_large_one_is_occluded_be_it_number_0_or_not():
    for order in (1, -1):
        pair = [thing(0, 0, "small"), thing(9, 0, "large")][::order]
        bodies = bodies_of(encode_scene(pair), np.zeros(10))
        small = [0, 1][::order].index(0)
        assert Sight(bodies, [CENTER]).occluded([0, 1]) == small
        assert Sight(bodies, [CENTER]).occluded([1 - small]) is None


def test_objects_outside_the_picture_hide_nothing_and_are_not_occluded():
    bodies = bodies_of(encode_scene([thing(0, 0, "small"), thing(30, 0, "large")]), np.zeros(10))
    assert Sight(bodies, [CENTER]).occluded([0, 1]) is None
    assert set(np.unique(id_map(bodies, CENTER))) == {-1, 0}


def test_the_threshold_is_upstreams_150_pixels():
    bodies = bodies_of(encode_scene([thing(0, 0, "small"), thing(-20, 20, "small")]), np.zeros(10))
    left = np.array(CAMERA_PLACES[1]) + np.array([0.5, -0.5, 0.5])  # as far as jitter takes it
    counts = [Sight(bodies, [left]).seen_pixels(index) for index in (0, 1)]
    assert counts[1] < MIN_PIXELS == 150 < counts[0]
    assert Sight(bodies, [left]).occluded([0, 1]) == 1
