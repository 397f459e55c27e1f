"""Data sets on disk: the same bytes whoever made them, in one go or after a kill."""

import hashlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from benchmarks.tvr.world import ATTRIBUTES
from rewards.errors import ConfigError
from trainers.data.check import check_file
from trainers.data.generate import PARTS, PIECE, GenerationSettings, generate
from trainers.scenes.records import tvr_record
from trainers.scenes.tvr import generate_scene

ROOT = Path(__file__).parents[3]
SCRIPT = """
import os, signal, sys, threading, time
from pathlib import Path
from trainers.data.generate import GenerationSettings, generate
folder, count, images, workers, items, files = sys.argv[1], int(sys.argv[2]), sys.argv[3], *map(int, sys.argv[4:])
def told(done, total):
    print(done, total, flush=True)
    if done >= items > 0:
        os.killpg(0, signal.SIGKILL)
def watch():
    while len([*Path(folder).glob("image/img_*.png")]) < files:
        time.sleep(0.001)
    os.killpg(0, signal.SIGKILL)
if __name__ == "__main__":
    if files:
        threading.Thread(target=watch, daemon=True).start()
    settings = GenerationSettings(count=count, images=images, size=(32, 24))
    generate(folder, settings, workers=workers, on_progress=told)
"""


def digest(folder):
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def begin(folder, count, images, workers, *, items=0, files=0):
    """Start a run that kills itself and all that it has started, after so many items or among its images.

    Nobody outside could be in time on a machine that is busy with other things.
    """
    command = [sys.executable, "-c", SCRIPT, *map(str, (folder, count, images, workers, items, files))]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment, start_new_session=True)


def end(process):
    with process:
        process.communicate()
    assert process.returncode == -signal.SIGKILL


def test_the_folder_holds_trances_files(tmp_path):
    path = generate(tmp_path / "new" / "set", GenerationSettings(count=30, seed=4))
    assert sorted(file.name for file in path.parent.iterdir()) == [
        "data.jsonl",
        "metadata.jsonl",
        "properties.json",
        "settings.json",
        "values.json",
    ]
    records = [json.loads(line) for line in path.read_text().splitlines()]
    assert records == [tvr_record(generate_scene(4, index), images=False) for index in range(30)]
    rows = [json.loads(line) for line in (path.parent / "metadata.jsonl").read_text().splitlines()]
    assert [(row["idx"], row["view"]) for row in rows] == [
        (index, view) for index in range(30) for view in ("center", "left", "right")
    ]
    assert all("images_file_names" not in row for row in rows)
    assert list(check_file(path)) == []


def test_shards_made_apart_are_the_whole(tmp_path):
    whole = generate(tmp_path / "whole", GenerationSettings(count=130)).read_bytes()
    parts = [
        generate(tmp_path / str(first), GenerationSettings(count=n, start=first))
        for first, n in ((0, 50), (50, 3), (53, 77))
    ]
    assert b"".join(path.read_bytes() for path in parts) == whole


@pytest.mark.slow
def test_the_number_of_workers_changes_nothing(tmp_path):
    one = generate(tmp_path / "one", GenerationSettings(count=220))
    with begin(tmp_path / "two", 220, "none", 2) as process:
        told = [tuple(map(int, line.split())) for line in process.stdout]
    assert process.returncode == 0
    assert (tmp_path / "two" / "data.jsonl").read_bytes() == one.read_bytes()
    assert told == sorted(told)
    assert told[0] == (0, 220)
    assert told[-1] == (220, 220)


@pytest.mark.slow
@pytest.mark.parametrize("workers", [1, 2])
def test_a_killed_run_goes_on_where_it_was(tmp_path, workers):
    count = 4 * PIECE["none"]
    whole = digest(generate(tmp_path / "whole", GenerationSettings(count=count, size=(32, 24))).parent)
    end(begin(tmp_path / "killed", count, "none", workers, items=PIECE["none"]))
    kept = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "killed" / PARTS).glob("*.data.jsonl")}
    assert kept
    assert not (tmp_path / "killed" / "data.jsonl").exists()
    told = []
    generate(tmp_path / "killed", GenerationSettings(count=count, size=(32, 24)), on_progress=lambda *n: told.append(n))
    assert told[0][0] >= PIECE["none"]  # what was finished is not made again
    assert digest(tmp_path / "killed") == whole


@pytest.mark.slow
def test_a_run_killed_among_its_images_goes_on(tmp_path):
    pytest.importorskip("torch")
    whole = digest(generate(tmp_path / "whole", GenerationSettings(count=12, images="raycast", size=(32, 24))).parent)
    end(begin(tmp_path / "killed", 12, "raycast", 1, files=6))
    made = sorted((tmp_path / "killed" / "image").glob("img_*.png"))
    assert 6 <= len(made) < 48
    times = {path: path.stat().st_mtime_ns for path in made}
    (tmp_path / "killed" / "image" / ".img_000011-fin.R.png.1.partial").write_bytes(b"half")
    generate(tmp_path / "killed", GenerationSettings(count=12, images="raycast", size=(32, 24)))
    assert digest(tmp_path / "killed") == whole
    assert all(path.stat().st_mtime_ns == when for path, when in times.items())


