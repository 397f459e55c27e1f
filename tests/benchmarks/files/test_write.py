"""A file is written whole or not at all, and nothing is left beside it."""

import ast
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.files.write import path_beside, remove_partials, whole_file, write_whole

ROOT = Path(__file__).parents[3]


def names(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("sync", [True, False])
def test_text_and_bytes_replace_what_was_there(tmp_path, sync):
    file = tmp_path / "a.txt"
    write_whole(file, "Stühle\r\n", sync=sync)
    assert file.read_bytes() == "Stühle\r\n".encode()
    write_whole(str(file), b"\xff", sync=sync)
    assert file.read_bytes() == b"\xff"
    assert names(tmp_path) == ["a.txt"]


def test_lines_end_the_same_on_every_system(tmp_path):
    with whole_file(tmp_path / "a.jsonl") as file:
        file.writelines(["one\n", "two\n"])
        assert not (tmp_path / "a.jsonl").exists()
    assert (tmp_path / "a.jsonl").read_bytes() == b"one\ntwo\n"
    with whole_file(tmp_path / "a.bin", "wb") as file:
        file.write(b"\n")
    assert (tmp_path / "a.bin").read_bytes() == b"\n"


def test_an_error_leaves_the_old_file_and_no_trace(tmp_path):
    file = tmp_path / "a.txt"
    file.write_text("old")

    def interrupted():
        with whole_file(file) as writing:
            writing.write("new")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    with pytest.raises(ZeroDivisionError), path_beside(tmp_path / "b.txt") as path:
        path.write_text(str(1 / 0))
    assert file.read_text() == "old"
    assert names(tmp_path) == ["a.txt"]


def test_what_wrote_nothing_is_an_error_and_not_an_empty_file(tmp_path):
    (tmp_path / "a").write_text("old")
    with pytest.raises(FileNotFoundError), path_beside(tmp_path / "a"):
        pass
    assert (tmp_path / "a").read_text() == "old"


def test_the_rights_of_the_old_file_stay_and_new_ones_follow_the_mask(tmp_path):
    old = tmp_path / "old"
    old.write_text("x")
    old.chmod(0o640)
    write_whole(old, "y")
    plain = tmp_path / "plain"
    plain.write_text("x")
    write_whole(tmp_path / "new", "y")
    modes = [stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("old", "new", "plain")]
    assert modes[0] == 0o640
    assert modes[1] == modes[2]


def test_a_link_stays_a_link(tmp_path):
    (tmp_path / "folder").mkdir()
    real, link = tmp_path / "folder" / "real", tmp_path / "link"
    real.write_text("old")
    link.symlink_to(real)
    write_whole(link, "new")
    assert link.is_symlink()
    assert real.read_text() == "new"
    assert names(tmp_path / "folder") == ["real"]


def test_a_device_is_written_directly(tmp_path):
    write_whole("/dev/null", "x")
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = subprocess.Popen([sys.executable, "-c", f"print(open({str(pipe)!r}).read())"], stdout=subprocess.PIPE)
    write_whole(pipe, "through")
    assert reader.communicate()[0] == b"through\n"


def test_a_kill_leaves_the_old_file(tmp_path):
    file = tmp_path / "a.txt"
    file.write_text("old")
    child = (
        "import os, signal\nfrom benchmarks.files.write import whole_file\n"
        f"with whole_file({str(file)!r}) as f:\n    f.write('new'); f.flush(); os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    done = subprocess.run([sys.executable, "-c", child], check=False, env={**os.environ, "PYTHONPATH": str(ROOT)})
    assert done.returncode < 0
    assert file.read_text() == "old"
    left, old = names(tmp_path)
    assert (old, left.startswith(".a.txt."), left.endswith(".partial")) == ("a.txt", True, True)
    for other in (".a.txt.x.partial", ".b.txt.1.partial", "a.txt.1.partial"):
        (tmp_path / other).touch()
    remove_partials(file)
    assert names(tmp_path) == [".a.txt.x.partial", ".b.txt.1.partial", "a.txt", "a.txt.1.partial"]


# --- one module ------------------------------------------------------------------------------------------------------

WRITERS = {
    "benchmarks/files/write.py",
    "benchmarks/files/lock.py",
    "parsers/compile.py",  # writes a file of this package, for those who change it
    "trainers/prediction.py",  # its rows grow in a file of their own
}
WRITING = {"write_text", "write_bytes", "savez", "touch"}


def writes(node):
    """Whether a call opens a file to write, or gives one another name."""
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute | ast.Name):
        return False
    name = node.func.attr if isinstance(node.func, ast.Attribute) else node.func.id
    if name == "open":
        modes = [
            each.value
            for each in [*node.args, *(word.value for word in node.keywords)]
            if isinstance(each, ast.Constant)
        ]
        return any(isinstance(mode, str) and len(mode) <= 3 and not set(mode).isdisjoint("wax+") for mode in modes)
    of_os = (
        isinstance(node.func, ast.Attribute) and isinstance(node.func.value, ast.Name) and node.func.value.id == "os"
    )
    return name in WRITING or (of_os and name in {"replace", "rename", "fsync", "write", "truncate"})


def test_all_output_goes_through_one_module():
    root = Path(__file__).parents[3]
    found = {
        f"{path.relative_to(root).as_posix()}:{node.lineno}"
        for package in ("parsers", "rewards", "benchmarks", "trainers", "star_cli", "star_r1")
        for path in (root / package).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if writes(node)
    }
    assert {place.partition(":")[0] for place in found} <= WRITERS, found
    assert "benchmarks/files/write.py" in {place.partition(":")[0] for place in found}
