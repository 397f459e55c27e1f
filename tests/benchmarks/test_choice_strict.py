import pytest
from choice_golden import rows
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.mindcube import scoring as mindcube
from benchmarks.mmsi import scoring as mmsi
from benchmarks.spar import scoring as sparbench
from benchmarks.spar.scoring import AXES, TASKS, parse_moves, score_moves
from benchmarks.strict import answer_section
from rewards.errors import DataError

VCI = "view_change_infer"
PIECES = st.sampled_from(
    [
        "<think>",
        "</think>",
        "<answer>",
        "</answer>",
        "<Answer>",
        "A",
        "b.",
        "1.5 m",
        "move_up:1",
        ",",
        " ",
        "no",
        "`",
        "\n",
    ]
)
COMPLETIONS = st.one_of(st.text(), st.lists(PIECES, max_size=12).map("".join))
UNPARSED = {"answer": None, "parsed": False, "correct": False, "score": 0.0}


def choose(response, truth="B", **columns):
    return mindcube.score_strict({"response": response, "gt_answer": truth, **columns})


def spar(prediction, answer, task="depth_prediction_oc"):
    return sparbench.score_strict({"task": task, "prediction": prediction, "answer": answer})


# The answer section


@pytest.mark.parametrize(
    ("completion", "text", "fault"),
    [
        ("B", "B", None),
        ("", "", None),
        ("<answer>B</answer>", "B", None),
        ("<think>A.</think><answer>B</answer>", "B", None),
        ("A.</think><answer>B</answer>", "B", None),
        ("<think><answer>A</answer></think><answer>B</answer>", "B", None),
        ("<cogmap>{}</cogmap><answer>B</answer>", "B", None),
        ("<think>B</think>", None, "no_answer"),
        ("<think>A</think>B", "B", None),
        ("A is out.\n</think>\n\nB", "\n\nB", None),
        ("<think>A</think><think>C</think> B", " B", None),
        ("<think>Perhaps <answer>A</answer></think> B", " B", None),
        ("<answer>A</answer></think> B", " B", None),
        ("<think>A</think> \n", None, "no_answer"),
        ("<think>A</think><answer></answer> B", "", None),
        ("<think>B", None, "unclosed_think"),
        ("<think>A</think> B <think>or C", None, "text_between"),
        ("<think>x</think><answer>B", None, "unclosed_answer"),
        ("<think>x</think> B </answer>", None, "text_between"),
        ("<think>x</think> B <answer", None, "text_between"),
        ("<ANSWER>B</ANSWER>", "B", None),
        ("<Think>A</THINK><Answer>B</aNSWER>", "B", None),
        ("<Reasoning>Not A.</Reasoning>\n<Answer>B. right</Answer>", "B. right", None),
        ("<reasoning>Not A.</reasoning> B", " B", None),
        ("<think>The word <reasoning> is no tag here</think><answer>B</answer>", "B", None),
        ("<reasoning>A", None, "unclosed_think"),
        ("B<|im_end|>", "B", None),
        ("<think>A</think>B<|im_end|>\n<|endoftext|>", "B", None),
        ("<think>A</think><answer>B</answer></s>", "B", None),
        ("<think>A</think>B <eos> or C", "B <eos> or C", None),
        ("<think>A</think><eos>", None, "no_answer"),
    ],
)
def test_the_answer_section(completion, text, fault):
    section = answer_section(completion)
    assert section.text == text
    assert (section.fault.code if section.fault else None) == fault


# Letters


@pytest.mark.parametrize(
    ("response", "answer", "correct"),
    [
        ("<think>option A. looks wrong.</think><answer>B</answer>", "B", True),
        ("<think>so it is plan C</think><answer>A</answer>", "A", False),
        ("In the U.S.A. … <answer>B</answer>", "B", True),
        ("<answer>b. left</answer>", "B", True),
        ("<answer>A\nB</answer>", None, False),
        ("``B``", "B", True),
        ("", None, False),
        ("Because", None, False),
        ("A chair is on the left", None, False),
        (None, None, False),
        ("<think>not A</think>B<|im_end|>", "B", True),
        ("B<|eot_id|>", "B", True),
        ("B<|eot_id|> no, C", None, False),
    ],
)
def test_letters(response, answer, correct):
    scored = choose(response)
    assert (scored["answer"], scored["correct"], scored["score"]) == (answer, correct, float(correct))
    assert scored["parsed"] is (answer is not None)
    assert mmsi.score_strict({"response": response, "answer": "B"}) == scored
    assert spar(response, "B", "position_matching") == scored


def test_the_text_of_an_option_is_an_answer_where_the_options_are_known():
    assert choose("<answer>on the left</answer>")["parsed"] is False
    assert choose("<answer>on the left</answer>", options=["on the right", "on the left"])["correct"] is True


def test_yes_and_no_are_answers_of_spar():
    assert spar("<answer>Yes</answer>", "yes", "obj_spatial_relation_oo_mv")["correct"] is True
    assert spar("<answer>No.</answer>", "yes", "obj_spatial_relation_oo_mv")["answer"] == "no"
    assert spar("", "no", "obj_spatial_relation_oo_mv")["correct"] is False


@pytest.mark.parametrize(
    "score",
    [
        lambda: choose("B", ""),
        lambda: choose("B", "left of it"),
        lambda: mmsi.score_strict({"response": "B", "answer": "?"}),
        lambda: spar("1", "1,5"),
        lambda: spar("move_up:1", "up", VCI),
    ],
)
def test_a_truth_that_cannot_be_read_is_an_error_of_the_file(score):
    with pytest.raises(DataError, match=r"the target '.*' cannot be used"):
        score()


