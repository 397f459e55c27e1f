"""VSI-Bench and ReVSI: golden rows of the owners' and the kits' scorers, quirks, tables, and the published records."""

import statistics

import pyarrow as pa
import pyarrow.parquet
import pytest
from choice_golden import agrees, disagreements, rows
from hypothesis import given
from hypothesis import strategies as st

from benchmarks import evaluate
from benchmarks.datasets import load
from benchmarks.vsibench import scoring
from benchmarks.vsibench.scoring import MRA, REVSI_QUESTIONS, VSIBENCH_QUESTIONS
from rewards.errors import ConfigError, DataError
from tests.json_lines import write

SCORERS = {"vsibench": scoring.score_official, "revsi": scoring.score_revsi}


@pytest.mark.parametrize(("benchmark", "count"), [("vsibench", 900), ("revsi", 780)])
def test_every_golden_row_agrees(benchmark, count):
    assert len(rows(benchmark)) == count
    assert disagreements(benchmark, SCORERS[benchmark]) == []


@pytest.mark.parametrize(
    ("questions", "types"), [(VSIBENCH_QUESTIONS, 10), (REVSI_QUESTIONS, 13)], ids=["vsibench", "revsi"]
)
def test_types_collapse_to_tasks(questions, types):
    known = questions.numeric | questions.choice
    assert len(known) == types
    assert {questions.parts.get(name, name) for name in known} == set(questions.tasks)


def official(text, truth="B", question_type="route_planning"):
    return scoring.score_official({"prediction": text, "ground_truth": truth, "question_type": question_type})


@pytest.mark.parametrize(
    ("text", "score", "lmms", "kit"),
    [
        ("b.", 1, 1, 0),
        ("B. Turn Right", 1, 1, 1),
        ("B\nbecause", 0, 0, 1),
        (" B", 0, 0, 1),
        ("(B)", 0, 0, 1),
        ("<answer>B</answer>", 0, 0, 1),
        ("<answer>Because</answer>", 0, 0, 1),
        ("A. <answer>B", 0, 0, 0),
    ],
)
def test_quirks_of_letters(text, score, lmms, kit):
    found = official(text)
    assert (found["score"], found["lmms_score"], found["vlmevalkit_score"]) == (score, lmms, kit)


@pytest.mark.parametrize(
    ("text", "owners", "lmms", "kit"),
    [
        ("3", "3", "3.0", "3.0"),
        ("3m", "3m", "3.0", "3.0"),
        ("3. m", "3", "3.0", "3.0"),
        ("about 3", "about", "3.0", "3.0"),
        ("one apple, room 2", "one", "1.0", "2.0"),
        ("1,200", "1,200", "1.0", "200.0"),
        ("<answer>1,200</answer>", "<answer>1,200</answer>", "1.0", "1.0"),
        ("three hundred and twenty-one", "three", "321.0", "-1.0"),
        ("two thousand", "two", "2000.0", "2.0"),
        ("[4, 5]", "[4,", "4.0", "4.0"),
        ("many", "many", None, None),
    ],
)
def test_quirks_of_numbers(text, owners, lmms, kit):
    found = official(text, "3", "object_counting")
    assert (found["extracted"], found["lmms_extracted"], found["vlmevalkit_extracted"]) == (owners, lmms, kit)


def test_python_reads_the_numbers():
    scores = [
        official(text, "1000", "object_counting")["score"] for text in ("1_000", "１０００", "1e3", "inf", "nan", "")
    ]
    assert scores == [1, 1, 1, 0, 0, 0]


def test_revsi_strips_first():
    row = {"ground_truth": "B", "question_type": "route_planning"}
    assert [scoring.score_revsi({**row, "prediction": text})["score"] for text in (" B", "\nb. so", "B\nso")] == [
        1,
        1,
        0,
    ]


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (
            {"question_type": "object_count"},
            r"question type 'object_count' is not one of VSI-Bench's 10 \(did you mean",
        ),
        ({"question_type": "object_counting", "ground_truth": "few"}, "the target 'few' is no number above zero"),
        ({"question_type": "object_counting", "ground_truth": "0"}, "the target '0' is no number above zero"),
    ],
)
@pytest.mark.parametrize("score", [scoring.score_official, scoring.score_strict])
def test_what_is_wrong_with_a_row_is_an_error(row, message, score):
    with pytest.raises(DataError, match=message):
        score({"prediction": "B", "ground_truth": "B", **row})


def test_strict_reads_the_answer_section_and_signs():
    row = {"question_type": "object_abs_distance", "ground_truth": "1.5"}
    said = {"<think>3</think><answer>150 cm</answer>": 1.5, "<think>1.5": None, "1 or 2": None, "-1.5": -1.5}
    for text, value in said.items():
        assert scoring.score_strict({**row, "prediction": text})["answer"] == (150.0 if text[-1] == ">" else value)
    choice = {"question_type": "route_planning", "ground_truth": "B", "options": ["A. Turn Left", "B. Turn Right"]}
    scores = [scoring.score_strict({**choice, "prediction": text})["score"] for text in ("turn right", "(B)", "A or B")]
    assert scores == [1, 1, 0]


