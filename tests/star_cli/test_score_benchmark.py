"""``star score --benchmark`` as people run it: the golden files as they are, tables, JSON, exit codes."""

import json
import os
import re
import subprocess
import sys
from itertools import product
from pathlib import Path

import pytest
from click.testing import CliRunner

from benchmarks.registry import BENCHMARKS
from benchmarks.spar.scoring import TASKS
from star_cli.main import star
from tests.benchmarks.choice_golden import aggregate, aggregate_of, agrees, file_of, rows
from tests.json_lines import read

ROOT = Path(__file__).parents[2]


def score(*arguments):
    return CliRunner().invoke(star, ["score", *map(str, arguments)])


def golden(benchmark, folder):
    path = folder / f"{file_of(benchmark)}.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows(file_of(benchmark))), encoding="utf-8")
    return path


@pytest.mark.parametrize("benchmark", BENCHMARKS)
def test_the_golden_file_as_it_is(benchmark, tmp_path):
    out = tmp_path / "scores.jsonl"
    done = score(
        golden(benchmark, tmp_path), "--benchmark", benchmark, "--protocol", "official", "--json", "--out", out
    )
    assert done.exit_code == 0
    expected, found = aggregate_of(benchmark), json.loads(done.stdout)
    assert agrees({name: found[name] for name in expected}, expected)
    assert found["rows"] == len(rows(file_of(benchmark)))
    for ours, row in zip(read(out), rows(file_of(benchmark)), strict=True):
        assert ours["id"] == row["id"]
        for name, value in row["expected"].items():
            assert ours[name] == (pytest.approx(value, abs=1e-6) if isinstance(value, float) else value), (
                row["id"],
                name,
            )


def test_the_table_fits_a_terminal_and_is_signed(tmp_path):
    for benchmark in BENCHMARKS:
        path = golden(benchmark, tmp_path)
        text = score(path, "--benchmark", benchmark).output
        assert f"{len(rows(file_of(benchmark))) - (2 if benchmark == 'sparbench' else 0):,} rows of {path}" in text
        assert f"\nbenchmark:{benchmark}|protocol:strict|interval:formula|level:0.95|" in text
        body = [line for line in text.splitlines() if not line.startswith("benchmark:") and str(path) not in line]
        assert max(map(len, body)) <= 80


def test_nothing_is_cut_at_80_columns(tmp_path):
    """The `…` between two numbers is a range."""
    for benchmark, protocol in product(BENCHMARKS, ("strict", "both")):
        text = score(golden(benchmark, tmp_path), "--benchmark", benchmark, "--protocol", protocol).output
        table = text.partition("\nfault")[0].partition(" rows differ")[0]
        assert re.findall(r"\S*…(?!−?\d)", table) == []
        if benchmark == "sparbench":
            assert all(f"\n{task} " in table for task in TASKS)


def test_tvr_shows_the_papers_metrics_id_and_ood(tmp_path):
    text = score(golden("tvr", tmp_path), "--benchmark", "tvr", "--no-color").output
    for name in ("TAcc", "NDiff", "color", "TAcc/9-10", "step_4", "visible_1-3", "left", "unparsed"):
        assert f"\n{name}" in text
    assert "ID" in text
    assert "OOD" in text
    assert "\x1b" not in text


def test_both_protocols_side_by_side_with_the_rows_on_which_they_differ(tmp_path):
    path = golden("mindcube", tmp_path)
    text = score(path, "--benchmark", "mindcube", "--protocol", "both").output
    assert "official" in text
    assert "strict" in text
    assert "280 rows differ" in text
    assert "268 more: see --out" in text
    assert text.count("\nbenchmark:mindcube|protocol:") == 2
    found = json.loads(score(path, "--benchmark", "mindcube", "--protocol", "both", "--json").stdout)
    assert found["differing"] == 280
    assert len(found["differences"]) == 200
    assert agrees({name: found[name] for name in aggregate("mindcube")}, aggregate("mindcube"))


def test_one_line_for_each_bad_row_and_exit_1(tmp_path):
    path = tmp_path / "some.jsonl"
    some = [{"response": "B", "answer": answer, "category": "MSR"} for answer in ("B", "?")]
    path.write_text("".join(json.dumps(row) + "\n" for row in some))
    out = tmp_path / "out.jsonl"
    done = score(path, "--benchmark", "mmsi", "--out", out)
    assert done.exit_code == 1
    assert done.stderr.startswith(f"{path}:2: the target '?' cannot be used")
    assert done.stderr.count("\n") == 1
    assert "1 row of" in done.stdout
    assert "1 more could not be scored" in done.stdout
    assert json.loads(out.read_text().splitlines()[1])["error"].startswith(f"{path}:2: ")


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--benchmark", "mmsj"], 2, "there is no benchmark 'mmsj'"),
        (["--benchmark", "mmsi", "--preset", "paper"], 2, "--preset is about rewards only"),
        (["--protocol", "official"], 2, "--protocol only counts with --benchmark"),
        (
            ["--benchmark", "mmsi", "--fail-under", "acc=0.5"],
            2,
            "there is no number 'acc'; there are accuracy, unparsed, MSR",
        ),
        (["--benchmark", "mmsi", "--fail-under", "MSR/accuracy=1.1"], 1, "MSR/accuracy is 1.0000, which is under 1.1"),
        (["--benchmark", "sparbench"], 1, ":1: task 'MSR' is not one of SPAR-Bench's twenty"),
        (["--benchmark", "mmsi", "--interval", "bca", "--resamples", "50", "--seed", "3"], 0, ""),
    ],
)
def test_options(tmp_path, arguments, code, message):
    path = tmp_path / "some.jsonl"
    path.write_text(json.dumps({"response": "B", "answer": "B", "category": "MSR"}) + "\n")
    done = score(path, *arguments)
    assert done.exit_code == code
    assert message in done.stderr


def test_report_data_holds_the_scores_of_every_row(tmp_path):
    data = tmp_path / "data.json"
    assert score(golden("mmsi", tmp_path), "--benchmark", "mmsi", "--quiet", "--report-data", data).output == ""
    found = json.loads(data.read_text())
    assert len(found["row_scores"]["strict.correct"]) == found["rows"] == 1200
    assert found["source"]["files"] == [str(tmp_path / "mmsi.jsonl")]


def test_several_attempts_are_shown(tmp_path):
    path = tmp_path / "some.jsonl"
    some = [{"prompt_id": n // 2, "response": "AB"[n % 2], "answer": "B", "category": "MSR"} for n in range(20)]
    path.write_text("".join(json.dumps(row) + "\n" for row in some))
    text = score(path, "--benchmark", "mmsi").output
    assert "several attempts, strict" in text
    assert "pass@2" in text


def test_standard_input_and_no_torch(tmp_path):
    path = golden("mmsi", tmp_path)
    code = (
        "import sys; from star_cli.main import star; sys.argv[0] = 'star'\n"
        "try: star(['score', '-', '--benchmark', 'mmsi', '--json'])\n"
        "finally: assert 'torch' not in sys.modules and 'scipy.stats' not in sys.modules"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        input=path.read_bytes(),
        capture_output=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["rows"] == 1200
