"""What predictions say of how they were made: in signatures, in comparisons of runs, in what is kept of a run."""

import json

import msgspec
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from benchmarks import evaluate
from benchmarks.report.compare import compare
from benchmarks.report.make import make_report, write
from benchmarks.report.runs import read_run
from benchmarks.run.made_with import MOST, Makers, signed, unlike
from benchmarks.run.rewards import score_rewards
from star_cli.main import star
from tests.json_lines import write as write_rows

MADE = {"model": "m", "revision": "abc", "decoding": "greedy, 9 tokens", "images": "all", "packages": "x 1"}


def rows(made=MADE, answers="ABAB", **columns):
    return [
        {"id": n, "category": "Motion (Cam.)", "response": f"<answer>{letter}</answer>", "answer": "A"}
        | {"made_with": made, "prompt_hash": f"{n:x}"}
        | columns
        for n, letter in enumerate(answers)
    ]


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
    many = [row | {"made_with": {"model": f"m{n:03}"}} for n in range(200) for row in rows()[:1]]
    assert evaluate(many, "mmsi").made_with["model"] == f"m000 + m001 + m002 + {MOST - 3} more"


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


columns = st.lists(
    st.fixed_dictionaries(
        {
            "made_with": st.sampled_from([MADE, {**MADE, "model": "n"}, json.dumps(MADE), "{", None, 3]),
            "prompt_hash": st.sampled_from(["a", "b", None]),
            "finish_reason": st.sampled_from(["length", "stop", None]),
            "refusal": st.sampled_from(["No.", "", None]),
            "request_error": st.sampled_from(["HTTP 400", None]),
        }
    ),
    max_size=8,
)


def makers_of(some):
    makers = Makers()
    makers.add({name: [row[name] for row in some] for name in (some[0] if some else {})})
    return makers


@given(columns, columns, columns)
def test_parts_merge_to_the_whole_in_any_order(one, two, three):
    whole = makers_of([*one, *two, *three])
    merged = makers_of(three)
    merged.merge(makers_of(one))
    merged.merge(makers_of(two))
    assert merged == whole
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(whole), type=Makers) == whole


def test_processes_say_the_same(tmp_path):
    some = [
        {"id": n, "target": "0.color.red", "completion": "x"} | {"made_with": {"model": f"m{n % 3}"}}
        for n in range(300)
    ]
    some = [row | {"prompt_hash": str(row["id"]), "refusal": "No."} for row in some]
    source = str(write_rows(tmp_path / "r.jsonl", some))
    found = [
        score_rewards([source], task="trance", part_bytes=size, workers=2 if size < 10_000 else 1)
        for size in (4000, 1 << 20)
    ]
    assert found[0] == found[1]
    assert found[0].ended == {"refused": 300}
    assert found[0].made_with["model"] == "m0 + m1 + m2"


def test_what_scores_say_of_their_rows_is_kept(tmp_path):
    """A file of scores says how its predictions were made: two of them are compared like results."""
    pytest.importorskip("pyarrow")
    some = [
        {"id": n, "target": "0.color.red", "completion": "<think></think><answer>0.color.red</answer>"}
        | {"made_with": MADE, "prompt_hash": "1"}
        for n in range(4)
    ]
    some[3]["target"] = None
    paths = [str(write_rows(tmp_path / "a.jsonl", some))]
    paths.append(str(write_rows(tmp_path / "b.jsonl", [row | {"prompt_hash": "2"} for row in some])))
    for ending in ("jsonl", "parquet"):
        outs = [str(tmp_path / f"{number}.out.{ending}") for number in (1, 2)]
        for path, out in zip(paths, outs, strict=True):
            score_rewards([path], task="trance", out=out)
        one, other = map(read_run, outs)
        assert one.made_with["model"] == "m"
        assert compare(one, other, resamples=20).unlike == [("prompts", "3 of 3 rows", "were asked otherwise")]
    lines = [json.loads(line) for line in (tmp_path / "1.out.jsonl").read_text().splitlines()]
    assert [line["made_with"] for line in lines] == [MADE] * 4
    report = tmp_path / "bench.jsonl"
    evaluate(write_rows(tmp_path / "c.jsonl", rows()), "mmsi", out=str(report))
    assert json.loads(report.read_text().splitlines()[0])["made_with"] == MADE


def test_requests_that_failed_are_told(tmp_path):
    some = rows()
    some[1] |= {"response": None, "error": "HTTP 400: too many images"}
    assert evaluate(some, "mmsi").ended == {"failed": 1}
    row = {"id": 1, "target": "0.color.red", "completion": None, "error": "HTTP 400: too many images"}
    good = {"id": 2, "target": "0.color.red", "completion": "x", "error": None}
    said = []
    score_rewards([str(write_rows(tmp_path / "r.jsonl", [row, good]))], task="trance", on_error=said.append)
    assert said[0].endswith("r.jsonl:1: the request failed: HTTP 400: too many images")


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
