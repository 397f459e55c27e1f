"""``star report`` as people run it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from star_cli.main import star
from tests.benchmarks.report.report_inputs import AFTER, BEFORE, tvr_rows, write_rows

ROOT = Path(__file__).parents[2]


def run(*arguments):
    return CliRunner().invoke(star, [str(each) for each in arguments])


@pytest.fixture
def results(tmp_path):
    paths = []
    for name, answers in (("a", BEFORE), ("b", AFTER)):
        source = write_rows(tmp_path / f"{name}.jsonl", tvr_rows(answers))
        done = run("score", source, "--benchmark", "tvr", "--json")
        assert done.exit_code == 0
        paths.append(tmp_path / f"{name}.json")
        paths[-1].write_text(done.stdout)
    return paths


def test_one_file_that_opens_offline(tmp_path, results):
    page = tmp_path / "report.html"
    done = run("report", results[0], "-o", page)
    assert done.exit_code == 0
    assert done.stdout == ""
    assert done.stderr == f"written to {page}\n"
    assert page.read_text().startswith("<!DOCTYPE html>")


@pytest.mark.parametrize(("suffix", "start"), [("html", "<!DOCTYPE html>"), ("md", "# "), ("tex", "% "), ("json", "{")])
def test_the_suffix_says_what_is_written(tmp_path, results, suffix, start):
    assert run("report", results[0], "-o", tmp_path / f"out.{suffix}").exit_code == 0
    assert (tmp_path / f"out.{suffix}").read_text().startswith(start)


def test_compare(results):
    done = run("report", "--compare", *results)
    assert done.exit_code == 0
    for expected in (
        "| TAcc | 33.3 | 66.7 | +33.3 (",
        "McNemar's exact p:",
        "Power: detecting +33.3 points (alpha .05, 80% power) needs \\~9 paired rows",
    ):
        assert expected in done.stdout
    assert "12 rows changed: 9 gained, 3 lost" in done.stdout
    assert "Results" not in done.stdout
    named = run("report", "--compare", f"old={results[0]}", f"new={results[1]}", "--resamples", "50", "--seed", "2")
    assert "| metric | old | new |" in named.stdout
    assert "resamples:50\\|seed:2" in named.stdout


def test_compare_files_of_scores(tmp_path, results):
    outs = []
    for name in ("a", "b"):
        outs.append(tmp_path / f"{name}-scores.jsonl")
        assert run("score", tmp_path / f"{name}.jsonl", "--task", "trance", "--out", outs[-1], "--quiet").exit_code == 0
    done = run("report", "--compare", *outs)
    assert done.exit_code == 0
    assert "| total |" in done.stdout


def test_paper(results):
    done = run("report", "--paper", "table1", "--paper", "table3", f"full={results[1]}")
    assert done.exit_code == 0
    assert "| STAR-R1 (RL) | 76.3 | 53.9 | 61.4 |" in done.stdout
    assert "| STAR-R1 (full) | 61.4 | 0.31 | 66.7 (" in done.stdout
    assert json.loads(run("report", "--paper", "main", results[1], "--format", "json").stdout)["title"]


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        ([], 2, "Missing argument"),
        (["none.json"], 2, "none.json: there is no such file or folder"),
        (["{a}", "-o", "report.pdf"], 2, "report.pdf: say what to write, --format html|markdown|latex|json"),
        (["{a}", "-o", "nowhere/report.html"], 2, "nowhere/report.html: there is no folder nowhere"),
        (["--compare", "{a}"], 2, "--compare takes two inputs, not 1"),
        (["{broken}"], 1, "not JSON"),
        (["{a}", "--paper", "table2"], 2, "'table2' is not one of"),
    ],
)
def test_errors_are_one_line(tmp_path, results, arguments, code, message):
    (tmp_path / "broken.json").write_text("{")
    places = {"a": results[0], "broken": tmp_path / "broken.json"}
    done = run("report", *(each.format(**places) for each in arguments))
    assert done.exit_code == code
    assert message in done.stderr
    assert "Traceback" not in done.output


def test_the_inputs_of_the_example_make_the_report(tmp_path):
    pytest.importorskip("PIL")
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    script = ROOT / "examples" / "report_inputs.py"
    subprocess.run([sys.executable, str(script), str(tmp_path)], check=True, env=environment)
    for name in ("before", "after"):
        done = run("score", tmp_path / f"{name}.jsonl", "--benchmark", "tvr", "--json")
        (tmp_path / f"{name}.json").write_text(done.stdout)
    done = run("score", tmp_path / "after.jsonl", "--task", "trance", "--json")
    (tmp_path / "rewards.json").write_text(done.stdout)
    inputs = [tmp_path / name for name in ("before.json", "after.json", "rewards.json")]
    done = run("report", *inputs, f"training={tmp_path / 'completions'}", "-o", tmp_path / "report.html")
    assert done.exit_code == 0
    page = (tmp_path / "report.html").read_text()
    assert page.count("data:image/jpeg;base64,") >= 40
    assert "clusters:scene=500|n:1500" in page
