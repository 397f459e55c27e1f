import json
import shutil

import h5py
import numpy as np
import pytest
from PIL import Image

from benchmarks.datasets import load
from rewards.errors import DataError
from tests.benchmarks.published.dataset_files import DATA, pixels, records, samples
from tests.json_lines import write


def test_bad_items_of_packed_trance_are_told_and_left_out(packed):
    with h5py.File(packed, "r+") as data:
        del data["test/data/0"]
    errors = []
    assert [sample.id for sample in load("tvr", packed, on_error=errors.append)] == ["1-center", "1-left", "1-right"]
    assert "test/data/0: missing" in str(errors[0])


def test_trance_yields_one_sample_a_record_and_final_view():
    found = samples("tvr", "trance")
    assert list(found) == ["0-center", "0-left", "0-right", "1-center", "1-left", "1-right"]
    left = found["1-left"]
    assert (left.benchmark, left.view, left.category, left.group) == ("tvr", "left", "event", "1")
    assert [path.name for path in left.images] == ["img_000001-init.C.png", "img_000001-fin.L.png"]
    assert [step["obj_idx"] for step in left.target] == [0, 1]
    assert left.target[1]["val"] == ["behind", 1]
    assert (left.extra["n_visible"], len(left.extra["initial_objects"])) == (4, 10)
    assert "2: medium red glass cube" in found["0-left"].prompt
    assert "\n4: " not in left.prompt  # not in view
    assert found["0-center"].category == "basic"


def test_trance_views_can_be_chosen():
    assert list(samples("trance", "trance/data.jsonl", views=["center"])) == ["0-center", "1-center"]


@pytest.fixture
def packed(tmp_path):
    """data.h5 as TVR's preprocess script writes it."""
    file = tmp_path / "data.h5"
    with h5py.File(file, "w", libver="latest") as data:
        part = data.create_group("test")
        images, texts = part.create_group("image"), part.create_group("data")
        keys, basic = [], []
        for record in records("trance/data.jsonl"):
            name = str(record["idx"])
            keys.append(name)
            if len(record["transformations"]) == 1:
                basic.append(name)
            texts.create_dataset(name, data=json.dumps(record))
            for state in (record["states"][0], record["states"][-1]):
                for image in state["images"].values():
                    array = np.array(Image.open(DATA / "trance" / "image" / image).convert("RGBA"))
                    images.create_dataset(image, data=array, dtype=np.uint8)
        part.create_dataset("keys", data=str(keys))
        part.create_dataset("basic_keys", data=str(basic))
    return file


def test_packed_trance_equals_the_unpacked(packed):
    plain = samples("tvr", "trance")
    for found in (list(load("tvr", packed)), list(load("tvr", packed.parent))):
        assert [sample.id for sample in found] == list(plain)
        for sample in found:
            assert sample.target == plain[sample.id].target
            for ours, theirs in zip(sample.images, plain[sample.id].images, strict=True):
                assert np.array_equal(pixels(ours), pixels(theirs))


def test_packed_trance_reads_its_keys_as_data_never_as_code(packed):
    with h5py.File(packed, "r+") as data:
        del data["test/keys"]
        data["test"].create_dataset("keys", data="__import__('os').getcwd()")
    with pytest.raises(DataError, match=r"data.h5:test/keys: expected the text of a Python list"):
        list(load("tvr", packed))


def test_packed_trance_names_what_is_missing(packed, tmp_path):
    with pytest.raises(DataError, match="split 'train' is missing; the file has test"):
        list(load("tvr", packed, split="train"))
    with h5py.File(packed, "r+") as data:
        del data["test/image/img_000000-fin.L.png"]
    with pytest.raises(DataError, match=r"data.h5:test/data/0: image 'img_000000-fin.L.png' is not in the file"):
        list(load("tvr", packed))
    with h5py.File(packed, "r+") as data:
        del data["test/data/0"]
    with pytest.raises(DataError, match="test/data/0: missing, but test/keys names it"):
        list(load("tvr", packed))
    with h5py.File(packed, "r+") as data:
        del data["test/data"]
    with pytest.raises(DataError, match="test/data: missing; a split has keys, data and image"):
        list(load("tvr", packed))
    (tmp_path / "x.h5").write_bytes(b"no")
    with pytest.raises(DataError, match="expected an HDF5 file"):
        list(load("tvr", tmp_path / "x.h5"))


TRANCE_FAULTS = [
    (
        lambda r: r.pop("states"),
        r"data.jsonl:1: key 'states' is missing; the record has idx, transformations",
    ),
    (lambda r: r["states"].pop(), "key 'states': expected the initial and the final state"),
    (
        lambda r: r["transformations"][0].update(obj_idx=12),
        "key 'obj_idx': expected a whole number from 0 to 9, found 12",
    ),
    (
        lambda r: r["transformations"][0].update(attr="weight"),
        "key 'attr': expected one of size, color.*found 'weight'",
    ),
    (lambda r: r["transformations"][0].pop("val"), r"transformations\[0\]: key 'val' is missing"),
    (
        lambda r: r["states"][0]["objects"][3].pop("color"),
        r"states\[0\].objects\[3\]: key 'color' is missing",
    ),
    (lambda r: r["states"][0]["objects"][3].update(position=[1]), r"expected \[x, y\], found \[1\]"),
    (lambda r: r["states"][0].update(images=[]), "key 'images': expected an object of camera -> file name"),
    (
        lambda r: r["states"][0].update(images={}),
        r"key 'states\[0\].images.Camera_Center': expected the name",
    ),
    (
        lambda r: r["states"][-1].update(images={}),
        "expected images of Camera_Center, Camera_Left, Camera_Right",
    ),
    (
        lambda r: r["states"][-1]["images"].update(Camera_Left="no.png"),
        "image 'no.png' is not in .*pass image_root",
    ),
]


@pytest.mark.parametrize(("break_it", "message"), TRANCE_FAULTS)
def test_a_wrong_trance_record_is_named(tmp_path, break_it, message):
    shutil.copytree(DATA / "trance" / "image", tmp_path / "image")
    record = records("trance/data.jsonl")[0]
    break_it(record)
    with pytest.raises(DataError, match=message):
        list(load("tvr", write(tmp_path / "data.jsonl", [record])))


def test_an_unknown_view_is_named():
    with pytest.raises(DataError, match="view 'top' is not one of center, left, right"):
        list(load("tvr", DATA / "trance", views=["top"]))
