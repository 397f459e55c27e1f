"""The command itself: its subcommands, its version, and what it says to a word that it does not know."""

import os
import signal
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest
from click import shell_completion
from click.testing import CliRunner

import star_cli
from star_cli.main import COMMANDS, star

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help(name):
    shown = CliRunner().invoke(star, [name, "--help"])
    assert shown.exit_code == 0
    assert shown.output.startswith(f"Usage: star {name}")


@pytest.mark.parametrize("name", COMMANDS)
def test_a_misspelt_command_is_named(name):
    shown = CliRunner().invoke(star, [name[:-2] + name[:-3:-1], "x"])
    assert shown.exit_code == 2
    assert f"Did you mean {name!r}?" in shown.output


def test_a_word_like_no_command():
    shown = CliRunner().invoke(star, ["zzz"])
    assert shown.exit_code == 2
    assert "No such command 'zzz'" in shown.output
    assert "mean" not in shown.output


def test_version(tmp_path):
    """Also where another package takes the name `rewards`."""
    for flag in ("-V", "--version"):
        assert CliRunner().invoke(star, [flag]).output == f"star-r1 {metadata.version('star-r1')}\n"
    (tmp_path / "rewards.py").write_text("")
    program = "from star_cli.main import star; import sys; sys.path.insert(0, ''); star(['--version'])"
    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert "import from `star_r1` instead" in done.stderr


@pytest.mark.parametrize("name", ["rewards.py", "parsers.py", "benchmarks/__init__.py", "trainers/__init__.py"])
def test_a_foreign_file_in_the_way_is_named_in_one_line(name, tmp_path):
    """As `python -m star_cli` sees it, which has the working directory first on the path."""
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text("1 / 0\n")
    (tmp_path / "rows.jsonl").write_text('{"completion": "", "target": "2.color.cyan"}\n')
    home = Path(star_cli.__file__).parents[1]

    def run(*command):
        return subprocess.run(
            [sys.executable, "-m", "star_cli", *command],
            cwd=tmp_path, env=os.environ | {"PYTHONPATH": str(home)}, capture_output=True, text=True, check=False,
        )  # fmt: skip

    for command in (["score", "rows.jsonl"], ["explain", "--target", "2.color.cyan"], ["data", "check", "rows.jsonl"]):
        done = run(*command)
        assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
        package = name.partition("/")[0].removesuffix(".py")
        assert done.stderr.startswith(
            f"Error: {tmp_path / name} is in the way: Python takes it for the package {package!r}"
        )
    assert run("--help").returncode == 0
    doctor = run("doctor")
    assert doctor.returncode == 1
    assert f"{package!r}" in doctor.stdout
    assert "Traceback" not in doctor.stderr


def test_a_folder_without_code_is_not_in_the_way(tmp_path):
    (tmp_path / "benchmarks").mkdir()
    done = subprocess.run(
        [sys.executable, "-m", "star_cli", "task", "list"],
        cwd=tmp_path, env=os.environ | {"PYTHONPATH": str(Path(star_cli.__file__).parents[1])}, capture_output=True,
        text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        ("star score --task tv", ["plain,tvr"]),
        ("star audit --task tv", ["plain,tvr"]),
        ("star score --preset pap", ["plain,paper"]),
        ("star score --benchmark mindcube-", ["plain,mindcube-cogmap"]),
        ("star predict --benchmark mindcube-", ["plain,mindcube-cogmap"]),
        ("star data check rows.jsonl --task tv", ["plain,tvr"]),
        ("star task show tv", ["plain,tvr"]),
        ("star score --task ./my", ["file,./my"]),
        ("star score pred", ["file,pred"]),
        ("star report res", ["file,res"]),
        ("star view runs/t", ["file,runs/t"]),
    ],
)
def test_a_shell_completes_values(words, offered):
    args = words.split()
    completion = shell_completion.BashComplete(star, {}, "star", "_STAR_COMPLETE")
    found = completion.get_completions(args[1:-1], args[-1])
    assert [completion.format_completion(each) for each in found] == offered


def test_a_shell_is_told_so():
    asked = {"_STAR_COMPLETE": "bash_complete", "COMP_WORDS": "star score --task tv", "COMP_CWORD": "3"}
    program = "from star_cli.main import star; star(prog_name='star')"
    done = subprocess.run(
        [sys.executable, "-c", program], env=os.environ | asked, capture_output=True, text=True, check=False
    )
    assert done.stdout.split() == ["plain,tvr"]


@pytest.mark.parametrize("arguments", [["--help"], ["score", "examples/tvr_predictions.jsonl", "--json"]])
def test_an_interrupt_while_a_command_loads_is_one_line(arguments):
    """Whatever it is importing then: the signal comes some time after `main` has called the first function."""
    code = (
        "import os, signal, sys, threading, time\n"
        "from star_cli.__main__ import main\n"
        "delay, here = float(sys.argv.pop(1)), threading.main_thread().ident\n"
        "def loading():\n"
        "    frame = sys._current_frames()[here].f_back\n"
        "    while frame is not None and frame.f_code is not main.__code__:\n"
        "        frame = frame.f_back\n"
        "    return frame is not None\n"
        "def interrupt():\n"
        "    while not loading():\n"
        "        pass\n"
        "    time.sleep(delay)\n"
        "    os.kill(os.getpid(), signal.SIGINT)\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "threading.Thread(target=interrupt, daemon=True).start()\n"
        "main()\n"
    )
    ends = set()
    for delay in range(0, 160, 8):
        done = subprocess.run(
            [sys.executable, "-c", code, str(delay / 1000), *arguments],
            capture_output=True,
            cwd=ROOT,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
            text=True,
            check=False,
        )
        ends.add(done.returncode)
        if done.returncode:
            assert done.returncode in (130, -signal.SIGINT), done.stderr  # Python's own way: shells say 130, too
            assert done.stderr.strip() == "interrupted", (delay, done.stderr)
    assert 130 in ends