def test_a_set_is_not_denoised_in_part(tmp_path, monkeypatch):
    pytest.importorskip("mitsuba")
    for denoised in (True, False):
        monkeypatch.setattr("trainers.data.generate.denoises", lambda denoised=denoised: denoised)
        generate(tmp_path / str(denoised), GenerationSettings(count=0, images="mitsuba", size=(32, 24)))
    with pytest.raises(ConfigError, match="denoised True and not False"):
        generate(tmp_path / "True", GenerationSettings(count=0, images="mitsuba", size=(32, 24)))


def test_a_finished_run_is_not_made_again(tmp_path):
    path = generate(tmp_path, GenerationSettings(count=10))
    before = path.stat().st_mtime_ns
    told = []
    generate(tmp_path, GenerationSettings(count=10), on_progress=lambda *n: told.append(n))
    assert path.stat().st_mtime_ns == before
    assert told == [(10, 10)]


def test_other_settings_and_other_peoples_folders_are_refused(tmp_path):
    generate(tmp_path / "a", GenerationSettings(count=3))
    with pytest.raises(ConfigError, match="seed 0 and not 1"):
        generate(tmp_path / "a", GenerationSettings(count=3, seed=1))
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "thesis.tex").write_text("mine")
    with pytest.raises(ConfigError, match="not empty"):
        generate(tmp_path / "b", GenerationSettings(count=3))
    (tmp_path / "a" / "settings.json").write_text("[")
    with pytest.raises(ConfigError, match="cannot be read"):
        generate(tmp_path / "a", GenerationSettings(count=3))


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"count": -1}, "count: should be greater than or equal to 0, not -1"),
        ({"seed": -1}, "seed: should be greater than or equal to 0, not -1"),
        ({"images": "blender"}, "images: .* not 'blender'"),
        ({"views": ("up",)}, "'up'"),
        ({"views": ()}, "some of"),
        ({"views": ("left", "left")}, "each once"),
        ({"size": (0, 10)}, "0 x 10"),
        ({"attributes": ("size", "color")}, "order"),
        ({"attributes": ("weight",)}, "weight"),
    ],
)
def test_settings_are_checked_before_anything_is_made(options, text):
    with pytest.raises(ConfigError, match=text):
        GenerationSettings(**{"count": 1} | options)


def test_workers_are_counted_from_one(tmp_path):
    with pytest.raises(ConfigError, match="workers is 0"):
        generate(tmp_path, GenerationSettings(count=1), workers=0)


def test_a_renderer_that_is_not_installed_is_named_at_once(tmp_path, monkeypatch):
    monkeypatch.setattr("trainers.data.generate.find_spec", lambda name: None if name == "mitsuba" else True)
    with pytest.raises(ConfigError, match=r"star-r1\[render\]"):
        generate(tmp_path, GenerationSettings(count=1, images="mitsuba"))


@pytest.mark.slow
def test_hugging_face_datasets_loads_the_folder(tmp_path, monkeypatch):
    pytest.importorskip("torch")
    datasets = pytest.importorskip("datasets")
    folder = tmp_path / "set"
    generate(folder, GenerationSettings(count=3, images="raycast", size=(32, 24), views=("center", "right")))
    rows = datasets.load_dataset("imagefolder", data_dir=str(folder), split="train", cache_dir=str(tmp_path / "cache"))
    assert len(rows) == 6
    assert {"images", "prompt", "target", "view", "n_visible", "references"} <= set(rows.column_names)
    images = [np.asarray(image) for image in rows[1]["images"]]
    assert [image.shape for image in images] == [(24, 32, 3)] * 2
    assert rows[1]["view"] == "right"
    assert rows[0]["target"] == str(", ".join(rows[0]["target"].split(", ")))
    plain = tmp_path / "plain"
    generate(plain, GenerationSettings(count=3))
    again = datasets.load_dataset(
        "json", data_files=str(plain / "metadata.jsonl"), split="train", cache_dir=str(tmp_path / "cache")
    )
    assert again["target"][::3] == rows["target"][::2]


def test_attributes_reach_the_scenes(tmp_path):
    path = generate(tmp_path, GenerationSettings(count=20, attributes=("size", "material")))
    found = {c["attr"] for line in path.read_text().splitlines() for c in json.loads(line)["transformations"]}
    assert found == {"size", "material"}
    assert set(found) < set(ATTRIBUTES)
