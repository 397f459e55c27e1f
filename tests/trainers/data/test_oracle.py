"""Chains of the oracle: they earn all there is, are true, and tell the answer at the end only."""

import json
import re

import numpy as np
import pytest

from benchmarks.tvr.world import ATTRIBUTES, VIEWS
from parsers.completion import parse_completion
from parsers.references import parse_references, parse_steps
from rewards.errors import ConfigError, DataError
from rewards.functions import multiview_reward, tvr_reward
from rewards.score import score_completion
from tests.json_lines import read
from trainers.data.filter import filter_chains, judge_chain
from trainers.data.generate import GenerationSettings, generate
from trainers.data.oracle import Records, write_labels, write_oracle_chains
from trainers.scenes.cameras import frame_at, project
from trainers.scenes.chains import multiview_chain, tvr_chain
from trainers.scenes.multiview_questions import multiview_item
from trainers.scenes.records import multiview_row, read_tvr_record, tvr_rows
from trainers.scenes.solids import Sight, bodies_of
from trainers.scenes.tvr import generate_scene, targets

ALL = (*ATTRIBUTES, "position")


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    base = tmp_path_factory.mktemp("sets")
    made = {
        "tvr": GenerationSettings(count=30, seed=5),
        "moves": GenerationSettings(count=20, seed=6, attributes=ALL, size=(320, 240)),
        "repeats": GenerationSettings(count=20, seed=7, repeats=True, attributes=ALL),
        "multiview": GenerationSettings(count=40, seed=8, task="multiview"),
    }
    for name, settings in made.items():
        generate(base / name, settings)
        write_oracle_chains(base / name, base / f"{name}.jsonl", seed=1)
    return base


@pytest.fixture(scope="module", params=["tvr", "moves", "repeats", "multiview"])
def chains(request, folders):
    return read(folders / f"{request.param}.jsonl")


def test_every_row_gets_a_chain_that_earns_the_maximum(chains, folders):
    for row in chains:
        gold = {name: row[name] for name in ("options", "references", "relations") if name in row}
        weight = {"relation_weight": 0.5} if row["task"] == "multiview" else {}
        score = score_completion(row["completion"], row["target"], task=row["task"], **gold, **weight)
        assert score.correct
        assert score.fault is None
        assert score.unit == 1.0
        if row["task"] == "multiview":
            assert score.parts["answer"] == 2 * score.parts["reference"] == 1.0
        else:
            assert score.total == 1 + 5 * len(row["target"].split(", "))
        assert row["teacher"] == "oracle"


def test_the_rows_are_all_there_in_order(folders):
    for name in ("tvr", "multiview"):
        chains, rows = read(folders / f"{name}.jsonl"), read(folders / name / "metadata.jsonl")
        assert [row["id"] for row in chains] == [row["id"] for row in rows]
        assert all(row == {k: chain[k] for k in row} for row, chain in zip(rows, chains, strict=True))


def test_the_filter_drops_none(folders, tmp_path):
    for name in ("tvr", "moves", "repeats", "multiview"):
        tally = filter_chains(folders / f"{name}.jsonl", tmp_path / "k", tmp_path / "d", min_reference_score=None)
        assert (tally.kept, tally.dropped) == (tally.read, {})
        tally = filter_chains(
            folders / f"{name}.jsonl", tmp_path / "k", tmp_path / "d", min_reference_score=1.0, relation_weight=0.5
        )
        assert tally.dropped == {}


def test_a_batch_of_them_earns_what_the_trainer_will_see(folders):
    rows = read(folders / "tvr.jsonl")
    totals = tvr_reward([row["completion"] for row in rows], target=[row["target"] for row in rows])
    assert totals == [1 + 5 * len(row["target"].split(", ")) for row in rows]
    rows = read(folders / "multiview.jsonl")
    columns = {name: [row[name] for row in rows] for name in ("target", "options", "references", "relations")}
    assert multiview_reward([row["completion"] for row in rows], **columns, relation_weight=1.0) == [1.5] * len(rows)


def test_the_answer_is_not_told_before_the_reasoning(chains):
    for row in chains:
        think = parse_completion(row["completion"]).think
        steps = parse_steps(think, views=2 if "view" in row else len(row["references"]))
        assert steps.fault is None
        early = think[: think.index(steps.reasoning)]
        assert "<answer>" not in think
        if row["task"] == "multiview":
            assert not re.search(r"\b[A-D]\b(?!\w)|option|\byes\b|\bno\b", early)
            if row["options"] is not None and row["options"][0].startswith(
                ("to your", "behind you", "in front of you")
            ):
                assert "me" not in early.split()
        else:
            assert not re.search(r"\d\.[a-z]+\.[a-z]", think)
            assert not re.search(r"changed its|moved|\bnew\b|steps?\b", early)


