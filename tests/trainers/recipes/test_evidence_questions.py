"""The study of questions in recipes/evidence: its scenes, its rows, what completions are worth, and arms of two steps."""

import json
from itertools import islice, pairwise

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("trl")

from benchmarks.tvr.world import ATTRIBUTES, COLORS, SHAPES, present
from parsers.completion import parse_completion
from parsers.references import parse_references
from recipes.evidence import run as run_module
from recipes.evidence.held_out import HeldOut
from recipes.evidence.questions import (
    HIDDEN,
    KINDS,
    SEED,
    WORDS,
    demonstration,
    held_out_items,
    is_held_out,
    items,
    row,
    stream,
)
from recipes.evidence.questions_judged import groups, guessed, in_full, judge
from recipes.evidence.study import HERE, read_study
from recipes.tiny.model import tiny_tokenizer
from rewards import answer_reward, multiview_reward
from trainers.processors import load_processor
from trainers.scenes.cameras import frame_at, project
from trainers.scenes.solids import CUBE, bodies_of

# transformers 5.24 has another name for gradient_checkpointing, which older ones do not know
pytestmark = pytest.mark.filterwarnings("ignore:.*gradient_checkpointing:FutureWarning")
DRAWN = {name: read_study(HERE / f"{name}.yaml") for name in ("questions", "questions-clear")}
WORLD = DRAWN["questions"].world


def drawn(study, seed, **more):
    """Yield scenes as a study has them."""
    given = study.base["sft"]["dataset_arguments"]
    own = {name: given[name] for name in ("own_colors", "kinds") if name in given}
    return items(study.world, seed, **own, **more)


@pytest.fixture(scope="module", params=DRAWN)
def study(request):
    return DRAWN[request.param]


@pytest.fixture(scope="module")
def some(study):
    return list(islice(drawn(study, 3), 400))


def triplets(names):
    return " ".join(f"[ {one}, {other}, left ]" for one, other in pairwise(names))


def naming(item, first, second, answer=None):
    """Return a completion that names these objects in the two views."""
    said = f"View 1: {triplets(first)} View 2: {triplets(second)} row: {', '.join(item.names)}"
    return f"<think> {said}</think><answer> {answer or item.answer}</answer>"


def test_images_share_one_object_and_show_the_others_once(some, study):
    cut = 3 if "size" in study.world.attributes else 0  # pixels; of large ones
    for item in some:
        first, second = map(set, item.references)
        assert len(first & second) == 1
        assert first | second == set(item.names)
        assert len(set(item.names)) == len(item.names)
        for state, view in ((item.scene.initial, item.views[0]), (item.scene.final, item.views[1])):
            assert sorted(np.flatnonzero(present(state))) == sorted(view)
            bodies = bodies_of(state, item.scene.rotations)
            assert bodies.shown[list(view)].all()
            frame, side = frame_at(item.scene.stage.cameras[0]), study.world.side
            centers = np.stack([bodies.x, bodies.y, bodies.half], axis=-1)[list(view)]
            pixels, _ = project(centers, frame, side, side)
            assert (np.diff(pixels[:, 0]) > 0).all()  # as the names of the view are told
            reach = (bodies.half * np.where(bodies.shape == CUBE, 2**0.5, 1))[list(view), None]
            for edge in (frame.right, -frame.right, frame.up, -frame.up):
                pixels, _ = project(centers + reach * edge, frame, side, side)
                assert (pixels > -cut).all()
                assert (pixels < side + cut).all()


def test_a_shared_object_looks_the_same_in_both_images(some):
    for item in some[:50]:
        (shared,) = set(item.views[0]) & set(item.views[1])
        one, other = item.scene.initial, item.scene.final
        assert (one.attributes[shared] == other.attributes[shared]).all()
        assert one.positions[shared, 0] == other.positions[shared, 0]  # the camera moves along the row alone


def test_answers_follow_from_the_row(some):
    for item in some:
        assert item.answer in item.options
        if item.kind == "where":
            one, other = item.question.split("? ")[1].split(" from ")
            assert item.answer == ("left" if item.names.index(one) < item.names.index(other) else "right")
            first, second = map(set, item.references)
            assert {one, other} <= first ^ second
            assert (one in first) != (other in first)
        else:
            assert item.answer == item.names[0 if item.kind == "leftmost" else -1]
        listed = (
            item.question.replace(" where?", " leftmost?").replace(" rightmost?", " leftmost?").split(" leftmost?")[0]
        )
        assert sorted(listed.split(", ")) == sorted(item.names)


