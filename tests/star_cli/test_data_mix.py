"""``star data mix``, and the options of its siblings that decide what stage 1 trains on."""

import json
from pathlib import Path

from click.testing import CliRunner

from star_cli.main import star
from tests.json_lines import read

GOLDEN = Path(__file__).parents[1] / "golden" / "datasets"


def run(*arguments):
    return CliRunner().invoke(star, ["data", *map(str, arguments)])


def test_mix_says_what_came_from_where(tmp_path):
    mindcube, spar = tmp_path / "mc", tmp_path / "sp"
    options = ("--sft", 2, "--rl", 3, "--relation-weight", 0)
    assert run("prepare", "mindcube", GOLDEN / "mindcube" / "prompts", "--out", mindcube, *options).exit_code == 0
    assert run("prepare", "spar7m", GOLDEN / "spar7m", "--out", spar, *options).exit_code == 0
    result = run("mix", mindcube, spar, "--out", tmp_path / "mixed", "--sft", 3, "--rl", 3)
    assert result.exit_code == 0, result.output
    rows = {part: read(tmp_path / "mixed" / part / "metadata.jsonl") for part in ("sft", "rl")}
    lines = result.stdout.splitlines()
    assert lines[0] == f"{tmp_path / 'mixed' / 'sft'}: {len(rows['sft'])} rows of 3"
    assert [line.split(":")[0] for line in lines[1:3]] == ["  mc", "  sp"]
    result = run("mix", mindcube, spar, "--out", tmp_path / "again", "--json")
    manifest = json.loads(result.stdout)
    assert manifest["rows"] == {part: len(read(tmp_path / "again" / part / "metadata.jsonl")) for part in ("sft", "rl")}
    assert run("check", tmp_path / "mixed" / "rl").stdout == f"{tmp_path / 'mixed' / 'rl'}: no rule is broken\n"
    result = run("mix", mindcube, "--out", tmp_path / "mixed")
    assert result.exit_code == 2
    assert "mixed already exists" in result.stderr


def test_labels_alone_and_right_references_kept_apart(tmp_path):
    assert run("generate", tmp_path / "set", "--task", "multiview", "--count", 5).exit_code == 0
    result = run("cot", tmp_path / "set", "--teacher", "labels", "--out", tmp_path / "labels.jsonl")
    assert result.stdout == f"{tmp_path / 'labels.jsonl'}: 5 of 5 rows have a chain\n"
    rows = read(tmp_path / "labels.jsonl")
    assert rows[0]["completion"] == f"<think></think><answer>{rows[0]['target']}</answer>"
    assert run("cot", tmp_path / "set", "--teacher", "oracle", "--out", tmp_path / "chains.jsonl").exit_code == 0
    rows = read(tmp_path / "chains.jsonl")
    rows[1]["completion"] = rows[1]["completion"].partition("<answer>")[0] + "<answer>Z</answer>"
    (tmp_path / "chains.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    apart = tmp_path / "apart.jsonl"
    result = run("filter", tmp_path / "chains.jsonl", "--out", tmp_path / "k.jsonl", "--right-references", apart)
    assert result.exit_code == 0, result.output
    assert result.stdout.splitlines()[-1] == "        1  of them: the references are right, the answer is wrong"
    assert [row["id"] for row in read(apart)] == ["ring-1"]
    result = run("filter", tmp_path / "x", "--out", tmp_path / "y", "--pass-rate", "0:1", "--right-references", apart)
    assert result.exit_code == 2


def test_check_reads_training_rows(tmp_path):
    row = {"id": "a", "prompt": "?", "task": "tvr", "target": "2.color.cyna"}
    (tmp_path / "rows.jsonl").write_text(json.dumps(row) + "\n", encoding="utf-8")
    result = run("check", tmp_path / "rows.jsonl")
    assert result.exit_code == 1
    assert result.stdout.startswith(f"{tmp_path / 'rows.jsonl'}:1: a: labels: target")
