"""The tables of the multiple-choice benchmarks against plain loops over rows."""

import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks import evaluate
from benchmarks.mindcube.scoring import SETTINGS
from benchmarks.mmsi.scoring import TYPES
from benchmarks.spar.scoring import LEVELS, VIEW_CHANGE
from tests.benchmarks.choice_golden import agrees, rows


def means(table, metric):
    return {group: found[metric].estimate for group, found in table.items() if metric in found}


def by(pairs):
    groups = {}
    for name, value in pairs:
        groups.setdefault(name, []).append(value)
    return {name: statistics.fmean(values) for name, values in groups.items()}


def test_mindcube_by_setting():
    report = evaluate(rows("mindcube"), "mindcube", "official")
    expected = [row["expected"] for row in rows("mindcube")]
    accuracy = means(report.tables["official"], "accuracy")
    settings = by((row["setting"], row["correct"]) for row in expected)
    counted = statistics.fmean(row["correct"] for row in expected if row["setting"] != "translation")
    assert list(accuracy) == ["overall", *SETTINGS, "other"]
    assert accuracy == pytest.approx({"overall": counted, **settings})
    unread = by((row["setting"], row["extracted"] is None) for row in expected)
    assert {name: means(report.tables["official"], "unparsed")[name] for name in unread} == pytest.approx(unread)


def test_mindcube_skips_rows_without_gold_as_upstream_does():
    some = [{"id": "among_1", "response": "A.", "gt_answer": letter} for letter in ("A", "B", "")]
    report = evaluate(some, "mindcube", "official")
    assert (report.rows, report.tables["official"]["overall"]["accuracy"].n) == (3, 2)
    assert evaluate(some, "mindcube").errors == 1  # under the strict protocol that is a bad row


def test_cognitive_maps_by_setting():
    expected = [(row["id"].split("_")[0], row["expected"]) for row in rows("mindcube_cogmap")]
    official = evaluate(rows("mindcube_cogmap"), "mindcube-cogmap", "official").tables["official"]
    assert means(official, "isomorphic")["among"] == statistics.fmean(
        row["isomorphic"] for setting, row in expected if setting == "among"
    )
    valid = [row["coverage"] for setting, row in expected if setting != "translation" and row["valid_graph"]]
    assert official["overall"]["coverage"].estimate == pytest.approx(statistics.fmean(valid))
    assert official["overall"]["coverage"].n == len(valid)


def test_no_map_counts_nought_under_the_strict_protocol():
    drawn = '{"objects": [{"name": "a", "position": [1, 2]}, {"name": "b", "position": [5, 2]}]}'
    some = [{"id": f"among_{i}", "response": text, "grounded_cogmap": drawn} for i, text in enumerate((drawn, "none"))]
    for protocol, mean in (("official", 1.0), ("strict", 0.5)):
        found = evaluate(some, "mindcube-cogmap", protocol).tables[protocol]["overall"]
        assert found["overall_similarity"].estimate == mean


@pytest.mark.parametrize("protocol", ["official", "strict"])
def test_sparbench_levels_are_means_of_task_means(protocol):
    report = evaluate([row for row in rows("spar") if row["answer"] != "1,5"], "sparbench", protocol)
    table = means(report.tables[protocol], "score")
    for level, tasks in LEVELS.items():
        counted = [task for task in tasks if protocol == "strict" or task != VIEW_CHANGE]
        assert table[level] == pytest.approx(statistics.fmean(table[task] for task in counted))
    tasks = [task for members in LEVELS.values() for task in members]
    assert table["overall"] == pytest.approx(statistics.fmean(table[task] for task in tasks))
    assert list(table) == ["overall", *LEVELS, *tasks]


def test_mmsi_by_type():
    report = evaluate(rows("mmsi"), "mmsi", "official")
    accuracy = means(report.tables["official"], "accuracy")
    assert list(accuracy) == ["overall", *TYPES]
    expected = by((row["category"], row["expected"]["official_score"]) for row in rows("mmsi"))
    assert {name: accuracy[name] for name in expected} == pytest.approx(expected)
    assert "circular" not in report.tables["official"]["overall"]


@given(
    st.lists(
        st.tuples(st.integers(0, 4), st.integers(0, 3), st.booleans()),
        min_size=1,
        max_size=30,
        unique_by=lambda r: r[:2],
    )
)
def test_circular_accuracy_against_a_loop(answers):
    some = [
        {"index": question + turn * 1_000_000, "response": "A" if right else "B", "answer": "A", "category": "MSR"}
        for question, turn, right in answers
    ]
    found = evaluate(some, "mmsi").tables["strict"]["overall"]
    questions = {}
    for question, turn, right in sorted(answers):
        questions.setdefault(question, []).append((turn, right))
    if not any(turn for _, turn, _ in answers):
        assert "circular" not in found
        return
    every = [all(right for _, right in turns) for turns in questions.values()]
    assert found["circular"].estimate == pytest.approx(statistics.fmean(every))
    assert found["vanilla"].estimate == pytest.approx(statistics.fmean(turns[0][1] for turns in questions.values()))
    assert found["circular"].n == found["vanilla"].n == len(questions)


def test_types_without_dashes_and_rows_without_a_type():
    some = [{"response": "A", "answer": "A", "category": name} for name in ("Motion (Cam.)", None)]
    some.append({"response": "A", "answer": "A", "question_type": "Positional Relationship (Cam.-Cam.)"})
    assert set(evaluate(some[:2], "mmsi").tables["strict"]) == {"overall", "Motion (Cam.)", "untyped"}
    assert TYPES[0] in evaluate(some[2:], "mmsi").tables["strict"]


@pytest.mark.parametrize(("benchmark", "file"), [("mindcube", "mindcube"), ("sparbench", "spar"), ("mmsi", "mmsi")])
def test_the_official_aggregate_is_the_golden_one(benchmark, file):
    from tests.benchmarks.choice_golden import aggregate

    found = evaluate(rows(file), benchmark, "official").as_dict()
    assert agrees({name: found[name] for name in aggregate(file)}, aggregate(file))
