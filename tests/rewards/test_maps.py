"""Cognitive maps: facts by another way, frames, what guessing earns, and every way of scoring alike."""

import cmath
import itertools
import json
import math

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.audit.constants import constant_answers
from benchmarks.audit.reward import AuditedReward
from benchmarks.audit.scenes import draw_scenes, read_scenes
from parsers.cognitive_map import CognitiveMap, Thing, map_json
from rewards import ConfigError, DataError, TaskReward, score_batch, score_columns, score_completion
from rewards.explain import explain_question
from rewards.maps import map_fault, score_map, turned
from rewards.spec import QuestionSpec
from rewards.tasks import load_task
from star_cli.main import star
from tests.strategies import hostile_text

NAMES = ("sofa", "lamp", "door", "ball", "table")
cells = st.tuples(st.integers(0, 9), st.integers(0, 9))
facings = st.integers(0, 3)


@st.composite
def maps(draw, names=NAMES, views=("view 1", "view 2", "view 3"), whole=True):
    def some(listed):
        chosen = listed if whole else [name for name in listed if draw(st.booleans())]
        return draw(st.permutations(chosen))

    objects = {name: Thing(*draw(cells), draw(st.none() | facings)) for name in some(names)}
    return CognitiveMap(objects, {name: Thing(*draw(cells), draw(facings)) for name in some(views)})


def by_angles(drawn, true, first, penalty):
    """R_ans by angles of complex numbers, facings as directions: nothing of `rewards.maps` but its two weights."""
    ways = [complex(0, 1), complex(1, 0), complex(0, -1), complex(-1, 0)]

    def frame(each):
        turn = ways[each.views[first].facing] / complex(0, 1)
        places = {name: complex(thing.x, -thing.y) / turn for name, thing in each.things.items()}
        looks = {name: ways[thing.facing] / turn for name, thing in each.things.items() if thing.facing is not None}
        return places, looks

    (ours, our_looks), (theirs, looks) = frame(drawn), frame(true)
    directions = []
    for one, other in itertools.combinations([name for name in theirs if name != first], 2):
        lies = theirs[other] - theirs[one]
        if lies == 0:
            continue
        if one not in ours or other not in ours:
            directions.append(0)
            continue
        said = ours[other] - ours[one]
        apart = abs(cmath.phase(said / lies)) if said else math.pi
        directions.append(1 if apart < math.pi / 4 - 1e-9 else -penalty)
    faces = [
        0 if name not in our_looks else 1 if abs(our_looks[name] - look) < 1e-9 else -penalty
        for name, look in looks.items()
        if name != first
    ]
    parts = [(weight, sum(each) / len(each)) for weight, each in ((0.7, directions), (0.3, faces)) if each]
    return sum(weight * value for weight, value in parts) / sum(weight for weight, _ in parts) if parts else 0.0


@given(maps(), maps(whole=False), st.sampled_from([0, 0.5, 1 / 3, 1, 2]))
def test_agrees_with_angles(true, drawn, penalty):
    first = next(iter(true.views))
    if map_fault(drawn, true) is None:
        score = score_map(drawn, true, penalty)
        assert score.value == pytest.approx(by_angles(drawn, true, first, penalty), abs=1e-9)
        assert -penalty - 1e-9 <= score.value <= 1
        assert (score.value == 1.0) == (not score.wrong and score.facts > 0)
    else:
        assert first not in drawn.views


@given(maps(), facings, st.sampled_from([1, 2]), st.integers(0, 5), st.randoms())
def test_the_same_scene_drawn_otherwise_is_all_right(true, quarters, scale, shift, draw):
    """Turned by quarters, larger, elsewhere, and listed in another order; the frame is the true map's first view."""
    around = turned(CognitiveMap({}, {"view": Thing(0, 0, quarters), **true.things}), "view")
    moved = {
        name: Thing(scale * thing.x + shift, scale * thing.y - shift, thing.facing)
        for name, thing in draw.sample([*around.views.items()], len(around.views))
    }
    same = CognitiveMap(
        {n: moved[n] for n in moved if n in true.objects}, {n: moved[n] for n in moved if n in true.views}
    )
    assert map_fault(same, true) is None
    assert score_map(same, true, 0.5).wrong == ()


@given(maps(), maps())
def test_exact_is_best_and_no_view_is_compared_with_itself(true, drawn):
    exact = score_map(true, true, 0.5)
    assert exact.wrong == ()
    assert score_map(drawn, true, 0.5).value <= exact.value


def text_of(drawn):
    return map_json(drawn.objects, drawn.views)


def answer(text, target, **options):
    return score_completion(f"<think>b</think><answer>{text}</answer>", target, task="cogmap", **options)


ROOM = CognitiveMap(
    {"sofa": Thing(2, 5), "lamp": Thing(7, 5, 2), "door": Thing(5, 1)},
    {"View 1": Thing(5, 9, 0), "View 2": Thing(0, 5, 1)},
)