def test_an_unknown_task_is_named():
    with pytest.raises(DataError, match="task 'depth' is not one of SPAR-Bench's twenty"):
        spar("1", "1", "depth")


# Numbers


@pytest.mark.parametrize(
    ("prediction", "answer", "read", "score", "correct"),
    [
        ("<think>3 or 4</think><answer>1.5</answer>", "1.5", 1.5, 1.0, True),
        ("1,200", "1200", 1200.0, 1.0, True),
        ("-1.2", "1.2", -1.2, 0.0, False),
        ("1.1", "1", 1.1, 0.9, False),
        ("1.05", "1", 1.05, 1.0, True),
        ("between 1 and 2", "1", None, 0.0, False),
        ("", "1", None, 0.0, False),
        ("none", "-1", None, 0.0, False),
    ],
)
def test_numbers(prediction, answer, read, score, correct):
    for task in ("depth_prediction_oc", "depth_prediction_oc_mv"):
        scored = spar(prediction, answer, task)
        assert (scored["answer"], scored["correct"], scored["parsed"]) == (read, correct, read is not None)
        assert scored["score"] == pytest.approx(score)


# Camera moves


@pytest.mark.parametrize(
    ("text", "axes"),
    [
        ("move_right:0.4,rotate_left:30", (0.4, 0.0, 0.0, -30.0, 0.0)),
        ("Move right: 0.4 m; rotate left = 30 degrees.", (0.4, 0.0, 0.0, -30.0, 0.0)),
        ("move_up:1\nmove_down:.25", (0.0, 0.75, 0.0, 0.0, 0.0)),
        ("move_up:1,move_up:1", (0.0, 1.0, 0.0, 0.0, 0.0)),
        ("move_up:1,move_up:2", "ambiguous"),
        ("move_up:nan", "no_move"),
        ("move_up:1e9", "no_move"),
        ("move_up", "no_move"),
        ("move_up:1,", "no_move"),
        ("jump_up:1", "unknown_action"),
        ("", "empty"),
        ("move_up:1," * 10**5, "too_long"),
    ],
)
def test_reading_moves(text, axes):
    moves = parse_moves(text)
    if isinstance(axes, str):
        assert (moves.axes, moves.fault.code) == (None, axes)
    else:
        assert moves == (axes, None)


@pytest.mark.parametrize(
    ("prediction", "answer", "score"),
    [
        ("move_right:0.4,rotate_left:30", "rotate_left:30,move_right:0.4", 1.0),
        ("rotate_left:30", "move_right:4", 0.0),  # 0.6 officially: untouched axes are free there
        ("move_right:1", "move_right:2", 0.1),  # half of the true value
        ("move_right:2", "move_right:1", 0.0),  # twice the true value
        ("move_right:2,move_up:0.01", "move_right:2", 0.5),
        ("move_right:2", "move_right:2,move_up:0.01", 0.5),
        ("move_right:0", "move_right:0", 1.0),
        ("move_right:1", "move_right:0", 0.0),
    ],
)
def test_scoring_moves(prediction, answer, score):
    scored = spar(f"<think>move_up:9</think><answer>{prediction}</answer>", answer, VCI)
    assert scored["score"] == pytest.approx(score)
    assert scored["correct"] is (score == 1.0)


VALUES = st.dictionaries(st.sampled_from([action for axis in AXES for action in axis]), st.integers(1, 90), min_size=1)


@given(VALUES, VALUES)
def test_only_the_true_moves_earn_everything(said, true):
    text, truth = (",".join(f"{action}:{value}" for action, value in moves.items()) for moves in (said, true))
    scored = score_moves(text, truth)
    assert score_moves(truth, truth).value == 1.0
    assert 0.0 <= scored.value <= 1.0
    touched = [axis for axis, value in enumerate(parse_moves(truth).axes) if value]
    if touched and not any(parse_moves(text).axes[axis] for axis in touched):
        assert scored.value == 0.0


# Tables and totality


@given(COMPLETIONS)
def test_nothing_unparsed_is_right_and_nothing_raises(completion):
    scores = [choose(completion), mmsi.score_strict({"response": completion, "answer": "A"})]
    scores += [
        spar(completion, "move_up:1" if task == VCI else "1.5" if "prediction" in task else "A", task) for task in TASKS
    ]
    for scored in scores:
        assert 0.0 <= scored["score"] <= 1.0
        if not scored["parsed"]:
            assert scored.items() >= UNPARSED.items()
            assert scored["fault"]
        else:
            assert scored["fault"] is None


@given(st.text(), st.sampled_from(["", "<think>"]), st.sampled_from("ABCD"))
def test_text_after_the_reasoning_reads_like_an_answer_block(reasoning, opener, letter):
    """Whatever stands in the reasoning, as long as it has no tags of its own."""
    reasoning = reasoning.replace("<", "")
    said = [choose(f"{opener}{reasoning}</think>{text}", letter) for text in (letter, f"<answer>{letter}</answer>")]
    assert said[0] == said[1]
    assert said[0]["correct"]


def test_the_reasoning_decides_nothing():
    distracted = [
        {**row, "response": f"<think>It is D. No, A. It is E</think><answer>{row['gt_answer']}</answer>"}
        for row in rows("mindcube")[:300]
    ]
    assert all(mindcube.score_strict(row)["correct"] for row in distracted)
    assert {mindcube.score_official(row)["extracted"] for row in distracted} == {"A"}
