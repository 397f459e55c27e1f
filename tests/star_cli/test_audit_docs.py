"""``docs/audit.md`` holds what the commands named in it produce."""

import json
import re
import shlex
from pathlib import Path

import pytest
from click.testing import CliRunner

from benchmarks.audit import POLICIES, checks
from rewards.spec import PRESETS
from star_cli.main import star

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "audit.md").read_text(encoding="utf-8")


def _run(*arguments):
    found = CliRunner().invoke(star, [*map(str, arguments)], env={"COLUMNS": "100"})
    assert found.exit_code == 0, found.output
    return found.output


@pytest.mark.slow
def test_the_tables_are_what_the_command_prints():
    blocks = re.findall(r"<!-- \w+: star (.*?) -->\n(.*?)\n<!-- end -->", PAGE, re.DOTALL)
    assert len(blocks) == 2
    (command,) = {command for command, _ in blocks}
    assert _run(*shlex.split(command)) == "\n\n".join(table for _, table in blocks) + "\n"


def test_the_curves_are_what_the_command_draws(tmp_path):
    _run("audit", "--curves", tmp_path)
    drawn = {path.name: path.read_text(encoding="utf-8") for path in tmp_path.iterdir()}
    assert len(drawn) == 2 * len(PRESETS)
    for name, text in drawn.items():
        assert (DOCS / "images" / name).read_text(encoding="utf-8") == text
        assert f"images/{name}" in PAGE


def test_the_example_is_what_is_printed():
    shown = re.search(r"\$ star (audit --preset paper .*?)\n(.*?)\n\.\.\.", PAGE, re.DOTALL)
    printed = _run(*shlex.split(shown[1]), "--no-search", "--no-cost", "--no-color").splitlines()
    assert [line.rstrip() for line in printed][: len(shown[2].splitlines())] == shown[2].splitlines()


def test_every_policy_is_in_the_table():
    for policy in POLICIES:
        assert f"| `{policy.name}` | {policy.tries} |" in PAGE


def test_what_is_printed_is_what_the_commands_print():
    blocks = re.findall(r"<!-- printed by star (.*?) -->\n(.*?)<!-- end of what is printed -->", PAGE, re.DOTALL)
    questions = "audit --task multiview --all-presets --no-search --no-cost"
    predicted = [f"audit --predict --preset {name}" for name in ("paper", "calibrated")]
    assert [command for command, _ in blocks] == [questions, *predicted]
    for command, printed in blocks:
        assert _run(*shlex.split(command)) == printed


def test_every_check_is_in_the_table():
    (table,) = re.findall(r"## Checks\n(.*?)\n\n[A-Z]", PAGE, re.DOTALL)
    listed = set(
        re.findall(r"`(\w+)`", "\n".join(row.split("|")[1] for row in table.splitlines() if row.startswith("| `")))
    )
    rules = {name for name, *_ in checks._RULES}
    assert listed == rules | {
        *checks.BATCHED,
        "cliff",
        "isomorphic",
        "length",
        "finite",
        "deterministic",
        "hash_seed",
        "growth",
    }


def test_every_result_for_openenv_is_in_the_table():
    found = json.loads(_run("audit", "--scenes", "2", "--no-search", "--no-cost", "--format", "openenv"))
    for each in found["results"]:
        assert f"`{each['check_id']}`" in PAGE
