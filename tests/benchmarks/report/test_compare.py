"""Two runs compared: which rows are the same, what changed, what the tests say; with and without the predictions."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks import evaluate
from benchmarks.comparison import mcnemar, paired_bootstrap, sample_size
from benchmarks.report.compare import SHOWN_CHANGES, advice, compare, comparison, p_value
from benchmarks.report.content import Example
from benchmarks.report.runs import RowScores, of_scores_file, pair_rows, read_run, row_scores
from benchmarks.run.rewards import score_rewards
from rewards.errors import DataError
from tests.benchmarks.report.report_inputs import AFTER, BEFORE, tvr_rows, write_rows, write_run

WAS = np.array([answer == "0.color.cyan" for answer in BEFORE])
IS = np.array([answer == "0.color.cyan" for answer in AFTER])


@pytest.fixture
def both(tmp_path):
    return [
        read_run(str(write_run(tmp_path, name, answers))) for name, answers in (("before", BEFORE), ("after", AFTER))
    ]


def test_the_numbers_are_those_of_the_tests(both):
    found = compare(*both, resamples=500, seed=4)
    scenes = [n // 2 for n in range(len(WAS))]
    expected = paired_bootstrap(WAS, IS, clusters=scenes, resamples=500, seed=4)
    assert found.differences["TAcc"].difference[:3] == pytest.approx(expected.difference[:3])
    assert found.differences["TAcc"].p_value == expected.p_value
    assert found.right == mcnemar(WAS, IS)
    assert found.advice == sample_size(WAS, IS, clusters=scenes)
    assert found.means["TAcc"] == (WAS.mean(), IS.mean())
    assert set(found.differences) == {"TAcc", "Diff", "NDiff", "loose_acc", "unparsed"}
    assert found.changed == (np.flatnonzero(WAS & ~IS).tolist(), np.flatnonzero(~WAS & IS).tolist())
    assert found.settings == "paired bootstrap|resamples:500|seed:4|level:0.95|n:18|clusters:9"


def compared(tmp_path, benchmark, rows_by_run):
    runs = []
    for name, some in rows_by_run.items():
        source = write_rows(tmp_path / f"{name}.jsonl", some)
        (tmp_path / f"{name}.json").write_text(json.dumps(evaluate(source, benchmark).as_dict()))
        runs.append(read_run(str(tmp_path / f"{name}.json")))
    return runs, compare(*runs, resamples=200)


def test_means_are_those_of_the_results_where_these_are_means_over_tasks(tmp_path):
    tasks = ["position_matching"] * 9 + ["obj_spatial_relation_oo"] * 3
    said = {"a": "AAABBBBBBABB", "b": "AAAAAABBBAAB"}
    runs, found = compared(
        tmp_path,
        "sparbench",
        {
            name: [
                {"id": n, "task": task, "prediction": letter, "answer": "A"}
                for n, (task, letter) in enumerate(zip(tasks, letters, strict=True))
            ]
            for name, letters in said.items()
        },
    )
    for metric in ("accuracy", "score"):
        overall = [run.table["overall"][metric]["estimate"] for run in runs]
        assert found.means[metric] == pytest.approx(overall)
        assert overall == pytest.approx([(3 / 9 + 1 / 3) / 2, (6 / 9 + 2 / 3) / 2])
        assert found.differences[metric].difference.estimate == pytest.approx(overall[1] - overall[0])
    assert (found.right.only_first, found.right.only_second) == (0, 4)
    assert found.advice.difference == pytest.approx(overall[1] - overall[0])


def test_rows_outside_the_overall_numbers_are_compared_and_not_counted(tmp_path):
    ids = ["among_1", "among_2", "translation_1", "rotation_1"]
    runs, found = compared(
        tmp_path,
        "mindcube",
        {
            name: [
                {"id": each, "response": letter, "gt_answer": "A"} for each, letter in zip(ids, letters, strict=True)
            ]
            for name, letters in {"a": "ABBA", "b": "AAAA"}.items()
        },
    )
    assert found.means["accuracy"] == pytest.approx([run.table["overall"]["accuracy"]["estimate"] for run in runs])
    assert found.counted == 3
    assert found.changed == ([], [1, 2])
    numbers, _ = comparison(*runs, found)
    assert numbers.items[0].title == "The same 3 rows; %"
    assert numbers.items[-1] == "Left out of the numbers, as of the benchmark's own overall ones: 1 rows."


def test_a_file_of_scores_is_compared_with_results(tmp_path, both):
    evaluate(tmp_path / "before.jsonl", "tvr", out=str(tmp_path / "scores.jsonl"))
    scores = read_run(str(tmp_path / "scores.jsonl"))
    for runs, sign in (((scores, both[1]), 1), ((both[1], scores), -1)):
        found = compare(*runs, resamples=200)
        [difference] = found.differences.values()
        assert difference.difference.estimate == pytest.approx(sign * (IS.mean() - WAS.mean()))
        assert "|n:18|clusters:9" in found.settings
    assert compare(scores, both[1]).right == mcnemar(WAS, IS)


def test_rows_in_another_order_are_the_same_rows(tmp_path, both):
    shuffled = tvr_rows(AFTER)[::-1]
    source = write_rows(tmp_path / "shuffled.jsonl", shuffled)
    (tmp_path / "shuffled.json").write_text(json.dumps(evaluate(source, "tvr").as_dict()))
    again = compare(both[0], read_run(str(tmp_path / "shuffled.json")))
    assert again.right == compare(*both).right


@given(st.lists(st.integers(0, 3), min_size=1, max_size=12), st.lists(st.integers(0, 3), min_size=1, max_size=12))
def test_pairs_are_of_one_name_and_the_how_many_th_of_it(one, other):
    def scores(names):
        seen = {}
        keys = []
        for name in names:
            seen[name] = seen.get(name, -1) + 1
            keys.append((name, seen[name]))
        return RowScores(keys, {"accuracy": np.ones(len(names), dtype=bool)})

    shared = sum(min(one.count(name), other.count(name)) for name in set(one))
    if not shared:
        with pytest.raises(DataError, match="share no row"):
            pair_rows(scores(one), scores(other))
        return
    pairs = pair_rows(scores(one), scores(other))
    assert len(pairs.first) == shared
    assert [one[at] for at in pairs.first] == [other[at] for at in pairs.second]
    assert (pairs.only_first, pairs.only_second) == (len(one) - shared, len(other) - shared)


def test_rows_without_ids_are_told_apart_by_their_lines(tmp_path):
    runs = []
    for name, letters in (("a", "AAB"), ("b", "ABB")):
        some = [{"response": letter, "answer": "B", "category": "MSR"} for letter in letters]
        source = write_rows(tmp_path / f"{name}.jsonl", some)
        (tmp_path / f"{name}.json").write_text(json.dumps(evaluate(source, "mmsi").as_dict()))
        runs.append(read_run(str(tmp_path / f"{name}.json")))
    found = compare(*runs)
    assert (found.right.only_second, found.right.only_first, len(found.pairs.first)) == (1, 0, 3)


def test_changed_rows_show_prompt_completions_and_triplets(both):
    _, changed = comparison(*both, compare(*both))
    examples = [item for item in changed.items if isinstance(item, Example)]
    assert changed.items[0] == "12 rows changed: 9 gained, 3 lost; 12 are shown."
    assert [example.unfolded for example in examples] == [True] + [False] * 11
    first = examples[0]
    assert (first.verdict, first.good) == ("wrong → right", True)
    labels = [passage.label for passage in first.passages]
    assert labels == ["Prompt", "Target", "Completion, before", "Completion, after"]
    assert first.passages[1].text == "0.color.cyan"
    before, after = first.grids
    assert before.rows == (("0.color.red", "0.color.cyan", "attribute", "+0.5"),)
    assert after.rows == (("0.color.cyan", "0.color.cyan", "exact", "+5"),)
    lost = next(example for example in examples if not example.good)
    assert lost.grids[1].rows == (("0.size.large", "0.color.cyan", "object", "-0.5"),)


def test_only_some_changed_rows_are_shown(tmp_path):
    runs = [
        read_run(str(write_run(tmp_path, name, [answer] * 100))) for name, answer in (("a", "x"), ("b", "0.color.cyan"))
    ]
    _, changed = comparison(*runs, compare(*runs))
    assert changed.items[0].startswith("100 rows changed: 100 gained, 0 lost; 24 are shown.")
    assert len(changed.items) == SHOWN_CHANGES + 1


def test_without_the_predictions_the_data_of_every_row_is_enough(tmp_path, both):
    runs = []
    for name, answers in (("before", BEFORE), ("after", AFTER)):
        folder = tmp_path / name
        folder.mkdir()
        path = write_run(folder, name, answers, with_rows=True)
        (folder / f"{name}.jsonl").unlink()
        runs.append(read_run(str(path)))
    found = compare(*runs)
    assert found.right == compare(*both).right
    assert found.differences == compare(*both).differences
    _, changed = comparison(*runs, found)
    assert changed.items[1].title == "line 1"
    assert changed.items[1].passages == ()


def test_without_any_of_both_an_error_says_what_to_do(tmp_path):
    path = write_run(tmp_path, "gone", AFTER)
    (tmp_path / "gone.jsonl").unlink()
    with pytest.raises(DataError, match="which is not here; write it with --report-data"):
        row_scores(read_run(str(path)))


def test_predictions_that_have_changed_since_are_refused(tmp_path):
    path = write_run(tmp_path, "old", AFTER)
    write_rows(tmp_path / "old.jsonl", tvr_rows(AFTER)[:-1])
    with pytest.raises(DataError, match="is about 18 rows, and .* now has 17; score it again"):
        row_scores(read_run(str(path)))


def test_predictions_are_found_beside_the_results(tmp_path, monkeypatch, both):
    moved = tmp_path / "elsewhere"
    moved.mkdir()
    for name in ("before.json", "before.jsonl"):
        (tmp_path / name).rename(moved / name)
    run = read_run(f"renamed={moved / 'before.json'}")
    assert run.name == "renamed"
    assert compare(run, both[1]).right == mcnemar(WAS, IS)


def test_files_of_scores_can_be_compared(tmp_path):
    outs = []
    for name, answers in (("before", BEFORE), ("after", AFTER)):
        source = write_rows(tmp_path / f"{name}.jsonl", tvr_rows(answers))
        outs.append(str(tmp_path / f"{name}-scores.jsonl"))
        score_rewards([str(source)], task="trance", out=outs[-1])
    found = compare(*(read_run(out) for out in outs))
    assert found.right == mcnemar(WAS, IS)
    assert list(found.differences) == ["accuracy", "total"]
    scores = of_scores_file(outs[0])
    assert {"parts/exact", "parts/incorrect"} <= set(scores.values)
    _, changed = comparison(*(read_run(out) for out in outs), found)
    assert [passage.label for passage in changed.items[1].passages] == ["Answer, before-scores", "Answer, after-scores"]


def test_files_of_scores_of_a_benchmark_and_rows_with_errors(tmp_path):
    source = write_rows(tmp_path / "in.jsonl", [{"id": n, "response": "B", "answer": "B?"[n == 1]} for n in range(3)])
    evaluate(source, "mmsi", out=str(tmp_path / "out.jsonl"))
    assert len(of_scores_file(str(tmp_path / "out.jsonl")).keys) == 2
    (tmp_path / "odd.jsonl").write_text('{"correct": true, "error": null, "id": 1}\n{"id": 2}\n')
    with pytest.raises(DataError, match="odd.jsonl:2: there is no column 'correct'"):
        of_scores_file(str(tmp_path / "odd.jsonl"))
    (tmp_path / "bad.jsonl").write_text('{"correct": null, "error": "x", "id": 1}\n')
    with pytest.raises(DataError, match="there are no scores in it"):
        of_scores_file(str(tmp_path / "bad.jsonl"))


def test_rewards_without_rows_cannot_be_compared(tmp_path):
    source = write_rows(tmp_path / "in.jsonl", tvr_rows(AFTER))
    (tmp_path / "r.json").write_text(json.dumps(score_rewards([str(source)], task="trance").as_dict()))
    with pytest.raises(DataError, match="give the file of star score --out instead"):
        row_scores(read_run(str(tmp_path / "r.json")))


def test_advice(both):
    found = compare(*both)
    text = advice(found)
    assert f"~{found.advice.paired:,} paired rows" in text
    assert f"~{found.advice.unpaired:,} unpaired rows per run" in text
    assert "33.3 points" in text
    same = compare(both[0], both[0])
    assert advice(same).startswith("Both runs have equally many right rows")
    assert same.right.p_value == 1


def test_p_values():
    assert [p_value(p) for p in (1.0, 0.05, 0.0009)] == ["1.000", "0.050", "< 0.001"]
