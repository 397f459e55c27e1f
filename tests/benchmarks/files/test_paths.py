"""Which files a name means: one, those of a folder or a pattern, or an address; and what to do where there is none."""

import gzip
import io
import json
import random
import subprocess
import sys

import pytest

from benchmarks import evaluate
from benchmarks.files.paths import file_size, find_files
from benchmarks.files.predictions import find_rows, read_predictions
from benchmarks.files.sources import read_chunks
from benchmarks.files.targets import read_target_file
from benchmarks.run.rewards import score_rewards
from rewards.errors import DataError

RIGHT, WRONG = "<think>a</think><answer>2.color.cyan</answer>", "<think>a</think><answer>2.color.red</answer>"
fsspec = pytest.importorskip("fsspec")


def rows_of(*texts):
    return "".join(
        json.dumps({"id": f"r{at}", "completion": text, "target": "2.color.cyan"}) + "\n"
        for at, text in enumerate(texts)
    )


@pytest.fixture
def runs(tmp_path):
    """A folder as verl fills it: a file for each step, and what is not ours beside them."""
    folder = tmp_path / "runs"
    (folder / "more").mkdir(parents=True)
    for name, texts in {"10.jsonl": (WRONG,), "9.jsonl": (RIGHT, RIGHT), "more/1.jsonl": (WRONG,)}.items():
        (folder / name).write_text(rows_of(*texts))
    (folder / "config.json").write_text("{}")
    (folder / "_SUCCESS").write_text("")
    (folder / ".hidden.csv").write_text("a,b")
    return folder


def names(found, folder):
    return [name.removeprefix(f"{folder}/") for name in found]


def test_a_folder_means_its_files_of_rows_as_people_count_them(runs):
    assert names(find_files([str(runs)]), runs) == ["9.jsonl", "10.jsonl"]
    assert names(find_files([f"{runs}/"]), runs) == ["9.jsonl", "10.jsonl"]


def test_a_folder_without_files_of_rows_means_those_of_the_folders_in_it(runs, tmp_path):
    for name in ("9.jsonl", "10.jsonl"):
        (runs / name).rename(runs / "more" / name)
    (runs / "config.json").unlink()
    assert names(find_files([str(runs)]), runs) == ["more/1.jsonl", "more/9.jsonl", "more/10.jsonl"]


def test_the_rows_of_a_folder_of_images_and_of_a_trainers_output(runs, tmp_path):
    output = tmp_path / "output"
    (output / "checkpoint-8").mkdir(parents=True)
    for name in ("trainer_state.json", "checkpoint-8/rows.jsonl"):
        (output / name).write_text("{}")
    runs.rename(output / "completions")
    assert names(find_files([str(output)]), output) == ["completions/9.jsonl", "completions/10.jsonl"]
    data = tmp_path / "data"
    data.mkdir()
    for name in ("data.jsonl", "metadata.jsonl", "settings.json"):
        (data / name).write_text("{}")
    assert find_files([str(data)]) == [str(data / "metadata.jsonl")]


def test_documents_of_a_folder_are_read_where_there_is_nothing_else(tmp_path):
    (tmp_path / "a.json").write_text("[]")
    assert find_files([str(tmp_path)]) == [str(tmp_path / "a.json")]


def test_a_pattern_means_what_it_matches(runs):
    assert names(find_files([f"{runs}/*.jsonl"]), runs) == ["9.jsonl", "10.jsonl"]
    assert names(find_files([f"{runs}/**/*.jsonl"]), runs) == ["9.jsonl", "10.jsonl", "more/1.jsonl"]
    assert names(find_files([f"{runs}/m*"]), runs) == ["more/1.jsonl"]


def test_a_file_that_is_named_like_a_pattern_is_a_file(tmp_path):
    (tmp_path / "a[1].jsonl").write_text("")
    (tmp_path / "a1.jsonl").write_text("")
    assert find_files([str(tmp_path / "a[1].jsonl")]) == [str(tmp_path / "a[1].jsonl")]