def test_no_answer_is_told_by_its_place(some):
    for kind in {item.kind for item in some}:
        places = [item.options.index(item.answer) / (len(item.options) - 1) for item in some if item.kind == kind]
        assert 0.35 < np.mean(places) < 0.65
    views = [item.answer in item.references[0] for item in some if item.kind != "where"]
    assert 0.35 < np.mean(views) < 0.7


def test_a_demonstration_scores_the_full_reward_under_every_setting(some):
    texts = list(map(demonstration, some))
    columns = {"target": [item.answer for item in some], "references": [item.references for item in some]}
    assert set(answer_reward(texts, target=columns["target"])) == {1.0}
    assert set(multiview_reward(texts, preset="paper", **columns)) == {2.0}
    assert set(multiview_reward(texts, **columns)) == {1.5}
    parsed = parse_references(parse_completion(texts[0]).think)
    assert not parsed.invalid
    assert not parsed.notes


def test_the_same_names_in_every_view_are_worth_much_in_the_plain_sum_and_nothing_by_default(some):
    blind = [naming(item, item.names, item.names) for item in some]
    columns = {"target": [item.answer for item in some], "references": [item.references for item in some]}
    assert set(multiview_reward(blind, **columns)) == {1.0}  # the answer alone
    assert min(multiview_reward(blind, preset="paper", **columns)) > 1.7
    swapped = [naming(item, *item.references[::-1]) for item in some]
    assert max(multiview_reward(swapped, **columns)) < 1  # worse than none


def named(colors, shapes):
    return [COLORS[color] for color in colors], [SHAPES[shape] for shape in shapes]


def test_what_is_named_and_asked_is_what_the_study_says(some, study):
    given = study.base["sft"]["dataset_arguments"]
    assert {item.kind for item in some} == set(given.get("kinds", KINDS))
    own = given.get("own_colors", False)
    assert {len(name.split()) for item in some for name in item.names} == {1 if own else 2}
    assert any(len({name.split()[0] for name in item.names}) < len(item.names) for item in some) != own
    for item in some:
        seen = np.flatnonzero(present(item.scene.initial))
        colors, shapes = item.scene.initial.attributes[seen][
            :, [ATTRIBUTES.index("color"), ATTRIBUTES.index("shape")]
        ].T.tolist()
        assert [" ".join(pair[: 1 if own else 2]) for pair in zip(*named(colors, shapes), strict=True)] == [
            item.names[at] for at in seen
        ]
    assert [item.names for item in held_out_items(study, 20)] == [
        item.names for item in islice(drawn(study, SEED, held_out=True), 20)
    ]
    told = next(iter(stream(**given | {"views": ["center"], "seed": 3})))
    assert told["references"] == next(drawn(study, 3)).references


def test_the_tokenizer_writes_again_what_it_reads(some, study):
    tokenizer = tiny_tokenizer(WORDS)
    told = list(islice(items(WORLD, 3, hidden=0.3), 50))
    for text in [*map(demonstration, some[:50]), *(item.question for item in some[:50]), *(item.told for item in told)]:
        ids = tokenizer(text)["input_ids"]
        assert tokenizer.unk_token_id not in ids
        assert tokenizer.decode(ids).strip() == text
    assert max(len(tokenizer(naming(item, item.names, item.names))["input_ids"]) for item in some) < study.longest


def test_hidden_words_hide_nothing_else():
    plain, hidden = (list(islice(items(WORLD, 3, hidden=share), 200)) for share in (0.0, 0.25))
    words = [word for item in hidden for word in item.told.replace(",", "").split()]
    assert 0.15 < words.count(HIDDEN) / (len(words) - 4 * len(hidden)) < 0.3
    assert not any(HIDDEN in item.told for item in plain)
    assert [item._replace(told="", scene=None) for item in plain] == [
        item._replace(told="", scene=None) for item in hidden
    ]
    text = row(hidden[0], WORLD, symbolic=True)["prompt"][0]["content"]
    assert text == f"{hidden[0].told} {hidden[0].question}"


def test_held_out_scenes_are_never_trained_on(some, study):
    assert not any(map(is_held_out, some))
    assert all(map(is_held_out, islice(drawn(study, 3, held_out=True), 50)))


