"""`benchmarks.evaluate`: files and rows alike, errors, clusters, attempts, both protocols, runs that go on."""

import gzip
import json
from functools import partial

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks import Report, evaluate
from benchmarks.benchmark import find_protocols, known_columns
from benchmarks.metric_names import PLAIN, SIGNED
from benchmarks.registry import BENCHMARKS, find_benchmark
from rewards.errors import ConfigError, DataError
from tests.benchmarks.choice_golden import GOLDEN, agrees, file_of, gold_of, rows
from tests.json_lines import read, write

TAGS = ["<think>", "</think>", "<answer>", "</answer>", "<cogmap>", "</cogmap>", "A", "B.", "1.5", "{", "}", "``", "\n"]
TEXTS = st.one_of(
    st.text(), st.lists(st.sampled_from([*TAGS, "2.color.cyan", ",", "move_up:1"]), max_size=9).map("".join)
)
GOLD = {"tvr": {"target": "2.color.cyan"}} | {name: gold_of(name) for name in BENCHMARKS if name != "tvr"}
CHOICE = {"answer": "B", "category": "MSR"}


@pytest.mark.parametrize("benchmark", BENCHMARKS)
def test_a_file_and_its_rows_give_the_same_report(benchmark):
    name = file_of(benchmark)
    from_file = evaluate(GOLDEN / f"{name}.jsonl.gz", benchmark, "both")
    from_rows = evaluate(rows(name), benchmark, "both")
    for field in ("rows", "errors", "aggregate", "tables", "attempts", "differing", "signatures"):
        assert getattr(from_file, field) == getattr(from_rows, field)
    assert [each["id"] for each in from_file.differences] == [each["id"] for each in from_rows.differences]
    json.dumps(from_file.as_dict(with_rows=True), allow_nan=False)


@pytest.mark.parametrize("benchmark", BENCHMARKS)
def test_every_golden_row_is_written_as_the_official_scorer_has_it(benchmark, tmp_path):
    name = file_of(benchmark)
    evaluate(GOLDEN / f"{name}.jsonl.gz", benchmark, "official", out=str(tmp_path / "out.jsonl"))
    written = read(tmp_path / "out.jsonl")
    assert [row["id"] for row in written] == [row["id"] for row in rows(name)]
    for ours, row in zip(written, rows(name), strict=True):
        if benchmark == "tvr":
            assert {key: ours[key] for key in row["expected"]} == pytest.approx(row["expected"], abs=1e-6)
        else:
            assert agrees({key: ours[key] for key in row["expected"]}, row["expected"])
        assert [name for name in ours if name != "scene"][:6] == ["id", "correct", "score", "parsed", "answer", "fault"]
        assert ours["error"] is None


@pytest.mark.parametrize("benchmark", [name for name in BENCHMARKS if name != "tvr"])
def test_official_reads_an_answer_without_the_reasoning_that_was_kept_apart(benchmark, tmp_path):
    """The owners' programs get what a server sends as the answer; rewards and `strict` get the reasoning back."""
    known = find_benchmark(benchmark)
    columns = known.columns.get("completion", ()) + known_columns(known)["completion"]
    plain = [
        {key: value for key, value in row.items() if key not in columns}
        | {"completion": text.replace("<think>", "").replace("</think>", "")}
        for row in rows(file_of(benchmark))[::9]
        if isinstance(text := next((row[name] for name in columns if name in row), None), str)
    ]
    assert len(plain) > 50
    why = "Option A. looks wrong, 3 or left. "
    as_message = {"role": "assistant", "reasoning_content": why}
    for apart in (
        [row | {"reasoning_content": why} for row in plain],
        [row | {"completion": [as_message | {"content": row["completion"]}]} for row in plain],
        [
            row | {"completion": f"<think>{why}</think>{row['completion']}", "content": row["completion"]}
            for row in plain
        ],
    ):
        path = write(tmp_path / "apart.jsonl", apart)
        for given_rows in (apart, path):
            report = evaluate(given_rows, benchmark, "both")
            assert report.tables["official"] == evaluate(plain, benchmark, "both").tables["official"]
        joined = [row | {"completion": f"<think>{why}</think>{row['completion']}"} for row in plain]
        assert report.tables["strict"] == evaluate(joined, benchmark, "both").tables["strict"]