def test_patterns_and_folders_may_overlap_and_standard_input_is_no_file(runs):
    assert names(find_files([f"{runs}/10.jsonl", str(runs), "-"]), runs) == ["10.jsonl", "9.jsonl", "-"]
    assert names(find_files([str(runs), f"{runs}/10.jsonl", f"{runs}/*.jsonl"]), runs) == ["9.jsonl", "10.jsonl"]
    assert names(find_files([f"{runs}/9.jsonl"] * 2), runs) == ["9.jsonl", "9.jsonl"]


def test_a_folder_with_files_of_several_kinds_is_not_guessed_at(runs):
    (runs / "a.xlsx").write_bytes(b"")
    with pytest.raises(DataError) as error:
        find_files([str(runs)])
    assert str(error.value) == (
        f"{runs}: the folder holds files of several kinds (2 .jsonl, 1 .xlsx); say which: '{runs}/*.jsonl'"
    )


def test_a_folder_without_files_of_rows_is_named(tmp_path):
    (tmp_path / "picture.png").write_bytes(b"")
    with pytest.raises(DataError, match=r"the folder holds no file of rows \(.*\) but picture\.png"):
        find_files([str(tmp_path)])


@pytest.mark.parametrize(
    ("asked", "hint"),
    [
        ("predictons.jsonl", "; did you mean '{}/predictions.jsonl'?"),
        ("Predictions.JSONL", "; did you mean '{}/predictions.jsonl'?"),
        ("predictions.json", "; did you mean '{}/predictions.jsonl'?"),
        ("fodler/predictions.jsonl", "; did you mean '{}/folder'?"),
        ("x", ""),
    ],
)
def test_a_missing_file_names_the_nearest(tmp_path, asked, hint):
    (tmp_path / "predictions.jsonl").write_text("")
    (tmp_path / "folder").mkdir()
    with pytest.raises(DataError) as error:
        find_files([str(tmp_path / asked)])
    assert str(error.value) in (
        f"{tmp_path / asked}: does not exist{hint.format(tmp_path)}",
        f"{(tmp_path / asked).parent}: does not exist{hint.format(tmp_path)}",
    )


def test_a_pattern_that_matches_nothing(tmp_path):
    with pytest.raises(DataError, match="no file matches this pattern"):
        find_files([str(tmp_path / "*.jsonl")])


# --- what takes files takes all of these -----------------------------------------------------------------------------


def test_a_folder_is_scored_explained_audited_and_joined(runs):
    assert score_rewards([str(runs)]).accuracy.value == pytest.approx(2 / 3)
    report = evaluate(str(runs), "tvr")
    assert (report.rows, report.source["files"]) == (3, [f"{runs}/9.jsonl", f"{runs}/10.jsonl"])
    assert len(read_predictions(str(runs)).places) == 3
    found = find_rows(f"{runs}/*.jsonl", row_id="r0")
    assert [row.place for row in found] == [f"{runs}/9.jsonl:1", f"{runs}/10.jsonl:1"]
    assert [row.place for row in find_rows(str(runs), line=2)] == [f"{runs}/9.jsonl:2"]
    assert read_target_file(f"{runs}/9.jsonl", "id").rows.keys() == {"r0", "r1"}
    (runs / "10.jsonl").unlink()
    assert read_target_file(str(runs), "id").rows.keys() == {"r0", "r1"}


def test_the_columns_of_each_file_are_its_own(tmp_path):
    (tmp_path / "1.jsonl").write_text(rows_of(RIGHT))
    (tmp_path / "2.jsonl").write_text(
        json.dumps({"input": "p", "output": WRONG, "gts": "2.color.cyan", "score": 1.0, "step": 3})
    )
    summary = score_rewards([str(tmp_path)])
    assert (summary.rows, summary.accuracy.value, summary.dialects) == (2, 0.5, ("verl rollout",))


def test_targets_of_several_files(tmp_path):
    (tmp_path / "1.jsonl").write_text('{"id": 1, "target": "2.color.cyan"}\n')
    (tmp_path / "2.jsonl").write_text('{"uid": 2, "answer": "B", "options": ["a", "b"]}\n')
    found = read_target_file(str(tmp_path), "id")
    assert found.roles == ["target", "options"]
    assert [row.values for row in found.rows.values()] == [("2.color.cyan", None), ("B", ["a", "b"])]