@pytest.mark.parametrize("benchmark", ["vsibench", "revsi"])
@pytest.mark.parametrize("protocol", ["official", "strict"])
def test_tables_are_means_over_tasks_of_means_over_parts(benchmark, protocol):
    questions = {"vsibench": VSIBENCH_QUESTIONS, "revsi": REVSI_QUESTIONS}[benchmark]
    report = evaluate(rows(benchmark), benchmark, protocol)
    table = {group: found["score"].estimate for group, found in report.tables[protocol].items()}
    types, scores = report.row_scores[f"{protocol}.type"].tolist(), report.row_scores[f"{protocol}.score"].tolist()
    means = {
        name: statistics.fmean(score for kind, score in zip(types, scores, strict=True) if kind == name)
        for name in set(types)
    }
    for task in questions.tasks:
        parts = [mean for name, mean in means.items() if questions.parts.get(name, name) == task]
        assert table[task] == pytest.approx(statistics.fmean(parts))
    assert table["overall"] == pytest.approx(statistics.fmean(table[task] for task in questions.tasks))
    assert list(table) == ["overall", *questions.tasks, *questions.parts]
    assert {name: table[name] for name in questions.parts} == pytest.approx(
        {name: means[name] for name in questions.parts}
    )
    assert "|clusters:scene=" in report.signatures[protocol]


def test_a_run_without_some_tasks_has_the_means_of_the_others():
    some = [row for row in rows("vsibench") if row["question_type"] in {"object_rel_direction_easy", "object_counting"}]
    report = evaluate(some, "vsibench", "official")
    table = report.tables["official"]
    assert list(table) == ["overall", "object_counting", "object_rel_direction", "object_rel_direction_easy"]
    assert report.aggregate["official"]["overall"] == pytest.approx(100 * table["overall"]["score"].estimate)
    assert report.aggregate["lmms"]["route_planning_accuracy"] == 0.0


@given(
    st.text()
    | st.lists(st.sampled_from(["one", "and", " ", "12", "hundred", ".", "<answer>", "</answer>", "[", "]"])).map(
        "".join
    )
)
def test_any_text_is_scored(text):
    for kind in ("object_counting", "route_planning"):
        found = official(text, "3" if kind == "object_counting" else "B", kind)
        assert all(
            found[name] in {score / 10 for score in range(11)} for name in ("score", "lmms_score", "vlmevalkit_score")
        )


