"""One mixed set: drawn evenly over all categories, and it says what came from where."""

import hashlib
import json
from collections import Counter

import pytest
from PIL import Image

from rewards.errors import ConfigError, DataError
from trainers.data.mix import mix
from trainers.data.training_rows import read_training_rows


def prepared(folder, source, counts, *, relation_weight=0.0, scenes=("s", "r"), **changes):
    """A folder as ``star data prepare`` writes it: part -> category -> rows."""
    folder.mkdir()
    card = {"source": source, "relation_weight": relation_weight}
    (folder / "card.json").write_text(json.dumps(card), encoding="utf-8")
    for (part, categories), scene in zip(counts.items(), scenes, strict=True):
        (folder / part / "image").mkdir(parents=True)
        rows = []
        for category, count in categories.items():
            for number in range(count):
                name = f"{source}/{category}/{part}{number}"
                color = tuple(hashlib.sha256(name.encode()).digest()[:3])
                Image.new("RGB", (4, 4), color).save(folder / part / "image" / f"{category}{number}.png")
                row = {"id": name, "task": "multiview", "source": source, "category": category, "prompt": "?"}
                row |= {"target": "yes", "scene": f"{scene}{number}", "references": [["sofa"]], "relations": None}
                row |= {"images_file_names": [f"image/{category}{number}.png"], "question": "?", "options": None}
                rows.append(row | changes)
        text = "".join(json.dumps(row) + "\n" for row in rows)
        (folder / part / "metadata.jsonl").write_text(text, encoding="utf-8")
    return folder


@pytest.fixture
def sets(tmp_path):
    mindcube = {"sft": {"among": 9, "rotation": 9}, "rl": {"among": 30, "rotation": 2}}
    spar = {"sft": {"among": 9}, "rl": {"depth": 30, "among": 30}}
    return [prepared(tmp_path / "mc", "mindcube", mindcube), prepared(tmp_path / "sp", "spar7m", spar)]


def rows_of(out, part):
    return [json.loads(line) for line in (out / part / "metadata.jsonl").read_text("utf-8").splitlines()]


def kinds(rows):
    return Counter((row["source"], row["category"]) for row in rows)


def test_every_category_of_every_set_gives_as_many_rows(sets, tmp_path):
    manifest = mix(sets, tmp_path / "out", sft=12, rl=38)
    sft, rl = rows_of(tmp_path / "out", "sft"), rows_of(tmp_path / "out", "rl")
    assert kinds(sft) == {("mindcube", "among"): 4, ("mindcube", "rotation"): 4, ("spar7m", "among"): 4}
    # Two is all that rotation has; the others give what it cannot.
    assert kinds(rl) == {
        ("mindcube", "among"): 12, ("mindcube", "rotation"): 2, ("spar7m", "among"): 12, ("spar7m", "depth"): 12,
    }  # fmt: skip
    assert [row["source"] for row in rl] != sorted(row["source"] for row in rl)  # mixed, not one after the other
    assert manifest == json.loads((tmp_path / "out" / "manifest.json").read_text("utf-8"))
    assert manifest["rows"] == {"sft": 12, "rl": 38}
    for source, folder in zip(manifest["sources"], sets, strict=True):
        assert source["folder"] == folder.name
        for part, rows in (("sft", sft), ("rl", rl)):
            file = (folder / part / "metadata.jsonl").read_bytes()
            assert source[part]["sha256"] == hashlib.sha256(file).hexdigest()
            had = Counter(json.loads(line)["category"] for line in file.splitlines())
            gave = Counter(row["category"] for row in rows if row["source"] == source["source"])
            assert source[part]["categories"] == {
                category: {"had": had[category], "gave": gave[category]} for category in sorted(had)
            }
    for part in ("sft", "rl"):
        file = (tmp_path / "out" / part / "metadata.jsonl").read_bytes()
        assert manifest["sha256"][part] == hashlib.sha256(file).hexdigest()


