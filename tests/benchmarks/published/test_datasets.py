from pathlib import Path

import pytest

from benchmarks.datasets import load
from rewards.errors import ConfigError, DataError
from tests.benchmarks.published.dataset_files import DATA

# What is wrong with a record costs no other record, where somebody listens


@pytest.mark.parametrize(
    ("name", "path", "good"),
    [
        ("tvr", "trance/data.jsonl", 6),
        ("mindcube", "mindcube/raw/MindCube_tiny.jsonl", 4),
        ("sparbench", "sparbench/test.jsonl", None),
        ("spar7m", "spar7m/spar/scannet/qa_jsonl/train/depth_prediction_oc/sentence/sentence_1.jsonl", 1),
    ],
)
def test_bad_records_are_told_and_left_out(tmp_path, name, path, good):
    text = (DATA / path).read_text(encoding="utf-8").strip()
    file = tmp_path / Path(path).name
    file.write_text('{"broken\n[1]\n{}\n' + text + "\n{}\n", encoding="utf-8")
    lines = len(text.splitlines())
    errors = []
    found = list(load(name, file, check_images=False, on_error=lambda error: errors.append(str(error))))
    assert len(found) == (lines if good is None else good)
    places = [f"{file}:{number}" for number in (1, 2, 3, lines + 4)]
    assert [error.split(": ")[0] for error in errors] == places
    assert {sample.place for sample in found} == {f"{file}:{number}" for number in range(4, lines + 4)}
    with pytest.raises(DataError):
        list(load(name, file, check_images=False))


def test_bad_rows_of_tables_are_told_and_left_out(tmp_path):
    text = (DATA / "mmsi" / "MMSI_bench.tsv").read_text(encoding="utf-8")
    file = tmp_path / "MMSI_bench.tsv"
    file.write_text(text.replace("\n0\t", "\nx\t"), encoding="utf-8")
    whole = list(load("mmsi", DATA / "mmsi"))
    errors = []
    assert [sample.id for sample in load("mmsi", file, on_error=errors.append)] == [sample.id for sample in whole[1:]]
    assert len(errors) == 1
    assert "key 'index': expected a whole number, found 'x'" in str(errors[0])


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (b"{", r":2: expected a JSON object, found broken JSON"),
        (b"[1]", r":2: expected a JSON object, found \[1\]"),
        (b'{"a": "\xff"}', r":2: expected a JSON object, found broken JSON"),
        (b"[" * 100_000, r":2: expected a JSON object, found broken JSON"),
    ],
)
def test_a_broken_line_is_named(tmp_path, line, message):
    (tmp_path / "x.jsonl").write_bytes(b"\n" + line + b"\n")
    with pytest.raises(DataError, match=message):
        list(load("mindcube", tmp_path / "x.jsonl"))


def test_an_unknown_name_is_answered_with_the_nearest():
    with pytest.raises(ConfigError, match=r"no data set 'mindcub' \(did you mean 'mindcube'\?\)"):
        load("mindcub", DATA)


def test_a_folder_must_be_unambiguous(tmp_path):
    with pytest.raises(ConfigError, match=r"expected \.jsonl files in this folder, found none"):
        list(load("mindcube", tmp_path))
    with pytest.raises(ConfigError, match=r"2 files could be meant \(prompts/MindCube_tiny_raw_qa.jsonl, raw/"):
        list(load("mindcube", DATA / "mindcube"))


def test_a_hub_id_offline_says_how_to_download(monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(ConfigError, match="HF_HUB_OFFLINE is set; download it with `hf download RunsenXu/MMSI-Bench"):
        load("mmsi", "RunsenXu/MMSI-Bench")
    with pytest.raises(ConfigError, match="no such file or folder"):
        load("mmsi", "/nowhere/at/all.tsv")


@pytest.mark.parametrize(
    ("module", "name", "path", "message"),
    [
        (
            "PIL.Image",
            "spar7m",
            "spar7m",
            "drawing SPAR-7M's marks needs pillow, which is not installed: pip install pillow",
        ),
        ("h5py", "tvr", "h5", "reading data.h5 needs h5py, which is not installed: pip install h5py"),
        ("pyarrow.parquet", "mmsi", "parquet", "needs pyarrow, which is not installed: pip install pyarrow"),
        (
            "huggingface_hub",
            "mmsi",
            "RunsenXu/MMSI-Bench",
            "downloading RunsenXu/MMSI-Bench.*pip install huggingface_hub",
        ),
    ],
)
def test_a_missing_package_is_named(monkeypatch, tmp_path, *, module, name, path, message):
    monkeypatch.setitem(__import__("sys").modules, module, None)
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    if path in {"h5", "parquet"}:
        path = tmp_path / f"data.{path}"
        path.touch()
    elif path == "spar7m":
        path = DATA / path
    with pytest.raises(ConfigError, match=message):
        list(load(name, path))