def test_a_column_that_is_no_answer_without_reasoning_changes_nothing():
    row = {"completion": "<think>A</think>B", "content": "the question", **CHOICE}
    for content in ("the question", None, 3, "", "/think>B"):
        report = evaluate([row | {"content": content}], "mmsi", "official")
        assert report.tables["official"]["overall"]["accuracy"].estimate == 0


@given(st.sampled_from(list(BENCHMARKS)), st.one_of(TEXTS, st.none()))
def test_no_text_raises_and_nothing_unparsed_is_right(benchmark, text):
    report = evaluate([{"completion": said, **GOLD[benchmark]} for said in ("", text)], benchmark, "both")
    assert report.errors == 0
    stats = {name: values[1] for name, values in report.row_scores.items() if name.startswith("strict.")}
    assert stats["strict.parsed"] or not stats["strict.correct"]
    assert 0 <= stats["strict.score"] <= 1


def test_bad_gold_is_an_error_row_and_the_others_are_scored(tmp_path):
    some = [{"id": n, "response": "B", **CHOICE} for n in range(5)]
    some[1]["answer"], some[3]["answer"] = "left of it", None
    path = write(tmp_path / "some.jsonl", some)
    with path.open("a") as file:
        file.write("{broken\n[1]\n")
    seen = []
    report = evaluate(path, "mmsi", out=str(tmp_path / "out.jsonl"), on_error=seen.append)
    assert (report.rows, report.errors) == (3, 4)
    assert list(report.error_messages) == seen
    assert seen[0].startswith(f"{path}:2: the target 'left of it' cannot be used")
    assert seen[1] == f"{path}:4: 'answer' is null"
    assert seen[2].startswith(f"{path}:6: broken JSON")
    written = read(tmp_path / "out.jsonl")
    assert [row["error"] for row in written] == [None, seen[0], None, seen[1], None, seen[2], seen[3]]
    assert [row["correct"] for row in written] == [True, None, True, None, True, None, None]
    with pytest.raises(DataError, match=r"some\.jsonl:2: the target"):
        evaluate(path, "mmsi", strict_input=True)


RED = {"prediction": [], "transformations": [(0, "color", "red")]}


@pytest.mark.parametrize(
    ("bad", "good", "message"),
    [
        (RED | {"transformations": [(2, "color", "cyna")]}, RED, "'cyna' is not a color (did you mean 'cyan'?)"),
        (RED | {"initial_objects": [{"color": "red"}]}, RED, "initial_objects[0] is not an object with the keys"),
        ({"prediction": "", "target": "2.color.cyna"}, {"prediction": "", "target": "2.size.small"}, "'cyan'"),
    ],
)
def test_bad_gold_of_tvr_is_told_apart(bad, good, message):
    report = evaluate([good, bad, good, good], "tvr", "both")
    assert (report.rows, report.errors) == (3, 1)
    [error] = report.error_messages
    assert error.startswith("rows:2: ")
    assert "row 0" not in error
    assert message in error


def test_no_good_row_is_an_error():
    with pytest.raises(DataError, match="no row could be scored: rows:1: the target"):
        evaluate([{"response": "B", "answer": "?"}], "mmsi")
    with pytest.raises(DataError, match="there are no rows"):
        evaluate([], "mmsi")


def test_rows_that_are_no_mappings_are_bad_rows():
    report = evaluate([{"response": "B", **CHOICE}, 7], "mmsi")
    assert (report.rows, report.errors) == (1, 1)
    assert report.error_messages[0] == "rows:2: a row is a mapping, and this is 7"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"benchmark": "mmsj"},
            r"there is no benchmark 'mmsj' \(did you mean 'mmsi'\?\); there are tvr, mindcube, mindcube-cogmap, sparbench",
        ),
        ({"protocol": "lax"}, "there is no protocol 'lax'; there are strict, official, both"),
        ({"interval": "exact"}, "there are no intervals 'exact'"),
        ({"interval": "bootstrap", "resamples": 0}, "a bootstrap has at least 1 resample"),
        ({"level": 95}, "a level is between 0 and 1"),
        ({"out": "x.jsonl"}, "`out` goes with files"),
        ({"mapping": {"colour": "x"}}, "'colour' is not one of"),
    ],
)
def test_wrong_options(options, message):
    with pytest.raises(ConfigError, match=message):
        evaluate(**{"rows": [{"response": "B", **CHOICE}], "benchmark": "mmsi", **options})