def test_rows_and_images_are_those_of_their_sets(sets, tmp_path):
    mix(sets, tmp_path / "out", sft=12, rl=38)
    true = {
        row["id"]: (row, (folder / part / row["images_file_names"][0]).read_bytes())
        for folder in sets
        for part in ("sft", "rl")
        for row in rows_of(folder, part)
    }
    for part in ("sft", "rl"):
        for where, row in read_training_rows(tmp_path / "out" / part):
            assert not isinstance(row, DataError), where
            before, image = true[row["id"]]
            (name,) = row["images_file_names"]
            assert {**row, "images_file_names": None} == {**before, "images_file_names": None}
            assert (tmp_path / "out" / part / name).read_bytes() == image


def test_the_seed_alone_decides(sets, tmp_path):
    folders = []
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        mix(sets, tmp_path / name, sft=6, rl=8, seed=seed)
        folders.append({f.relative_to(tmp_path / name): f.read_bytes() for f in (tmp_path / name).rglob("*.jsonl")})
    assert folders[0] == folders[1] != folders[2]


def test_where_relations_count_names_alone_are_no_label(tmp_path):
    part = {"sft": {"a": 2}, "rl": {"a": 2}}
    relations = [[["sofa", "camera", "in front of"]]]
    sets = [
        prepared(tmp_path / "x", "mindcube", part, relation_weight=0.5, relations=relations),
        prepared(tmp_path / "y", "spar7m", part),
    ]
    mix(sets, tmp_path / "out", sft=4, rl=4)
    assert json.loads((tmp_path / "out" / "card.json").read_text("utf-8"))["relation_weight"] == 0.5
    labelled = {row["source"]: row["references"] for row in rows_of(tmp_path / "out", "rl")}
    assert labelled == {"mindcube": [["sofa"]], "spar7m": None}


def test_one_data_set_prepared_twice_is_refused(sets, tmp_path):
    again = prepared(tmp_path / "again", "mindcube", {"sft": {"among": 9}, "rl": {"rotation": 1}})
    with pytest.raises(
        ConfigError, match=r"row 'mindcube/among/sft0' of mindcube is there twice: .*mc.*:1 and .*again"
    ):
        mix([*sets, again], tmp_path / "out")
    turned = prepared(tmp_path / "turned", "spar7m", {"sft": {"new": 2}, "rl": {"newer": 1}}, scenes=("r", "s"))
    with pytest.raises(ConfigError, match=r"scene '[rs]\d' of spar7m is in both parts: "):
        mix([*sets, turned], tmp_path / "out", sft=30, rl=90)
    assert not (tmp_path / "out").exists()


def test_what_is_no_prepared_set_is_refused(sets, tmp_path):
    with pytest.raises(ConfigError, match="each named once"):
        mix([sets[0], sets[0]], tmp_path / "out")
    with pytest.raises(ConfigError, match="each named once"):
        mix([], tmp_path / "out")
    (tmp_path / "none").mkdir()
    with pytest.raises(ConfigError, match=r"none: no set of `star data prepare`: card.json: No such file"):
        mix([tmp_path / "none"], tmp_path / "out")
    (tmp_path / "none" / "card.json").write_text('{"source": "mindcube", "relation_weight": 2}')
    with pytest.raises(ConfigError, match=r"card.json: relation_weight: should be less than or equal to 1, not 2"):
        mix([tmp_path / "none"], tmp_path / "out")
    with pytest.raises(ConfigError, match="are no data set"):
        mix(sets, tmp_path / "out", sft=0, rl=0)
    (sets[1] / "rl" / "image" / "depth3.png").unlink()
    with pytest.raises(DataError, match=r"metadata.jsonl:4: image: image 1, .*depth3.png, is not there"):
        mix(sets, tmp_path / "out")
    assert not (tmp_path / "out").exists()
    (tmp_path / "out").mkdir()
    with pytest.raises(ConfigError, match="already exists"):
        mix(sets, tmp_path / "out")
