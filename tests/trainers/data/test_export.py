import json

import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from rewards.errors import ConfigError, DataError
from rewards.functions import multiview_reward, tvr_reward
from rewards.score import score_completion
from rewards.targets import pack_gold, unpack_gold
from star_cli.main import star
from tests.json_lines import read
from trainers.data.check import check_file
from trainers.data.export import TRAINERS, export, export_row
from trainers.data.generate import GenerationSettings, generate
from trainers.data.oracle import write_oracle_chains
from trainers.data.training_rows import GOLD, rebased, score_row

WRONG = "<think>View 1: [red cube, blue sphere, left]</think><answer>A</answer>"


def exported_gold(row, to):
    """Return the gold of a row that was exported for RL, as that trainer's reward gets it."""
    if to == "trl":
        return {name: row[name] for name in ("target", *GOLD) if row.get(name) is not None}
    inner = row["reward_model"] if to == "verl" else row
    column = {"verl": "ground_truth", "openrlhf": "label", "swift": "solution", "easyr1": "answer"}[to]
    return unpack_gold(inner[column])


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    base = tmp_path_factory.mktemp("sets")
    for name, task in (("tvr", "tvr"), ("ring", "multiview")):
        generate(base / name, GenerationSettings(count=8, seed=3, task=task))
        write_oracle_chains(base / name, base / f"{name}-chains.jsonl")
        rows = read(base / name / "metadata.jsonl")
        for row in rows:
            views = 2 if task == "tvr" else len(row["references"])
            row["images_file_names"] = [f"image/{row['id']}-{k}.png" for k in range(views)]
        (base / name / "image").mkdir()
        for row in rows:
            for image in row["images_file_names"]:
                (base / name / image).touch()
        (base / name / "metadata.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return base


def exported(folder, name, to, tmp_path, suffix=".jsonl"):
    out = tmp_path / f"{to}{suffix}"
    done = export(folder / name, out, to=to)
    assert done.failed == 0
    return pq.read_table(out).to_pylist() if suffix == ".parquet" else read(out)


@pytest.mark.parametrize("suffix", [".jsonl", ".parquet"])
@pytest.mark.parametrize("to", TRAINERS)
@pytest.mark.parametrize("name", ["tvr", "ring"])
def test_the_reward_of_an_exported_row_is_that_of_the_row(folder, tmp_path, name, to, suffix):
    rows, chains = read(folder / name / "metadata.jsonl"), read(folder / f"{name}-chains.jsonl")
    found = exported(folder, name, to, tmp_path, suffix)
    assert len(found) == len(rows)
    task = "tvr" if name == "tvr" else "multiview"
    for before, after, chain in zip(rows, found, chains, strict=True):
        gold = exported_gold(after, to)
        if task == "tvr" and to == "trl":
            gold = {"target": gold["target"]}
        for completion in (chain["completion"], WRONG, "nonsense"):
            expected = score_row(before, completion, "f:1", relation_weight=0.5)
            weight = {"relation_weight": 0.5} if task == "multiview" else {}
            columns = {key: value for key, value in gold.items() if key != "target"}
            score = score_completion(completion, gold["target"], task=task, **columns, **weight)
            assert dict(score.parts) == dict(expected.parts)
            assert score.total == expected.total


@pytest.mark.parametrize("name", ["tvr", "ring"])
def test_rows_for_trl_break_no_rule(folder, tmp_path, name):
    exported(folder, name, "trl", tmp_path)
    assert list(check_file(tmp_path / "trl.jsonl")) == []


def test_the_reward_functions_take_trl_columns_as_they_are(folder, tmp_path):
    for name, reward in (("tvr", tvr_reward), ("ring", multiview_reward)):
        rows = exported(folder, name, "trl", tmp_path)
        chains = [[{"role": "assistant", "content": c["completion"]}] for c in read(folder / f"{name}-chains.jsonl")]
        columns = {key: [row[key] for row in rows] for key in rows[0]}
        scores = reward(chains, **{key: values for key, values in columns.items() if key != "task"})
        assert scores == ([1 + 5 * len(row["target"].split(", ")) for row in rows] if name == "tvr" else [1.5] * 8)


def test_each_trainer_gets_its_own_form(folder, tmp_path):
    row = read(folder / "ring" / "metadata.jsonl")[0]
    paths = [str(folder / "ring" / name) for name in row["images_file_names"]]
    tags = "<image>" * len(paths)
    gold = pack_gold({name: row[name] for name in ("target", "options", "references", "relations")})
    first = {to: exported(folder, "ring", to, tmp_path)[0] for to in TRAINERS}
    said = {"role": "user", "content": tags + row["prompt"]}
    assert first["trl"] == {
        "id": row["id"], "task": "multiview", "scene": "ring-0", "prompt": [{"role": "user", "content": row["prompt"]}], "images": paths,
        "target": row["target"], "options": row["options"], "references": row["references"],
        "relations": row["relations"],
    }  # fmt: skip
    assert first["verl"] == {
        "data_source": "star-r1/multiview", "prompt": [said], "ability": "spatial reasoning",
        "reward_model": {"style": "rule", "ground_truth": gold},
        "extra_info": {"id": row["id"], "task": "multiview", "scene": "ring-0"}, "images": [{"image": path} for path in paths],
    }  # fmt: skip
    assert first["openrlhf"] == {
        "input": tags + row["prompt"], "label": gold, "datasource": "star-r1/multiview", "images": paths,
    }  # fmt: skip
    assert first["swift"] == {
        "messages": [said], "solution": gold, "id": row["id"], "task": "multiview", "scene": "ring-0", "images": paths,
    }  # fmt: skip
    assert first["easyr1"] == {
        "prompt": tags + row["prompt"], "answer": gold, "id": row["id"], "task": "multiview", "scene": "ring-0", "images": paths,
    }  # fmt: skip


def test_of_tvr_the_string_is_the_target_itself_where_it_can_be(folder, tmp_path):
    assert unpack_gold(exported(folder, "tvr", "easyr1", tmp_path)[0]["answer"])["target"].count(".") >= 2


def test_chains_are_exported_for_sft(folder, tmp_path):
    chains = read(folder / "ring-chains.jsonl")
    user, reply = (
        {"role": role, "content": chains[0][key]} for role, key in (("user", "prompt"), ("assistant", "completion"))
    )
    expected = {
        "trl": {"prompt": [user], "completion": [reply]},
        "verl": {"messages": [user, reply]},
        "swift": {"messages": [user, reply]},
        "openrlhf": {"input": user["content"], "output": reply["content"]},
    }
    for to, first in expected.items():
        out = tmp_path / f"{to}{'.parquet' if to == 'verl' else '.jsonl'}"
        assert export(folder / "ring-chains.jsonl", out, to=to).written == 8
        assert (pq.read_table(out).to_pylist() if to == "verl" else read(out))[0] == first
    assert export(folder / "ring-chains.jsonl", tmp_path / "rl.jsonl", to="trl", stage="rl").written == 8
    assert "completion" not in read(tmp_path / "rl.jsonl")[0]
    with pytest.raises(ConfigError, match="EasyR1 trains by reinforcement learning only"):
        export(folder / "ring-chains.jsonl", tmp_path / "no.jsonl", to="easyr1")
    assert not (tmp_path / "no.jsonl").exists()


def test_what_a_trainer_could_not_read_is_refused(folder, tmp_path):
    chains = folder / "ring-chains.jsonl"
    with pytest.raises(ConfigError, match="verl reads chains from Parquet only; name the output chains.parquet"):
        export(chains, tmp_path / "chains.jsonl", to="verl")
    with_image = tmp_path / "with-image.jsonl"
    (tmp_path / "a.png").touch()
    with_image.write_text(json.dumps({**read(chains)[0], "images_file_names": ["a.png"]}) + "\n", encoding="utf-8")
    with pytest.raises(ConfigError, match="OpenRLHF's SFT looks at no images"):
        export(with_image, tmp_path / "out.jsonl", to="openrlhf")
    assert not list(tmp_path.glob("*chains*")) + list(tmp_path.glob("out*"))
    assert export(with_image, tmp_path / "rl.jsonl", to="openrlhf", stage="rl").written == 1


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", ["json", "parquet"])
def test_trl_trains_on_exported_files_as_they_are(start, tmp_path, kind):
    """Both of TRL's own trainers, with nothing of this project between file and trainer but the reward."""
    trl, datasets = pytest.importorskip("trl"), pytest.importorskip("datasets")
    from transformers import AutoModelForImageTextToText

    from trainers.processors import load_processor

    generate(tmp_path / "set", GenerationSettings(count=2, images="raycast", size=(32, 32)))
    write_oracle_chains(tmp_path / "set", tmp_path / "chains.jsonl")
    data = {}
    for stage, source in (("rl", tmp_path / "set"), ("sft", tmp_path / "chains.jsonl")):
        file = tmp_path / f"{stage}.{kind}"
        export(source, file, to="trl")
        data[stage] = datasets.load_dataset(
            kind, data_files=str(file), split="train", cache_dir=str(tmp_path / "cache")
        )
    common = {
        "output_dir": str(tmp_path / "out"), "max_steps": 1, "per_device_train_batch_size": 2, "use_cpu": True,
        "bf16": False, "gradient_checkpointing": False, "report_to": [], "disable_tqdm": True,
    }  # fmt: skip
    parts = {"processing_class": load_processor(str(start))}
    rl = trl.GRPOTrainer(
        model=AutoModelForImageTextToText.from_pretrained(start),
        reward_funcs=tvr_reward,
        args=trl.GRPOConfig(num_generations=2, max_completion_length=8, **common),
        train_dataset=data["rl"],
        **parts,
    )
    rl.train()
    assert rl.state.log_history[0]["rewards/tvr_reward/mean"] < 0  # the start model answers nothing
    sft = trl.SFTTrainer(
        model=AutoModelForImageTextToText.from_pretrained(start),
        args=trl.SFTConfig(max_length=None, **common),
        train_dataset=data["sft"],
        **parts,
    )
    sft.train()
    assert sft.state.log_history[-1]["train_loss"] > 0


def test_rows_that_are_wrong_are_named_and_cost_no_other(folder, tmp_path):
    rows = read(folder / "ring" / "metadata.jsonl")[:5]
    rows[1]["prompt"] += " <image>"
    rows[2]["task"] = "chess"
    rows[3]["images_file_names"] = ["nowhere.png"]
    del rows[4]["target"]
    for row in rows[:3]:
        row["images_file_names"] = []
    source = tmp_path / "rows.jsonl"
    source.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    errors = []
    done = export(source, tmp_path / "out.jsonl", to="verl", on_error=lambda error: errors.append(str(error)))
    assert done == (5, 1, 4)
    assert errors[0] == f"{source}:2: prompt: it holds '<image>', which verl takes for an image"
    assert errors[1].startswith(f"{source}:3: task: unknown task 'chess'")
    assert errors[2] == f"{source}:4: image: image 1, {tmp_path}/nowhere.png, is not there"
    assert errors[3].startswith(f"{source}:5: target: no column holds it")
    assert "images" not in read(tmp_path / "out.jsonl")[0]
    assert export(source, tmp_path / "trl.jsonl", to="trl").written == 2  # there <image> is only text
    with pytest.raises(ConfigError, match="'axolotl' and None: expected one of trl"):
        export(source, tmp_path / "x.jsonl", to="axolotl")


@pytest.mark.parametrize("suffix", [".jsonl", ".parquet"])
@pytest.mark.parametrize(
    "lines", ["", "{}\n[]\n", '{"prompt": "p"}\n'], ids=["no rows", "no rows of ours", "no target"]
)
def test_rows_that_all_fail_leave_no_file(tmp_path, suffix, lines):
    source, out = tmp_path / "rows.jsonl", tmp_path / f"out{suffix}"
    source.write_text(lines, encoding="utf-8")
    arguments = ("data", "export", str(source), "--to", "trl", "--out", str(out))
    done = CliRunner().invoke(star, arguments)
    assert (done.exit_code, out.exists()) == (1, False)
    *rows, last = done.stderr.splitlines()
    assert len(rows) == lines.count("\n")
    why = f"no row can be exported; the first: {rows[0]}" if rows else "there are no rows"
    assert last == f"Error: {source}: {why}; {out} is not written"
    out.write_text("old", encoding="utf-8")
    assert CliRunner().invoke(star, (*arguments, "--overwrite")).exit_code == 1
    assert out.read_text(encoding="utf-8") == "old"
    assert {each.name for each in tmp_path.iterdir()} == {source.name, out.name}


def test_a_stage_asked_for_needs_its_columns(folder):
    row = read(folder / "ring" / "metadata.jsonl")[0]
    with pytest.raises(DataError, match="f:1: completion: no column holds it"):
        export_row(row, "f:1", folder / "ring", to="trl", stage="sft")


gold_values = st.fixed_dictionaries(
    {"target": st.text(min_size=1) | st.lists(st.text(), min_size=1)},
    optional={
        "options": st.lists(st.text()),
        "references": st.lists(st.lists(st.text())),
        "relations": st.just([[["a", "b", "c"]]]),
    },
)


@given(gold_values)
def test_gold_survives_packing(gold):
    assert unpack_gold(pack_gold(gold)) == gold


@pytest.mark.parametrize("text", ['{"target"', "{}", '{"target": null}', '{"other": 1}', "{broken}"])
def test_packed_gold_that_is_broken_is_named(text):
    with pytest.raises(DataError, match="the packed target"):
        unpack_gold(text)


WIRING = """\
name: wiring
kind: records
fields: [{name: chip, kind: open}, {name: pin, kind: integer, range: [1, 16]}]
forms: ["{chip}/{pin}"]
reward: {tiers: [{fields: [chip, pin], pays: 2}]}
"""


@pytest.mark.parametrize("to", TRAINERS)
def test_rows_of_a_task_of_the_users_own_and_the_wrong_gold_among_them(tmp_path, to):
    task = tmp_path / "wiring.yaml"
    task.write_text(WIRING, encoding="utf-8")
    source = tmp_path / "rows.jsonl"
    targets = ["U1/3", [["U1", 3]], "U1/17"]
    source.write_text("".join(json.dumps({"prompt": "Name them.", "target": target}) + "\n" for target in targets))
    errors, untold = [], []
    done = export(
        source,
        tmp_path / "out.jsonl",
        to=to,
        task=str(task),
        on_error=lambda error: errors.append(str(error)),
        on_untold=untold.append,
    )
    assert (done.written, done.failed) == (2, 1)
    assert errors == [f"{source}:3: labels: target 'U1/17', character 4: '17' is not a pin (1 to 16)"]
    assert untold == [str(task)]
    for row in read(tmp_path / "out.jsonl"):
        gold = exported_gold(row, to)
        assert score_completion("<think>b</think><answer>U1/3</answer>", gold["target"], task=str(task)).total == 3.0
        assert "wiring.yaml" not in str(row.get("data_source", row.get("datasource", "")))


@pytest.mark.parametrize("to", TRAINERS)
def test_which_tasks_a_trainers_reward_has_to_be_told(folder, tmp_path, to):
    alone = to in ("openrlhf", "easyr1")  # they hand over a label and nothing else
    for name, expected in (("tvr", []), ("ring", ["multiview"] if alone else [])):
        untold = []
        export(folder / name, tmp_path / "out.jsonl", to=to, on_untold=untold.append)
        assert untold == expected
    done = CliRunner().invoke(
        star, ["data", "export", str(folder / "ring"), "--to", to, "--out", str(tmp_path / "cli.jsonl")]
    )
    assert done.exit_code == 0
    assert ("the rows do not tell" in done.stderr) == alone


def test_one_image_under_its_usual_name_is_exported(tmp_path):
    (tmp_path / "a.png").touch()
    row = {"id": "1", "task": "tvr", "prompt": "?", "target": "2.color.cyan", "image": "a.png"}
    made = export_row(row, "rows:1", tmp_path, to="verl", stage="rl")
    assert made["images"] == [{"image": str(tmp_path / "a.png")}]
    assert made["prompt"][0]["content"] == "<image>?"
    assert rebased(row, tmp_path, tmp_path / "deep")["image"] == ["../a.png"]


def test_a_column_that_would_be_left_out_is_named(tmp_path):
    row = {"task": "multiview", "prompt": "?", "target": "B", "choices": ["left", "right"]}
    with pytest.raises(DataError, match="^rows:1: choices: it would be left out: did you mean 'options'"):
        export_row(row, "rows:1", tmp_path, to="verl", stage="rl")
    assert export_row({**row, "options": row["choices"]}, "rows:1", tmp_path, to="verl", stage="rl")