def test_a_missing_column_is_named():
    with pytest.raises(DataError, match=r"there is no kind column; the columns are prediction, answer"):
        evaluate([{"prediction": "1", "answer": "1"}], "sparbench")


def test_messages_and_numbers_are_completions():
    said = [{"role": "user", "content": "A?"}, {"role": "assistant", "content": "B"}]
    assert evaluate([{"completion": said, **CHOICE}], "mmsi").figures()["accuracy"] == 1
    depth = {"answer": "1.5", "task": "depth_prediction_oc"}
    assert evaluate([{"prediction": 1.5, **depth}], "sparbench").figures()["score"] == 1
    assert (
        evaluate([{"completion": said[1:], "target": "2.color.cyan"}], "tvr").faults["strict"]["not_a_record"]["rows"]
        == 1
    )
    assert evaluate([{"completion": {"text": 3}, **CHOICE}, {"completion": "B", **CHOICE}], "mmsi").errors == 1


# Clusters and attempts


def spread(table):
    cell = table["overall"]["accuracy"]
    return cell.high - cell.low, cell.clusters


def test_rows_that_share_a_scene_a_prompt_or_a_column_are_one_cluster():
    plain = [{"response": "AB"[i // 50 % 2], **CHOICE, "day": i // 50} for i in range(200)]
    alone, n = spread(evaluate(plain, "mmsi").tables["strict"])
    assert n == 200
    for column in ("scene", "scene_id", "prompt_id", "prompt"):
        some = [{**row, column: i // 50} for i, row in enumerate(plain)]
        wide, clusters = spread(evaluate(some, "mmsi").tables["strict"])
        assert clusters == 4
        assert wide > 2 * alone
    report = evaluate(plain, "mmsi", group="day")
    assert spread(report.tables["strict"])[1] == 4
    assert "|clusters:scene=4|n:200|" in report.signatures["strict"]


def test_a_scene_counts_for_more_than_a_prompt():
    some = [{"response": "A", **CHOICE, "scene": i // 20, "prompt_id": i} for i in range(100)]
    assert "|clusters:scene=5|" in evaluate(some, "mmsi").signatures["strict"]


def test_ids_need_not_be_unique():
    same = [{"id": "x", "response": "B", "answer": "AB"[i % 2], "category": "MSR"} for i in range(10)]
    report = evaluate(same, "mmsi")
    assert report.rows == 10
    assert "|clusters:id=2|" in report.signatures["strict"]  # of one id, rows with one gold


def test_scenes_are_read_from_mindcubes_ids_and_tvrs_objects():
    some = [{"id": f"among_group{n // 4:03}_q{n}_1", "response": "A", "gt_answer": "A"} for n in range(12)]
    assert "|clusters:scene=3|" in evaluate(some, "mindcube").signatures["strict"]
    cube = {"color": "red", "shape": "cube", "size": "small", "material": "glass", "position": [0, 0]}
    scenes = [[cube], [{**cube, "color": "blue"}]]
    some = [{"initial_objects": scenes[n % 2], "prediction": [], "transformations": []} for n in range(6)]
    assert "|clusters:scene=2|" in evaluate(some, "tvr").signatures["strict"]


def test_several_completions_of_a_prompt():
    some = [{"prompt_id": n // 4, "response": "B" if n % 4 == 0 else "A", **CHOICE} for n in range(40)]
    attempts = evaluate(some, "mmsi").attempts["strict"]
    numbers = ["pass@1", "mean@1", "pass@2", "mean@2", "pass@4", "mean@4", "majority@4", "consistency"]
    assert list(attempts) == numbers
    assert (attempts["majority@4"].mean.estimate, attempts["consistency"].mean.estimate) == (0.0, 0.5)
    assert attempts["pass@1"].mean.estimate == attempts["mean@4"].mean.estimate == 0.25
    assert attempts["pass@2"].mean.estimate == 0.5
    assert attempts["pass@4"].mean.estimate == 1
    assert attempts["pass@4"].mean.n == 10
    assert evaluate(some[::4], "mmsi").attempts["strict"] == {}
    few = evaluate([some[0], *some[::4]], "mmsi").attempts["strict"]["pass@2"]  # one prompt of ten has two
    assert (few.mean.n, few.left_out) == (1, 9)
    by_id = [{**row, "id": row["prompt_id"], "prompt_id": None} for row in some]
    assert evaluate([by_id[0], *by_id[::4]], "mmsi").attempts["strict"] == {}
    assert evaluate(by_id, "mmsi").attempts["strict"] == attempts


def test_questions_that_are_worded_alike_are_not_one_prompt():
    """Two images, one wording: the ids tell the questions apart, and so do their gold and view where there are none."""
    asked = {"prompt": "Which way did the camera move?", "response": "B", **CHOICE}
    some = [{"id": n, **asked} for n in range(50)]
    report = evaluate(some, "mmsi")
    assert report.attempts["strict"] == {}
    assert "|clusters:none|" in report.signatures["strict"]
    views = [
        {
            "prompt": f"Scene {n // 3}",
            "view": ("center", "left", "right")[n % 3],
            "response": "",
            "target": "1.size.small",
        }
        for n in range(30)
    ]
    assert evaluate(views, "tvr").attempts["strict"] == {}
    assert list(evaluate([*views, *views], "tvr").attempts["strict"])[-1] == "mean@2"
    without_ids = [{"prompt": "Which way?", "response": "B", **CHOICE, "answer": "AB"[n % 2]} for n in range(20)]
    assert "|clusters:prompt=2|" in evaluate(without_ids, "mmsi").signatures["strict"]


def test_rotations_of_a_question_are_one_cluster_and_no_attempts():
    some = [
        {"id": f"q{n}", "index": n + turn * 10**6, "response": "B", "answer": "AB"[n % 2], "category": "MSR"}
        for n in range(10)
        for turn in range(4)
    ]
    report = evaluate(some, "mmsi")
    assert "|clusters:scene=10|n:40|" in report.signatures["strict"]
    assert report.attempts["strict"] == {}
    assert report.figures()["circular"] == 0.5
    twice = evaluate(some * 2, "mmsi").attempts["strict"]["pass@2"]
    assert (twice.mean.n, twice.mean.clusters) == (40, 10)
    assert "|clusters:none|" in evaluate(some[::4], "mmsi").signatures["strict"]


def test_attempts_are_clustered_by_scene():
    some = [{"prompt_id": n // 2, "scene": n // 20, "response": "AB"[n // 20 % 2], **CHOICE} for n in range(80)]
    assert evaluate(some, "mmsi").attempts["strict"]["pass@2"].mean.clusters == 4


@pytest.mark.parametrize("interval", ["bootstrap", "bca"])
def test_bootstrap_intervals_depend_on_the_seed_and_nothing_else(interval):
    run = partial(evaluate, rows("mmsi"), "mmsi", interval=interval, resamples=200)
    assert run(seed=1).tables == run(seed=1).tables
    assert run(seed=1).tables != run(seed=2).tables
    assert f"|interval:{interval}|level:0.95|resamples:200|seed:1|" in run(seed=1).signatures["strict"]
    formula = evaluate(rows("mmsi"), "mmsi").tables["strict"]["overall"]["accuracy"]
    resampled = run(seed=1).tables["strict"]["overall"]["accuracy"]
    assert resampled[:3] == pytest.approx(formula[:3], abs=0.01)


def test_a_higher_level_is_wider():
    narrow, wide = (spread(evaluate(rows("mmsi"), "mmsi", level=level).tables["strict"])[0] for level in (0.5, 0.99))
    assert narrow < wide


# Protocols


def test_strict_reads_the_answer_section_only():
    response = "<think>Option A. looks wrong.</think><answer>B</answer>"
    some = [{"id": "among_1", "response": response, "gt_answer": "B"}]
    report = evaluate(some, "mindcube", "both")
    assert report.tables["official"]["overall"]["accuracy"].estimate == 0
    assert report.tables["strict"]["overall"]["accuracy"].estimate == 1
    assert (report.differing, report.protocol) == (1, "both")
    [row] = report.differences
    assert row["official"]["answer"] == "A"
    assert row["strict"] == {"answer": "B", "correct": True, "score": 1.0, "parsed": True, "fault": None}
    assert row["place"] == "rows:1"


@pytest.mark.parametrize(
    ("benchmark", "official", "texts"),
    [
        (
            "mmsi",
            [1, 1, 1, 0],
            ["<think>So B</think>\n\nB", "so\n</think>B", "<Answer>B</Answer>", "<think>A.</think> B"],
        ),
        ("sparbench", [0, 0, 0], ["<think>It is 2.</think> 1.5", "2</think>\n1.5 m", "<REASONING>2</REASONING>1.5"]),
        ("tvr", [0, 0, 0], ["<think>a</think> 2.color.cyan", "a</think>2.color.cyan", "<Answer>2.color.cyan</Answer>"]),
        ("mindcube", [1, 0], ["<think>It is B.</think> B", "<think>Is it A.</think> B"]),
    ],
)
def test_the_text_after_the_reasoning_is_read_by_strict_alone(benchmark, official, texts):
    """What native reasoning models write; the official scorers read it as they always did."""
    columns = {
        "mmsi": CHOICE,
        "sparbench": {"answer": "1.5", "task": "depth_prediction_oc"},
        "tvr": {"target": "2.color.cyan"},
        "mindcube": {"gt_answer": "B", "id": "among_group1_q1"},
    }
    report = evaluate([{"response": text, **columns[benchmark]} for text in texts], benchmark, "both")
    assert report.row_scores["strict.correct"].all()
    assert report.row_scores["strict.parsed"].all()
    assert report.row_scores["official.correct"].tolist() == [bool(right) for right in official]


def test_a_cognitive_map_after_the_reasoning():
    room = '{"sofa": {"position": [1, 1]}, "lamp": {"position": [4, 1]}}'
    row = {"id": "among_1", "grounded_cogmap": room, "response": f"<think>{{}}</think>\n{room}"}
    assert evaluate([row], "mindcube-cogmap").figures()["isomorphic"] == 1.0


def test_tvr_unparsed_is_never_right_not_even_where_nothing_changes():
    undone = [(0, "color", "red"), (0, "color", "blue")]
    cube = {"color": "blue", "shape": "cube", "size": "small", "material": "glass", "position": [0, 0]}
    row = {"initial_objects": [cube], "transformations": undone}
    texts = ["<think>0.color.red", "", "<answer>nonsense</answer>", "<answer>0.shape.cube</answer>"]
    report = evaluate([{**row, "completion": text} for text in texts], "tvr", "both")
    assert report.row_scores["official.correct"].tolist() == [True, True, False, True]
    assert report.row_scores["strict.correct"].tolist() == [False, True, False, True]
    assert report.row_scores["strict.parsed"].tolist() == [False, True, False, True]
    assert report.tables["strict"]["all"]["unparsed"].estimate == 0.5
    assert not report.row_scores["strict.right"][0].any()
    assert report.differing == 1


def test_tvr_completions_and_their_lists_score_alike():
    some = rows("tvr_state")[::7]
    texts = []
    for row in some:
        steps = [(s["obj_idx"], s["attr"], s["val"]) for s in row["prediction"]]
        said = ", ".join(f"{i}.{a}.{v if isinstance(v, str) else '.'.join(map(str, v))}" for i, a, v in steps)
        texts.append({**row, "prediction": f"<think>so</think><answer>{said}</answer>"})
    lists, completions = evaluate(some, "tvr"), evaluate(texts, "tvr")
    assert lists.tables == completions.tables
    assert lists.aggregate == completions.aggregate
    assert evaluate([{**row, "prediction": row["prediction"][16:-9]} for row in texts], "tvr").rows == len(some)


def test_both_protocols_write_both_scores(tmp_path):
    out = tmp_path / "out.jsonl"
    evaluate(GOLDEN / "mindcube.jsonl.gz", "mindcube", "both", out=str(out))
    written = read(out)
    strict = evaluate(rows("mindcube"), "mindcube").row_scores["strict.correct"].tolist()
    assert [row["strict"]["correct"] for row in written] == strict
    assert sum(row["differs"] for row in written) == sum(row["correct"] != row["strict"]["correct"] for row in written)


@pytest.mark.parametrize("benchmark", BENCHMARKS)
@pytest.mark.parametrize("protocol", ["official", "strict", "both"])
def test_parquet_holds_what_json_lines_hold(benchmark, protocol, tmp_path):
    parquet = pytest.importorskip("pyarrow.parquet")
    source = write(tmp_path / "in.jsonl", [*rows(file_of(benchmark))[:40], {"id": "bad"}])
    for suffix in ("jsonl", "parquet"):
        evaluate(source, benchmark, protocol, out=str(tmp_path / f"out.{suffix}"))
    lines = read(tmp_path / "out.jsonl")
    table = parquet.read_table(tmp_path / "out.parquet").to_pylist()
    assert [list(row) for row in table] == [list(table[0])] * 41
    for line, row in zip(lines, table, strict=True):
        assert str(line["id"]) == row["id"]  # a column of Parquet is of one type
        assert line["correct"] == row["correct"]
        assert set(line) <= set(row)


def test_figures_name_every_number():
    figures = evaluate(rows("spar"), "sparbench", "official").figures()
    assert figures["Low/score"] == pytest.approx(0.38234375)
    assert figures["score"] == pytest.approx(0.419625)
    tvr = evaluate(rows("tvr_state"), "tvr").figures()
    assert tvr["accuracy"] == tvr["TAcc"]
    assert tvr["OOD/TAcc"] < tvr["ID/TAcc"]


def test_protocol_names():
    assert find_protocols("both") == ("official", "strict")
    assert isinstance(evaluate([{"response": "B", **CHOICE}], "mmsi"), Report)


# Gold from another file, columns of other names, limits


def test_gold_is_joined_with_all_that_belongs_to_it(tmp_path):
    gold = [{k: v for k, v in row.items() if k != "prediction"} for row in rows("tvr_state")[:50]]
    said = [{"id": row["id"], "prediction": row["prediction"]} for row in rows("tvr_state")[:50]]
    report = evaluate(write(tmp_path / "said.jsonl", said), "tvr", targets=str(write(tmp_path / "gold.jsonl", gold)))
    assert report.tables == evaluate(rows("tvr_state")[:50], "tvr").tables
    assert report.source["targets"] == str(tmp_path / "gold.jsonl")


def test_columns_of_other_names():
    some = [{"said": "B", "truth": "B", "sort": "MSR", "place": n // 2} for n in range(4)]
    mapping = {"completion": "said", "target": "truth", "kind": "sort", "scene": "place"}
    report = evaluate(some, "mmsi", mapping=mapping)
    assert report.figures()["MSR/accuracy"] == 1
    assert "clusters:scene=2" in report.signatures["strict"]


def test_what_lmms_eval_and_mindcube_write_is_read_as_it_is():
    def logged(said, target, **doc):
        return [{"doc_id": 0, "doc": doc, "target": target, "resps": [[said]], "filtered_resps": [said]}]

    group = {"id": "among_group7_q0", "gt_answer": "A"}
    for some in (
        logged(" A. Above", "<think>...</think><answer>A. Above</answer>", **group),
        [{**group, "input_prompt": "Where?", "answer": " A. Above", "model_type": "m"}],
    ):
        report = evaluate(some, "mindcube", "official")
        assert report.figures()["among/accuracy"] == 1
        assert report.row_scores["official.lmms_type"].tolist() == ["among"]
    sparbench = evaluate(logged("1.5", "1.5", id=3, task="depth_prediction_oc"), "sparbench")
    assert sparbench.figures()["depth_prediction_oc/score"] == 1
    assert evaluate(logged("``B``", "B", id=3, question_type="MSR"), "mmsi").figures()["MSR/accuracy"] == 1


def test_an_index_is_an_id_where_there_is_no_other(tmp_path):
    said = [{"index": n, "prediction": "B"} for n in (2, 0, 1)]
    gold = [{"index": n, "answer": "AAB"[n], "category": "MSR"} for n in range(3)]
    out = tmp_path / "out.jsonl"
    evaluate(
        write(tmp_path / "said.jsonl", said), "mmsi", targets=str(write(tmp_path / "gold.jsonl", gold)), out=str(out)
    )
    written = read(out)
    assert [(row["id"], row["correct"]) for row in written] == [(2, True), (0, False), (1, False)]


def test_limit(tmp_path):
    path = write(tmp_path / "in.jsonl", rows("mmsi"))
    assert evaluate(path, "mmsi", limit=7).rows == evaluate(rows("mmsi"), "mmsi", limit=7).rows == 7


def test_several_files_are_one_input(tmp_path):
    some = rows("mmsi")
    parts = [write(tmp_path / "a.jsonl", some[:500]), write(tmp_path / "b.jsonl", some[500:])]
    report = evaluate(parts, "mmsi")
    assert report.tables == evaluate(some, "mmsi").tables
    assert np.bincount(report.row_scores["file"]).tolist() == [500, 700]
    assert report.row_scores["line"][500] == 1


@pytest.mark.parametrize("benchmark", ["tvr", "mmsi", "mindcube-cogmap"])
def test_parts_are_put_together_to_the_same_report(benchmark, tmp_path):
    some = rows(file_of(benchmark))[:300]
    source = write(tmp_path / "in.jsonl", [*some[:100], {"id": "bad"}, *some[100:]])
    whole = evaluate(source, benchmark, "both", out=str(tmp_path / "whole.jsonl"))
    parts = evaluate(source, benchmark, "both", out=f"{tmp_path}/parts/", part_bytes=20_000)
    written = [path.read_bytes() for path in sorted((tmp_path / "parts").glob("part-*.jsonl"))]
    assert b"".join(written) == (tmp_path / "whole.jsonl").read_bytes()
    assert len(written) > 3
    assert parts == whole
    for name, values in whole.row_scores.items():
        assert parts.row_scores[name].tolist() == values.tolist()
        assert parts.row_scores[name].dtype == values.dtype


def test_memory_holds_statistics_and_not_rows(tmp_path):
    import tracemalloc

    long = "x" * 20_000
    path = tmp_path / "long.jsonl.gz"
    with gzip.open(path, "wt", compresslevel=1) as file:
        for n in range(3000):
            file.write(json.dumps({"id": n, "response": f"<think>{long}</think><answer>B</answer>", **CHOICE}) + "\n")
    evaluate(path, "mmsi", limit=10)
    tracemalloc.start()
    evaluate(path, "mmsi")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 40_000_000  # of 60 MB of text, 20 MB are in hand at a time


@pytest.mark.parametrize("interval", ["formula", "bootstrap", "bca"])
@pytest.mark.parametrize("count", [2, 3, 7])
@pytest.mark.parametrize("benchmark", BENCHMARKS)
def test_intervals_stay_within_what_a_number_can_be(benchmark, count, interval):
    """Of few rows Student's interval of a share would reach from -585 to 685 %."""
    report = evaluate(rows(file_of(benchmark))[::17][:count], benchmark, "both", interval=interval)
    for table in report.tables.values():
        for metrics in table.values():
            for name, found in metrics.items():
                if name.rpartition("/")[2] not in PLAIN | SIGNED and np.isfinite(found.low):
                    assert 0 <= found.low <= found.high <= 1
                    assert found.low - 1e-9 <= found.estimate <= found.high + 1e-9
