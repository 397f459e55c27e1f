import gzip
import json
import lzma

import pytest

from rewards.errors import ConfigError, DataError
from trainers.rows import answer_lengths, load_rows, place_of_row

datasets = pytest.importorskip("datasets")
Image = pytest.importorskip("PIL.Image")


pytestmark = pytest.mark.filterwarnings("ignore")


def endless(count=3):
    return datasets.IterableDataset.from_generator(lambda: ({"prompt": str(at)} for at in range(count)))


@pytest.fixture
def folder(tmp_path):
    for name in ("a.png", "b.png"):
        Image.new("RGB", (8, 6), "red").save(tmp_path / name)
    return tmp_path


def write(folder, records, name="metadata.jsonl"):
    text = "".join(json.dumps(record) + "\n" for record in records)
    path = folder / name
    if name.endswith(".gz"):
        with gzip.open(path, "wt") as out:
            out.write(text)
    else:
        path.write_text(text)
    return path


ROW = {"id": "r1", "prompt": "what?", "target": "0.shape.cube", "images_file_names": ["a.png", "b.png"]}


@pytest.mark.parametrize("name", ["metadata.jsonl", "rows.jsonl", "rows.jsonl.gz"])
def test_rows_of_files(folder, name):
    path = write(folder, [ROW | {"completion": "yes"}], name)
    found = load_rows(str(folder if name == "metadata.jsonl" else path), system_prompt="be brief")[0]
    assert found["prompt"] == [
        {"role": "system", "content": "be brief"},
        {"role": "user", "content": "what?"},
    ]
    assert found["completion"] == [{"role": "assistant", "content": "yes"}]
    assert [image.size for image in found["images"]] == [(8, 6)] * 2
    assert found["target"] == "0.shape.cube"


def test_parquet_and_saved_folders_give_the_same(folder):
    made = datasets.Dataset.from_dict(
        {"prompt": ["what?"], "images": [[str(folder / "a.png")]], "target": ["x"]}
    ).cast_column("images", datasets.List(datasets.Image()))
    made.save_to_disk(folder / "saved")
    made.to_parquet(folder / "rows.parquet")
    one, other = (load_rows(str(folder / name))[0] for name in ("saved", "rows.parquet"))
    assert one["prompt"] == other["prompt"]
    assert one["images"][0].tobytes() == other["images"][0].tobytes()


def test_structured_gold_becomes_json(folder):
    gold = [{"obj_idx": 0, "attr": "shape", "val": "cube"}]
    found = load_rows(str(write(folder, [ROW | {"target": gold}, ROW])))
    assert [json.loads(found[0]["target"]), found[1]["target"]] == [gold, "0.shape.cube"]


def test_only_what_is_asked_for_comes_out(folder):
    found = load_rows(str(write(folder, [ROW | {"completion": "c"}])), keeps=("prompt", "images"))
    assert set(found[0]) == {"prompt", "images"}


def test_a_row_without_pictures_among_others_is_named(folder):
    path = write(folder, [ROW, ROW, ROW | {"images_file_names": []}])
    with pytest.raises(DataError, match="row 2 has no image"):
        load_rows(str(path))
    assert load_rows(str(write(folder, [ROW | {"images_file_names": []}] * 2)))[0]["images"] == []


@pytest.mark.parametrize(("name", "content"), [("c.png", b"no picture"), ("a.png", b"")])
def test_a_picture_that_does_not_open_is_named(folder, name, content):
    (folder / name).write_bytes(content)
    found = load_rows(str(write(folder, [ROW | {"images_file_names": [name]}])))
    with pytest.raises(DataError, match=f"row 'r1': image {name} does not open"):
        found[0]


def test_a_picture_that_is_not_there_is_named(folder):
    found = load_rows(str(write(folder, [ROW | {"images_file_names": ["z.png"]}])))
    with pytest.raises(DataError, match="row 'r1': image z.png does not open"):
        found[0]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "there are no rows"),
        ('{"target": "x"}\n', "there is no column 'prompt'; the columns are target"),
        ("{\n", ":1: broken JSON at column 2"),
        ("[1]\n", ":1: a row is a JSON object, and this is a list"),
        ('{"prompt": "a", "n": 1}\n{"prompt": "a", "n": {"b": 1}}\n', "mixes types"),
    ],
)
def test_wrong_files(tmp_path, text, message):
    path = tmp_path / "rows.jsonl"
    path.write_text(text)
    with pytest.raises(DataError, match=message):
        load_rows(str(path))


