"""The state of the TVR world: vocabulary, moves, visibility, overlap, differences."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.tvr.codec import decode_scene, encode_scene, encode_scenes
from benchmarks.tvr.world import (
    ABSENT,
    ATTRIBUTES,
    N_OBJECTS,
    PAIR_CODE,
    PAIR_MOVE,
    PAIRS,
    RADII,
    SIZES,
    VALUES,
    State,
    apply,
    differences,
    in_world,
    move_options,
    move_type,
    overlaps,
    present,
    visible,
)
from rewards.errors import DataError

coordinates = st.integers(-40, 40)
scene_objects = st.lists(
    st.fixed_dictionaries(
        {name: st.sampled_from(VALUES[name]) for name in ATTRIBUTES}
        | {"position": st.lists(coordinates, min_size=2, max_size=2)}
    ),
    min_size=1,
    max_size=N_OBJECTS,
)


def thing(position=(0, 0), **values):
    return {
        "color": "red",
        "shape": "cube",
        "size": "small",
        "material": "glass",
        **values,
        "position": position,
    }


def test_pairs_are_numbered_as_upstream_numbers_them():
    assert len(PAIRS) == 33
    assert PAIRS[0] == ("color", "gray")
    assert PAIRS[8] == ("material", "rubber")
    assert PAIRS[11] == ("position", "front.1")
    assert PAIRS[26] == ("position", "behind-right.2")
    assert PAIRS[27] == ("shape", "cube")
    assert PAIRS[32] == ("size", "small")


@pytest.mark.parametrize(
    ("value", "move"),
    [
        ("behind.1", (10, 0)),
        ("front.2", (-20, 0)),
        ("right.2", (0, 20)),
        ("left.1", (0, -10)),
        ("behind-right.1", (10, 10)),
        ("front-left.2", (-20, -20)),
        ("front-right.1", (-10, 10)),
        ("behind-left.1", (10, -10)),
    ],
)
def test_moves(value, move):
    assert tuple(PAIR_MOVE[PAIR_CODE["position", value]]) == move


def test_visibility_and_world_include_their_borders():
    places = np.array([[20, -20], [21, 0], [0, -21], [40, 40], [41, 0], [0, -41]])
    assert visible(places).tolist() == [True, False, False, False, False, False]
    assert in_world(places).tolist() == [True, True, True, True, False, False]


@given(scene_objects)
def test_a_scene_survives_encoding(objects):
    scene = encode_scene(objects)
    assert scene.attributes.shape == (10, 4)
    assert scene.positions.shape == (10, 2)
    assert decode_scene(scene) == objects
    assert present(scene).sum() == len(objects)


@given(scene_objects, st.data())
def test_apply_changes_one_cell_and_nothing_else(objects, data):
    scene = encode_scene(objects)
    index = data.draw(st.integers(0, len(objects) - 1))
    name, value = data.draw(st.sampled_from(PAIRS))
    before = State(scene.attributes.copy(), scene.positions.copy())
    after = decode_scene(apply(scene, index, PAIR_CODE[name, value]))
    assert (before.attributes == scene.attributes).all()
    assert (before.positions == scene.positions).all()
    expected = [dict(item) for item in objects]
    if name == "position":
        dx, dy = PAIR_MOVE[PAIR_CODE[name, value]].tolist()
        x, y = expected[index]["position"]
        expected[index]["position"] = [x + dx, y + dy]
    else:
        expected[index][name] = value
    assert after == expected


def test_apply_takes_a_batch():
    scenes = encode_scenes([[thing((0, 0)), thing((9, 9))]] * 3)
    after = apply(scenes, [0, 1, 1], [PAIR_CODE["color", "blue"], PAIR_CODE["position", "left.1"], 0])
    assert [decode_scene(State(*parts))[1]["position"] for parts in zip(*after, strict=True)] == [
        [9, 9],
        [9, -1],
        [9, 9],
    ]
    assert after.attributes[:, :2, 0].tolist() == [[2, 1], [1, 1], [1, 0]]


@given(scene_objects)
def test_overlap_is_the_gap_rule(objects):
    scene = encode_scene(objects)
    radius = dict(zip(SIZES, RADII, strict=True))
    for one, a in enumerate(objects):
        near = [
            (a["position"][0] - b["position"][0]) ** 2 + (a["position"][1] - b["position"][1]) ** 2
            < (radius[a["size"]] + radius[b["size"]] + 1) ** 2
            for other, b in enumerate(objects)
            if other != one
        ]
        assert bool(overlaps(scene, one)) == any(near)


def test_two_objects_may_stand_exactly_at_the_gap():
    scenes = encode_scenes([[thing((0, 0)), thing((5, 0))], [thing((0, 0)), thing((4, 2))]])
    assert overlaps(scenes, [0, 1]).tolist() == [False, True]


CELLS = {
    "same visible cell": ((3, 4), (3, 4), False),
    "another visible cell": ((3, 4), (3, 5), True),
    "both hidden, elsewhere": ((30, 0), (0, 30), False),
    "reference visible, state hidden": ((30, 0), (3, 4), True),
    "reference hidden, state visible": ((3, 4), (30, 0), True),
    "state outside the world": ((41, 0), (30, 0), True),
    "both outside the world": ((41, 0), (41, 0), True),
}


@pytest.mark.parametrize(("place", "reference", "differs"), CELLS.values(), ids=CELLS)
def test_position_rule(place, reference, differs):
    cells = differences(encode_scene([thing(place)]), encode_scene([thing(reference)]))
    assert cells.shape == (10, 5)
    assert cells.sum() == int(differs)
    assert bool(cells[0, 4]) == differs


def test_each_differing_attribute_counts():
    cells = differences(encode_scene([thing(color="blue", size="large")]), encode_scene([thing()]))
    assert np.argwhere(cells).tolist() == [[0, 0], [0, 2]]


@pytest.mark.parametrize(
    ("before", "after", "kind"),
    [
        ((0, 0), (10, 0), "inner"),
        ((20, 0), (30, 0), "out"),
        ((30, 0), (20, 0), "in"),
        ((30, 0), (40, 0), None),
        ((20, 0), (41, 0), None),
    ],
)
def test_move_types(before, after, kind):
    assert move_type(np.array(before), np.array(after)) == kind


def test_options_of_a_move_out_agree_with_a_released_sample():
    released = [("behind", 2), ("right", 1), ("right", 2), ("behind-right", 1), ("behind-right", 2)]
    released += [("behind-left", 2), ("front-right", 1), ("front-right", 2)]
    assert move_options(np.array([9, 12]), "front-right.2") == released


FAULTS = {
    "row 1: objects[0].color 'cyna' is not a color (did you mean 'cyan'?)": [thing(color="cyna")],
    "row 1: objects[1].size 3 is not a size (one of large, medium, small)": [thing(), thing(size=3)],
    "row 1: objects is not a list of 1 to 10 objects": [],
    "row 1: objects[0].position [1] is not two integers (grid units of 0.15)": [thing([1])],
    "row 1: objects[0].position [0.5, 1] is not two integers (grid units of 0.15)": [thing([0.5, 1])],
    "row 1: objects[0].position ['1', '2'] is not two integers (grid units of 0.15)": [thing(["1", "2"])],
    "row 1: objects[0].position [nan, 0] is not two integers (grid units of 0.15)": [thing([float("nan"), 0])],
    "row 1: objects[0].position None is not two integers (grid units of 0.15)": [thing(None)],
    "row 1: objects[0] is not an object with the keys color, shape, size, material, position": [{}],
}


@pytest.mark.parametrize(("message", "scene"), FAULTS.items(), ids=[str(k) for k in range(len(FAULTS))])
def test_a_wrong_scene_is_named(message, scene):
    with pytest.raises(DataError) as caught:
        encode_scenes([[thing((1.0, 2.0))], scene])
    assert str(caught.value) == message


def test_more_than_ten_objects_are_refused():
    with pytest.raises(DataError, match="1 to 10 objects"):
        encode_scenes([[thing()] * 11])


def test_absent_objects_touch_nothing():
    scene = encode_scene([thing((0, 0))])
    assert (scene.attributes[1:] == ABSENT).all()
    assert not overlaps(scene, 0)
    assert not visible(scene.positions)[1:].any()
    assert not differences(scene, scene).any()


def test_no_scenes_at_all():
    assert encode_scenes([]).positions.shape == (0, 10, 2)
