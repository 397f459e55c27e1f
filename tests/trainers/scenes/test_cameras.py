"""The cameras: axes, projection and its inverse, jitter."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.tvr.world import VIEWS
from trainers.scenes.cameras import (
    CAMERA_JITTER,
    CAMERA_PLACES,
    LAMP_JITTER,
    frame_at,
    image_plane,
    jittered_stage,
    nominal_stage,
    pixel_pitch,
    project,
)

places = st.tuples(st.floats(6, 12), st.floats(-8, 8), st.floats(0.5, 9)).map(np.array)
points = st.tuples(st.floats(-3, 3), st.floats(-3, 3), st.floats(0, 2)).map(np.array)


@given(places)
def test_axes_are_orthonormal_upright_and_towards_the_origin(place):
    frame = frame_at(place)
    axes = np.stack([frame.right, frame.up, frame.forward])
    np.testing.assert_allclose(axes @ axes.T, np.eye(3), atol=1e-12)
    assert frame.right[2] == 0
    assert frame.up[2] > 0
    np.testing.assert_allclose(np.cross(place, frame.forward), 0, atol=1e-9)
    np.testing.assert_allclose(np.cross(frame.right, frame.up), -frame.forward, atol=1e-12)


@given(places, points, st.sampled_from([(320, 240), (128, 128), (90, 160)]))
def test_projection_and_image_plane_are_inverse(place, point, size):
    frame = frame_at(place)
    (x, y), depth = project(point, frame, *size)
    across, upwards = image_plane(x, y, *size)
    found = frame.origin + depth * (frame.forward + across * frame.right + upwards * frame.up)
    np.testing.assert_allclose(found, point, atol=1e-9)


def test_the_angle_of_view_is_blenders():
    for width, height in [(320, 240), (128, 128), (240, 320)]:
        half = max(width, height) / 2 * pixel_pitch(width, height)
        assert 2 * np.degrees(np.arctan(half)) == pytest.approx(49.13, abs=0.01)


def test_plus_x_is_down_and_plus_y_right_in_the_centre_picture():
    frame = frame_at(np.array(CAMERA_PLACES[0]))
    middle = project(np.zeros(3), frame, 320, 240)[0]
    np.testing.assert_allclose(middle, [160, 120])
    nearer = project(np.array([1.5, 0, 0]), frame, 320, 240)[0]
    aside = project(np.array([0, 1.5, 0]), frame, 320, 240)[0]
    assert nearer[0] == pytest.approx(160)
    assert nearer[1] > middle[1]
    assert aside[0] > middle[0]
    assert aside[1] == pytest.approx(120)


def test_left_and_right_cameras_mirror_each_other_at_41_degrees():
    left, right = (np.array(CAMERA_PLACES[VIEWS.index(view)]) for view in ("left", "right"))
    np.testing.assert_allclose(left * [1, -1, 1], right)
    assert np.degrees(np.arctan2(right[1], right[0])) == pytest.approx(41, abs=0.1)


def test_jitter_is_uniform_within_its_bounds():
    rng = np.random.default_rng(0)
    stages = [jittered_stage(rng) for _ in range(400)]
    nominal = nominal_stage()
    for field, bound in (("cameras", CAMERA_JITTER), ("lamps", LAMP_JITTER)):
        shift = np.stack([getattr(stage, field) - getattr(nominal, field) for stage in stages]) / bound
        assert np.abs(shift).max() <= 1
        assert np.abs(shift).max() > 0.99
        assert np.abs(shift.mean(axis=0)).max() < 0.15
        np.testing.assert_allclose(shift.std(axis=0), 1 / np.sqrt(3), atol=0.06)
