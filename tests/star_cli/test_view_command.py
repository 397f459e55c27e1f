"""`star view` as people call it."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from urllib.request import urlopen

import pytest
from click.testing import CliRunner

from star_cli.main import star
from tests.benchmarks.view.view_inputs import completion, write_data, write_rows, write_run
from tests.benchmarks.view.view_server import HOME

pytest.importorskip("jinja2")
pytest.importorskip("PIL")


def run(*arguments, code=0):
    done = CliRunner().invoke(star, ["view", *map(str, arguments)], env={"COLUMNS": "100"})
    assert done.exit_code == code, done.output
    return done.output


@pytest.fixture
def folder(tmp_path):
    write_data(tmp_path / "data")
    write_run(tmp_path / "run", tmp_path / "data")
    return tmp_path


def test_one_file_says_its_size_before_it_is_there(folder):
    out = folder / "page.html"
    said = run(folder / "run", "--images", folder / "data", "--out", out, "--groups", "2")
    assert f"{folder.name}/run: 24 completions in 6 groups" in said
    size = float(re.search(r"page.html: 2 of 6 groups, 8 rows, \d images?, ([\d.]+) MB", said)[1])
    assert size == pytest.approx(out.stat().st_size / 2**20, abs=0.06)
    about = float(re.search(r"page.html: will have about ([\d.]+) MB", said)[1])
    assert said.index("will have about") < said.index("2 of 6")
    assert about == pytest.approx(size, rel=0.3)
    larger = run(folder / "run", "--images", folder / "data", "--out", out, "--groups", "all")
    assert "6 groups, 24 rows, 6 images" in larger


def test_a_page_that_no_browser_opens_is_refused(folder, monkeypatch):
    from benchmarks.view import onefile

    run_folder = write_run(folder / "long", folder / "data", steps=range(30))
    monkeypatch.setattr(onefile, "MOST_BYTES", 2**19)
    said = run(run_folder, "--images", folder / "data", "--out", folder / "page.html", "--groups", "all", code=2)
    fitting = re.search(r"about \d+ MB, which no browser opens; --groups (\d+) fits", said)[1]
    assert not (folder / "page.html").exists()
    run(run_folder, "--images", folder / "data", "--out", folder / "page.html", "--groups", fitting)
    assert (folder / "page.html").stat().st_size < 1.2 * 2**19


def test_images_that_may_not_be_shown_are_told_with_what_to_do(folder):
    said = run(folder / "run", "--out", folder / "page.html")
    hint = f"to show them: --images {folder / 'data' / 'image'}"
    assert hint in said
    assert "0 images" in said
    assert hint not in run(folder / "run", "--images", folder / "data", "--out", folder / "page.html")


def test_rows_that_are_left_out_are_told(tmp_path):
    rows = [{"completion": completion("none"), "target": target} for target in ("none", "2.color.cyna")]
    said = run(write_rows(tmp_path / "rows.jsonl", rows), "--out", tmp_path / "page.html")
    assert "rows.jsonl:2: target '2.color.cyna'" in said
    assert "1 row left out" in said


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["nowhere"], 2, "does not exist"),
        (["data", "--groups", "0"], 2, "a number from 1, or all"),
        (["data", "--groups", "few"], 2, "a number from 1, or all"),
        (["run", "--preset", "papr"], 2, "did you mean 'paper'?"),
        (["run", "--task", "tvrr"], 2, "unknown task"),
        (["run", "--against", "data/one.jsonl"], 2, "cannot be put side by side"),
        (["data/image"], 2, "holds no file of rows"),
        (["data/empty.jsonl"], 1, "no rows that can be shown"),
        (["data/other.jsonl"], 1, "there is no target column"),
        (["run", "--out", "nowhere/page.html"], 2, "there is no folder nowhere"),
    ],
)
def test_what_is_wrong_is_one_line(folder, monkeypatch, arguments, code, said):
    monkeypatch.chdir(folder)
    write_rows(folder / "data" / "one.jsonl", [{"completion": completion("none"), "target": "none"}])
    write_rows(folder / "data" / "empty.jsonl", [])
    write_rows(folder / "data" / "other.jsonl", [{"text": "x"}])
    output = run(*arguments, "--no-open", code=code)
    assert said in output
    assert "Traceback" not in output


def test_an_interrupt_ends_it_in_peace(folder):
    command = [sys.executable, "-m", "star_cli", "view", str(folder / "run"), "--no-open"]
    environment = os.environ | {"PYTHONPATH": str(HOME), "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        line = process.stdout.readline()
        address = line.split()[0]
        with urlopen(address) as page:
            assert b"star view" in page.read()
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=300)
    assert process.returncode == 0
    assert "Traceback" not in said
    assert "Ctrl-C" in line


def test_nothing_of_it_is_loaded_by_other_commands():
    """Nor by the help of this one."""
    code = (
        "import sys; from click.testing import CliRunner; from star_cli.main import star\n"
        "for asked in (['--help'], ['view', '--help'], ['score', '--help']):\n"
        "    assert CliRunner().invoke(star, asked).exit_code == 0\n"
        "assert not {'starlette', 'uvicorn', 'jinja2', 'PIL', 'numpy'} & {*sys.modules}, sys.modules.keys()"
    )
    subprocess.run([sys.executable, "-c", code], env=os.environ | {"PYTHONPATH": str(HOME)}, check=True)


@pytest.mark.parametrize("package", ["PIL", "uvicorn"])
def test_packages_that_are_not_there_are_named(folder, monkeypatch, package):
    monkeypatch.setitem(sys.modules, package, None)
    monkeypatch.setitem(sys.modules, f"{package}.Image", None)
    assert "pip install 'star-r1[view]'" in run(folder / "run", "--no-open", code=2)


@pytest.mark.parametrize("images", [True, False])
@pytest.mark.parametrize("absent", [["starlette", "uvicorn"], ["starlette", "uvicorn", "PIL"]])
def test_one_file_needs_only_what_it_uses(folder, absent, images):
    """No server; and Pillow where rows have images, which is said in one line."""
    code = (
        f"import sys; sys.modules |= dict.fromkeys({[*absent, *(f'{name}.Image' for name in absent)]})\n"
        "from star_cli.main import main; main()"
    )
    more = ["--images", str(folder / "data")] if images else []
    command = [sys.executable, "-c", code, "view", str(folder / "run"), *more, "--out", str(folder / "page.html")]
    done = subprocess.run(
        command, env=os.environ | {"PYTHONPATH": str(HOME)}, capture_output=True, text=True, check=False
    )
    if images and "PIL" in absent:
        assert done.returncode == 2
        assert done.stderr.splitlines()[-1] == (
            "Error: showing images needs pillow, which is not installed: pip install pillow"
        )
        assert not (folder / "page.html").exists()
    else:
        assert done.returncode == 0, done.stderr
        assert "6 images" in done.stderr if images else "0 images" in done.stderr