def test_step_one_of_tvr_speaks_of_all_objects_that_are_seen(folders):
    """So that it does not tell which ones changed."""
    records = {record["idx"]: read_tvr_record(record) for record in read(folders / "moves" / "data.jsonl")}
    for row in read(folders / "moves.jsonl"):
        scene = records[row["idx"]]
        parsed = parse_references(parse_completion(row["completion"]).think)
        for number, (state, view) in enumerate([(scene.initial, "center"), (scene.final, row["view"])], start=1):
            bodies = bodies_of(state, scene.rotations)
            camera = scene.stage.cameras[VIEWS.index(view)]
            seen = {
                f"object {k}"
                for k in np.flatnonzero(bodies.shown).tolist()
                if Sight(bodies, [camera]).seen_pixels(k) >= 150
            }
            assert parsed.names(number) - {"camera"} == seen


def test_triplets_of_tvr_are_true_by_the_camera(folders):
    records = {record["idx"]: read_tvr_record(record) for record in read(folders / "tvr" / "data.jsonl")}
    for row in read(folders / "tvr.jsonl"):
        scene = records[row["idx"]]
        parsed = parse_references(parse_completion(row["completion"]).think)
        for number, (state, view) in enumerate([(scene.initial, "center"), (scene.final, row["view"])], start=1):
            bodies = bodies_of(state, scene.rotations)
            x, y, _ = scene.stage.cameras[VIEWS.index(view)]
            turn = np.arctan2(y, x)  # seen from above, the camera looks against this direction
            for one, other, relation in parsed.relations[number]:
                if other == "camera":
                    continue
                a, b = int(one.split()[1]), int(other.split()[1])
                dx, dy = bodies.x[a] - bodies.x[b], bodies.y[a] - bodies.y[b]
                nearer, aside = dx * np.cos(turn) + dy * np.sin(turn), dy * np.cos(turn) - dx * np.sin(turn)
                wide = abs(aside) >= abs(nearer)
                expected = ("right" if aside > 0 else "left") if wide else ("front" if nearer > 0 else "behind")
                assert relation == expected


def test_the_mapping_of_tvr_gives_the_places_of_the_second_image(folders):
    records = {record["idx"]: read_tvr_record(record) for record in read(folders / "moves" / "data.jsonl")}
    places = 0
    for row in read(folders / "moves.jsonl"):
        scene = records[row["idx"]]
        bodies = bodies_of(scene.final, scene.rotations)
        frame = frame_at(scene.stage.cameras[VIEWS.index(row["view"])])
        mapping = parse_steps(parse_completion(row["completion"]).think).mapping
        for line in mapping.splitlines()[1:]:
            index = int(re.search(r"(?:[Oo]bject|index) (\d)", line).group(1))
            place = re.search(r"\((-?\d+), (-?\d+)\)", line)
            assert (place is not None) == (" at (" in line or " At (" in line or line.startswith("At ("))
            if place is None:
                continue
            xy, _ = project(np.array([bodies.x[index], bodies.y[index], bodies.half[index]]), frame, 320, 240)
            assert [int(n) for n in place.groups()] == np.rint(100 * xy / (320, 240)).astype(int).tolist()
            places += 1
    assert places > 100


def test_what_is_compared_is_what_changed(folders):
    for row in read(folders / "tvr.jsonl"):
        reasoning = parse_steps(parse_completion(row["completion"]).think).reasoning
        for target in row["target"].split(", "):
            index, attribute, value = target.split(".")
            line = next(
                line for line in reasoning.splitlines()[1:] if f"object {index}" in line.lower() and attribute in line
                and f"object {index}," not in line.lower()
            )  # fmt: skip
            assert value in line


def test_wordings_vary_and_depend_on_the_seed_and_the_row_only():
    scene = generate_scene(0, 5)
    row = tvr_rows(scene)[0]

    def write(seed, key):
        return tvr_chain(scene, row["view"], size=(128, 128), seed=seed, key=key)

    assert write(0, "a") == write(0, "a")
    assert len({write(seed, key) for seed in range(4) for key in "abcde"}) == 20
    item, question = multiview_item(0, 3)
    texts = {multiview_chain(item, question, seed=seed, key="a") for seed in range(20)}
    assert len(texts) == 20
    assert all(judge_chain({**multiview_row(3, item, question), "completion": text}, "f:1") is None for text in texts)


def test_a_scene_of_one_object_has_its_three_steps():
    index = next(k for k in range(60) if tvr_rows(generate_scene(1, k))[0]["n_visible"] == 1)
    scene = generate_scene(1, index)
    chain = tvr_chain(scene, "left", size=(128, 128), seed=0, key="x")
    row = {"task": "tvr", "target": ", ".join(map(str, targets(scene))), "completion": chain, "images": ["a", "b"]}
    assert judge_chain(row, "f:1") is None
    assert ", camera, in front of]" in chain


