"""The command itself: its subcommands, its version, and what it says to a word that it does not know."""

import subprocess
import sys
from importlib import metadata

import pytest
from click.testing import CliRunner

from star_cli.main import COMMANDS, star


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
    assert CliRunner().invoke(star, ["--version"]).output == f"star-r1 {metadata.version('star-r1')}\n"
    (tmp_path / "rewards.py").write_text("")
    program = "from star_cli.main import star; import sys; sys.path.insert(0, ''); star(['--version'])"
    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert "import from `star_r1` instead" in done.stderr
