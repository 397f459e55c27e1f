"""Id maps and the rule of occlusion, against an oracle that walks along each ray in small steps."""

import numpy as np
import pytest

from benchmarks.tvr.codec import encode_scene
from trainers.data.bodies import CUBE, SPHERE, bodies_of
from trainers.data.cameras import CAMERA_PLACES, frame_at, image_plane
from trainers.data.occlusion import MIN_PIXELS, id_map, occluded, seen_pixels
from trainers.data.scenes import generate_scene

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
        for camera in scene.stage.cameras:
            ids = id_map(bodies, camera)
            for index in np.flatnonzero(bodies.shown):
                assert seen_pixels(bodies, index, camera) == (ids == index).sum()


def test_a_small_object_behind_a_large_one_is_occluded_be_it_number_0_or_not():
    for order in (1, -1):
        pair = [thing(0, 0, "small"), thing(9, 0, "large")][::order]
        bodies = bodies_of(encode_scene(pair), np.zeros(10))
        small = [0, 1][::order].index(0)
        assert occluded(bodies, [0, 1], [CENTER]) == small
        assert occluded(bodies, [1 - small], [CENTER]) is None


def test_objects_outside_the_picture_hide_nothing_and_are_not_occluded():
    bodies = bodies_of(encode_scene([thing(0, 0, "small"), thing(30, 0, "large")]), np.zeros(10))
    assert occluded(bodies, [0, 1], [CENTER]) is None
    assert set(np.unique(id_map(bodies, CENTER))) == {-1, 0}


def test_the_threshold_is_upstreams_150_pixels():
    bodies = bodies_of(encode_scene([thing(0, 0, "small"), thing(-20, 20, "small")]), np.zeros(10))
    left = np.array(CAMERA_PLACES[1]) + np.array([0.5, -0.5, 0.5])  # as far as jitter takes it
    counts = [seen_pixels(bodies, index, left) for index in (0, 1)]
    assert counts[1] < MIN_PIXELS == 150 < counts[0]
    assert occluded(bodies, [0, 1], [left]) == 1