def test_bad_rows_are_named_and_cost_no_other(folders, tmp_path):
    folder = tmp_path / "set"
    folder.mkdir()
    for name in ("settings.json", "data.jsonl", "metadata.jsonl"):
        (folder / name).write_bytes((folders / "tvr" / name).read_bytes())
    data, rows = read(folder / "data.jsonl"), read(folder / "metadata.jsonl")
    lines = [json.dumps(record) for record in data]
    lines[1] = lines[1][:50]  # cut
    lines[2] = json.dumps({**data[2], "states": []})
    (folder / "data.jsonl").write_text("\n".join(lines), encoding="utf-8")
    rows[9]["target"] = "0.color.red"  # not what happened in scene 3
    rows[12]["images_file_names"] = ["image/nowhere.png"]
    (folder / "metadata.jsonl").write_text("{\n" + "\n".join(map(json.dumps, rows)), encoding="utf-8")
    errors, seen = [], []
    done = write_oracle_chains(
        folder, tmp_path / "out.jsonl", on_error=lambda error: errors.append(str(error)), on_progress=lambda *n: seen.append(n)
    )  # fmt: skip
    assert done == (91, 82, 9)
    assert seen[-1] == (91, None)
    assert len(read(tmp_path / "out.jsonl")) == 82
    meta = folder / "metadata.jsonl"
    assert errors[0].startswith(f"{meta}:1: broken JSON")
    assert errors[1:4] == [f"{meta}:{n}: idx: {folder / 'data.jsonl'} has no record 1" for n in (5, 6, 7)]
    assert [e.startswith(f"{folder / 'data.jsonl'}:3: scene: ") for e in errors[4:7]] == [True] * 3
    assert errors[7].startswith(f"{meta}:11: wrong: ")
    assert errors[7].endswith(f"the row is not the one of the scene at {folder / 'data.jsonl'}:4")
    assert errors[8] == f"{meta}:14: image: image 1, {folder}/image/nowhere.png, is not there"


def test_labels_alone_are_right_and_reason_nothing(folders, tmp_path):
    for name in ("tvr", "moves", "repeats", "multiview"):
        done = write_labels(folders / name, tmp_path / "labels.jsonl")
        rows = read(tmp_path / "labels.jsonl")
        assert done == (len(rows), len(rows), 0)
        for row in rows:
            assert row["completion"] == f"<think></think><answer>{row['target']}</answer>"
            assert row["teacher"] == "labels"
            gold = {"options": row["options"]} if "options" in row else {}
            assert score_completion(row["completion"], row["target"], task=row["task"], **gold).correct


def test_labels_of_any_form_are_written_as_answers(tmp_path):
    rows = [
        {"prompt": "?", "task": "tvr", "target": [{"obj_idx": 2, "attr": "color", "val": "cyan"}]},
        {"prompt": "?", "task": "trance", "target": [[1, "position", "front-left.2"], [0, "size", "small"]]},
        {"prompt": "?", "task": "multiview", "target": 3.5},
        {"prompt": "?", "task": "multiview", "target": "yes"},
        {"prompt": "?", "task": "tvr", "target": "nothing"},
        {"prompt": "?", "target": "B"},
    ]
    source = tmp_path / "rows.jsonl"
    source.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    errors = []
    done = write_labels(source, tmp_path / "out.jsonl", on_error=lambda error: errors.append(str(error)))
    assert done == (6, 4, 2)
    written = [re.search("<answer>(.*)</answer>", row["completion"])[1] for row in read(tmp_path / "out.jsonl")]
    assert written == ["2.color.cyan", "1.position.front-left.2, 0.size.small", "3.5", "yes"]
    assert errors[0].startswith(f"{source}:5: labels: target 'nothing'")
    assert errors[1] == f"{source}:6: task: the row does not tell its task; pass --task"
    assert write_labels(source, tmp_path / "out.jsonl", task="multiview").written == 5


def test_a_folder_without_scenes_is_refused(folders, tmp_path):
    with pytest.raises(ConfigError, match="the oracle needs a whole folder of `star data generate`"):
        write_oracle_chains(tmp_path, tmp_path / "out.jsonl")
    (tmp_path / "settings.json").write_bytes((folders / "tvr" / "settings.json").read_bytes())
    with pytest.raises(ConfigError, match="the oracle needs"):
        write_oracle_chains(tmp_path, tmp_path / "out.jsonl")
    with pytest.raises(DataError, match=r"data.jsonl: No such file"):
        Records(tmp_path / "data.jsonl")


def test_paths_of_images_hold_from_the_folder_of_the_chains(folders, tmp_path):
    folder = tmp_path / "set"
    generate(folder, GenerationSettings(count=1, seed=1, views=("left",)))
    row = read(folder / "metadata.jsonl")[0] | {"images_file_names": ["image/a.png", "image/b.png"]}
    (folder / "metadata.jsonl").write_text(json.dumps(row), encoding="utf-8")
    (folder / "image").mkdir()
    for name in "ab":
        (folder / "image" / f"{name}.png").touch()
    write_oracle_chains(folder, tmp_path / "out.jsonl")
    assert read(tmp_path / "out.jsonl")[0]["images_file_names"] == ["set/image/a.png", "set/image/b.png"]