def test_the_stream_goes_on_and_depends_on_its_seed():
    world = {"objects": [2, 3], "spacing": 12.0}
    one, again, other = (list(islice(iter(stream(world=world, seed=seed, block=4)), 10)) for seed in (1, 1, 2))
    assert [each["target"] for each in one] == [each["target"] for each in again]
    assert [each["references"] for each in one] != [each["references"] for each in other]
    assert [each["id"] for each in one[3:5]] == ["questions-0-3", "questions-64-0"]


@pytest.fixture(scope="module")
def held_out(tmp_path_factory):
    study = read_study(HERE / "questions.yaml", tiny=True)
    folder = tmp_path_factory.mktemp("model")
    study.new_model(folder, 0)
    return HeldOut(study, load_processor(str(folder)), "cpu")


def test_completions_are_judged_by_answer_and_references(held_out):
    texts = list(map(demonstration, held_out.items))
    found = in_full(held_out, judge(held_out, texts))
    assert [found[key] for key in ("accuracy", "precision", "recall", "informedness", "f1", "own")] == [1] * 6
    assert [found[key] for key in ("other", "both", "same")] == [0] * 3
    assert found["each"]["correct"] == "1" * len(texts)
    assert sum(group["scenes"] for group in found["views"].values()) == len(texts)
    blind = [naming(item, item.names, item.names) for item in held_out.items]
    found = in_full(held_out, judge(held_out, blind))
    assert [found[key] for key in ("accuracy", "recall", "own", "other", "both", "same")] == [1] * 6
    assert found["informedness"] == 0
    assert found["precision"] == pytest.approx(found["f1"] / (2 - found["f1"]), abs=0.05)
    silent = judge(held_out, ["<think> </think><answer> left</answer>", held_out.targets[1]])
    assert silent.well_formed.tolist() == [1, 0]
    assert silent.precision.tolist() == [0, 0]
    assert silent.same.tolist() == [0, 0]


def test_a_wrong_answer_keeps_its_references(held_out):
    wrong = [naming(item, *item.references, answer="gray gray") for item in held_out.items]
    judged = judge(held_out, wrong)
    assert not judged.accuracy.any()
    assert (judged.f1 == 1).all()
    assert (judged.reward == 0.25).all()
    assert (judged.plain == 1).all()


def test_what_does_not_look_is_right_as_often_as_options_say(held_out):
    found = guessed(held_out, len(held_out.items))
    options = [len(item.options) for item in held_out.items]
    assert found["chance"] == pytest.approx(np.mean([1 / each for each in options]), abs=1e-5)
    assert found["chance"] <= found["floor"] < 0.8
    assert set(groups(held_out, 12)["views"]) <= set(KINDS)


def test_swapped_images_leave_the_question(held_out):
    own, swapped, blank = (held_out.batch(0, 6, images=name) for name in ("own", "swapped", "blank"))
    assert (own["input_ids"] == swapped["input_ids"]).all()
    assert (own["pixel_values"] != swapped["pixel_values"]).any()
    assert not blank["pixel_values"].any()
    own = own["pixel_values"].reshape(6, -1)
    assert (swapped["pixel_values"].reshape(6, -1)[:5] == own[1:]).all()


@pytest.mark.parametrize("name", ["questions", "questions-clear", "questions-cpu"])
def test_start_and_arms_are_trained_and_leave_their_results(tmp_path, monkeypatch, capsys, name):
    for call in ("one", "two"):
        monkeypatch.setattr(
            "sys.argv",
            ["run", call, "--study", str(HERE / f"{name}.yaml"), "--out", str(tmp_path), "--tiny", "--minutes", "6"],
        )
        run_module.main()
    found = {path.stem: json.loads(path.read_text()) for path in tmp_path.glob("*-0.json")}
    assert set(found) == {"start-0", "answers-0", "plain_sum-0", "references-0"}
    for arm, result in found.items():
        assert result["complete"]
        assert result["final"]["scenes"] == 24
        assert len(result["final"]["each"]["correct"]) == 24
        assert {"chance", "floor", "precision", "recall", "both", "views"} <= set(result["final"])
        if arm != "start-0":
            assert result["from"] == "start-0"
            assert result["tests"][0]["step"] == 0
            assert {"reward", "entropy"} <= set(result["curve"][0])
    asked = {result["config"]["preset"] for arm, result in found.items() if arm != "start-0"}
    assert asked == {"default", "paper"}
    assert found["answers-0"]["config"]["reward_funcs"] == ["answer_reward"]
    capsys.readouterr()
