"""An error of the system ends a command with one line and exit code 1, and leaves no half of a file."""

import json
import os
import resource
import sys
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from star_cli.main import in_one_line, star
from tests.benchmarks.report.report_inputs import BEFORE, write_run

ROW = {
    "id": "a",
    "task": "tvr",
    "prompt": "p",
    "target": "2.color.cyan",
    "completion": "<think>x</think><answer>2.color.cyan</answer>",
}


def run(*arguments):
    result = CliRunner().invoke(star, [str(each) for each in arguments])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "rows.jsonl").write_text(json.dumps(ROW) + "\n", encoding="utf-8")
    (tmp_path / "questions.jsonl").write_text(
        json.dumps({"question": "?", "answer": "B", "response": "B", "category": "c"}) + "\n"
    )
    write_run(tmp_path, "run", BEFORE)
    return tmp_path


WRITERS = {
    "score": ("score", "rows.jsonl", "--overwrite", "--out"),
    "score --benchmark": ("score", "questions.jsonl", "--benchmark", "mmsi", "--overwrite", "--out"),
    "report data": ("score", "questions.jsonl", "--benchmark", "mmsi", "--report-data"),
    "report": ("report", "run.json", "--format", "html", "-o"),
    "audit page": ("audit", "--no-search", "--no-cost", "--scenes", "2", "--html"),
    "curves": ("audit", "--curves"),
    "filter": ("data", "filter", "rows.jsonl", "--overwrite", "--out"),
    "export": ("data", "export", "rows.jsonl", "--to", "trl", "--overwrite", "--out"),
    "labels": ("data", "cot", "rows.jsonl", "--teacher", "labels", "--overwrite", "--out"),
    "cot": ("data", "cot", "rows.jsonl", "--teacher", "openai:m", "--base-url", "http://127.0.0.1:1/v1", "--tries", "1", "--overwrite", "--out"),
    "generate": ("data", "generate", "--count", "1"),
    "mix": ("data", "mix", "set", "--out"),
    "doctor": ("doctor", "--trainer", "openrlhf", "--write"),
}  # fmt: skip


def ended(result):
    """See that a command ended with one line on standard error, for the system's sake or for wrong usage."""
    assert result.exit_code in (1, 2), result.output
    lines = [line for line in result.stderr.splitlines() if line and not line.startswith(("Usage:", "Try "))]
    assert len(lines) == 1, result.stderr
    return lines[0]


@pytest.mark.parametrize("command", WRITERS)
@pytest.mark.parametrize("out", ["taken", "rows.jsonl/x.jsonl", "b" * 300 + ".jsonl", "a" * 5000, "circle/x.jsonl"])
def test_an_output_that_cannot_be(folder, command, out):
    (folder / "taken" / "inside").mkdir(parents=True)
    (folder / "circle").symlink_to("circle")
    before = sorted(folder.rglob("*"))
    if out == "taken" and command in ("curves", "doctor"):
        return  # these want a folder
    ended(run(*WRITERS[command], out))
    assert sorted(folder.rglob("*")) == before


