"""The zoo: what its files may be, their quirks, and the comparison."""

import ast
import importlib.util
import json
import math
from importlib.metadata import version
from pathlib import Path

import pytest
from click.testing import CliRunner

pytest.importorskip("math_verify")
pytest.importorskip("rapidfuzz")

from benchmarks.audit import predict
from benchmarks.zoo import compare as zoo
from benchmarks.zoo import (
    dr_mv3d,
    lmm_r1,
    r1_v,
    reason_rft,
    space_r,
    trl_rewards,
    vagen_cogmap,
    vagen_mindcube,
    video_r1,
    vlm_r1,
)
from rewards.score import resolve
from star_cli.audit_zoo import print_compared, zoo_cells
from star_cli.main import star

ROOT = Path(zoo.__file__).parents[2]
FOUND, ABSENT = zoo.modules()
ENTRIES = {(entry.name, Path(entry.task).stem): entry for entry in zoo.entries(FOUND)}


def code_lines(path):
    """Count the lines that are neither blank, comment, docstring nor import, up to what the audit alone needs."""
    source = path.read_text("utf-8")
    skipped, end = set(), len(source.splitlines()) + 1
    for node in ast.walk(ast.parse(source)):
        held = getattr(node, "body", None)
        if isinstance(node, ast.Module | ast.FunctionDef) and ast.get_docstring(node) is not None:
            skipped.update(range(held[0].lineno, held[0].end_lineno + 1))
        if isinstance(node, ast.Import | ast.ImportFrom) or (
            isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test)
        ):
            skipped.update(range(node.lineno, node.end_lineno + 1))
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "AUDITED":
            end = node.lineno
    lines = enumerate(source.splitlines(), start=1)
    return sum(
        at < end and at not in skipped and bool(line.strip()) and not line.lstrip().startswith("#")
        for at, line in lines
    )


@pytest.mark.parametrize("name", [*FOUND, "dr_mv3d_json", "dr_mv3d_maps"])
def test_a_file_has_at_most_forty_lines(name):
    assert code_lines(Path(zoo.__file__).with_name(f"{name}.py")) <= 40


@pytest.mark.parametrize("name", FOUND)
def test_a_file_says_where_it_is_from(name):
    for heading in ("Source: ", "Rule: ", "Differences: ", "Good for: "):
        assert f"\n{heading}" in FOUND[name].__doc__


def test_nothing_is_absent_here():
    assert ABSENT == {}
    assert len(FOUND) == 11


def one(reward, completion, solution, **columns):
    return reward([completion], solution=[solution], **columns)[0]


def said(answer, reasoning="b"):
    return f"<think>{reasoning}</think><answer>{answer}</answer>"


TAGGED_B, TAGGED_3 = "<answer>B</answer>", "<answer>3.0</answer>"


@pytest.mark.parametrize(
    ("reward", "completion", "solution", "expected"),
    [
        (video_r1.regression, said("nan"), TAGGED_3, 2),  # no comparison holds, so it is no error
        (video_r1.numerical, said("3"), TAGGED_3, 1),  # no point where the target has one
        (video_r1.choice, said("(B)"), TAGGED_B, 1),
        (video_r1.transcription, said("exit twelve"), "<answer>exit 12</answer>", 1.5),
        (space_r.numerical, said("a distance of 3.0"), TAGGED_3, 1),  # "a" is 1
        (space_r.numerical, said("seventy or one"), "<answer>1</answer>", 2),  # one goes before seventy
        (space_r.numerical, said("5"), "<answer>-2</answer>", 2),  # below 0 every error is small
        (space_r.numerical, said("0"), "<answer>0</answer>", 1),
        (vlm_r1.default, "the red sofa", "<answer>the red sofa</answer>", 1),  # without any tag
        (vlm_r1.default, said("the red lamp"), "<answer>the red sofa</answer>", 1 + 2 * 9 / 24),
        (vlm_r1.mcq, said("A.") + TAGGED_B, TAGGED_B, 1),  # the first block counts
        (vlm_r1.default, said("A.") + TAGGED_B, TAGGED_B, 2),  # the last one
        (r1_v.reward, said("unsure", "so 3.0"), "<answer> 3.0 </answer>", 2),  # a value in the reasoning counts
        (r1_v.reward, said("\nB\n"), TAGGED_B, 1),  # an answer on lines of its own is none
        (lmm_r1.reward, said("nothing at all"), "", 1.5),  # a target that holds nothing
        (lmm_r1.reward, "<think>b</think>\n<answer>$3$</answer>", "3", 1),
        (trl_rewards.accuracy, r"<think>\boxed{3}</think>I do not know", "$3$", 2),
        (trl_rewards.reasoning_accuracy, r"<think>\boxed{3}</think>I do not know", "$3$", 1),
        (vagen_mindcube.reward, said("A", "B. is right"), "B", 6),  # a letter with a full stop outvotes the answer
        (vagen_mindcube.reward, said("A", "one\ntwo"), "A", 0),  # a line break in the reasoning
        (vagen_cogmap.reward, "{} A", "A", 6),  # an empty object is a map
        (reason_rft.partial_credit, said("change_size(1, 'red')"), "change_size(2, 'blue')", 1.25),
        (reason_rft.with_penalty, said("change_size(1, 'red')"), "change_size(2, 'blue')", 0.5),
        (reason_rft.exact_only, said("change_size(2, 'blue')") * 2, "change_size(2, 'blue')", 2),
    ],
)
def test_quirks(reward, completion, solution, expected):
    assert one(reward, completion, solution) == pytest.approx(expected)
    messages = [{"role": "assistant", "content": completion}]
    assert one(reward, messages, solution) == pytest.approx(expected)


