"""Samples as pictures for people."""

import json

import numpy as np
import pytest
from PIL import Image

from benchmarks.tvr.world import ATTRIBUTES
from rewards.errors import DataError
from tests.json_lines import write
from trainers.scenes.records import tvr_record
from trainers.scenes.show import read_sample, show_sample
from trainers.scenes.tvr import generate_scene

EVERY = (*ATTRIBUTES, "position")


def test_a_sample_is_read_by_its_place(tmp_path):
    records = [tvr_record(generate_scene(0, index)) for index in range(3)]
    path = write(tmp_path / "data.jsonl", records)
    assert [read_sample(path, index) for index in range(3)] == records
    with pytest.raises(DataError, match="no sample 3; it has 3"):
        read_sample(path, 3)
    with pytest.raises(DataError, match="no sample -1"):
        read_sample(path, -1)


def test_bad_lines_are_named_and_cost_no_other(tmp_path):
    record = tvr_record(generate_scene(0, 0))
    path = tmp_path / "data.jsonl"
    path.write_text("nonsense\n" + json.dumps({"idx": 0}) + "\n" + json.dumps(record) + "\n")
    with pytest.raises(DataError, match=r"data\.jsonl:1: no JSON"):
        read_sample(path, 0)
    with pytest.raises(DataError, match=r"data\.jsonl:2: no record of TRANCE"):
        read_sample(path, 1)
    assert read_sample(path, 2) == record


def test_image_files_are_used_and_the_changes_are_drawn_on(tmp_path):
    record = tvr_record(generate_scene(0, 6, attributes=EVERY), ("center", "left"))
    (tmp_path / "image").mkdir()
    names = [name for state in record["states"] for name in state["images"].values()]
    assert len(names) == 3
    for name, grey in zip(names, (40, 80, 120), strict=True):
        Image.fromarray(np.full((90, 120, 3), grey, dtype=np.uint8)).save(tmp_path / "image" / name)
    sheet = np.asarray(show_sample(record, tmp_path))
    assert sheet.shape[1] == 3 * 480
    for panel, grey in enumerate((40, 80, 120)):
        part = sheet[30:380, 480 * panel : 480 * panel + 480]
        assert (part == grey).all(axis=-1).mean() > 0.7  # the file's picture
        assert (part != grey).any()  # numbers and rings
    colors = {tuple(color) for color in sheet[386:].reshape(-1, 3).tolist()}
    assert (255, 212, 0) in colors  # the first change, in words


def test_an_image_that_cannot_be_read_is_named(tmp_path):
    record = tvr_record(generate_scene(0, 6))
    (tmp_path / "image").mkdir()
    (tmp_path / "image" / "img_000006-init.C.png").write_bytes(b"no picture")
    with pytest.raises(DataError, match=r"img_000006-init\.C\.png is no image"):
        show_sample(record, tmp_path)


def test_views_without_files_are_drawn(tmp_path):
    pytest.importorskip("torch")
    sheet = show_sample(tvr_record(generate_scene(0, 6), images=False), tmp_path)
    assert sheet.size[0] == 4 * 480