@pytest.mark.parametrize(
    ("unit", "lmms", "kit"),
    [
        ("one ", "250000.0", "1.0"),
        ("1", "inf", "inf"),
        ("<answer>1", "1.0", "1.0"),
        *[(unit, None, None) for unit in ("and", "<answer>", ">", "(", "*", "answer  ", "-", "[", ". ")],
    ],
)
def test_a_megabyte_is_read(unit, lmms, kit):
    text = unit * (10**6 // len(unit))
    first = text.split(" ")[0].rstrip(".")  # all that the owners' scorer reads of it, for either kind of question
    number, letter = official(text, "3", "object_counting"), official(text, "B", "route_planning")
    assert [number[name] for name in ("extracted", "lmms_extracted", "vlmevalkit_extracted")] == [first, lmms, kit]
    assert [letter[name] for name in ("extracted", "lmms_extracted", "vlmevalkit_extracted")] == [first, first, None]


# lmms-eval's logs, VLMEvalKit's results


def test_logs_of_the_kits_are_read():
    doc = {"question_type": "object_counting", "scene_name": "41069025", "ground_truth": "3", "dataset": "arkitscenes"}
    logged = [
        {"doc_id": 0, "target": "3", "filtered_resps": ["3"], "resps": [["3"]], "vsibench_overall": doc},
        {"doc_id": 1, "target": "3", "filtered_resps": ["6"], "vsibench_overall": {**doc, "scene_name": "x"}},
    ]
    kit = [{"index": 4, "prediction": "3", "answer": "3", "question_type": "object_counting", "video": "a/b.mp4"}]
    for some in (logged, kit):
        report = evaluate(some, "vsibench", "both")
        assert report.errors == 0
        assert report.figures()["object_counting/score"] == (1.0 if some is kit else 0.5)
    assert "clusters:none" in evaluate(logged, "vsibench").signatures["strict"]
    twice = [{**row, "doc_id": number, "vsibench_overall": doc} for number, row in enumerate(logged)]
    assert "clusters:scene=1" in evaluate(twice, "vsibench").signatures["strict"]


# Published records

NUMERIC = {
    "id": 0,
    "dataset": "arkitscenes",
    "scene_name": "41069025",
    "question_type": "object_counting",
    "question": "How many table(s) are in this room?",
    "ground_truth": "4",
    "options": None,
}
CHOICE = {
    **NUMERIC,
    "id": 1,
    "question_type": "object_rel_direction_easy",
    "question": "If I am standing by the stove, is the tv to the left or the right of the sofa?",
    "ground_truth": "A",
    "options": ["A. left", "B. right"],
}


def test_vsibench_as_its_owners_publish_it(tmp_path):
    write(tmp_path / "test.jsonl", [NUMERIC, CHOICE])
    (tmp_path / "arkitscenes").mkdir()
    (tmp_path / "arkitscenes" / "41069025.mp4").write_bytes(b"")
    number, choice = load("vsibench", tmp_path)
    assert number.prompt == (
        "These are frames of a video.\nHow many table(s) are in this room?\n"
        "Please answer the question using a single word or phrase."
    )
    assert choice.prompt == (
        "These are frames of a video.\nIf I am standing by the stove, is the tv to the left or the right of the sofa?\n"
        "Options:\nA. left\nB. right\nAnswer with the option's letter from the given choices directly."
    )
    assert (number.id, number.target, number.options, number.images) == ("0", "4", None, ())
    assert number.video == tmp_path / "arkitscenes" / "41069025.mp4"
    assert (choice.target, choice.options, choice.group) == ("A", ("left", "right"), "41069025")
    assert choice.extra["question"].endswith("sofa?\nOptions:\nA. left\nB. right")
    pyarrow.parquet.write_table(pa.Table.from_pylist([NUMERIC, CHOICE]), tmp_path / "debiased.parquet")
    again = list(load("vsibench", tmp_path / "debiased.parquet"))
    assert [(each.prompt, each.target) for each in again] == [(each.prompt, each.target) for each in (number, choice)]


def test_vsibench_as_vlmevalkit_holds_it(tmp_path):
    table = tmp_path / "VSI-Bench.tsv"
    table.write_text(
        "index\tvideo\tquestion_type\tquestion\tcandidates\tanswer\n"
        "7\tarkitscenes/41069025.mp4\tobject_rel_distance\tWhich?\t\"['A. tv', 'B. bed']\"\tB\n"
        "8\tscannet/scene0011_00.mp4\tobject_counting\tHow many?\t\t2\n",
        encoding="utf-8",
    )
    choice, number = load("vsibench", table, check_images=False)
    assert (choice.id, choice.options, choice.target, choice.group) == ("7", ("tv", "bed"), "B", "41069025")
    assert (number.options, number.target, number.group) == (None, "2", "scene0011_00")


def test_revsi_as_its_owners_publish_it(tmp_path):
    row = {"id": 5, "dataset": "scannet", "scene_id": "scene0011_00", "num_frames": 32, "question": "Far?"}
    asked = [
        {**row, "question_type": "object_abs_distance", "ground_truth": "2.4", "options": None},
        {
            **row,
            "question_type": "object_rel_distance_farthest",
            "ground_truth": "D",
            "options": [f"{c}. x" for c in "ABCD"],
        },
    ]
    for frames in (16, 32):
        (tmp_path / f"{frames}_frame").mkdir()
        pyarrow.parquet.write_table(
            pa.Table.from_pylist([each | {"num_frames": frames} for each in asked]),
            tmp_path / f"{frames}_frame" / "test-00000-of-00001.parquet",
        )
    (tmp_path / "32_frame" / "scene0011_00.mp4").write_bytes(b"")
    number, choice = load("revsi", tmp_path / "32_frame")
    assert number.prompt.endswith("Far?\nAnswer the question using a single integer or decimal number.")
    assert number.video == tmp_path / "32_frame" / "scene0011_00.mp4"
    assert (choice.target, choice.extra["num_frames"]) == ("D", "32")
    with pytest.raises(ConfigError, match="the same questions are in 16_frame, 32_frame; name one of them"):
        list(load("revsi", tmp_path))


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"question_type": "x"}, r"test\.jsonl:1: question type 'x' is not one of VSI-Bench's 10"),
        ({"options": None}, r"test\.jsonl:1: key 'options': expected the options of a choice, found None"),
        ({"ground_truth": "C"}, r"test\.jsonl:1: key 'ground_truth': expected a letter A-B"),
        ({"ground_truth": "x", "question_type": "object_counting"}, r"test\.jsonl:1: the target 'x' is no number"),
        ({"scene_name": None}, r"test\.jsonl:1: key 'scene_name' is null"),
        ({}, "video 'arkitscenes/41069025.mp4' is not in .* unpack the videos of the data set there"),
    ],
)
def test_a_wrong_record_is_named(tmp_path, row, message):
    with pytest.raises(DataError, match=message):
        list(load("vsibench", write(tmp_path / "test.jsonl", [{**CHOICE, **row}])))


def test_what_was_published_is_what_is_scored(tmp_path):
    """A sample's target, options and category are what the scorers read."""
    samples = list(load("vsibench", write(tmp_path / "test.jsonl", [NUMERIC, CHOICE]), check_images=False))
    asked = [
        {"id": each.id, "target": each.target, "options": each.options, "category": each.category, "scene": each.group}
        for each in samples
    ]
    right = [{**row, "completion": f"<answer>{row['target']}</answer>"} for row in asked]
    assert evaluate(right, "vsibench").figures()["score"] == 1.0
    assert agrees(evaluate(right, "vsibench", "official").aggregate["vlmevalkit"][f"object_counting_{MRA}"], 100.0)
