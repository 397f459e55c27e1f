import io
import json
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from benchmarks.datasets import Sample, load
from rewards import score_completion
from rewards.errors import ConfigError, DataError
from rewards.functions import reference_reward
from tests.json_lines import write
from trainers.data.card import choose_relation_weight, reference_baselines
from trainers.data.files import store_image
from trainers.data.leakage import Gallery, fingerprint, question_hash, read_test_sets
from trainers.data.prepare import PreparationSettings, prepare, relations_of
from trainers.data.sampling import count, divide_groups, draw, quotas
from trainers.data.training_rows import read_training_rows

# Invented data in the owners' formats


def picture(path, *numbers):
    """Write an image that no other numbers give."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(numbers).integers(0, 256, (16, 24, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path)
    return path


NAMES = ["sofa", "lamp", "desk", "plant", "door", "shelf", "chair", "bed", "table", "clock"]
CENTRE = {"front": ([5, 6], "up"), "left": ([4, 5], "right"), "back": ([5, 4], "down"), "right": ([6, 5], "left")}
PLACES = [[5, 5], [5, 8], [2, 5], [5, 2], [8, 5]]


def among(group, question, *, folder):
    """One question about a thing and the four around it, from two sides."""
    names = [NAMES[(group + k) % len(NAMES)] for k in range(5)]
    views = [("front", "left"), ("left", "back"), ("back", "right")][question % 3]
    files = [f"other_all_image/among/g{group:03d}/{side}_{question % 3}.png" for side in views]
    for k, file in enumerate(files):
        picture(folder / file, group, question % 3, k)
    objects = [{"name": name, "position": place} for name, place in zip(names, PLACES, strict=True)]
    seen = [
        {"name": f"Image {k}", "position": CENTRE[side][0], "facing": CENTRE[side][1]}
        for k, side in enumerate(views, 1)
    ]
    return {
        "id": f"among_group{group:03d}_q{question}",
        "category": ["a"],
        "meta_info": [names, [None] * 5],
        "question": f"From image 1, what is at {group}.{question} from the {names[0]}? A. {names[1]} B. {names[2]} C. {names[3]}",
        "images": files,
        "gt_answer": "ABC"[question % 3],
        "grounded_cogmap": json.dumps({"objects": objects, "views": seen}),
    }


def rotation(group, question, *, folder):
    names = [NAMES[(group + k) % len(NAMES)] for k in range(3)]
    files = [f"other_all_image/rotation/r{group:03d}/{question}_{k}.png" for k in range(3)]
    for k, file in enumerate(files):
        picture(folder / file, group, question, k, 9)
    objects = [{"name": name, "position": place} for name, place in zip(names, [[3, 5], [5, 3], [7, 5]], strict=True)]
    views = [
        {"name": f"Image {k}", "position": [5, 5], "facing": way} for k, way in enumerate(("left", "up", "right"), 1)
    ]
    return {
        "id": f"rotation_group{group:03d}_q{question}",
        "category": ["r"],
        "meta_info": names,
        "question": f"I turn. What is behind me at {group}.{question}? A. {names[0]} B. {names[2]} C. {names[1]}",
        "images": files,
        "gt_answer": "ABC"[question % 3],
        "grounded_cogmap": json.dumps({"objects": objects, "views": views}),
    }


@pytest.fixture(scope="module")
def mindcube(tmp_path_factory):
    folder = tmp_path_factory.mktemp("mindcube")
    rows = [among(g, q, folder=folder) for g, q in product(range(20), range(6))]
    rows += [rotation(g, q, folder=folder) for g, q in product(range(20), range(2))]
    return write(folder / "raw" / "train.jsonl", rows)


def spar_row(scene, number, kind, **marks):
    return {
        "id": f"scene{scene:04d}_{number}",
        "image": [f"scene{scene:04d}/image_color/{k}.png" for k in range(2)],
        "type": kind,
        **marks,
    }


def turns(question, answer):
    return {"conversations": [{"from": "human", "value": question}, {"from": "gpt", "value": answer}]}


@pytest.fixture(scope="module")
def spar7m(tmp_path_factory):
    folder = tmp_path_factory.mktemp("spar") / "spar" / "scannet"
    for scene, k in product(range(12), range(2)):
        picture(folder / "images" / f"scene{scene:04d}/image_color/{k}.png", scene, k)
    marks = {"red_bbox": [[100, 100, 300, 300]], "blue_bbox": [[600, 100, 900, 300]]}
    oo = [
        spar_row(s, n, "obj_spatial_relation_oo_mv", bbox_img_idx=[[0, 1]], **marks)
        | turns(f"Where is the chair (red bbox) from the lamp (blue bbox), number {n}?\nA. left\nB. right", "AB"[n % 2])
        for s, n in product(range(12), range(4))
    ]
    depth = [
        spar_row(
            s, n, "depth_prediction_oc_mv", red_point=[[500, 500]], blue_point=[[700, 200]], point_img_idx=[[0, 0]]
        )
        | turns(f"The desk (red point) is {s}.{n} meters deep. How deep is the bed (blue point)?", f"1.{n}")
        for s, n in product(range(12), range(4))
    ]
    told = [{**row, **turns(row["conversations"][0]["value"], "The bed is about 1.5 meters deep.")} for row in depth]
    base = folder / "qa_jsonl" / "train"
    write(base / "obj_spatial_relation_oo_mv" / "select" / "a.jsonl", oo)
    write(base / "depth_prediction_oc_mv" / "fill" / "a.jsonl", depth)
    write(base / "depth_prediction_oc_mv" / "sentence" / "a.jsonl", told)
    return folder.parent.parent


def rows_of(out, part):
    return [json.loads(line) for line in (out / part / "metadata.jsonl").read_text("utf-8").splitlines()]


def run(tmp_path, name, path, *, sft=16, rl=40, **options):
    errors = []
    settings = PreparationSettings(name=name, path=path, sft=sft, rl=rl, **options)
    card = prepare(settings, tmp_path / "out", on_error=lambda error: errors.append(str(error)))
    assert card == json.loads((tmp_path / "out" / "card.json").read_text("utf-8"))
    return card, rows_of(tmp_path / "out", "sft"), rows_of(tmp_path / "out", "rl"), errors


# Preparation as a whole


def test_mindcube_is_balanced_disjoint_and_labelled(mindcube, tmp_path):
    card, sft, rl, errors = run(tmp_path, "mindcube", mindcube)
    assert errors == []
    assert card["rows"] == {"sft": 16, "rl": 40}
    assert card["categories"] == {"sft": {"among": 8, "rotation": 8}, "rl": {"among": 20, "rotation": 20}}
    assert {row["scene"] for row in sft}.isdisjoint(row["scene"] for row in rl)
    names = [{name for row in rows for name in row["images_file_names"]} for rows in (sft, rl)]
    assert names[0].isdisjoint(names[1])
    assert len({row["id"] for row in sft + rl}) == 56
    true = {sample.id: sample for sample in load("mindcube", mindcube)}
    for row in sft + rl:
        sample = true[row["id"].rpartition("/")[2]]
        assert (row["target"], row["options"], row["task"]) == (sample.target, list(sample.options), "multiview")
        assert [frozenset(view) for view in row["references"]] == list(sample.references)
        assert row["question"] in row["prompt"]
        assert f"Number of images: {len(sample.images)}." in row["prompt"]
        for file, image in zip(row["images_file_names"], sample.images, strict=True):
            part = "sft" if row in sft else "rl"
            assert (tmp_path / "out" / part / file).read_bytes() == image.read_bytes()
    for part in ("sft", "rl"):
        assert not [row for _, row in read_training_rows(tmp_path / "out" / part) if isinstance(row, DataError)]


def test_relations_agree_with_what_each_view_sees(mindcube, tmp_path):
    _, sft, rl, _ = run(tmp_path, "mindcube", mindcube)
    for row in sft + rl:
        for names, triplets in zip(row["references"], row["relations"], strict=True):
            assert len(triplets) == 1
            if row["category"] == "among":
                ((one, other, relation),) = triplets
                assert {one, other} == set(names)
                # what is asked about stands in the middle, and is nearer than what is beyond it
                assert relation == ("in front of" if one in row["question"].split("from the ")[1] else "behind")
            else:
                assert triplets == [[names[0], "camera", "in front of"]]


def test_the_same_seed_gives_the_same_files(mindcube, tmp_path):
    folders = []
    for name, seed, workers in (("a", 3, 1), ("b", 3, 2), ("c", 4, 1)):
        out = tmp_path / name
        prepare(PreparationSettings(name="mindcube", path=mindcube, sft=4, rl=8, seed=seed), out, workers=workers)
        folders.append({file.relative_to(out): file.read_bytes() for file in out.rglob("*") if file.is_file()})
    assert folders[0] == folders[1]
    assert folders[0] != folders[2]


def test_the_order_of_the_records_makes_no_difference(mindcube, tmp_path):
    lines = mindcube.read_text("utf-8").splitlines()
    turned = mindcube.with_name("turned.jsonl")
    turned.write_text("\n".join(reversed([*lines, lines[0]])), encoding="utf-8")  # one record twice
    prepare(PreparationSettings(name="mindcube", path=mindcube, sft=10, rl=60), tmp_path / "a")
    prepare(PreparationSettings(name="mindcube", path=turned, sft=10, rl=60), tmp_path / "b")
    for part in ("sft", "rl"):
        ids = [[row["id"] for row in rows_of(tmp_path / name, part)] for name in "ab"]
        assert len(set(ids[1])) == len(ids[1])
        assert ids[0] == ids[1]


def test_a_category_that_is_short_is_made_up_for_and_told(mindcube, tmp_path):
    card, sft, rl, _ = run(tmp_path, "mindcube", mindcube, sft=50, rl=500)
    assert len(sft) + len(rl) == 160 - card["left_out"].get("image_in_sft", 0)
    assert card["categories"]["rl"]["among"] > card["categories"]["rl"]["rotation"]
    assert any("500 that were asked for" in warning for warning in card["warnings"])


def test_categories_can_be_chosen(mindcube, tmp_path):
    card, sft, rl, _ = run(tmp_path, "mindcube", mindcube, categories=("rot*",), sft=2, rl=4)
    assert {row["category"] for row in sft + rl} == {"rotation"}
    assert card["left_out"] == {"other_category": 120}


def test_nothing_of_a_test_set_is_drawn(mindcube, tmp_path):
    rows = [json.loads(line) for line in mindcube.read_text("utf-8").splitlines()]
    # one test record shares only its question with the training set, one only an image, packed anew
    same_question = {
        **rows[0],
        "id": "among_t1",
        "images": ["t/a.png", "t/b.png"],
        "question": rows[0]["question"].upper(),
    }
    same_image = {
        **rows[150],
        "id": "rotation_t2",
        "question": "Another? A. sofa B. lamp C. bed",
        "images": ["t/c.bmp"] * 3,
    }
    for name in "ab":
        picture(tmp_path / "test" / "t" / f"{name}.png", ord(name), 999)
    with Image.open(mindcube.parents[1] / rows[150]["images"][0]) as image:
        image.save(tmp_path / "test" / "t" / "c.bmp")
    test = write(tmp_path / "test" / "test.jsonl", [same_question, same_image])
    card, sft, rl, _ = run(tmp_path, "mindcube", mindcube, sft=40, rl=200, tests=(("mindcube", test),))
    ids = {row["id"].rpartition("/")[2] for row in sft + rl}
    assert rows[0]["id"] not in ids
    assert rows[150]["id"] not in ids
    assert card["left_out"]["question_in_test_set"] == 1
    assert card["left_out"]["image_in_test_set"] == 1
    assert card["test_sets"] == {"files": ["mindcube: test.jsonl"], "questions": 2, "images": 3}
    assert not [warning for warning in card["warnings"] if "no test set" in warning]


def test_a_question_that_a_test_set_asks_of_many_scenes_is_no_leak(mindcube, tmp_path):
    row = json.loads(mindcube.read_text("utf-8").splitlines()[0])
    for k in range(2):
        picture(tmp_path / "test" / f"{k}.png", k, 77)
    test = write(tmp_path / "test" / "t.jsonl", [{**row, "id": f"among_{k}", "images": [f"{k}.png"]} for k in range(2)])
    found = read_test_sets([("mindcube", test)])
    assert (len(found.images), found.questions, found.samples) == (2, frozenset(), 2)


def test_a_wrong_test_set_is_an_error(mindcube, tmp_path):
    row = json.loads(mindcube.read_text("utf-8").splitlines()[0])
    (tmp_path / "x.png").write_bytes(b"no image")
    test = write(tmp_path / "t.jsonl", [{**row, "images": ["x.png"]}])
    with pytest.raises(DataError, match=r"t.jsonl:1: image: .*x.png: no image that can be read"):
        run(tmp_path, "mindcube", mindcube, tests=(("mindcube", test),))
    assert not (tmp_path / "out").exists()


def test_bad_records_and_images_are_named_and_cost_nothing_else(mindcube, tmp_path):
    lines = mindcube.read_text("utf-8").splitlines()
    missing = json.loads(lines[1]) | {"images": ["nowhere.png"]}
    broken = json.loads(lines[2]) | {"images": ["broken.png"]}
    letter = json.loads(lines[3]) | {"gt_answer": "Z"}
    named = json.loads(lines[5])
    named["grounded_cogmap"] = named["grounded_cogmap"].replace(f'"{named["meta_info"][0][0]}"', '"!?"')
    (mindcube.parents[1] / "broken.png").write_bytes(b"\x89PNG, not really")
    texts = [
        lines[0],
        json.dumps(missing),
        json.dumps(broken),
        json.dumps(letter),
        '{"id": "cut',
        json.dumps(named),
        *lines[6:],
    ]
    path = mindcube.with_name("bad.jsonl")
    path.write_text("\n".join(texts), encoding="utf-8")
    card, sft, rl, errors = run(tmp_path, "mindcube", path, sft=40, rl=500)
    assert len(errors) == 5
    assert errors[0].startswith(f"{path}:4: key 'gt_answer': expected a letter")
    assert errors[1].startswith(f"{path}:5: expected a JSON object, found broken JSON")
    assert any(e.startswith(f"{path}:2: image: ") and e.endswith("nowhere.png is not there") for e in errors[2:])
    assert any(e.startswith(f"{path}:3: image: ") and "no image that can be read" in e for e in errors[2:])
    assert card["left_out"] | {"image_in_sft": 0} == {"bad_record": 2, "bad_image_or_label": 3, "image_in_sft": 0}
    assert any(e == f"{path}:6: labels: view 1: '!?' is no name of an object" for e in errors[2:])
    assert len(sft) + len(rl) == 155 - card["left_out"].get("image_in_sft", 0)


def test_spar_draws_marks_and_leaves_out_sentences(spar7m, tmp_path):
    card, sft, rl, errors = run(tmp_path, "spar7m", spar7m, sft=8, rl=16)
    assert errors == []
    assert card["left_out"] == {"unverifiable_answer": 48}
    assert card["categories"]["sft"] == {"depth_prediction_oc_mv": 4, "obj_spatial_relation_oo_mv": 4}
    drawn = {sample.id + sample.category: sample for sample in load("spar7m", spar7m)}
    for row in sft + rl:
        sample = drawn[row["id"].rpartition("/")[2] + row["category"]]
        part = "sft" if row in sft else "rl"
        for file, image in zip(row["images_file_names"], sample.images, strict=True):
            expected = Image.open(io.BytesIO(image) if isinstance(image, bytes) else image).convert("RGB")
            assert Image.open(tmp_path / "out" / part / file).convert("RGB").tobytes() == expected.tobytes()
        assert row["id"].split("/")[2] == ("select" if row["category"].startswith("obj") else "fill")
        if row["category"] == "obj_spatial_relation_oo_mv":
            assert row["references"] == [["chair"], ["lamp"]]
            assert row["relations"] == [
                [["chair", "camera", "in front of and left"]], [["lamp", "camera", "in front of and right"]],
            ]  # fmt: skip
        else:
            assert row["references"] == [["bed", "desk"], []]
            assert row["relations"] == [[["desk", "bed", "left"]], []]


def test_copying_names_pays_in_spar_so_relations_must_count(spar7m, tmp_path):
    card, *_ = run(tmp_path, "spar7m", spar7m, sft=8, rl=16)
    # two of two names in one of the views, or one of two in each: (1 + 0) / 2 and 2/3
    assert card["blind_reference_reward"]["rl"]["copying"] == pytest.approx((0.5 + 2 / 3) / 2)
    assert card["relation_weight"] == 0.5
    weighted = card["blind_reference_reward_weighted"]["rl"]["copying"]
    assert weighted < card["blind_reference_reward"]["rl"]["copying"]
    assert f"R_ref {7 / 12:.2f} by names alone, more than 0.5 (by default 0)" in card["warnings"][0]
    assert "train under that preset with relation_weight 0.5, under which it scores" in card["warnings"][0]


def test_without_relation_labels_names_alone_are_refused(mindcube, tmp_path):
    rows = [json.loads(line) for line in mindcube.read_text("utf-8").splitlines()]
    raw = [{key: value for key, value in row.items() if key != "grounded_cogmap"} for row in rows]
    path = write(mindcube.with_name("raw.jsonl"), raw)
    assert run(tmp_path, "mindcube", mindcube)[0]["relation_weight"] == 0.5
    again = tmp_path / "again"
    again.mkdir()
    with pytest.raises(
        ConfigError, match=r"R_ref 0\.\d\d by names alone, .* only 0% of the rows .* --relation-weight 0"
    ):
        run(again, "mindcube", path)
    assert list(again.iterdir()) == []
    card, sft, _, _ = run(again, "mindcube", path, relation_weight=0.0)
    assert card["relation_weight"] == 0
    assert card["with_references"]["sft"] == 16
    assert sft[0]["relations"] is None
    assert card["warnings"][0].endswith("relations do not count, as asked")


def test_rows_whose_relations_are_unknown_have_no_labels_where_relations_count():
    row = {"question": "x", "target": "A", "options": None, "references": [["sofa"]], "relations": None}
    with pytest.raises(ConfigError, match="only 0% of the rows have relation labels"):
        choose_relation_weight({"sft": [row]}, 0.5)
    both = [row, {**row, "relations": [[["sofa", "camera", "front"]]]}]
    assert choose_relation_weight({"sft": both}, 0.5).weight == 0.5


def test_wrong_settings_are_refused(mindcube, tmp_path):
    with pytest.raises(ConfigError, match="not a data set that can be prepared; it is one of mindcube"):
        PreparationSettings(name="mmsi", path=mindcube)
    with pytest.raises(ConfigError, match="are no data set"):
        PreparationSettings(name="mindcube", path=mindcube, sft=0, rl=0)
    with pytest.raises(ConfigError, match="relation_weight"):
        PreparationSettings(name="mindcube", path=mindcube, relation_weight=2)
    (tmp_path / "out").mkdir()
    with pytest.raises(ConfigError, match="already exists"):
        run(tmp_path, "mindcube", mindcube)
    with pytest.raises(ConfigError, match="there is no folder"):
        prepare(PreparationSettings(name="mindcube", path=mindcube), tmp_path / "no" / "out")


# Sampling


@given(st.dictionaries(st.text(max_size=3), st.integers(0, 50), max_size=6), st.integers(0, 200))
def test_quotas_are_even_and_use_what_there_is(available, total):
    given_ = quotas(available, total)
    assert sum(given_.values()) == min(total, sum(available.values()))
    assert all(given_[name] <= available[name] for name in available)
    open_ = [given_[name] for name in available if given_[name] < available[name]]
    assert not open_ or max(given_.values()) - min(open_) <= 1


@given(
    st.dictionaries(st.text(max_size=4), st.integers(1, 30), min_size=1, max_size=40),
    st.floats(0, 1),
    st.integers(0, 9),
)
def test_groups_are_divided_near_the_share(sizes, share, seed):
    chosen = divide_groups(sizes, share, seed)
    inside = sum(sizes[group] for group in chosen)
    assert abs(inside - share * sum(sizes.values())) <= max(sizes.values())
    assert chosen == divide_groups(dict(reversed(sizes.items())), share, seed)


def test_a_draw_is_uniform_over_a_category():
    samples = [
        Sample(id=str(k), benchmark="x", prompt="p", images=(), target="A", category="c", group=str(k))
        for k in range(40)
    ]
    assert count(samples)["3"] == {"c": 1}
    hits = dict.fromkeys(map(str, range(40)), 0)
    for seed in range(400):
        for sample in draw(samples, {("all", "c"): 4}, lambda _: "all", seed)["all", "c"]:
            hits[sample.id] += 1
    assert sum(hits.values()) == 1600
    chi2 = sum((found - 40) ** 2 / 40 for found in hits.values())  # 39 degrees of freedom, without replacement
    assert chi2 < 80


# Leakage


def test_an_image_is_known_by_its_pixels(tmp_path):
    png = picture(tmp_path / "a.png", 1, 2)
    with Image.open(png) as image:
        image.save(tmp_path / "a.bmp")
        image.transpose(Image.Transpose.FLIP_LEFT_RIGHT).save(tmp_path / "turned.png")
        image.resize((16, 24)).save(tmp_path / "size.png")
    assert fingerprint(png) == fingerprint(tmp_path / "a.bmp") == fingerprint(png.read_bytes())
    assert len({fingerprint(tmp_path / name).pixels for name in ("a.png", "turned.png", "size.png")}) == 3
    with pytest.raises(DataError, match="5 bytes: no image"):
        fingerprint(b"12345")
    with pytest.raises(DataError, match=r"gone.png is not there"):
        fingerprint(tmp_path / "gone.png")


def photograph(seed):
    """An image with the structure of one: a few large bright and dark shapes."""
    rng = np.random.default_rng(seed)
    shapes = Image.fromarray(rng.integers(0, 256, (6, 8, 3), dtype=np.uint8))
    return shapes.resize((320, 240), Image.Resampling.BICUBIC)


def packed(image, **options):
    buffer = io.BytesIO()
    image.save(buffer, **options)
    return buffer.getvalue()


def test_a_picture_is_known_though_it_was_packed_anew_scaled_or_marked():
    known = Gallery(fingerprint(packed(photograph(seed), format="PNG")) for seed in range(30))
    assert len(known) == 30
    for seed in range(30):
        image = photograph(seed)
        marked = image.copy()
        pen = ImageDraw.Draw(marked)
        pen.rectangle((60, 50, 150, 130), outline="red", width=5)
        pen.ellipse((200, 90, 212, 102), fill="blue")
        for same in (image, marked, image.resize((160, 120))):
            assert known.shows(fingerprint(packed(same, format="PNG")))
        assert known.shows(fingerprint(packed(image, format="JPEG", quality=60)))


def test_other_pictures_are_not_taken_for_known_ones():
    known = Gallery(fingerprint(packed(photograph(seed), format="PNG")) for seed in range(30))
    assert not any(known.shows(fingerprint(packed(photograph(seed), format="PNG"))) for seed in range(100, 160))
    assert not Gallery(()).shows(fingerprint(packed(photograph(1), format="PNG")))


def test_flat_images_are_the_same_only_by_their_pixels():
    grey = [fingerprint(packed(Image.new("RGB", (20, 20), (n, n, n)), format="PNG")) for n in range(100, 104)]
    known = Gallery(grey[:2])
    assert [known.shows(image) for image in grey] == [True, True, False, False]


def test_a_question_is_known_by_its_words():
    def question(prompt, options=None):
        return question_hash(
            Sample(
                id="x", benchmark="x", prompt=prompt, images=(), target="A", category="c", group="g", options=options
            )
        )

    assert question("Where is  the SOFA?") == question("where is the sofa")
    assert question("Where is the sofa?") != question("Where is the sofa? A. left")
    assert question("Where?", ("left", "right")) != question("Where?", ("right", "left"))


def test_images_are_stored_once_under_the_names_of_their_contents(tmp_path):
    png = picture(tmp_path / "in" / "a.png", 1)
    (tmp_path / "in" / "link.png").symlink_to(png)
    folder = tmp_path / "out"
    folder.mkdir()
    name = store_image(png, folder)
    assert name == store_image(png.read_bytes(), folder) == store_image(tmp_path / "in" / "link.png", folder)
    assert [file.name for file in folder.iterdir()] == [name]
    assert not (folder / name).is_symlink()
    with pytest.raises(DataError, match=r"gone.png: No such file"):
        store_image(tmp_path / "gone.png", folder)
    with pytest.raises(DataError, match="3 bytes: neither PNG"):
        store_image(b"abc", folder)


def test_images_are_copied_where_they_cannot_be_linked(tmp_path, monkeypatch):
    def refuse(*_args, **_options):
        raise OSError(18, "Invalid cross-device link")

    png = picture(tmp_path / "a.png", 1)
    folder = tmp_path / "out"
    folder.mkdir()
    monkeypatch.setattr("os.link", refuse)
    assert (folder / store_image(png, folder)).read_bytes() == png.read_bytes()


# Reference labels and what they pay


def spar(marks, question, images=2, kind="obj_spatial_relation_oo_mv"):
    return Sample(
        id="x", benchmark="spar7m", prompt=question, images=(b"",) * images, target="A", category=kind, group="g", extra=marks
    )  # fmt: skip


CHAIR_LAMP = "Where is the chair (red bbox) from the lamp (blue bbox)?"


@pytest.mark.parametrize(
    ("red", "blue", "relation"),
    [
        ([100, 100, 200, 200], [600, 100, 700, 200], "left"),
        ([600, 100, 700, 200], [100, 100, 200, 200], "right"),
        ([100, 100, 200, 200], [120, 600, 220, 700], "above"),
        ([100, 600, 200, 700], [120, 100, 220, 200], "below"),
    ],
)
def test_two_marks_of_one_image_are_related_in_it(red, blue, relation):
    sample = spar({"red_bbox": [red], "blue_bbox": [blue], "bbox_img_idx": [[1, 1]]}, CHAIR_LAMP)
    assert relations_of(sample) == ((), (("chair", "lamp", relation),))


def test_marks_that_no_relation_tells_apart_give_no_labels():
    near = {"red_bbox": [[0, 0, 10, 10]], "blue_bbox": [[9, 9, 20, 20]], "bbox_img_idx": [[0, 0]]}
    assert relations_of(spar(near, CHAIR_LAMP)) is None
    far = {"red_bbox": [[0, 0, 10, 10]], "blue_bbox": [[900, 9, 920, 20]], "bbox_img_idx": [[0, 0]]}
    assert relations_of(spar(far, "Where is the chair (red bbox) from the chairs (blue bbox)?")) is None
    assert relations_of(spar({}, "How does the camera move?", kind="view_change_infer")) is None
    benchmark = Sample(id="x", benchmark="sparbench", prompt="p", images=(), target="A", category="c", group="g")
    assert relations_of(benchmark) is None


def test_the_policies_are_scored_by_the_reward_itself():
    row = {
        "question": "Is the office chair nearer than the sofas?",
        "options": ["the chair", "the lamp"],
        "target": "A",
        "references": [["office chair", "sofa"], ["lamp"], []],
        "relations": [[["office chair", "sofa", "left"]], [["lamp", "camera", "front"]], []],
    }
    found = reference_baselines([row])
    text = "".join(f"View {k}: [office chair, sofa, left] [sofa, lamp, left]\n" for k in (1, 2, 3))
    expected = reference_reward(
        [f"<think>{text}</think><answer>-</answer>"], target=["A"], references=[row["references"]], preset="paper"
    )
    assert found.copying == found.everything == expected[0]
    assert found.highest == found.copying
    alone = reference_baselines([{**row, "options": None}])  # now the lamp is not named
    assert alone.copying == pytest.approx((1 + 0 + 0) / 3)
    assert alone.everything == found.everything
    weighted = reference_baselines([{**row, "options": None}], relation_weight=1)
    assert weighted.copying == pytest.approx((1 + 0) / 2)  # it guesses "left", which pays most
    turned = {
        **row,
        "options": None,
        "relations": [[["office chair", "sofa", "right"]], [["lamp", "camera", "front"]], []],
    }
    assert reference_baselines([row | {"options": None}, turned], relation_weight=1).copying == pytest.approx(1 / 4)
    assert reference_baselines([{**row, "references": None}]) == (None, None)
    assert reference_baselines([]).highest == 0


@pytest.mark.parametrize("task", ["cogmap", "trajectory"])
def test_maps_of_mindcube_are_rows_of_their_own(mindcube, tmp_path, task):
    """One row for each set of images, whose target is the map that the owners give."""
    settings = PreparationSettings(name="mindcube", path=mindcube, sft=6, rl=20, task=task)
    card = prepare(settings, tmp_path / "out")
    rows = [row for part in ("sft", "rl") for _, row in read_training_rows(tmp_path / "out" / part)]
    assert (card["task"], card["rows"]) == (task, {"sft": 6, "rl": 20})
    assert card["left_out"]["another_question_on_these_images"] > 0
    assert len({row["images_file_names"][0] for row in rows}) == len(rows)
    given = {json.loads(line)["id"]: json.loads(line) for line in mindcube.read_text().splitlines()}
    for row in rows:
        assert row["task"] == task
        true = json.loads(given[row["id"].split("/")[-1]]["grounded_cogmap"])
        said = json.dumps(true) if task == "cogmap" else row["target"]
        assert score_completion(f"<think>b</think><answer>{said}</answer>", row["target"], task=task).correct
        if task == "cogmap":
            assert ", ".join(sorted(each["name"] for each in true["objects"])) in row["prompt"]
        else:
            ways = ("up", "right", "down", "left")
            looks = [ways.index(each["facing"]) for each in true["views"]]
            turns = [f"View {at}: {ways[(look - looks[0]) % 4]}" for at, look in enumerate(looks, 1)]
            assert row["target"] == ", ".join(turns[1:])


def translation(number, views, *, folder):
    """Three things one after the other, as the owners draw them: `inner` where one is below the other."""
    files = [f"other_all_image/translation/t{number}/{k}.png" for k in range(len(views))]
    for k, file in enumerate(files):
        picture(folder / file, 30, number, k, 9)
    places = [[5, 7], [5, 5], [5, 3]]
    objects = [{"name": name, "position": place} for name, place in zip(NAMES, places, strict=False)]
    seen = [{"name": f"View {k}", "position": [5, 5 + k], "facing": way} for k, way in enumerate(views, 1)]
    return {
        "id": f"translation_group{number}_q0",
        "category": ["t"],
        "meta_info": ["down,down", *NAMES[:3]],
        "question": f"What is beyond the lamp at {number}? A. {NAMES[0]} B. {NAMES[2]}",
        "images": files,
        "gt_answer": "B",
        "grounded_cogmap": json.dumps({"objects": objects, "views": seen}),
    }


@pytest.mark.parametrize("task", ["cogmap", "trajectory"])
def test_maps_whose_page_is_upright_are_refused_each_by_its_place(tmp_path, task):
    """Up on the page is above for a view into it, and behind for another view of the same map."""
    ways = [("up", "up"), ("inner", "inner"), ("left", "inner"), ("up", "outer")]
    rows = [translation(at, views, folder=tmp_path) for at, views in enumerate(ways)]
    rows[3]["grounded_cogmap"] = json.loads(rows[3]["grounded_cogmap"])  # files have it in both ways
    path, told = write(tmp_path / "raw" / "train.jsonl", rows), []
    settings = PreparationSettings(name="mindcube", path=path, sft=0, rl=4, task=task)
    card = prepare(settings, tmp_path / "out", on_error=told.append)
    assert card["left_out"] == {"upright_map": 3}
    (row,) = [row for _, row in read_training_rows(tmp_path / "out" / "rl")]
    assert row["id"].endswith("translation_group0_q0")
    seen = [(2, "view 1"), (3, "view 2"), (4, "view 2")]
    assert [str(each) for each in told] == [
        f"{path}:{line}: key 'grounded_cogmap': {view!r} looks into or out of the page, which is upright there: "
        "this is no map from above"
        for line, view in seen
    ]


def test_maps_that_cannot_be_used_are_left_out(mindcube, tmp_path):
    rows = [json.loads(line) for line in mindcube.read_text().splitlines()]
    for at, row in enumerate(rows):
        cogmap = json.loads(row["grounded_cogmap"])
        if at % 3 == 0:
            cogmap["objects"][1]["name"] = cogmap["objects"][0]["name"]
        row["grounded_cogmap"] = None if at % 3 == 1 else json.dumps(cogmap)
    path = write(mindcube.parent / "broken.jsonl", rows)
    try:
        told = []
        settings = PreparationSettings(name="mindcube", path=path, sft=0, rl=500, task="cogmap")
        card = prepare(settings, tmp_path / "out", on_error=told.append)
    finally:
        path.unlink()
    assert card["left_out"]["no_map"] == len(range(1, len(rows), 3))
    assert card["left_out"]["bad_image_or_label"] > 0
    assert "key 'grounded_cogmap': " in str(told[0])
    assert "stands there twice" in str(told[0])
    with pytest.raises(ValueError, match="task cogmap needs cognitive maps, which of mindcube, sparbench, spar7m"):
        PreparationSettings(name="spar7m", path=path, task="cogmap")
