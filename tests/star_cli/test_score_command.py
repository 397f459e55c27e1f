"""``star score`` as people run it: files of other systems, the table, exit codes, one line for each thing that is wrong."""

import gzip
import json
import os
import pty
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from star_cli.console import SHOWN_ERRORS
from star_cli.main import star

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "tvr_predictions.jsonl"
GOLDEN = ROOT / "tests" / "golden" / "star_r1_formula.jsonl.gz"
RIGHT = "<think>It turned.</think><answer>2.color.cyan</answer>"
WRONG = "<think>It turned.</think><answer>2.color.red</answer>"
GOOD = {"completion": RIGHT, "target": "2.color.cyan"}


def score(*arguments, **options):
    return CliRunner().invoke(star, ["score", *map(str, arguments)], **options)


def real(*arguments, env=None, **options):
    """Run the command in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "star_cli", *map(str, arguments)],
        capture_output=True,
        check=False,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), **(env or {})},
        **options,
    )


def write(path, *rows):
    path.write_bytes(b"".join((row if isinstance(row, bytes) else json.dumps(row).encode()) + b"\n" for row in rows))
    return path


@pytest.fixture
def good(tmp_path):
    return write(tmp_path / "good.jsonl", GOOD, {**GOOD, "completion": WRONG})


def test_a_file_given_twice_counts_twice_and_is_told(good, tmp_path):
    link, hard = tmp_path / "link.jsonl", tmp_path / "hard.jsonl"
    link.symlink_to(good)
    hard.hardlink_to(good)
    for again in (good, link, hard):
        done = real("score", str(good), str(again), "--json")
        found = json.loads(done.stdout)
        assert found["rows"] == 4
        assert found["source"]["given_twice"] == [str(again)]
        assert f"{again}: the file is given more than once, and its rows count each time" in done.stderr.decode()
    for once in ([str(good)], [str(good), str(write(tmp_path / "other.jsonl", GOOD))]):
        done = real("score", *once, "--json")
        assert json.loads(done.stdout)["source"]["given_twice"] == []
        assert "more than once" not in done.stderr.decode()
    done = real("correspondences", str(good), str(good))
    assert "more than once" in done.stderr.decode()


def test_the_example():
    done = real("score", EXAMPLE)
    assert done.returncode == 0
    assert done.stderr == b""
    text = done.stdout.decode()
    for expected in (
        "64 rows of",
        "accuracy",
        "34.4%",
        "unclosed_think",
        "zero variance",
        "ranking differs",
        "8 groups",
    ):
        assert expected in text
    assert "\x1b" not in text
    assert max(map(len, text.splitlines()[:-2])) <= 80
    assert text.splitlines()[-1].startswith(
        "task:tvr|preset:default|matching:one_to_one|incorrect:not_exact|conflicts:last|mode:strict|"
    )
    assert text.splitlines()[-1].endswith("|n:64")


def test_the_golden_file_as_it_is(tmp_path):
    done = score(GOLDEN, "--preset", "paper", "--out", tmp_path / "scores.jsonl")
    assert done.exit_code == 0
    assert f"written to {tmp_path}/scores.jsonl" in done.output
    assert len((tmp_path / "scores.jsonl").read_text().splitlines()) == 1000


DIALECTS = {
    "TRL completions": {
        "step": 1,
        "prompt": "p",
        "completion": RIGHT,
        "tvr_reward": 6.0,
        "answer": "",
        "target": "2.color.cyan",
        "advantage": 0.0,
    },
    "verl rollout": {
        "input": "p",
        "output": RIGHT,
        "gts": '[{"obj_idx": 2, "attr": "color", "val": "cyan"}]',
        "score": 6.0,
        "step": 1,
    },
    "ms-swift completions": {
        "step": ["1", "1"],
        "prompt": ["p", "p"],
        "completion": [RIGHT, RIGHT],
        "solution": ["2.color.cyan"] * 2,
        "advantages": [0.0, 0.0],
    },
    "lmms-eval samples": {"doc_id": 0, "target": "2.color.cyan", "resps": [[RIGHT]], "filtered_resps": ["cyan"]},
}


@pytest.mark.parametrize("name", DIALECTS)
def test_files_of_other_systems(tmp_path, name):
    done = score(write(tmp_path / "a.jsonl", DIALECTS[name]), "--json")
    assert done.exit_code == 0, done.output
    summary = json.loads(done.stdout)
    assert summary["dialects"] == [name]
    assert summary["total"]["value"] == 6.0
    assert f"({name})" in score(tmp_path / "a.jsonl").stdout


def test_parquet_of_trl(tmp_path):
    pa = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    row = {**DIALECTS["TRL completions"], "completion": [{"role": "assistant", "content": RIGHT}]}
    parquet.write_table(pa.Table.from_pylist([row] * 3), tmp_path / "completions_00001.parquet")
    done = score(tmp_path / "completions_00001.parquet", "--json")
    assert json.loads(done.stdout)["rows"] == 3
    assert json.loads(done.stdout)["dialects"] == ["TRL completions"]


def test_gzip_and_standard_input(good, tmp_path):
    (tmp_path / "a.gz").write_bytes(gzip.compress(good.read_bytes()))
    totals = [
        json.loads(score(good, "--json").stdout)["total"],
        json.loads(score(tmp_path / "a.gz", "--json").stdout)["total"],
        json.loads(score("-", "--json", input=good.read_bytes()).stdout)["total"],
        json.loads(real("score", "-", "--json", input=good.read_bytes()).stdout)["total"],
        json.loads(real("score", "-", "--json", input=gzip.compress(good.read_bytes())).stdout)["total"],
    ]
    assert all(total == totals[0] for total in totals)
    assert "of standard input" in score("-", input=good.read_bytes()).stdout


def test_a_pipe_with_a_name(good, tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with subprocess.Popen(["/bin/sh", "-c", f"cat '{good}' > '{pipe}'"]):
        done = real("score", pipe, "--json")
    assert json.loads(done.stdout)["rows"] == 2


def test_bad_rows_are_told_one_by_one_on_standard_error(tmp_path):
    path = write(
        tmp_path / "a.jsonl",
        GOOD,
        b"{",
        b'{"a": "\xff"}',
        {"completion": RIGHT},
        {**GOOD, "target": "2.color.cyna"},
        GOOD,
    )
    done = real("score", path, "--out", tmp_path / "out.jsonl")
    assert done.returncode == 1
    assert done.stderr.decode().splitlines() == [
        f"{path}:2: broken JSON at column 2: Expecting property name enclosed in double quotes",
        f"{path}:3: invalid UTF-8: byte 0xff at column 8",
        f"{path}:4: there is no 'target'; the row has completion",
        f"{path}:5: target '2.color.cyna', character 9: 'cyna' is not a color (did you mean 'cyan'?)",
    ]
    assert "2 rows of" in done.stdout.decode()
    assert "4 more could not be scored" in done.stdout.decode()
    assert len((tmp_path / "out.jsonl").read_text().splitlines()) == 6


def test_many_bad_rows_are_told_up_to_a_limit(tmp_path):
    path = write(tmp_path / "a.jsonl", *[b"{"] * (SHOWN_ERRORS + 1234), GOOD)
    done = score(path)
    assert done.exit_code == 1
    assert len(done.stderr.splitlines()) == SHOWN_ERRORS + 1
    assert done.stderr.splitlines()[-1] == "... and 1,234 more"


def test_strict_input_stops_at_the_first(tmp_path):
    path = write(tmp_path / "a.jsonl", GOOD, b"{", b"[", GOOD)
    done = score(path, "--strict-input", "--out", tmp_path / "out.jsonl")
    assert done.exit_code == 1
    assert done.stdout == ""
    assert (
        done.stderr == f"Error: {path}:2: broken JSON at column 2: Expecting property name enclosed in double quotes\n"
    )
    assert not (tmp_path / "out.jsonl").exists()


def test_nothing_that_could_be_scored(tmp_path):
    done = score(write(tmp_path / "a.jsonl", b"{"), "--json")
    assert done.exit_code == 1
    assert json.loads(done.stdout) is None
    said = "no row could be scored as an answer of the task tvr; --task names another (star task list)\n"
    assert done.stderr.endswith(said)
    done = score(write(tmp_path / "b.jsonl"))
    assert (done.exit_code, done.stderr) == (1, f"Error: {tmp_path}/b.jsonl: there are no rows\n")


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        ([], 2, "Missing argument 'FILES...'"),
        (["none.jsonl"], 2, "none.jsonl: does not exist"),
        (["FILE", "--preset", "papr"], 2, "unknown preset 'papr' (did you mean 'paper'?)"),
        (["FILE", "--task", "tvrr"], 2, "unknown task 'tvrr'"),
        (["FILE", "--matching", "best"], 2, "'best' is not one of"),
        (["FILE", "--map", "completion"], 2, "'completion' is not of the form NAME=VALUE"),
        (["FILE", "--map", "completions=x"], 2, "'completions' is not one of completion, reasoning, target"),
        (["FILE", "--map", "target=targe"], 2, "no column 'targe' for the target; did you mean 'target'?"),
        (["FILE", "--group", "scene"], 2, "no column 'scene' for the group; the columns are completion, target"),
        (["FILE", "--fail-under", "accuracy"], 2, "is not of the form NAME=VALUE"),
        (["FILE", "--fail-under", "accuracy=half"], 2, "'half' is no number"),
        (["FILE", "--fail-under", "acc=1"], 2, "there is no number 'acc'; there are total, accuracy, parse_rate"),
        (["FILE", "--out", "scores.csv"], 2, "--out ends in .jsonl or .parquet"),
        (["FILE", "--limit", "0"], 2, "0 is not in the range"),
        (["FILE", "--task", "multiview", "--matching", "literal"], 2, "unknown reward option 'matching'"),
        (["FILE", "--nonsense"], 2, "No such option"),
    ],
)
def test_wrong_options_are_one_message_and_exit_with_2(good, arguments, code, message):
    done = score(*[good if each == "FILE" else each for each in arguments])
    assert done.exit_code == code
    assert message in " ".join(done.stderr.split())
    assert done.stdout == ""
    assert "Traceback" not in done.stderr


def test_a_missing_column_and_an_ambiguous_one(tmp_path):
    missing = score(write(tmp_path / "a.jsonl", {"text": "x", "target": "y"}))
    assert missing.exit_code == 1
    assert (
        "there is no completion column; the columns are text, target; say which it is: --map completion="
        in missing.stderr
    )
    path = write(tmp_path / "b.jsonl", {"output": RIGHT, "response": "y", "target": "2.color.cyan"})
    ambiguous = score(path)
    assert ambiguous.exit_code == 2
    assert "--map completion=response or --map completion=output" in ambiguous.stderr
    assert score(path, "--map", "completion=output").exit_code == 0


def test_fail_under(good):
    assert score(good, "--fail-under", "accuracy=0.5", "--fail-under", "format=1").exit_code == 0
    done = score(
        good, "--fail-under", "accuracy=0.51", "--fail-under", "total=6", "--fail-under", "parse_rate=1", "--quiet"
    )
    assert done.exit_code == 1
    assert done.stderr.splitlines() == [
        "accuracy is 0.5000, which is under 0.51",
        "total is 3.7500, which is under 6",
    ]
    assert done.stdout == ""


def test_quiet_and_json(good):
    assert (score(good, "--quiet").output, score(good, "--quiet").exit_code) == ("", 0)
    assert json.loads(score(good, "--quiet", "--json").stdout)["rows"] == 2


def test_options_reach_the_library(good, tmp_path):
    (tmp_path / "w.yaml").write_text("incorrect_penalty: 3\nmatching: literal\n")
    summary = json.loads(
        score(
            good, "--weights", tmp_path / "w.yaml", "--matching", "one_to_one", "--conflicts", "each", "--json"
        ).stdout
    )
    assert summary["parts"]["incorrect"] == -1.5
    assert "matching:one_to_one|incorrect:not_exact|conflicts:each|incorrect_penalty:3|" in summary["signature"]
    assert json.loads(score(good, "--limit", "1", "--json").stdout)["rows"] == 1
    prefilled = {"completion": RIGHT.removeprefix("<think>"), "target": "2.color.cyan"}
    path = write(tmp_path / "p.jsonl", prefilled)
    totals = [
        json.loads(score(path, "--think-prefilled", say, "--json").stdout)["total"]["value"]
        for say in ("auto", "true", "false")
    ]
    assert totals == [6.0, 6.0, -1.0]
    path = write(tmp_path / "l.jsonl", {"completion": f"{RIGHT} done", "target": "2.color.cyan"})
    assert json.loads(score(path, "--mode", "lenient", "--json").stdout)["total"]["value"] == 5.0


def test_groups_and_targets(tmp_path):
    rows = [{"uid": at, "scene": at // 2, "output": RIGHT if at % 2 else WRONG} for at in range(4)]
    gold = write(tmp_path / "gold.jsonl", *[{"uid": at, "answer": "2.color.cyan"} for at in range(3)])
    done = score(write(tmp_path / "p.jsonl", *rows), "--targets", gold, "--on", "id", "--group", "scene", "--json")
    assert done.exit_code == 1
    assert done.stderr == f"{tmp_path}/p.jsonl:4: there is no target for id 3 in {gold}\n"
    assert json.loads(done.stdout)["groups"]["groups"] == 1
    write(gold, {"uid": 0, "answer": "2.color.cyan"}, {"uid": "0", "answer": "2.color.red"})
    done = score(tmp_path / "p.jsonl", "--targets", gold)
    assert done.exit_code == 1
    assert done.stderr == f"Error: {gold}:2: id '0' has another target than at {gold}:1; keys are unique\n"


def test_questions(tmp_path):
    row = {
        "completion": "<think>View 1: [sofa, ball, left]</think><answer>B</answer>",
        "answer": "B",
        "references": [["sofa", "ball"]],
    }
    done = score(write(tmp_path / "q.jsonl", row), "--task", "multiview")
    assert done.exit_code == 0
    assert "reference" in done.stdout
    assert "ranking differs" not in done.stdout


def test_the_output_is_not_overwritten(good, tmp_path):
    out = tmp_path / "out.jsonl"
    assert score(good, "--out", out).exit_code == 0
    done = score(good, "--out", out)
    assert (done.exit_code, done.stderr) == (2, f"Error: {out} already exists; --overwrite replaces it\n")
    assert score(good, "--out", out, "--overwrite").exit_code == 0


def on_terminal(*arguments, env=None):
    """Run the command on a terminal of 100 columns; return what it shows."""
    main, side = pty.openpty()
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "TERM": "xterm-256color", "COLUMNS": "100", **(env or {})}
    environment = {
        name: value for name, value in environment.items() if name != "NO_COLOR" or (env and "NO_COLOR" in env)
    }
    with subprocess.Popen(
        [sys.executable, "-m", "star_cli", *map(str, arguments)], stdout=side, stderr=side, cwd=ROOT, env=environment
    ) as process:
        os.close(side)
        shown = b""
        while True:
            try:
                read = os.read(main, 1 << 16)
            except OSError:  # the other side is closed
                break
            if not read:
                break
            shown += read
    os.close(main)
    assert process.returncode == 0
    return shown.decode()


def test_color_and_progress_on_a_terminal_only():
    shown = on_terminal("score", EXAMPLE)
    assert "\x1b[1;36mreward" in shown
    assert "64 rows, " in shown
    assert "/s" in shown
    for arguments, env in ([["--no-color"], {}], [[], {"NO_COLOR": "1"}]):
        shown = on_terminal("score", EXAMPLE, *arguments, env=env)
        table = shown[shown.index("64 rows of") :] if "64 rows of" in shown else shown
        assert "\x1b" not in table
    assert on_terminal("score", EXAMPLE, "--quiet") == ""


@pytest.mark.parametrize(("out", "says"), [("out.jsonl", ""), ("parts/", "; give the same command again to go on")])
def test_an_interrupt_says_how_to_go_on(tmp_path, out, says):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    slow = [str(pipe)] if out != "parts/" else []
    weights = ["--weights", str(pipe)] if out == "parts/" else []
    (tmp_path / "parts").mkdir()
    command = [sys.executable, "-m", "star_cli", "score", str(EXAMPLE), *slow, *weights, "--out", str(tmp_path / out)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(command, stderr=subprocess.PIPE, cwd=ROOT, env=environment, text=True)
    with process, pipe.open("wb"):  # when this is open, the command waits for what comes
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=120)
    assert process.returncode == 130
    assert errors == f"interrupted{says}\n"
    assert not [path for path in tmp_path.rglob("*") if path.name.endswith((".partial", ".lock"))]


def test_parts_and_workers(tmp_path):
    whole = real("score", EXAMPLE, "--out", tmp_path / "out.jsonl", "--json")
    parts = real("score", EXAMPLE, "--out", f"{tmp_path}/parts/", "--json", "--workers", "2")
    again = real("score", EXAMPLE, "--out", f"{tmp_path}/parts/", "--json")
    assert [done.returncode for done in (whole, parts, again)] == [0, 0, 0]
    assert whole.stdout == parts.stdout == again.stdout
    assert (tmp_path / "parts" / "part-00000.jsonl").read_bytes() == (tmp_path / "out.jsonl").read_bytes()
    (tmp_path / "parts" / "part-00000.jsonl").write_bytes(b"damaged")
    mended = real("score", EXAMPLE, "--out", f"{tmp_path}/parts/", "--quiet")
    assert mended.stderr == b"part-00000.jsonl is not what was written, and is made again\n"


def test_an_input_that_changes_is_one_line_and_exit_code_1(tmp_path):
    """A pipe beside the file holds the run up until the file has changed."""
    pipe, changing = tmp_path / "pipe", write(tmp_path / "in.jsonl", GOOD)
    os.mkfifo(pipe)
    command = [
        sys.executable,
        "-m",
        "star_cli",
        "score",
        str(changing),
        str(pipe),
        "--out",
        str(tmp_path / "out.jsonl"),
    ]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(command, stderr=subprocess.PIPE, cwd=ROOT, env=environment, text=True) as process:
        with pipe.open("wb") as late:
            write(changing, GOOD, GOOD)
            late.write(json.dumps(GOOD).encode())
        _, errors = process.communicate(timeout=120)
    assert process.returncode == 1
    assert errors == f"Error: {changing} changed while being read; score it again\n"
    assert not (tmp_path / "out.jsonl").exists()


def test_help_is_fast_to_import_and_lists_the_command():
    code = (
        "import sys; from star_cli.main import star\n"
        "try: star(['--help'])\n"
        "except SystemExit: pass\n"
        "print(sorted({'numpy', 'lark', 'rich', 'torch', 'scipy', 'yaml', 'msgspec'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, cwd=ROOT, text=True)
    assert re.search(r"^  score +Score predictions: rewards, or a benchmark\.$", done.stdout, re.MULTILINE)
    assert done.stdout.splitlines()[-1] == "[]"


def test_scoring_does_not_load_torch():
    code = (
        "import sys; from star_cli.main import star\n"
        f"try: star(['score', {str(EXAMPLE)!r}, '--quiet'])\n"
        "except SystemExit: pass\n"
        "print(sorted({'torch', 'transformers', 'trl', 'datasets', 'scipy', 'rich', 'pyarrow'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, cwd=ROOT, text=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_version():
    done = real("--version")
    assert done.returncode == 0
    assert done.stdout.startswith(b"star-r1 ")
    assert done.stderr == b""


def test_version_warns_of_a_foreign_package(tmp_path):
    (tmp_path / "rewards").mkdir()
    (tmp_path / "rewards" / "__init__.py").write_text("")
    done = subprocess.run(
        [sys.executable, "-m", "star_cli", "--version"],
        capture_output=True,
        check=True,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}"},
        text=True,
    )
    assert f"finds {tmp_path}/rewards/__init__.py" in done.stderr
    assert "import from `star_r1` instead" in done.stderr


def test_one_row_and_one_group_are_named_so(tmp_path):
    path = tmp_path / "one.jsonl"
    path.write_text(json.dumps(GOOD) + "\n")
    assert score(path).stdout.startswith("1 row of")
    path.write_text("".join(json.dumps({**GOOD, "prompt_id": "p"}) + "\n" for _ in range(2)))
    assert "1 group of one prompt" in score(path).stdout


@pytest.mark.parametrize("value", ["high", "50%", "nan", ""])
def test_a_threshold_that_is_no_number(tmp_path, value):
    done = score(write(tmp_path / "a.jsonl", GOOD), "--fail-under", f"accuracy={value}")
    assert done.exit_code == 2
    assert "is no number" in done.stderr or "not of the form" in done.stderr


def test_a_column_to_join_on_without_a_file_to_join(tmp_path):
    row = GOOD | {"id": 1}
    path, targets = write(tmp_path / "a.jsonl", row), write(tmp_path / "targets.jsonl", row)
    done = score(path, "--on", "prompt")
    assert (done.exit_code, "--on only counts with --targets" in done.stderr) == (2, True)
    assert score(path, "--on", "id", "--targets", targets).exit_code == 0  # in this order, too


WITHOUT_TARGETS = [{"id": at, "completion": RIGHT, "town": f"p{at}", "prompt": "?"} for at in range(4)]
APART = [{"id": at, "answer": "2.color.cyan", "place": f"g{at // 2}"} for at in range(4)]


@pytest.mark.parametrize(
    ("kind", "role"),
    [
        *(((), role) for role in ("scene", "target", "references", "relations", "options")),
        *((("--benchmark", "tvr"), role) for role in ("scene", "target", "view")),
    ],
    ids=lambda value: "-".join(value[1:]) or "rewards" if isinstance(value, tuple) else value,
)
def test_with_targets_a_role_is_a_column_of_one_file(tmp_path, kind, role):
    """What belongs to the target is read from the file of targets alone, and all else from the predictions alone."""
    predictions = write(tmp_path / "p.jsonl", *WITHOUT_TARGETS)
    targets = write(tmp_path / "g.jsonl", *APART)
    given = (predictions, "--targets", targets, *kind)
    for refused, other, path, columns in (
        (role, "town", targets, "id, answer, place"),
        ("completion", "place", predictions, "id, completion, town, prompt"),
    ):
        done = score(*given, "--map", f"{refused}={other}")
        assert (done.exit_code, done.stderr) == (
            2,
            (
                f"Error: {path}: there is no column {other!r} for the {refused}; the columns are {columns}; "
                f"with --targets, the {refused} is a column of this file alone\n"
            ),
        )


@pytest.mark.parametrize("asked", [("--map", "scene=place"), ("--group", "place")], ids=["map", "group"])
def test_scenes_of_a_file_of_targets(tmp_path, asked):
    """Rows of one scene are one cluster, of rewards as of a benchmark, whose --group is the scene."""
    rows = [row | {"completion": RIGHT if at % 3 else WRONG} for at, row in enumerate(WITHOUT_TARGETS)]
    given = (write(tmp_path / "p.jsonl", *rows), "--targets", write(tmp_path / "g.jsonl", *APART), "--json")
    done = score(*given, "--benchmark", "tvr", *asked)
    assert "clusters:scene=2|" in done.stdout
    if asked[0] == "--map":
        out = tmp_path / "o.jsonl"
        assert score(*given, *asked, "--out", out).exit_code == 0
        assert [json.loads(line)["scene"] for line in out.read_text().splitlines()] == ["g0", "g0", "g1", "g1"]
