"""Ring scenes and their questions: true by the cameras, answerable from all images, from no single one."""

import json
import re
from collections import Counter
from itertools import combinations, permutations

import numpy as np
import pytest
from PIL import Image

from benchmarks.tvr.world import GRID_UNIT, overlaps
from rewards.errors import ConfigError, DataError
from rewards.functions import multiview_reward
from rewards.score import score_completion
from trainers.data.generate import GenerationSettings, generate
from trainers.data.training_rows import read_training_rows
from trainers.scenes.cameras import frame_at, project
from trainers.scenes.multiview import (
    DIRECTIONS,
    PAIR,
    direction_from_middle,
    distance_to_camera,
    multiview_scene,
    seen_in,
    view_relations,
)
from trainers.scenes.multiview_questions import (
    KINDS,
    MARGIN,
    MOVES,
    TURNS,
    after_turn,
    camera_move,
    multiview_item,
    question_texts,
)
from trainers.scenes.records import multiview_record, multiview_row, read_multiview_record
from trainers.scenes.render import draw_views
from trainers.scenes.show import read_sample, show_sample
from trainers.scenes.solids import id_map

SIZE = (320, 320)


@pytest.fixture(scope="module")
def items():
    return [multiview_item(3, index) for index in range(60)]


def pixels_and_depths(scene, view):
    bodies = scene.bodies()
    centres = np.stack([bodies.x, bodies.y, bodies.half], axis=-1)[: len(scene.names)]
    return project(centres, frame_at(scene.stage.cameras[view]), *SIZE)


# Scenes


def test_each_image_shows_what_it_is_said_to_show_and_nothing_else(items):
    for scene, _ in items[:12]:
        assert len(set(scene.names)) == len(scene.names)
        for view, camera in enumerate(scene.stage.cameras):
            xy, depth = pixels_and_depths(scene, view)
            inside = [i for i in range(len(scene.names)) if depth[i] > 0 and (abs(xy[i] - 160) < 160).all()]
            assert tuple(inside) == tuple(sorted(seen_in(scene, view)))
            counts = Counter(id_map(scene.bodies(), camera, (320, 240)).ravel().tolist())
            assert set(counts) == {-1, *inside}  # what stands behind the camera is in no picture
            assert min(counts.values()) >= 150


def test_objects_keep_the_gap_of_the_world(items):
    for scene, _ in items:
        assert not any(overlaps(scene.state, index) for index in range(len(scene.names)))
        away = np.hypot(*(scene.state.positions[:, None] * GRID_UNIT - scene.stage.cameras[:, :2]).T)
        assert away.min() > 0.9  # no camera stands in an object


def test_relations_are_true_by_the_pictures(items):
    """By where the centres fall in the picture and how deep they lie, not by the ground plane that the code uses."""
    for scene, _ in items:
        for view in range(len(scene.quarters)):
            xy, depth = pixels_and_depths(scene, view)
            place = {name: (xy[k, 0], depth[k]) for k, name in enumerate(scene.names)}
            relations = view_relations(scene, view)
            pairs = {frozenset(triplet[:2]) for triplet in relations}
            assert pairs == {frozenset(two) for two in combinations([scene.names[k] for k in seen_in(scene, view)], 2)}
            for one, other, relation in relations:
                (x, z), (other_x, other_z) = place[one], place[other]
                match relation:
                    case "left":
                        assert x < other_x - 20
                    case "right":
                        assert x > other_x + 20
                    case "in front of":
                        assert z < other_z - 0.5
                    case "behind":
                        assert z > other_z + 0.5


def test_relation_labels_are_balanced(items):
    """A relation that is always the same is no label: of the pair, and of what shares an image with it, all four occur."""
    pair, across = Counter(), Counter()
    for scene, _ in items:
        for view in range(len(scene.quarters)):
            first, *others = view_relations(scene, view)
            assert set(first[:2]) == set(scene.names[:2])
            pair[first.relation] += 1
            across.update(triplet.relation for triplet in others)
    for counts in (pair, across):
        assert set(counts) == {"left", "right", "in front of", "behind"}
        share = [count / counts.total() for count in counts.values()]
        assert min(share) > 0.2
        assert max(share) < 0.3


WALKING_RIGHT = {"in front of": 0, "left": 1, "behind": 2, "right": 3}
"""How the first of the pair stands to the second, from each side in turn."""


def test_the_pair_tells_from_which_side_an_image_was_taken(items):
    for scene, _ in items:
        sides = [WALKING_RIGHT[view_relations(scene, view)[0].relation] for view in range(len(scene.quarters))]
        assert [(side - sides[0]) % 4 for side in sides] == [(q - scene.quarters[0]) % 4 for q in scene.quarters]


