"""What predictions say of how they were made: in signatures, in comparisons of runs, in what is kept of a run."""

import json

import pytest
from click.testing import CliRunner

from benchmarks import evaluate
from benchmarks.report.compare import compare
from benchmarks.report.make import make_report, write
from benchmarks.report.runs import read_run
from benchmarks.run.made_with import Makers, signed, unlike
from benchmarks.run.rewards import score_rewards
from star_cli.main import star

MADE = {"model": "m", "revision": "abc", "decoding": "greedy, 9 tokens", "images": "all", "packages": "x 1"}


def rows(made=MADE, answers="ABAB", **columns):
    return [
        {"id": n, "category": "Motion (Cam.)", "response": f"<answer>{letter}</answer>", "answer": "A"}
        | {"made_with": made, "prompt_hash": f"{n:x}"}
        | columns
        for n, letter in enumerate(answers)
    ]


def write_rows(path, some):
    path.write_text("".join(json.dumps(row) + "\n" for row in some))
    return path


def run(tmp_path, name, some):
    source = write_rows(tmp_path / f"{name}.jsonl", some)
    (tmp_path / f"{name}.json").write_text(json.dumps(evaluate(source, "mmsi", "strict").as_dict()))
    return read_run(str(tmp_path / f"{name}.json"))


def test_signatures_say_how_predictions_were_made():
    report = evaluate(rows(), "mmsi", "both")
    for signature in report.signatures.values():
        assert "|model:m|revision:abc|decoding:greedy, 9 tokens|prompts:" in signature
        assert signature.endswith("|images:all|packages:x 1")
    assert report.made_with["model"] == "m"
    assert report.as_dict()["made_with"]["images"] == "all"
    plain = [{name: value for name, value in row.items() if name not in ("made_with", "prompt_hash")} for row in rows()]
    assert evaluate(plain, "mmsi").made_with == {}
    assert "model" not in evaluate(plain, "mmsi").signatures["strict"]


def test_signatures_of_rewards_too(tmp_path):
    some = [
        {"id": n, "target": "0.color.red", "completion": "<think></think><answer>0.color.red</answer>"}
        | {"made_with": MADE, "prompt_hash": "1"}
        for n in range(3)
    ]
    source = str(write_rows(tmp_path / "r.jsonl", some))
    summary = score_rewards([source], task="trance")
    assert "|model:m|revision:abc" in summary.signature
    assert summary.as_dict()["made_with"]["packages"] == "x 1"


def test_prompts_have_one_digest_whatever_their_order():
    digests = {evaluate(some, "mmsi").made_with["prompts"] for some in (rows(), rows()[::-1])}
    assert len(digests) == 1
    assert evaluate(rows(prompt_hash="7"), "mmsi").made_with["prompts"] not in digests


def test_several_ways_stand_side_by_side():
    some = rows() + rows({**MADE, "model": "other", "seed": 3})
    assert evaluate(some, "mmsi").made_with["model"] == "m + other"
    many = [row | {"made_with": {"model": f"m{n:02}"}} for n in range(30) for row in rows()[:1]]
    assert evaluate(many, "mmsi").made_with["model"] == "m00 + m01 + m02 + 13 more"


@pytest.mark.parametrize("odd", [None, "m", 3, [MADE], {}, {"model": {"a": [1]}}, {"model": "a|b\nc", "x": None}])
def test_odd_columns_are_no_errors(odd):
    report = evaluate(rows(odd, prompt_hash=odd), "mmsi")
    assert report.errors == 0
    assert "\n" not in report.signatures["strict"]


def test_completions_that_are_not_whole_are_counted():
    some = rows()
    some[0]["finish_reason"], some[1]["refusal"], some[2]["finish_reason"] = "length", "No.", "stop"
    report = evaluate(some, "mmsi")
    assert report.ended == {"cut off": 1, "refused": 1}
    assert report.as_dict()["ended"] == report.ended


def test_the_command_tells(tmp_path):
    source = write_rows(tmp_path / "a.jsonl", rows(finish_reason="length", refusal=None))
    done = CliRunner().invoke(star, ["score", str(source), "--benchmark", "mmsi"])
    assert done.exit_code == 0
    assert "4 cut off" in done.stdout
    assert "|model:m|" in done.stdout


def test_what_a_run_had_said_is_gone_on_with():
    state = {}
    makers = Makers(state)
    assert (makers.told(), makers.ended) == ({}, {})
    assert json.loads(json.dumps(state)) == state


def test_signed_and_unlike():
    assert signed({}) == ""
    assert unlike(MADE, MADE) == []
    assert unlike({}, {}) == []
    assert unlike({}, MADE) == [("how they were made", "not told", "told")]
    assert unlike({**MADE, "seed": "1"}, {**MADE, "packages": "x 2"}) == [
        ("packages", "x 1", "x 2"),
        ("seed", "1", "–"),
    ]


def test_a_comparison_says_in_what_runs_differ(tmp_path):
    one, same = run(tmp_path, "one", rows()), run(tmp_path, "same", rows(answers="AAAB"))
    other = run(tmp_path, "other", rows({**MADE, "packages": "x 2"}, "AAAB", prompt_hash="z"))
    assert compare(one, same, resamples=50).unlike == []
    found = compare(one, other, resamples=50).unlike
    assert found == [("packages", "x 1", "x 2"), ("prompts", "4 of 4 rows", "were asked otherwise")]
    page = write(make_report([str(tmp_path / "one.json"), str(tmp_path / "other.json")], comparing=True), "markdown")
    assert "The runs were not made alike" in page
    assert "were asked otherwise" in page
    page = write(make_report([str(tmp_path / "one.json"), str(tmp_path / "same.json")], comparing=True), "markdown")
    assert "not made alike" not in page


def test_other_rows_of_one_prompt_are_no_other_prompts(tmp_path):
    one = run(tmp_path, "one", rows())
    fewer = run(tmp_path, "fewer", rows()[1:])
    assert compare(one, fewer, resamples=50).unlike == []