def test_a_part_of_a_prompt_that_chat_templates_do_not_read_is_refused(folder):
    parts = [{"type": "image"}, {"type": "image"}, {"type": "text", "text": "what?"}]
    path = write(folder, [{**ROW, "prompt": [{"role": "user", "content": parts}]}])
    assert [part["type"] for part in load_rows(str(path))[0]["prompt"][0]["content"]] == ["image", "image", "text"]
    parts[-1]["type"] = "input_text"
    path = write(folder, [{**ROW, "prompt": [{"role": "user", "content": parts}]}])
    with pytest.raises(DataError, match="a prompt: a part of the type 'input_text' holds text and would be left out"):
        load_rows(str(path))[0]


@pytest.mark.parametrize("name", ["missing.jsonl", "no/such-data-set", "rewards.functions:nothing"])
def test_data_that_are_not_there(name):
    with pytest.raises(ConfigError, match="dataset_name"):
        load_rows(name)


def test_streams_of_a_function():
    found = load_rows(f"{__file__}:endless", kwargs={"count": 2})
    assert [row["prompt"] for row in found] == ["0", "1"]


def test_the_prompt_of_the_task_is_filled_where_rows_have_none(folder):
    rows = [{"id": "r1", "question": "Where?", "target": "A"}, {"id": "r2", "question": "And {this}?", "target": "B"}]
    found = load_rows(str(write(folder, rows, "rows.jsonl")), task="multiview")
    texts = [row["prompt"][0]["content"] for row in found]
    assert texts[0].startswith("Where?\nReason inside <think>")
    assert texts[1].startswith("And {this}?")
    assert found[1]["target"] == "B"
    given = load_rows(str(write(folder, [rows[0] | {"prompt": "own"}], "own.jsonl")), task="multiview")
    assert given[0]["prompt"][0]["content"] == "own"
    with pytest.raises(
        DataError, match="nor all that the prompt of task multiview is filled from: question; the columns"
    ):
        load_rows(str(write(folder, [{"target": "A"}], "none.jsonl")), task="multiview")


@pytest.mark.parametrize("name", ["rows.jsonl", "rows.jsonl.gz"])
def test_a_row_is_named_by_file_line_and_id(folder, name):
    rows = [ROW | {"id": f"r{at}"} for at in range(4)]
    path = write(folder, rows, name)
    if name == "rows.jsonl":  # blank lines count
        path.write_text("\n\n" + path.read_text())
    found = load_rows(str(path))
    assert place_of_row(found, 2) == f"{path}:{5 if name == 'rows.jsonl' else 3}: id 'r2'"
    found.with_format(None).to_parquet(folder / "rows.parquet")
    assert place_of_row(load_rows(str(folder / "rows.parquet")), 2) == f"{folder / 'rows.parquet'}: row 2: id 'r2'"


def test_rows_keep_the_paths_of_their_images(folder):
    found = load_rows(str(write(folder, [ROW])))
    assert found[0]["images_file_names"] == [str(folder / "a.png"), str(folder / "b.png")]


def test_lengths_of_answers_are_counted_with_their_tags(folder):
    class Processor:
        def __call__(self, text):
            return {"input_ids": list(text)}

    found = load_rows(str(write(folder, [ROW, ROW | {"target": "0.shape.sphere"}])))
    assert answer_lengths(found, Processor()) == [
        len(f"<think></think><answer>{text}</answer>") for text in ("0.shape.cube", "0.shape.sphere")
    ]
    found = load_rows(str(write(folder, [ROW | {"completion": "abc"}])))
    assert answer_lengths(found, Processor()) == [3]


@pytest.mark.parametrize("name", ["a.csv", "a.json", "a.jsonl.xz", "bom.jsonl"])
def test_rows_of_files_of_every_kind(folder, name):
    rows = [{"id": "r1", "prompt": "one?", "target": "0.shape.cube"}, {"id": "r2", "prompt": "two?", "target": "none"}]
    lines = "".join(json.dumps(row) + "\n" for row in rows)
    content = {
        "a.csv": "id,prompt,target\n" + "".join(",".join(row.values()) + "\n" for row in rows),
        "a.json": json.dumps(rows, indent=1),
        "a.jsonl.xz": lzma.compress(lines.encode()),
        "bom.jsonl": "\ufeff" + lines,
    }[name]
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    found = load_rows(str(path))
    assert [row["target"] for row in found] == ["0.shape.cube", "none"]
    assert found[1]["prompt"] == [{"role": "user", "content": "two?"}]
    assert place_of_row(found, 1) == f"{path}:{3 if name == 'a.csv' else 2}: id 'r2'"


def test_nan_is_no_target(folder):
    path = folder / "a.jsonl"
    path.write_text('{"prompt": "a", "target": NaN}\n{"prompt": "b", "target": "none"}\n')
    assert [row["target"] for row in load_rows(str(path))] == [None, "none"]