def test_directions_from_the_middle_go_by_quarters(items):
    for scene, _ in items:
        for view, quarter in enumerate(scene.quarters):
            for index, slot in enumerate(scene.slots):
                if slot is not None:
                    assert direction_from_middle(scene, view, index) == DIRECTIONS[(slot - quarter) % 4]


def test_a_turn_is_what_a_body_does():
    for direction in DIRECTIONS:
        assert after_turn(after_turn(direction, "left"), "right") == direction
        assert after_turn(direction, "round") == after_turn(after_turn(direction, "left"), "left")
    assert after_turn("left", "left") == "in front"
    assert after_turn("in front", "right") == "left"


# Questions


def ring_class(slot, quarter):
    """Distance from a camera: the pair in the middle, else by the direction."""
    return {0: 1.3, 1: 7.0, 2: 10.0, 3: 7.0}[(slot - quarter) % 4] if slot is not None else 4.3


def answers(scene, question, quarters):
    """Return the answer as text that the question would have if the images were taken from other sides."""
    slots = [None, None, *((quarter + 2) % 4 for quarter in quarters)]
    texts = question_texts()
    at = quarters[question.view]
    if question.kind == "moved":
        steps = (quarters[question.last] - at) % 4
        return texts["moves"][{steps: name for name, steps in MOVES.items()}[steps]]
    if question.kind == "closer":
        one, other = (ring_class(slots[index], at) for index in question.objects)
        return "yes" if one < other else "no"
    heading = at + TURNS.get(question.turn, 0)
    if question.options[0] in scene.names:
        wanted = (heading + DIRECTIONS.index(question.direction)) % 4
        return next((name for name, slot in zip(scene.names, slots, strict=True) if slot == wanted), None)
    return texts["directions"][DIRECTIONS[(slots[question.objects[0]] - heading) % 4]]


def answer_text(question):
    return question.answer if question.options is None else question.options["ABCD".index(question.answer)]


def test_answers_follow_from_where_the_images_were_taken(items):
    for scene, question in items:
        assert answers(scene, question, scene.quarters) == answer_text(question)


def test_answers_follow_from_the_relations_of_all_images_together(items):
    """So that they can be told from the images alone."""
    for scene, question in items:
        row = multiview_row(0, scene, question)
        sides = [WALKING_RIGHT[view[0][2]] for view in row["relations"]]
        assert answers(scene, question, sides) == answer_text(question)


def test_no_single_image_settles_a_question(items):
    for scene, question in items:
        for known in range(len(scene.quarters)):
            others = [q for q in range(4) if q != scene.quarters[known]]
            possible = set()
            for drawn in permutations(others, len(scene.quarters) - 1):
                quarters = list(drawn)
                quarters.insert(known, scene.quarters[known])
                possible.add(answers(scene, question, quarters))
            assert len(possible - {None}) > 1, question


def test_what_is_asked_about_is_not_in_the_image_from_which_it_is_asked(items):
    for scene, question in items:
        if question.kind == "moved":
            assert question.last != question.view
        elif question.kind == "closer":
            across = seen_in(scene, question.view)[-1]
            assert across not in question.objects  # it is the farthest of all, wherever the others are
            assert not set(question.objects) <= set(PAIR)
        else:
            assert question.objects[0] not in seen_in(scene, question.view)
            assert question.objects[0] not in PAIR


def test_the_place_of_the_image_alone_says_nothing_about_what_is_closer():
    """A policy that sees the image and guesses where the rest is: the pair is the closer one in half of the cases."""
    asked = [multiview_item(2, index) for index in range(3, 603, 5)]
    with_pair = [(scene, question) for scene, question in asked if set(question.objects) & set(PAIR)]
    closer = Counter(
        (question.objects[0] if question.answer == "yes" else question.objects[1]) in PAIR for _, question in with_pair
    )
    assert len(with_pair) > len(asked) / 2
    assert closer[True] / closer.total() == pytest.approx(0.5, abs=0.1)


def test_closer_is_closer_by_a_margin(items):
    for scene, question in items:
        if question.kind == "closer":
            one, other = (distance_to_camera(scene, question.view, index) for index in question.objects)
            far, near = max(one, other), min(one, other)
            assert far >= MARGIN * near
            assert question.answer == ("yes" if one < other else "no")


