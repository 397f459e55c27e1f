from collections import Counter
from itertools import islice

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.tvr.codec import decode_scene
from benchmarks.tvr.world import ATTRIBUTES, PAIRS, VALUES, apply, overlaps, present, visible
from recipes.tiny.world import World, demonstration, is_held_out, scenes, target
from rewards import score_completion
from rewards.errors import ConfigError
from trainers.scenes.cameras import frame_at, project
from trainers.scenes.solids import bodies_of

SMALL = World(objects=(3, 6), changes=(1, 4), attributes=ATTRIBUTES, distance=0.8, spacing=7.0, depth=13.0)
WORLDS = [World(), SMALL]


@pytest.mark.parametrize("world", WORLDS, ids=["tiny", "small"])
@settings(max_examples=15)
@given(seed=st.integers(0, 2**31), held_out=st.booleans())
def test_scenes_are_as_declared(world, seed, held_out):
    for scene in islice(scenes(world, seed, held_out=held_out), 8):
        count = int(present(scene.initial).sum())
        assert world.objects[0] <= count <= world.objects[1]
        assert world.changes[0] <= len(scene.changes) <= world.changes[1]
        assert visible(scene.initial.positions[:count]).all()
        assert not any(overlaps(scene.initial, index) for index in range(count))
        state = scene.initial
        for change in scene.changes:
            assert change.obj_idx < count
            assert PAIRS[change.pair][0] in world.attributes
            after = apply(state, change.obj_idx, change.pair)
            assert (after.attributes != state.attributes).sum() == 1
            state = after
        assert (state.attributes == scene.final.attributes).all()
        assert is_held_out(scene) == held_out


@pytest.mark.parametrize("world", WORLDS, ids=["tiny", "small"])
def test_objects_are_numbered_from_left_to_right(world):
    for scene in islice(scenes(world, 3), 64):
        bodies, count = bodies_of(scene.initial, scene.rotations), int(present(scene.initial).sum())
        centers = np.stack([bodies.x, bodies.y, bodies.half], axis=-1)[:count]
        pixels, _ = project(centers, frame_at(scene.stage.cameras[0]), 100, 100)
        assert (np.diff(pixels[:, 0]) > 0).all()


def test_no_combination_is_trained_on_and_tested():
    def combinations(held_out):
        found = islice(scenes(World(), 0, held_out=held_out), 400)
        return {scene.initial.attributes.tobytes() + scene.final.attributes.tobytes() for scene in found}

    assert not combinations(False) & combinations(True)


def test_parts_and_seeds_give_other_scenes():
    def first(**options):
        return next(scenes(World(), **options)).initial.attributes.tobytes()

    assert first(seed=1) == first(seed=1)
    assert len({first(seed=1), first(seed=2), first(seed=1, part=1), first(seed=1, held_out=True)}) >= 3


@pytest.mark.parametrize("world", WORLDS, ids=["tiny", "small"])
def test_demonstrations_are_right(world):
    for scene in islice(scenes(world, 5), 32):
        score = score_completion(demonstration(scene, world.attributes), target(scene))
        assert score.correct
        assert score.fault is None
        assert score.total == 1 + 5 * len(scene.changes)


def test_the_best_blind_guess():
    """Who sees only the first picture is right in at most 12.5 %: says that a shape changed, and guesses which of two."""
    count = 500
    right = Counter()
    for scene in islice(scenes(World(), 0, held_out=True), count):
        (change,) = scene.changes
        attribute, value = PAIRS[change.pair]
        old = decode_scene(scene.initial)[change.obj_idx][attribute]
        others = [each for each in VALUES[attribute] if each != old]
        right[change.obj_idx, attribute, others.index(value)] += 1
    share = max(right.values()) / count
    assert abs(share - 0.125) < 4 * (0.125 * 0.875 / count) ** 0.5
    assert max(right, key=right.get)[1] == "shape"


@pytest.mark.parametrize(
    "options", [{"objects": (2, 1)}, {"objects": (0, 2)}, {"changes": (1, 5)}, {"attributes": ("mood",)}]
)
def test_impossible_worlds(options):
    with pytest.raises(ConfigError):
        World(**options)


@pytest.mark.parametrize("name", ["recipes.tiny.world", "recipes.evidence.questions"])
def test_a_stream_that_is_shuffled_as_trl_does_shows_each_scene_once(name):
    """`datasets` reads several streams at once to shuffle: they must not be the same one."""
    pytest.importorskip("torch")
    pytest.importorskip("datasets")
    from importlib import import_module

    made = {"recipes.tiny.world": {"drawn": False}, "recipes.evidence.questions": {"world": {"spacing": 12.0}}}[name]
    rows = import_module(name).stream(seed=1, block=16, **made).shuffle(seed=0)
    seen = [row["id"] for row in islice(iter(rows), 400)]
    assert len(set(seen)) == len(seen)


@pytest.mark.parametrize("shuffled", [False, True])
def test_few_blocks_come_equally_often(shuffled):
    pytest.importorskip("datasets")
    from recipes.tiny.world import stream

    rows = stream(seed=1, block=4, blocks=6, drawn=False)
    seen = Counter(row["id"] for row in islice(iter(rows.shuffle(seed=0) if shuffled else rows), 2400))
    assert len(seen) == 24
    assert min(seen.values()) > 60