@contextmanager
def files_of_at_most(size):
    """A disk on which no file grows any further: what is left of one that is full."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("command", [name for name in WRITERS if name not in ("mix", "doctor")])
@pytest.mark.parametrize("size", [0, 40])
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # a buffer that could not be written
def test_a_disk_that_is_full(folder, command, size):
    """The line names the file; the old file stays as it was, and once there is room the same command does its work."""
    out = folder / ("out" if command in ("generate", "curves") else "out.jsonl")
    with files_of_at_most(size):
        line = ended(run(*WRITERS[command], out))
    assert line.startswith("Error: ")
    assert "File too large" in line
    assert "out" in line or command.startswith("score")
    assert not out.is_file()
    assert command.startswith("score") or list(folder.rglob("*.partial")) == []  # whose own goes on with --resume
    again = run(*WRITERS[command], out)
    assert again.exit_code == (1 if command == "cot" else 0), again.output  # whose server is not there


def test_a_device_stays_one(folder):
    """What cannot be written beside and renamed is written to."""
    for command in ("report data", "report", "audit page", "filter", "export", "labels"):
        run(*WRITERS[command], "/dev/null")
        assert Path("/dev/null").is_char_device()


@pytest.mark.parametrize("command", [name for name in WRITERS if name not in ("mix", "doctor")])
def test_a_folder_that_is_read_only(folder, command):
    (folder / "closed").mkdir(mode=0o500)
    if os.access(folder / "closed", os.W_OK):
        pytest.skip("who runs this may write everywhere")
    assert "Permission denied" in ended(run(*WRITERS[command], "closed/x.jsonl"))


READERS = (
    ("score", "FILE"), ("score", "FILE", "--benchmark", "mmsi"), ("explain", "FILE", "--id", "x"), ("report", "FILE"),
    ("audit", "--predictions", "FILE", "--no-search", "--no-cost"), ("data", "check", "FILE"), ("data", "filter", "FILE", "--out", "o.jsonl"),
    ("data", "export", "FILE", "--to", "trl", "--out", "o.jsonl"), ("data", "cot", "FILE", "--teacher", "labels", "--out", "o.jsonl"),
    ("data", "show", "FILE"), ("task", "check", "FILE"), ("score", "rows.jsonl", "--weights", "FILE"), ("score", "rows.jsonl", "--targets", "FILE"),
)  # fmt: skip


@pytest.mark.parametrize("command", READERS, ids=lambda command: " ".join(command[:3]))
@pytest.mark.parametrize("kind", ["parquet", "brackets", "binary", "rows of brackets", "zeros", "yaml"])
def test_an_input_that_cannot_be_read(folder, command, kind):
    """Invalid UTF-8 in Parquet, 5,000 brackets, bytes that are no text: never a traceback."""
    file = folder / {"parquet": "x.parquet", "yaml": "x.yaml", "brackets": "x.json"}.get(kind, "x.jsonl")
    if kind == "parquet":
        text = pa.Array.from_buffers(
            pa.string(), 1, [None, pa.array([0, 6], pa.int32()).buffers()[1], pa.py_buffer(b"ok\xff\xfe \x80")]
        )
        pq.write_table(pa.table({"id": text, "completion": text, "response": text, "target": ["2.color.cyan"]}), file)
    else:
        broken = {
            "brackets": b"[" * 5000,
            "binary": bytes(range(256)) * 9,
            "zeros": b"\0" * 999,
            "yaml": b"a: " + b"[" * 5000,
        }
        file.write_bytes(
            broken.get(kind) or b'{"id": "x", "completion": ' + b"[" * 5000 + b"\n" + json.dumps(ROW).encode() + b"\n"
        )
    result = run(*(str(file) if each == "FILE" else each for each in command))
    assert all(len(line) < 2000 for line in result.output.splitlines())


@pytest.mark.parametrize("name", ["a" * 5000, "a\0b", "/".join("x" * 3000), ""])
def test_an_image_whose_name_is_none(folder, name):
    question = {
        "id": "q",
        "task": "multiview",
        "prompt": "p",
        "target": "A",
        "images": [name],
        "completion": "<think>x</think><answer>A</answer>",
    }
    (folder / "i.jsonl").write_text(json.dumps(question) + "\n" + json.dumps(question | {"images": []}) + "\n")
    for command in (("check",), ("export", "--to", "trl", "--out", "o1"), ("export", "--to", "verl", "--out", "o2.parquet"), ("cot", "--teacher", "labels", "--out", "o3")):  # fmt: skip
        result = run("data", command[0], "i.jsonl", *command[1:])
        assert result.exit_code == 1
        assert "i.jsonl:1: " in result.output
        assert "1 of 2 rows" in result.output or command[0] == "check"


# The handler


def test_debug_shows_the_traceback(folder):
    quiet, told = (
        run("report", "run.json", "-o", "rows.jsonl/x.html"),
        run("--debug", "report", "run.json", "-o", "b" * 300 + ".html"),
    )
    assert "Traceback" not in quiet.output
    assert told.exit_code == 1
    assert told.stderr.startswith("Traceback (most recent call last):\n")
    assert "File name too long" in told.stderr
    assert "Traceback" not in run("report", "run.json", "-o", "b" * 300 + ".html").output


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (OSError(28, "No space left on device"), "No space left on device"),
        (OSError(28, "No space left on device", "a.jsonl"), "a.jsonl: No space left on device"),
        (OSError(18, "Invalid cross-device link", "a", None, "b"), "a -> b: Invalid cross-device link"),
        (OSError("two\nlines"), "two lines"),
        (OSError(), "OSError"),
        (FileNotFoundError(2, "No such file or directory", b"a\xff"), "a\udcff: No such file or directory"),
        (RecursionError("maximum"), "something in the input is nested too deeply; star --debug COMMAND ... shows where"),
        (MemoryError(), "there is not enough memory"),
        (UnicodeEncodeError("utf-8", "\ud800", 0, 1, "surrogates not allowed"), "'utf-8' codec can't encode character '\\ud800' in position 0: surrogates not allowed"),
    ],
)  # fmt: skip
def test_each_kind_of_error_is_one_line(error, line):
    assert in_one_line(error) == line


def test_a_fault_of_our_own_is_no_error_of_the_system(monkeypatch):
    """It keeps its traceback: it is a bug, and has to be found."""
    monkeypatch.setattr("rewards.tasks.task_names", lambda: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        run("task", "list")


@pytest.mark.parametrize("name", ["report data", "report", "audit page", "filter", "export", "view", "show", "score"])
def test_a_folder_that_is_not_there_is_said_before_any_work(folder, name):
    others = {"view": ("view", "rows.jsonl", "--out"), "show": ("data", "show", "rows.jsonl", "--out")}
    out = "nowhere/out" + {"show": ".png", "score": ".jsonl"}.get(name, "")
    done = run(*(others | WRITERS)[name], out)
    assert done.exit_code == 2, done.output
    assert done.stderr == f"Error: {out}: there is no folder nowhere\n"


def test_a_package_that_is_missing_is_one_line(monkeypatch):
    def missing(name):
        raise ModuleNotFoundError(f"No module named {name!r}", name=name)

    monkeypatch.setattr("rewards.tasks.task_names", lambda: missing("somebodys.module"))
    done = run("task", "list")
    said = "Error: this needs the package of somebodys.module; star doctor lists what is missing\n"
    assert (done.exit_code, done.stderr) == (1, said)
    monkeypatch.setattr("rewards.tasks.task_names", lambda: missing("rewards.no_such_module"))  # a fault of our own
    with pytest.raises(ModuleNotFoundError):
        run("task", "list")


def test_a_sample_is_not_drawn_without_pillow(folder, monkeypatch):
    monkeypatch.setitem(sys.modules, "PIL", None)
    monkeypatch.setitem(sys.modules, "PIL.Image", None)
    done = run("data", "show", "rows.jsonl")
    assert (done.exit_code, "drawing a sample needs 'star-r1[report]'" in done.stderr) == (2, True)
