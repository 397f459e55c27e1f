"""The blind gap: found by itself in a report of several runs, or asked for; its numbers are those of a paired bootstrap."""

import json

import numpy as np
import pytest
from click.testing import CliRunner

from benchmarks import evaluate
from benchmarks.comparison import paired_bootstrap
from benchmarks.registry import BENCHMARKS
from benchmarks.report.looking import blind_gap, looking
from benchmarks.report.make import make_report, write
from benchmarks.report.runs import read_run
from benchmarks.run.rewards import score_rewards
from rewards.errors import ConfigError, DataError
from star_cli.main import star
from tests.benchmarks.choice_golden import file_of
from tests.benchmarks.choice_golden import rows as golden_rows
from tests.json_lines import write as write_rows

SEEN, BLIND = "AAAAAAABAAAB", "AABBABBBAABB"


def rows(answers, images, model="m", **columns):
    return [
        {"id": n, "task": ("position_matching", "depth_prediction_oo_mv")[n % 2], "scene": n // 3, "answer": "A"}
        | {"prediction": letter, "made_with": {"model": model, "images": images}}
        | columns
        for n, letter in enumerate(answers)
    ]


def result(folder, name, some, benchmark="mmsi"):
    source = write_rows(folder / f"{name}.jsonl", some)
    (folder / f"{name}.json").write_text(json.dumps(evaluate(source, benchmark, "official").as_dict(with_rows=True)))
    return str(folder / f"{name}.json")


def mmsi(answers, images, **columns):
    found = rows(answers, images, **columns)
    return [{**row, "task": None, "category": ("Motion (Cam.)", "MSR")[row["id"] % 2]} for row in found]


def test_the_gap_is_that_of_a_paired_bootstrap(tmp_path):
    seeing = read_run(result(tmp_path, "with", mmsi(SEEN, "all")))
    blind = read_run(result(tmp_path, "without", mmsi(BLIND, "none")))
    grid = blind_gap(seeing, blind, resamples=300, seed=3)
    x, y = (np.array([letter == "A" for letter in answers]) for answers in (BLIND, SEEN))
    expected = paired_bootstrap(x, y, clusters=[n // 3 for n in range(len(x))], resamples=300, seed=3)
    assert grid.header == ("rows", "n", "with images", "without images", "blind gap", "p")
    overall = next(row for row in grid.rows if row[0] == "overall")
    assert overall[1] == "12"
    assert (overall[2].value, overall[3].value) == (y.mean(), x.mean())
    gap = overall[4]
    assert (gap.value, gap.low, gap.high) == pytest.approx(expected.difference[:3])
    assert overall[5].value == expected.p_value
    assert {"Motion (Cam.)", "MSR"} <= {row[0] for row in grid.rows}
    of_one = next(row for row in grid.rows if row[0] == "MSR")
    assert of_one[4].value == pytest.approx(y[1::2].mean() - x[1::2].mean())


def test_numbers_are_the_benchmarks_own(tmp_path):
    """A mean over tasks stays one, in the gap too."""
    made = {name: rows(answers, name) for name, answers in (("all", SEEN), ("none", BLIND))}
    some = {name: [*each, *(each[1:2] * 1)] for name, each in made.items()}
    for each in some.values():
        each[-1] = {**each[-1], "id": 99}
    runs = {name: read_run(result(tmp_path, name, each, "sparbench")) for name, each in some.items()}
    overall = blind_gap(runs["all"], runs["none"], resamples=50).rows[0]
    for cell, name in ((overall[2], "all"), (overall[3], "none")):
        assert cell.value == pytest.approx(runs[name].table["overall"]["score"]["estimate"])


@pytest.mark.parametrize("benchmark", BENCHMARKS)
def test_every_benchmark_has_a_gap(tmp_path, benchmark):
    """Of its golden rows: with the answers as they are, and with none at all."""
    protocol = "official" if benchmark == "mindcube-cogmap" else "strict"
    some = [dict(row) for row in golden_rows(file_of(benchmark))]
    completion = next(
        name for name in ("completion", "response", "prediction", "generated_text", "answer") if name in some[0]
    )
    inputs = []
    for images in ("all", "none"):
        made = {"made_with": {"model": "m", "images": images}}
        found = [row | made | ({completion: "-"} if images == "none" else {}) for row in some]
        source = write_rows(tmp_path / f"{images}.jsonl", found)
        report = evaluate(source, benchmark, protocol)
        (tmp_path / f"{images}.json").write_text(json.dumps(report.as_dict(with_rows=True)))
        inputs.append(str(tmp_path / f"{images}.json"))
    seeing, blind = map(read_run, inputs)
    grid = blind_gap(seeing, blind, resamples=20)
    overall, headline = grid.rows[0], seeing.evaluation["headline"]
    for cell, run in ((overall[2], seeing), (overall[3], blind)):
        first = next(iter(run.table.values()))
        assert cell.value == pytest.approx(first[headline]["estimate"], abs=1e-9)
    assert overall[4].value == pytest.approx(overall[2].value - overall[3].value)
    assert overall[4].low <= overall[4].value <= overall[4].high
    assert overall[4].value > 0
    assert len(looking([seeing, blind], resamples=20, seed=0).items) == 1


def test_a_report_finds_the_pairs_by_itself(tmp_path):
    inputs = [
        result(tmp_path, "seen", mmsi(SEEN, "all")),
        result(tmp_path, "blind", mmsi(BLIND, "none")),
        result(tmp_path, "mixed", mmsi(BLIND, "swapped")),
        result(tmp_path, "other", mmsi(BLIND, "none", model="other")),
    ]
    page = write(make_report(inputs, resamples=50), "markdown")
    assert "Is it looking?" in page
    assert "images of other questions" in page
    assert page.count("blind gap") == 2  # not against another model
    assert "Is it looking?" not in write(make_report(inputs[:1], resamples=50), "markdown")
    assert "<svg" in write(make_report(inputs, resamples=50), "html")


@pytest.mark.parametrize("told", [True, False])
def test_of_training_data(tmp_path, told):
    """Of files of `star score --out` there is one line, whether rows are right; clustered by scene."""
    outs = {}
    for name, right, images in (("with", 7, "all"), ("without", 3, "none")):
        some = [
            {"id": n, "scene": n // 2, "target": "0.color.red"}
            | {"completion": f"<think></think><answer>0.color.{'red' if n < right else 'blue'}</answer>"}
            | ({"made_with": {"model": "m", "images": images, "decoding": images}} if told else {})
            for n in range(10)
        ]
        outs[name] = str(tmp_path / f"{name}.out.jsonl")
        score_rewards([str(write_rows(tmp_path / f"{name}.jsonl", some))], task="trance", out=outs[name])
    document = make_report([outs["with"], outs["without"]], blind_gap=True, resamples=200)
    ((grid,),) = (section.items for section in document.sections)
    ((group, count, seen, blind, gap, _),) = grid.rows
    assert (group, count, seen.value, blind.value) == ("overall", "10", 0.7, 0.3)
    x, y = (np.arange(10) < right for right in (3, 7))
    expected = paired_bootstrap(x, y, clusters=np.arange(10) // 2, resamples=200, seed=0)
    assert (gap.value, gap.low, gap.high) == pytest.approx(expected.difference[:3])
    assert ("Besides the images, these differ too: decoding" in grid.note) == told
    page = write(make_report([outs["with"], outs["without"]], resamples=50), "markdown")
    assert ("Is it looking?" in page) == told  # found by itself, where the rows say what was shown


def test_the_command(tmp_path):
    inputs = [result(tmp_path, "seen", mmsi(SEEN, "all")), result(tmp_path, "blind", mmsi(BLIND, "none"))]
    done = CliRunner().invoke(star, ["report", "--blind-gap", *inputs])
    assert done.exit_code == 0
    assert "Is seen looking?" in done.stdout
    with pytest.raises(ConfigError, match="takes two inputs, with images and without, not 1"):
        make_report(inputs[:1], blind_gap=True)


def test_runs_that_share_no_row(tmp_path):
    inputs = [
        result(tmp_path, "seen", mmsi(SEEN, "all")),
        result(tmp_path, "blind", [{**row, "id": f"x{row['id']}"} for row in mmsi(BLIND, "none")]),
    ]
    assert "could not be compared" in write(make_report(inputs, resamples=50), "markdown")
    with pytest.raises(DataError, match="share no row"):
        make_report(inputs, blind_gap=True)
