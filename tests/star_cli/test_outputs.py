"""No command writes over what it reads, by whatever name, or twice to one file."""

import shutil
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from star_cli.main import COMMANDS, star

PREDICTIONS = Path(__file__).parents[2] / "examples" / "tvr_predictions.jsonl"
INPUTS = (
    ("score in.jsonl --overwrite", "--out"),
    ("score in.jsonl --benchmark tvr", "--report-data"),
    ("score in.jsonl --benchmark tvr --targets in.jsonl", "--report-data"),
    ("correspondences in.jsonl --overwrite", "--out"),
    ("report in.jsonl --format html", "--output"),
    ("report before=in.jsonl --format html", "--output"),
    ("view in.jsonl", "--out"),
    ("view copy.jsonl --against in.jsonl", "--out"),
    ("view copy.jsonl --images in.jsonl", "--out"),
    ("audit --predictions in.jsonl", "--html"),
    ("audit --targets in.jsonl", "--html"),
    ("predict --model none --data in.jsonl --overwrite", "--out"),
    ("data cot in.jsonl --teacher oracle --overwrite", "--out"),
    ("data cot in.jsonl --teacher openai:m --overwrite", "--out"),
    ("data filter in.jsonl --overwrite", "--out"),
    ("data filter in.jsonl --out kept.jsonl --overwrite", "--dropped"),
    ("data filter in.jsonl --out kept.jsonl --overwrite", "--right-references"),
    ("data export in.jsonl --to trl --overwrite", "--out"),
)
TWICE = (
    "score in.jsonl --benchmark tvr --out x.jsonl --report-data x.jsonl",
    "data filter in.jsonl --out x.jsonl --dropped x.jsonl",
    "data filter in.jsonl --out x.jsonl --right-references x.dropped.jsonl",
)
WRITTEN = {"out", "output", "html", "report_data", "dropped", "right_references", "write"}
WHOLE = {("data", name) for name in ("generate", "prepare", "mix", "show")} | {("doctor",)}
"""These make a folder that is not there yet, or ask before they replace a file."""


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shutil.copy(PREDICTIONS, "in.jsonl")
    shutil.copy(PREDICTIONS, "copy.jsonl")
    Path("link.jsonl").symlink_to("in.jsonl")
    Path("hard.jsonl").hardlink_to("in.jsonl")
    return tmp_path


@pytest.mark.parametrize(("line", "option"), INPUTS, ids=[f"{line} {option}" for line, option in INPUTS])
@pytest.mark.parametrize("name", ["in.jsonl", "link.jsonl", "hard.jsonl"])
def test_the_output_is_no_input(here, line, option, name):
    before = PREDICTIONS.read_bytes()
    run = CliRunner().invoke(star, [*line.split(), option, name])
    assert (run.exit_code, run.stderr.splitlines()[-1]) == (2, f"Error: {name}: the output is also an input")
    assert {path.name for path in here.iterdir()} == {"in.jsonl", "copy.jsonl", "link.jsonl", "hard.jsonl"}
    assert all(path.read_bytes() == before for path in here.iterdir())


@pytest.mark.parametrize("line", TWICE)
def test_two_outputs_have_two_names(here, line):
    run = CliRunner().invoke(star, line.split())
    assert (run.exit_code, run.stderr) == (2, f"Error: {line.split()[-1]}: two outputs have this name\n")
    assert not list(here.glob("x*"))


def test_every_output_is_tried():
    """By the options that commands have: what names a file or folder that need not be there."""
    tried = {
        (*(word for word in line.split() if word in (*COMMANDS, "cot", "filter", "export")), option)
        for line, option in INPUTS
    }
    context = click.Context(star)
    found = set()
    for name in COMMANDS:
        command = star.get_command(context, name)
        parts = getattr(command, "commands", {"": command})
        for part, each in parts.items():
            where = (name, part) if part else (name,)
            found |= {
                (*where, max(option.opts, key=len))
                for option in each.params
                if option.name in WRITTEN and where not in WHOLE
            }
    assert found == tried