def test_kinds_and_places_of_answers_are_balanced(items):
    assert Counter(question.kind for _, question in items) == dict.fromkeys(KINDS, 12)
    by_kind = {kind: Counter(q.answer for _, q in items if q.kind == kind) for kind in KINDS}
    assert by_kind["where"] == by_kind["moved"] == {"A": 4, "B": 4, "C": 4}
    assert by_kind["closer"] == {"yes": 6, "no": 6}
    assert min(by_kind["turned"].values()) >= 2
    assert max(by_kind["beside"].values()) <= 4
    assert {len(scene.quarters) for scene, _ in items} == {2, 3, 4}
    assert {len(scene.quarters) for scene, q in items if q.kind in ("beside", "closer")} == {3, 4}


def test_every_option_can_be_right(items):
    """No option is one that a policy without a look at the images could leave out."""
    directions = Counter(
        (question.turn, question.direction) for _, question in items if question.kind in ("where", "turned")
    )
    for scene, question in items:
        if question.options is None:
            continue
        assert len(set(question.options)) == len(question.options) >= 2
        assert answer_text(question) in question.options
        if question.kind in ("where", "turned") and question.options[0] not in scene.names:
            straight = question_texts()["directions"][after_turn("in front", question.turn)]
            assert straight not in question.options
    assert {direction for turn, direction in directions if turn is None} == {"left", "right", "behind"}


def test_an_item_depends_on_its_seed_and_number_only():
    for index in (0, 4, 13):
        first, again = multiview_item(3, index), multiview_item(3, index)
        assert json.dumps(multiview_record(index, *first)) == json.dumps(multiview_record(index, *again))
    assert multiview_item(3, 4)[1].text != multiview_item(4, 4)[1].text
    assert multiview_scene(0, 1, (0, 1)).names != multiview_scene(0, 2, (0, 1)).names


# Files


def test_a_record_is_read_back(items):
    for index, (scene, question) in enumerate(items[:10]):
        record = json.loads(json.dumps(multiview_record(index, scene, question)))
        found, asked = read_multiview_record(record)
        assert asked == question
        assert multiview_row(index, found, asked) == multiview_row(index, scene, question)
        assert json.dumps(multiview_record(index, found, asked)) == json.dumps(record)


@pytest.mark.parametrize(
    ("broken", "text"),
    [
        ({"question": None}, "question: "),
        ({"question": {"kind": "where"}}, "question.text: "),
        ({"cameras": [[1, 2, 3]]}, "cameras and quarters, are not equally many"),
        ({"cameras": [[1, 2, float("nan")]]}, "cameras[0][2]: should be a finite number, not nan"),
        ({"names": []}, "objects, names and slots"),
        ({"objects": [{"rotation": 1}]}, "objects, names and slots"),
        ({"objects": [{}]}, "objects[0].rotation: Field required"),
        (
            {"objects": [{"rotation": 1}], "names": ["x"], "slots": [None]},
            "objects[0] is not an object with the keys color",
        ),
        ({"quarters": [4]}, "quarters[0]: should be less than 4, not 4"),
        ({"lamps": {"Lamp_Key": [0, 0, 1]}}, "lamps: there is no Lamp_Back"),
    ],
)
def test_a_wrong_record_is_named_with_its_key(items, broken, text):
    with pytest.raises(DataError, match=re.escape(text)):
        read_multiview_record(multiview_record(0, *items[0]) | broken)
    with pytest.raises(DataError, match="no record of a multi-view question: "):
        read_multiview_record({})


def test_the_oracle_earns_the_whole_reward(items):
    for index, (scene, question) in enumerate(items):
        row = multiview_row(index, scene, question)
        lines = [
            f"View {k}: " + " ".join(f"[{', '.join(triplet)}]" for triplet in view)
            for k, view in enumerate(row["relations"], 1)
        ]
        completion = "<think>" + "\n".join(lines) + f"</think><answer>{row['target']}</answer>"
        gold = {name: row[name] for name in ("options", "references", "relations")}
        for weight in (0.0, 0.5, 1.0):
            score = score_completion(completion, row["target"], task="multiview", relation_weight=weight, **gold)
            assert dict(score.parts) == {"format": 0.0, "answer": 1.0, "reference": 0.5}
        assert multiview_reward([completion], **{k: [v] for k, v in gold.items()}, target=[row["target"]]) == [1.5]