@pytest.mark.parametrize("label", ["{}/9.jsonl:2", "9.jsonl:2", "runs/9.jsonl:2", "line 2"])
def test_a_row_is_found_by_the_place_that_is_printed_though_it_has_an_id(runs, label):
    assert [row.place for row in find_rows(f"{runs}/9.jsonl", row_id=label.format(runs))] == [f"{runs}/9.jsonl:2"]


def test_an_attempt_is_found_by_its_place(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text(json.dumps({"id": "x", "completions": [RIGHT, WRONG], "target": "2.color.cyan"}) + "\n")
    (row,) = find_rows(str(path), row_id=f"{path}:1[1]")
    assert row.values["completion"] == WRONG


# --- addresses --------------------------------------------------------------------------------------------------------


@pytest.fixture
def memory():
    system = fsspec.filesystem("memory")
    yield system
    system.store.clear()


def test_an_address_is_a_file_a_folder_or_a_pattern(memory):
    for name, texts in {"runs/10.jsonl": (WRONG,), "runs/9.jsonl": (RIGHT, RIGHT)}.items():
        memory.pipe(f"/{name}", rows_of(*texts).encode())
    both = ["memory://runs/9.jsonl", "memory://runs/10.jsonl"]
    for given in ("memory://runs", "memory://runs/*.jsonl"):
        assert find_files([given]) == both
    assert find_files(both[:1]) == both[:1]
    assert score_rewards(["memory://runs"]).accuracy.value == pytest.approx(2 / 3)
    assert evaluate("memory://runs/9.jsonl", "tvr").rows == 2
    assert find_rows("memory://runs", row_id="memory://runs/9.jsonl:2")[0].values["completion"] == RIGHT
    assert file_size(both[0]) == len(rows_of(RIGHT, RIGHT))


def test_files_of_every_kind_are_read_from_addresses(memory):
    arrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    buffer = io.BytesIO()
    parquet.write_table(arrow.Table.from_pylist([{"completion": RIGHT, "target": "2.color.cyan"}]), buffer)
    memory.pipe("/a.parquet", buffer.getvalue())
    memory.pipe("/a.csv", f"completion,target\n{RIGHT},2.color.cyan\n".encode())
    for name in ("a.parquet", "a.csv"):
        assert score_rewards([f"memory://{name}"]).accuracy.value == 1.0


def test_an_address_that_leads_nowhere(memory):
    for given in ("memory://none.jsonl", "memory://none/*.jsonl"):
        with pytest.raises(DataError, match=f"^{given[:12]}.*: there is no such file of rows"):
            find_files([given])
    with pytest.raises(DataError, match=r"nothing://a: ValueError: Protocol not known: nothing"):
        find_files(["nothing://a"])


class Dropping(io.BytesIO):
    """A file at an address whose connection breaks in the middle."""

    def readinto(self, buffer):
        if self.tell() >= len(self.getbuffer()) // 2:
            raise ConnectionResetError(104, "Connection reset\nby peer")
        return super().readinto(buffer)

    def read(self, size=-1):
        taken = bytearray(len(self.getbuffer()) if size is None or size < 0 else size)
        return bytes(taken[: self.readinto(taken)])


@pytest.mark.parametrize("suffix", ["jsonl", "csv", "json", "jsonl.gz", "parquet", "arrow"])
def test_a_connection_that_breaks_is_one_line(memory, monkeypatch, suffix):
    rows = rows_of(*[RIGHT + random.Random(at).randbytes(40).hex() for at in range(3000)])
    if suffix in ("parquet", "arrow"):
        data = arrow_bytes(suffix)
    else:
        data = {
            "jsonl": rows,
            "csv": "completion,target\n" + f"{RIGHT},2.color.cyan\n" * 3000,
            "json": f"[{','.join(rows.splitlines())}]",
            "jsonl.gz": rows,
        }[suffix].encode()
    data = gzip.compress(data) if suffix.endswith(".gz") else data
    memory.pipe(f"/a.{suffix}", data)
    monkeypatch.setattr(type(memory), "open", lambda self, name, mode: Dropping(data))
    with pytest.raises(DataError) as caught:
        score_rewards([f"memory://a.{suffix}"])
    assert str(caught.value).startswith(f"memory://a.{suffix}: ")
    assert "Connection reset by peer" in str(caught.value)
    assert "\n" not in str(caught.value)


def arrow_bytes(kind):
    arrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    count = 30_000
    completions = [f"{RIGHT}{number}" for number in range(count)]
    table = arrow.table({"completion": completions, "target": ["2.color.cyan"] * count})
    buffer = io.BytesIO()
    if kind == "parquet":
        parquet.write_table(table, buffer, compression=None)
    else:
        with arrow.ipc.new_file(buffer, table.schema) as writer:
            writer.write_table(table)
    return buffer.getvalue()


@pytest.mark.parametrize("missing", ["huggingface_hub", "fsspec"])
def test_an_address_whose_client_is_not_installed(missing):
    """In a process of its own: fsspec remembers the clients that it has seen."""
    program = f"import sys; sys.modules[{missing!r}] = None; from benchmarks.files.paths import find_files; find_files(['hf://datasets/a/b.csv'])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.stderr.splitlines()[-1] == (
        "rewards.errors.ConfigError: hf://datasets/a/b.csv: reading hf:// needs its client: pip install fsspec huggingface_hub"
    )