@given(hostile_text(text_of(ROOM), '{"objects": [', '"sofa"', "[2, 5]", "]", "}", ",", '"views": ['))
def test_totals_are_bounded_whatever_the_text(text):
    score = answer(text, text_of(ROOM))
    assert -0.5 <= score.total <= 1
    assert (score.total == 1) == score.correct
    assert score.fault is None or score.total == 0


def test_a_guess_of_four_earns_less_than_nothing_and_one_of_three_nothing():
    """Over all placings of one thing around another, and over all facings of a second view."""
    true = CognitiveMap({}, {"view 1": Thing(5, 9, 0), "view 2": Thing(5, 5, 2), "view 3": Thing(5, 0, 2)})
    said = [true._replace(views={**true.views, "view 3": Thing(5, 0, each)}) for each in range(4)]
    # The pair is always right; of two facings one is right, and the other one of four.
    earned = [score_map(each, true, 0.5).value - 0.7 - 0.15 for each in said]
    assert sum(earned) / 4 == pytest.approx(0.15 * (1 / 4 - 3 / 4 * 0.5)) == pytest.approx(-0.15 / 8)
    assert sum(value for each, value in enumerate(earned) if each != 0) / 3 == pytest.approx(0)
    ring = [(x, y) for x in range(-4, 5) for y in range(-4, 5) if (x, y) != (0, 0)]
    for x, y in ring:
        room = CognitiveMap({"a": Thing(0, 0), "b": Thing(x, y)}, {})
        said = [CognitiveMap({"a": Thing(0, 0), "b": Thing(*each)}, {}) for each in ring]
        assert sum(score_map(each, room, 0.5).value for each in said) / len(said) < 0


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ('{"objects": [{"name": "soffa", "position": [1, 1]}]}', "unknown_object"),
        ('{"objects": [{"name": "View 1", "position": [1, 1]}]}', "unknown_object"),
        ('{"objects": [], "views": [{"name": "sofa", "position": [1, 1], "facing": "up"}]}', "unknown_view"),
        ('{"objects": [{"name": "sofa", "position": [1, 1]}], "views": []}', "no_frame"),
        ('{"objects": [{"name": "' + "x" * 50_000 + '", "position": [1, 1]}]}', "unknown_object"),
        (text_of(ROOM) * 2, "ambiguous"),
        ("[2, 5]", "no_map"),
    ],
)
def test_what_cannot_be_compared_earns_nothing_and_says_why(text, code):
    score = answer(text, text_of(ROOM))
    assert (score.total, score.fault.code, score.correct) == (0, code, False)
    assert len(score.fault.message) < 200
    if code == "unknown_object" and "soffa" in text:
        assert score.fault.message == "'soffa' is no object of this scene (did you mean 'sofa'?)"


def test_the_simple_layout_has_the_frame_of_the_first_view():
    seen = CognitiveMap({"sofa": Thing(2, 5), "lamp": Thing(7, 5, 2)}, {"View 1": Thing(9, 5, 3)})  # it looks left
    right = '{"sofa": {"position": [5, 2]}, "lamp": {"position": [5, 7], "facing": "left"}}'
    assert answer(right, text_of(seen), layout="simple").total == 1
    assert answer(right.replace("left", "down"), text_of(seen), layout="simple").total == pytest.approx(0.7 - 0.15)
    as_it_stands = {"sofa": {"position": [2, 5]}, "lamp": {"position": [7, 5], "facing": "down"}, "door": None}
    assert answer(json.dumps({**as_it_stands, "door": {"position": [1, 1]}}), as_it_stands, layout="simple").fault.code == "unknown_object"  # fmt: skip
    del as_it_stands["door"]
    assert answer(json.dumps(as_it_stands), as_it_stands, layout="simple").correct


@pytest.mark.parametrize(
    "target",
    [None, 7, "a sofa", [], {}, '{"objects": []}', {"objects": [{"name": "sofa", "position": [1, 1]}]},
     {"objects": [{"name": "a", "position": [1, 1]}, {"name": "A", "position": [2, 1]}]},
     {"objects": [{"name": "a", "position": [1, 1]}, {"name": "b", "position": [1, 1]}]},
     {"objects": [{"name": "a", "position": [1, 1], "facing": "inner"}]}, {"a": {"position": [1, 1]}, "b": {"position": [2, 1]}}],
)  # fmt: skip
def test_wrong_targets_are_errors(target):
    with pytest.raises(DataError):
        answer("none", target)
    with pytest.raises(DataError):  # also where the completion is broken
        score_completion("nothing", target, task="cogmap")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"kind": "map", "grid": 10}, "answers of kind 'map' need layout"),
        ({"kind": "map", "layout": "simple"}, "answers of kind 'map' need grid"),
        ({"kind": "map", "layout": "xyxy", "grid": 10}, "layout is 'xyxy'; of kind 'map' it is 'complex' or 'simple'"),
        ({"kind": "box", "layout": "simple", "coordinates": "unit"}, "layout is 'simple'; of kind 'box' it is 'xyxy'"),
        ({"kind": "map", "layout": "simple", "grid": 10}, "beside one reference_weight is 0"),
        ({"grid": 1}, "grid is 1; it is the number of cells along a side, from 2 to 1000"),
        ({"grid": True}, "grid is True"),
        ({"facings": ("up", "down")}, "it is four words, clockwise from the top"),
        ({"facings": ("up", "Up", "down", "left")}, "it is four words, clockwise from the top"),
        ({"incorrect_penalty": -1}, "incorrect_penalty is -1; it is a number from 0"),
    ],
)
def test_declarations_that_are_not_whole_are_refused(changes, message):
    with pytest.raises(ConfigError, match=message):
        QuestionSpec(**changes)


