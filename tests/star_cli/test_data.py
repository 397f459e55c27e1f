"""``star data``: the commands, and errors of one line."""

import json

import pytest
from click.testing import CliRunner

from star_cli.main import star


def run(*arguments):
    return CliRunner().invoke(star, ["data", *map(str, arguments)])


def test_generate_writes_a_data_set_and_says_where(tmp_path):
    result = run("generate", tmp_path / "set", "--count", 5, "--seed", 3, "--attributes", "position,color")
    assert result.exit_code == 0, result.output
    assert result.stdout == f"{tmp_path / 'set' / 'data.jsonl'}: 5 scenes\n"
    settings = json.loads((tmp_path / "set" / "settings.json").read_text())
    assert settings["attributes"] == ["color", "position"]
    assert settings["seed"] == 3
    assert len((tmp_path / "set" / "data.jsonl").read_text().splitlines()) == 5


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["--views", "center,up"], "view 'up' is not one of center, left, right"),
        (["--attributes", "colour"], "attribute 'colour' is not one of color"),
        (["--size", "0"], "0 x 0 pixels"),
    ],
)
def test_generate_refuses_in_one_line(tmp_path, arguments, text):
    result = run("generate", tmp_path / "set", *arguments)
    assert result.exit_code == 2
    assert result.stderr.count("\n") == 1
    assert text in result.stderr
    assert not (tmp_path / "set").exists()


def test_generate_refuses_a_size_that_is_none(tmp_path):
    result = run("generate", tmp_path / "set", "--size", "big")
    assert result.exit_code == 2
    assert "'big' is neither a side like 128 nor a width and height like 320x240" in result.stderr


def test_generate_refuses_a_folder_with_other_settings(tmp_path):
    assert run("generate", tmp_path / "set", "--count", 2).exit_code == 0
    result = run("generate", tmp_path / "set", "--count", 3)
    assert result.exit_code == 2
    assert "count 2 and not 3" in result.stderr
    assert result.stderr.count("\n") == 1


def test_generate_names_a_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "file").write_text("")
    result = run("generate", tmp_path / "file" / "set", "--count", 2)
    assert result.exit_code == 1
    assert "Not a directory" in result.stderr
    assert result.stderr.count("\n") == 1


def test_check_names_file_line_and_rule(tmp_path):
    assert run("generate", tmp_path / "set", "--count", 4).exit_code == 0
    path = tmp_path / "set" / "data.jsonl"
    assert run("check", path).stdout == f"{path}: no rule is broken\n"
    lines = path.read_text().splitlines()
    broken = json.loads(lines[2])
    broken["states"][1]["objects"][0]["color"] = (
        "red" if broken["states"][1]["objects"][0]["color"] != "red" else "blue"
    )
    path.write_text("\n".join([*lines[:2], json.dumps(broken), *lines[3:]]))
    result = run("check", path)
    assert result.exit_code == 1
    assert result.stdout.startswith(f"{path}:3: final_state: the color of object 0 ")
    assert result.stderr == f"Error: {path}: broken rules: 1\n"


def test_check_and_show_name_a_missing_file(tmp_path):
    for command in ("check", "show"):
        result = run(command, tmp_path / "none.jsonl")
        assert result.exit_code == 1
        assert result.stderr == f"Error: {tmp_path / 'none.jsonl'}: No such file or directory\n"


def test_show_draws_a_sample(tmp_path):
    pytest.importorskip("torch")
    assert run("generate", tmp_path / "set", "--count", 2).exit_code == 0
    out = tmp_path / "sample.png"
    result = run("show", tmp_path / "set" / "data.jsonl", "--index", 1, "--out", out)
    assert result.exit_code == 0, result.output
    assert result.stdout == f"{out}\n"
    assert out.read_bytes().startswith(b"\x89PNG")
    beyond = run("show", tmp_path / "set" / "data.jsonl", "--index", 2)
    assert "there is no sample 2; it has 2, counted from 0" in beyond.stderr


def test_show_and_check_take_the_folder_and_show_refuses_what_is_no_image(tmp_path):
    pytest.importorskip("torch")
    assert run("generate", tmp_path / "set", "--count", 1).exit_code == 0
    assert run("check", tmp_path / "set").stdout == f"{tmp_path / 'set'}: no rule is broken\n"
    assert run("show", tmp_path / "set", "--out", tmp_path / "sample.jpg").exit_code == 0
    assert (tmp_path / "sample.jpg").read_bytes().startswith(b"\xff\xd8")
    wrong = run("show", tmp_path / "set", "--out", tmp_path / "sample.text")
    assert wrong.exit_code == 1
    assert wrong.stderr == f"Error: {tmp_path / 'sample.text'}: no kind of image that can be written: .text\n"


def test_an_interrupted_run_says_how_to_go_on(tmp_path, monkeypatch):
    def interrupt(*_args, **_options):
        raise KeyboardInterrupt

    monkeypatch.setattr("trainers.data.generate.generate", interrupt)
    result = run("generate", tmp_path / "set", "--count", 1)
    assert result.exit_code == 130
    assert result.stderr == "interrupted; give the same command again to resume\n"