def test_reading_what_is_no_file(tmp_path):
    with pytest.raises(DataError, match="it is a folder, not a file"):
        list(read_chunks(str(tmp_path)))


# --- files that are given together ------------------------------------------------------------------------------------


def told(*paths):
    notices = []
    summary = score_rewards([str(path) for path in paths], on_notice=notices.append)
    return summary, notices


@pytest.mark.parametrize("name", ["copy.jsonl", "a.jsonl.gz", "deep/a.jsonl"])
def test_a_copy_is_told_by_its_rows_whatever_it_is_called(tmp_path, name):
    text = rows_of(*[RIGHT, WRONG] * 300)
    path, copy = tmp_path / "a.jsonl", tmp_path / name
    copy.parent.mkdir(exist_ok=True)
    path.write_text(text)
    copy.write_bytes(gzip.compress(text.encode()) if name.endswith(".gz") else text.encode())
    summary, notices = told(path, copy)
    assert notices == [f"{copy}: it begins with the rows of {path}, and its rows count each time"]
    assert (summary.rows, summary.source["given_twice"]) == (1200, [str(copy)])
    copy.write_text(rows_of(WRONG, *[RIGHT, WRONG] * 300))
    summary, notices = told(path, copy)
    assert (notices, summary.source["given_twice"]) == ([], [])


def test_a_file_without_rows_among_others_is_told(tmp_path):
    path, empty, bad = tmp_path / "a.jsonl", tmp_path / "b.csv", tmp_path / "c.jsonl"
    path.write_text(rows_of(RIGHT))
    empty.write_text("id,completion,target\n")
    bad.write_text("no row\n")
    summary, notices = told(path, empty, bad)
    assert notices == [f"{empty}: the file holds no rows"]
    assert (summary.rows, summary.errors) == (1, 1)


@pytest.mark.parametrize(
    ("numbers", "said"),
    [
        (["00000", "00001", "00002"], None),
        (["00001", "00002", "00003"], None),  # some count from 1
        (["00000", "00002"], "1 of 3 files is not among those given: 00001"),
        (["00003"], "2 of 3 files are not among those given: 00001, 00002"),
        (["00001"], "2 of 3 files are not among those given: 00000, 00002"),
    ],
)
def test_a_shard_that_is_missing_is_told(tmp_path, numbers, said):
    for at, number in enumerate(numbers):
        (tmp_path / f"rows-{number}-of-00003.jsonl").write_text(rows_of(RIGHT, *[WRONG] * at))
    _, notices = told(tmp_path)
    assert notices == ([] if said is None else [f"{tmp_path}/rows-*-of-00003.jsonl: {said}"])