def test_dr_mv3d_adds_its_terms_up():
    full = ENTRIES["dr_mv3d.reward", "choice"]
    columns = {name: [value] for name, value in dr_mv3d.COLUMNS.items()}
    assert one(dr_mv3d.reward, full.write(said("B")), "B", **columns) == pytest.approx(8)
    assert one(dr_mv3d.reward, full.write(said("B")), "B") == pytest.approx(6)  # without references
    assert one(dr_mv3d.reward, "<cogmap>x</cogmap>" + said("B"), "B", **columns) == pytest.approx(5 - 0.1 + 0.6)


def test_maps():
    earned = zoo.earned_by_maps(ENTRIES["vagen_cogmap.reward", "choice"])
    assert earned["the true map"] == earned["one constant map"] == earned["an empty object"] == (6, 1)
    assert earned["nothing"] == (0, 0)
    dense = zoo.earned_by_maps(ENTRIES["dr_mv3d.reward", "choice"])
    assert dense["the true map"] == pytest.approx((8, 3))
    assert dense["one constant map"] == pytest.approx((7.25, 2.25))
    assert dense["nothing"] == pytest.approx((6.7, 1.7))  # the views still count, and format but for the map
    assert zoo.earned_by_maps(ENTRIES["r1_v.reward", "choice"]) == {}


@pytest.mark.parametrize("preset", ["paper", "default", "naive_binary"])
@pytest.mark.parametrize(("unsure", "sure"), [("record", None), ("value", "attribute")])
def test_behavior_is_what_the_exact_analysis_predicts(preset, unsure, sure):
    found = zoo.compare(ENTRIES[f"tvr/{preset}", "tvr"], scenes=8, timed=False)
    spec = resolve("tvr", preset)[1]
    for each in found.behavior:
        if each.unsure == unsure:
            exact = predict(spec, each.p, [1, 2], sure=sure)
            assert each.guesses == min(3, exact.predictions / 1.5), (each, exact)


def test_a_policy_that_knows_nothing_of_nan_finds_it():
    found = zoo.compare(ENTRIES["video_r1.regression", "number"], scenes=6, timed=False)
    assert "not_a_number" in [finding.name for finding in found.audit.of("exploit")]


def test_every_exact_answer_earns_the_most_it_can():
    most = {"lmm_r1": 1.5, "open_r1": 3, "dr_mv3d": 8, "vagen_mindcube": 6, "vagen_cogmap": 6}
    for (name, task), entry in ENTRIES.items():
        if "/" not in name:
            scenes = zoo.draw_scenes(zoo.load_task(entry.task), 8)
            paid = zoo.score_candidates(entry.audited(), [zoo.honest(scene) for scene in scenes], scenes)
            assert paid.tolist() == pytest.approx([most.get(name.partition(".")[0], 2)] * 8), (name, task)


def test_the_command():
    done = CliRunner().invoke(star, ["audit", "--zoo", "--scenes", "4", "--no-cost", "--json"])
    assert done.exit_code == 0, done.output
    plain = json.loads(done.stdout)
    assert len(plain["rewards"]) == len(ENTRIES)
    assert done.stderr.splitlines()[-len(ENTRIES) :] == [
        f"rewards {at}/{len(ENTRIES)}" for at in range(1, len(ENTRIES) + 1)
    ]
    assert {row["task"] for row in plain["rewards"]} == {"tvr", "reason_rft", "choice", "number"}
    assert all(math.isfinite(row["exact"]) and row["wrong"] < 1 for row in plain["rewards"])
    assert [*plain["maps"]] == ["dr_mv3d.reward", "vagen_cogmap.reward"]
    refused = CliRunner().invoke(star, ["audit", "--zoo", "--all-presets"])
    assert refused.exit_code == 2
    assert "--zoo goes with" in refused.output


def test_nothing_of_the_table_is_cut_off(monkeypatch, capsys):
    some = [zoo.compare(ENTRIES[at], scenes=4) for at in (("vagen_mindcube.reward", "choice"), ("tvr/default", "tvr"))]
    for columns in (80, 400):
        monkeypatch.setenv("COLUMNS", str(columns))
        print_compared(some, timed=True, no_color=True)
        shown = capsys.readouterr().out
        assert "…" not in shown
        assert all(cell in " ".join(shown.split()) for each in some for cell in zoo_cells(each))
        assert shown.count("hedge below") == 2  # two lists, or two tables
        assert max(map(len, shown.splitlines())) <= columns


@pytest.mark.slow
@pytest.mark.skipif(not version("math-verify").startswith("0.9."), reason="the page is of math-verify 0.9")
def test_the_page_is_current():
    spec = importlib.util.spec_from_file_location("generate_zoo", ROOT / "docs" / "generate_zoo.py")
    generate_zoo = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(generate_zoo)
    assert generate_zoo.PAGE.read_text("utf-8") == generate_zoo.render(), "run: python docs/generate_zoo.py"