def test_every_way_of_scoring_agrees(tmp_path):
    mirrored = text_of(ROOM).replace("[2, 5]", "[8, 5]").replace("[7, 5]", "[3, 5]")
    texts = [f"<think>b</think><answer>{each}</answer>" for each in (text_of(ROOM), mirrored, "{", "none")]
    targets = [text_of(ROOM)] * len(texts)
    batch = score_batch(texts, targets, task="cogmap")
    assert batch.correct.tolist() == [True, False, False, False]
    assert batch.total[0] == 1
    assert -0.5 < batch.total[1] < 1
    assert batch.total[2:].tolist() == [0, 0]
    assert TaskReward("cogmap")(texts, target=targets) == batch.total.tolist()
    assert TaskReward("cogmap")(texts, target=[json.loads(each) for each in targets]) == batch.total.tolist()
    columns = score_columns({"completion": texts, "target": targets}, task="cogmap")
    assert columns["total"].tolist() == batch.total.tolist()
    assert columns["fault"] == ["", "", "not_json", "no_map"]
    for text, target, score in zip(texts, targets, batch, strict=True):
        alone = score_completion(text, target, task="cogmap")
        assert (alone.total, alone.answer, alone.fault) == (score.total, score.answer, score.fault)
        assert score.spans.total == score.total
        assert explain_question(text, target, task="cogmap").parts == dict(score.parts)
    path, out = tmp_path / "rows.jsonl", tmp_path / "out.jsonl"
    rows = [{"id": str(at), "completion": texts[at], "target": json.loads(targets[at])} for at in range(len(texts))]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    done = CliRunner().invoke(star, ["score", str(path), "--task", "cogmap", "--out", str(out)])
    assert done.exit_code == 0, done.output
    assert [json.loads(line)["total"] for line in out.read_text().splitlines()] == batch.total.tolist()
    done = CliRunner().invoke(star, ["explain", str(path), "--task", "cogmap", "--id", "0"])
    assert "sofa [2, 5]; lamp [7, 5] ↓" in done.output, done.output
    assert "wrong or missing" not in done.output
    done = CliRunner().invoke(star, ["explain", str(path), "--task", "cogmap", "--id", "1"])
    assert "wrong or missing: lamp from sofa" in done.output, done.output
    done = CliRunner().invoke(star, ["explain", str(path), "--task", "cogmap", "--id", "1", "--json"])
    assert json.loads(done.output)["answer"]["wrong"][0] == "lamp from sofa"


@pytest.mark.parametrize("layout", ["complex", "simple"])
def test_the_audit_shows_what_maps_earn_that_do_not_look(layout):
    reward = AuditedReward(TaskReward("cogmap", overrides={"layout": layout}))
    task = load_task("cogmap")
    task = type(task)(
        **{name: getattr(task, name) for name in task.__slots__} | {"spec": task.spec.change(layout=layout)}
    )
    drawn = draw_scenes(task, 120)
    found = {each.name: each for each in constant_answers(reward, drawn)}
    assert set(found) == {
        "most frequent places",
        "one spot",
        "the prompt's example",
        "empty map",
        "mirror image",
        "empty",
    }
    assert all(each.exact == 1.0 for each in found.values())
    assert found["one spot"].mean < -0.2
    assert found["most frequent places"].mean < 0
    assert [found[name].mean for name in ("the prompt's example", "empty map", "empty")] == [0, 0, 0]
    assert found["mirror image"].mean < 0.3
    same = [text_of(ROOM)] * 3
    scene = read_scenes(task, same)[0]
    earned = [answer(record[0], text_of(ROOM), layout=layout).total for record in scene.universe]
    assert earned.count(1.0) == 1  # what else could be named is wrong
    always = {each.name: each.mean for each in constant_answers(reward, read_scenes(task, same))}
    assert always["most frequent places"] == 1.0  # a data set in which nothing has to be looked at