def test_a_data_set_of_questions_is_written(tmp_path):
    data = generate(tmp_path / "set", GenerationSettings(count=10, seed=1, task="multiview"))
    rows = [json.loads(line) for line in (tmp_path / "set" / "metadata.jsonl").read_text("utf-8").splitlines()]
    records = [json.loads(line) for line in data.read_text("utf-8").splitlines()]
    assert [row["idx"] for row in rows] == [record["idx"] for record in records] == list(range(10))
    assert "images_file_names" not in rows[0]
    card = json.loads((tmp_path / "set" / "card.json").read_text("utf-8"))
    assert card["rows"] == 10
    assert card["categories"] == dict.fromkeys(sorted(KINDS), 2)
    assert card["relation_weight"] == 0.5
    assert card["blind_reference_reward"]["all"]["copying"] < 0.5 < card["blind_reference_reward"]["all"]["everything"]
    for record, row in zip(records, rows, strict=True):
        assert row["target"] == read_multiview_record(record)[1].answer
    assert [row["target"] for _, row in read_training_rows(tmp_path / "set")] == [row["target"] for row in rows]


def test_settings_of_tvr_are_refused():
    with pytest.raises(ConfigError, match="views, attributes and repeats are settings of tvr"):
        GenerationSettings(count=1, task="multiview", views=("left",))
    with pytest.raises(
        ConfigError, match="task: should be 'tvr', 'multiview', 'cogmap', 'trajectory' or 'route', not 'three'"
    ):
        GenerationSettings(count=1, task="three")


def test_images_show_the_scene(tmp_path):
    pytest.importorskip("torch")
    scene, _ = multiview_item(0, 2)
    images = draw_views(scene, (64, 64))
    assert len(images) == len(scene.quarters)
    assert all(image.shape == (64, 64, 3) for image in images)
    for view, image in enumerate(images):
        xy, _ = pixels_and_depths(scene, view)
        for index in seen_in(scene, view):
            column, row = (xy[index] / 320 * 64).astype(int)
            around = image[max(row - 1, 0) : row + 2, column - 1 : column + 2].reshape(-1, 3).astype(int)
            corner = image[60:, :4].reshape(-1, 3).astype(int)
            assert abs(around.mean(0) - corner.mean(0)).max() > 12  # something stands there
    generate(tmp_path / "set", GenerationSettings(count=3, task="multiview", images="raycast", size=(32, 32)))
    for _, row in read_training_rows(tmp_path / "set"):
        assert not isinstance(row, DataError)
        assert len(row["images_file_names"]) == len(row["references"])
    with pytest.raises(ConfigError, match="backend 'crayon' is not one of"):
        draw_views(scene, 32, "crayon")


def test_a_question_is_drawn_for_people(tmp_path):
    generate(tmp_path / "set", GenerationSettings(count=2, seed=1, task="multiview"))
    record = read_sample(tmp_path / "set" / "data.jsonl", 1)
    (tmp_path / "set" / "image").mkdir()
    for view in range(len(record["quarters"])):
        Image.new("RGB", (20, 10), "#123456").save(tmp_path / "set" / "image" / f"img_000001-view{view + 1}.png")
    sheet = np.asarray(show_sample(record, tmp_path / "set"))
    assert sheet.shape[1] == 720 * len(record["quarters"])
    assert (sheet[30:380, :] == (0x12, 0x34, 0x56)).all()
    assert (255, 212, 0) in {tuple(color) for color in sheet[386:].reshape(-1, 3).tolist()}  # the answer
    (tmp_path / "set" / "image" / "img_000001-view1.png").write_bytes(b"no picture")
    with pytest.raises(DataError, match="an image cannot be read"):
        show_sample(record, tmp_path / "set")
    (tmp_path / "broken.jsonl").write_text(json.dumps({**record, "names": []}), encoding="utf-8")
    with pytest.raises(
        DataError, match=r"broken.jsonl:1: no record of a multi-view question: objects, names and slots"
    ):
        read_sample(tmp_path / "broken.jsonl", 0)


def test_a_move_is_told_by_the_camera_itself(items):
    """Left and right of a camera that looks at the middle, by its own axes."""
    for scene, _ in items[:20]:
        for first, last in permutations(range(len(scene.quarters)), 2):
            frame = frame_at(scene.stage.cameras[first])
            offset = scene.stage.cameras[last] - scene.stage.cameras[first]
            aside = float(offset @ frame.right)
            move = camera_move(scene, first, last)
            assert move == ("opposite" if abs(aside) < 2 else "right" if aside > 0 else "left")


def test_path_traced_views_have_a_background_on_every_side():
    pytest.importorskip("mitsuba")
    scene, _ = multiview_item(0, 2)
    images = draw_views(scene, 48, "mitsuba")
    assert len(images) == 4
    assert all(image[0].min() > 20 for image in images)  # the floor's far end is not black
    assert len({image.tobytes() for image in images}) == 4
