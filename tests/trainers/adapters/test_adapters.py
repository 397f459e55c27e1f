"""Each adapter through the signature that its framework calls: the rows of the conformance run, without the frameworks.

Where an adapter is a class of the framework's, a base class with the framework's constructor stands in; the real ones
run in `make conformance`.
"""

from __future__ import annotations

import asyncio
import importlib
import inspect
import pickle
import subprocess
import sys
import warnings
from functools import partial
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest

from rewards import columns as columns_module
from rewards.errors import ConfigError, DataError
from tests.conformance.rows import apart, make_rows
from trainers.adapters import VERSIONS

ROWS = make_rows()
TVR = [row for row in ROWS if row["task"] == "tvr"]
QUESTIONS = [row for row in ROWS if row["task"] == "multiview"]
TASKS = [("tvr", TVR), ("multiview", QUESTIONS)]
COMMON = {"total", "correct", "format", "parsed", "prefilled", "unit"}
OTHER = {"target": "B", "task": "multiview"}  # a row whose parts are not those of tvr


TWICE = "<think>b</think><answer>2.color.cyan, 2.color.cyan</answer>"  # 5 by default, 11 under the preset paper


def adapter(name):
    return importlib.import_module(f"star_r1.{name}")


def totals(rows):
    return [row["total"] for row in rows]


def columns(row):
    return {name: row.get(name) for name in ("references", "options")}


def one_schema(found, keys=COMMON):
    assert len({tuple(each) for each in found}) == 1
    assert keys <= set(found[0])


@pytest.fixture
def stand_in(monkeypatch):
    """Put modules of a framework into place, each with what it holds."""

    def place(adapter_name, **modules):
        for dotted, members in modules.items():
            name, path = dotted.replace("__", "."), ""
            for part in name.split("."):
                path = f"{path}.{part}".lstrip(".")
                if path not in sys.modules:
                    monkeypatch.setitem(sys.modules, path, ModuleType(path))
            vars(sys.modules[name]).update(members)
        module = importlib.import_module(f"trainers.adapters.{adapter_name}")
        for made in ("StarEnv", "StarRubric", "StarServer"):
            monkeypatch.delitem(vars(module), made, raising=False)
        monkeypatch.delitem(sys.modules, f"star_r1.{adapter_name}", raising=False)
        return adapter(adapter_name)

    yield place
    for name in VERSIONS:
        vars(sys.modules.get(f"trainers.adapters.{name}", SimpleNamespace())).pop("StarEnv", None)


# --- trainers ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("packed", [True, False])
def test_verl(packed):
    compute_score = adapter("verl").compute_score
    for task, rows in TASKS:
        found = [
            compute_score(
                data_source=f"star-r1/{task}", solution_str=row["text"], ground_truth=row["gold" if packed else "target"],
                extra_info={"num_turns": 1, **({} if packed else columns(row))}, reward_router_address=None,
                reward_model_tokenizer=None,
            )
            for row in rows
        ]  # fmt: skip
        assert [each["score"] for each in found] == totals(rows)
        assert [each["acc"] for each in found] == [float(row["correct"]) for row in rows]
        one_schema(found, COMMON | {"score", "acc"})
        faults = [each.pop("fault") for each in found]
        assert all(isinstance(value, float) for each in found for value in each.values())
        assert [each == "" for each in faults] == [bool(each["parsed"]) for each in found]
    mixed = [
        compute_score(f"star-r1/{row['task']}", row["text"], row["gold"], tasks=["tvr", "multiview"]) for row in ROWS
    ]
    assert len({frozenset(each) for each in mixed}) == 1
    assert [each["score"] for each in mixed] == totals(ROWS)
    with pytest.raises(DataError, match="name the tasks that it mixes"):
        compute_score("", "a", OTHER, tasks=["tvr"])
    settings = {"tasks": ["tvr", "trance"], "preset": "paper", "consistency_weight": 1.0}
    keys = [list(compute_score("", text, TVR[0]["gold"], **settings)) for text in ("", TVR[0]["text"])]
    assert "consistency" in keys[0]
    assert keys[0] == keys[1]
    assert (
        compute_score("mindcube", TVR[0]["text"], TVR[0]["gold"], preset="paper")["score"] > 0
    )  # by position, as main_eval


def test_a_source_of_ours_that_names_no_task_is_refused(tmp_path):
    compute_score = adapter("verl").compute_score
    text, gold = TVR[0]["text"], TVR[0]["gold"]
    with pytest.raises(DataError, match="^data_source 'star-r1/tvrr': unknown task 'tvrr' \\(did you mean 'tvr'"):
        compute_score("star-r1/tvrr", text, gold)
    for free in ("tvrr", "hub/star-r1/tvrr", "", None):
        assert compute_score(free, text, gold)["score"] == TVR[0]["total"]
    mine = tmp_path / "mine.yaml"
    mine.write_text("name: mine\nkind: question\nreward: {answer_weight: 2, reference_weight: 0}\n")
    assert compute_score("star-r1/mine", "<think>b</think><answer>B</answer>", "B", task=str(mine))["score"] == 2
    question = QUESTIONS[0]
    named = compute_score("star-r1/multiview", question["text"], question["gold"], {"task": "counting"})
    assert named["score"] == question["total"]  # a category of somebody's own hides no source


def test_a_column_of_a_row_that_is_nearly_ours_is_warned_of():
    """In verl's ``extra_info``, slime's metadata and lmms-eval's documents alike: as of a batch's columns."""
    columns_module._warn_once.cache_clear()
    row = {"task": "multiview", "choices": ["right", "left"], "split": "rl"}
    text = "<think>a</think><answer>left</answer>"
    said = r"^'choices' of a row is not read \(did you mean 'options'\?\)$"
    with pytest.warns(UserWarning, match=said):
        adapter("verl").compute_score("x", text, "B", row)
    columns_module._warn_once.cache_clear()
    with pytest.warns(UserWarning, match=said):
        adapter("lmms").process_results({**row, "target": "B"}, [text], task="multiview")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert adapter("verl").compute_score("x", text, "B", {**row, "options": row["choices"]})["acc"] == 1.0


def test_openrlhf(caplog):
    pytest.importorskip("torch")
    module = adapter("openrlhf")
    prompt = "<|im_start|>user\n<|image_pad|>Use <think></think><answer></answer>.<|im_end|>\n<|im_start|>assistant\n"
    seen = prompt.replace("<|image_pad|>", "<|image_pad|>" * 9)  # what the processor makes of it
    for task, rows in TASKS:
        for before, asked in ((seen, prompt), ("", ""), ("Which? ", "Which? ")):
            found = module.reward_func(
                [before + row["text"] for row in rows], [asked] * len(rows), [row["gold"] for row in rows], task=task
            )
            assert found["rewards"].tolist() == pytest.approx(totals(rows))
            assert all(0 <= each <= 1 for each in found["scores"].tolist())
            assert set(found["extra_logs"]) >= COMMON
    with pytest.raises(DataError, match="row 0: .*teal"):
        module.reward_func(["a"], [""], ["2.size.teal"])
    assert "no reward" in caplog.text
    with pytest.raises(DataError, match="^there are 2 queries, 1 prompts and 2 labels"):
        module.reward_func(["a", "a"], [""], ["2.color.cyan"] * 2)
    mixed = partial(module.reward_func, tasks=("tvr", "multiview"))
    logged = [
        mixed([row["text"]], [""], [{**columns(row), "target": row["target"], "task": row["task"]}]) for row in ROWS
    ]
    assert len({tuple(each["extra_logs"]) for each in logged}) == 1
    assert [each["rewards"].item() for each in logged] == pytest.approx(totals(ROWS))


def test_openrlhf_refuses_a_query_without_its_prompt():
    """A tokenizer that does not give the prompt back as it was would have it graded with the response."""
    response = importlib.import_module("trainers.adapters.openrlhf").response
    for query in ("", "Which？<think>b</think>", "<think>b</think><answer>2.color.cyan</answer>"):
        with pytest.raises(DataError, match="does not hold the end of its prompt"):
            response(query, "Write <answer>...</answer>. Which?")


def test_openrlhf_finds_the_response_behind_several_turns():
    response = importlib.import_module("trainers.adapters.openrlhf").response
    turn = "<|im_start|>assistant\n"
    assert (
        response(f"{turn}a<|im_end|>\n{turn}<think>\nb</think>c<|im_end|>", f"{turn}a<|im_end|>\n{turn}<think>\n")
        == "b</think>c"
    )


def test_swift(stand_in):
    orms = {}

    class ORM:
        def __init__(self, args=None, **kwargs):
            self.args = args

    module = stand_in("swift", swift__rewards={"ORM": ORM, "orms": orms})
    module.register("star_paper", "tvr", preset="paper")
    assert list(orms) == ["star_tvr", "star_multiview", "star_paper"]
    for name, rows in (("star_tvr", TVR), ("star_multiview", QUESTIONS)):
        reward = orms[name](args=SimpleNamespace())
        others = {"messages": [[]] * len(rows), "prompt_id": [row["id"] for row in rows], "trainer_state": None}
        assert reward([row["text"] for row in rows], solution=[row["gold"] for row in rows], **others) == totals(rows)


def test_easyr1():
    module = adapter("easyr1")
    assert module.REWARD_TYPE == "batch"
    for task, rows in TASKS:
        items = [{"response": row["text"], "response_length": 9, "ground_truth": row["gold"]} for row in rows]
        found = partial(module.compute_score, task=task)(items)
        assert [each["overall"] for each in found] == totals(rows)
        one_schema(found, COMMON | {"overall", "accuracy"})
    with pytest.raises(ConfigError, match="^compute_score was given one response; it takes a list: import REWARD_TYPE"):
        module.compute_score({"response": "a", "response_length": 9, "ground_truth": "B"})


def test_trl_by_dotted_names():
    for task, rows in TASKS:
        function = adapter(task).default
        assert function.__name__ == f"{task}_default"
        assert pickle.loads(pickle.dumps(function)) == function
        messages = [[{"role": "assistant", "content": row["text"]}] for row in rows]
        assert function(messages, target=[row["gold"] for row in rows], prompts=["q"] * len(rows)) == totals(rows)
    with pytest.raises(AttributeError, match="papr"):
        getattr(adapter("tvr"), "pa" + "pr")
    path, _, last = "star_r1.tvr.paper?scale=n_gt&think_prefilled=true&incorrect_penalty=5e-1".rpartition(".")  # as TRL
    function = getattr(importlib.import_module(path), last)
    assert (function.preset, function.think_prefilled) == ("paper", True)
    assert function.overrides == {"scale": "n_gt", "incorrect_penalty": 0.5}
    assert function(["b</think><answer>2.color.cyan, 1.color.red</answer>"], target=["2.color.cyan"]) == [5.5]
    for wrong in ("paper?scal=n_gt", "paper?scale", "paper?mode=loose", "paper?pays=1"):
        with pytest.raises(AttributeError, match="scal|mode|pays"):
            getattr(adapter("tvr"), wrong)
    with pytest.raises(ImportError):
        exec("from star_r1.tvr import papr")


def test_slime():
    reward = adapter("slime").reward
    samples = [SimpleNamespace(response=row["text"], label=row["gold"], metadata={"task": row["task"]}) for row in ROWS]
    one = SimpleNamespace(reward_key=None)
    assert [asyncio.run(reward(one, each)) for each in samples] == totals(ROWS)
    assert asyncio.run(reward(one, samples)) == totals(ROWS)  # --group-rm
    keyed = asyncio.run(reward(SimpleNamespace(reward_key="total"), samples[:200]))
    assert [each["total"] for each in keyed] == totals(TVR)
    assert [each.pop("fault") == "" for each in keyed] == [bool(each["parsed"]) for each in keyed]
    one_schema(keyed)
    twice = SimpleNamespace(response=TWICE, label="2.color.cyan", metadata=None)
    from_yaml = SimpleNamespace(reward_key=None, star={"preset": "paper"})  # --custom-config-path
    assert asyncio.run(reward(from_yaml, twice)) == 11.0


def test_areal():
    reward_fn = adapter("areal").reward_fn
    for row in ROWS:
        given = {"messages": "q", "images": [], "task": row["task"]}
        call = {"prompt": "q", "completions": row["text"], "prompt_ids": [], "completion_ids": []}
        assert reward_fn(**call, answer=row["gold"], **given) == row["total"]
        assert reward_fn(**call, target=row["target"], **columns(row), **given) == row["total"]
    call = {"prompt": "q", "completions": TWICE, "prompt_ids": [], "completion_ids": []}
    assert partial(reward_fn, settings={"preset": "paper"})(**call, answer="2.color.cyan") == 11.0
    with pytest.raises(DataError, match="target"):
        reward_fn(**call)


def test_skyrl(stand_in):
    class BaseTextEnv:
        def __init__(self):
            self.turns = 0

        @staticmethod
        def aggregate_metrics(metrics):
            return {name: sum(each[name] for each in metrics) / len(metrics) for name in ("total", "parsed")}

    logged = []
    module = stand_in(
        "skyrl", skyrl_gym__envs__base_text_env={"BaseTextEnv": BaseTextEnv, "BaseTextEnvStepOutput": dict}
    )
    for row in ROWS:
        extras = {"reward_spec": {"ground_truth": row["gold"]}, "task": row["task"]}
        env = module.StarEnv(env_config=None, extras=extras)
        found = env.step(row["text"])
        assert COMMON < set(env.get_metrics()) == set(found["metadata"])
        logged.append(env.get_metrics())
        assert (found["reward"], found["done"], found["observations"]) == (row["total"], True, [])
        assert found["reward_components"] == pytest.approx(row["parts"])
    shares = module.StarEnv.aggregate_metrics(logged)
    assert sum(share for name, share in shares.items() if name.startswith("fault/")) == pytest.approx(
        1 - shares["parsed"]
    )
    paper = module.StarEnv(extras={"reward_spec": {"ground_truth": "2.color.cyan"}}, preset="paper")
    assert paper.step(TWICE)["reward"] == 11.0


# --- environments -----------------------------------------------------------------------------------------------------


def message(row):
    think, rest = apart(row["text"])
    return SimpleNamespace(role="assistant", content=rest, reasoning_content=think)


def test_verifiers_functions():
    module = adapter("verifiers")
    for task, rows in TASKS:
        reward, parts = getattr(module, task), getattr(module, f"{task}_parts")
        assert list(inspect.signature(reward).parameters) == ["task", "trace"]  # injected by these names
        logged = []
        for at, row in enumerate(rows):
            data = {"target": row["gold"]} if at % 2 else {"answer": row["target"], **columns(row)}
            call = (SimpleNamespace(**data), SimpleNamespace(assistant_messages=[message(row)], info={}))
            assert asyncio.run(reward(*call)) == row["total"]
            logged.append(asyncio.run(parts(*call)))
            assert (call[1].info["fault"] is None) == bool(logged[-1]["parsed"])
        one_schema(logged)
    nothing = SimpleNamespace(assistant_messages=[], info={})
    assert asyncio.run(module.tvr(SimpleNamespace(target="2.color.cyan"), nothing)) < 0
    twice = (SimpleNamespace(target="2.color.cyan"), SimpleNamespace(assistant_messages=[{"content": TWICE}], info={}))
    assert asyncio.run(module.tvr_paper(*twice)) == 11.0
    assert asyncio.run(module.tvr_paper_parts(*twice))["exact"] == 10.0
    assert asyncio.run(module.tvr_no_object_tier(*twice)) == 5.0
    with pytest.raises(AttributeError, match="papr.*did you mean 'paper'"):
        getattr(module, "tvr_pa" + "pr")


@pytest.mark.parametrize("task", ["tvr", "multiview"])
def test_generated_rows_depend_on_seed_and_index(task):
    pytest.importorskip("torch")
    module = importlib.import_module("trainers.adapters.verifiers")
    row, images = module.generated_row(task, 3, 1, 32)
    again, others = module.generated_row(task, 3, 1, 32)
    assert row == again
    assert row["task"] == task
    assert len(images) >= 2
    assert all((one == other).all() for one, other in zip(images, others, strict=True))
    assert module.data_url(images[0]).startswith("data:image/png;base64,iVBOR")
    assert (
        module.generated_row(task, 4, 1, 32)[0]["target"] != row["target"]
        or module.generated_row(task, 4, 2, 32)[0] != row
    )


def test_openenv(stand_in):
    class Rubric:
        def __init__(self):
            self.hooks = []

        def __call__(self, action, observation):
            return self.forward(action, observation)

    module = stand_in("openenv", openenv__core__rubrics={"Rubric": Rubric})
    for task, rows in TASKS:
        rubric = module.StarRubric(task)
        for at, row in enumerate(rows):
            gold = {"target": row["target"], **columns(row)}
            observation = (SimpleNamespace(**gold), SimpleNamespace(metadata=gold), {"target": row["gold"]})[at % 3]
            assert rubric(SimpleNamespace(message=row["text"]), observation) == row["total"]
            assert set(rubric.last) >= COMMON
            assert (rubric.fault is None) == bool(rubric.last["parsed"])
    assert module.StarRubric("tvr", preset="paper")(SimpleNamespace(message=TWICE), {"target": "2.color.cyan"}) == 11.0
    with pytest.raises(DataError, match="observation without target"):
        rubric(SimpleNamespace(message="a"), SimpleNamespace())
    with pytest.raises(DataError, match="action without message"):
        rubric(SimpleNamespace(), SimpleNamespace(target="A"))


def test_nemo_gym(stand_in):
    import pydantic

    class Base(pydantic.BaseModel):
        responses_create_params: dict = {}
        response: SimpleNamespace | None = None
        model_config = {"arbitrary_types_allowed": True}

    class Response(Base):
        reward: float

    class Server:
        config = SimpleNamespace(settings={})

    names = {"BaseVerifyRequest": Base, "BaseVerifyResponse": Response, "SimpleResourcesServer": Server}
    config = {"BaseResourcesServerConfig": pydantic.BaseModel}
    module = stand_in("nemo_gym", nemo_gym__base_resources_server=names | config)
    for row in ROWS:
        think, rest = apart(row["text"])
        output = [{"type": "reasoning", "summary": [{"type": "summary_text", "text": think}]}] if think else []
        output.append({"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": rest}]})
        request = inspect.signature(module.StarServer.verify).parameters["body"].annotation
        body = request(response=SimpleNamespace(output=output), target=row["gold"], task=row["task"])
        answer = asyncio.run(module.StarServer().verify(body))
        assert (answer.reward, answer.correct) == (row["total"], row["correct"])
        assert sum(answer.reward_components.values()) == pytest.approx(row["total"])
        assert all(answer.model_extra[part] == value for part, value in answer.reward_components.items())
        assert (answer.fault is None) == answer.parsed
    settings = module.StarServer.__annotations__["config"](settings={"preset": "paper"})
    server = type("Configured", (module.StarServer,), {"config": settings})()
    output = [{"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": TWICE}]}]
    twice = request(response=SimpleNamespace(output=output), target="2.color.cyan")
    assert asyncio.run(server.verify(twice)).reward == 11.0
    for nothing in ([], [{"type": "function_call", "name": "look", "arguments": "{}", "call_id": "1"}]):
        answer = asyncio.run(server.verify(request(response=SimpleNamespace(output=nothing), target="2.color.cyan")))
        assert (answer.fault, answer.correct) == ("empty", False)


# --- evaluations ------------------------------------------------------------------------------------------------------


def test_inspect(stand_in):
    def scorer(metrics, name):
        return lambda make: lambda: SimpleNamespace(score=make(), metrics=metrics, name=name)

    names = {"Score": SimpleNamespace, "mean": lambda: "mean", "stderr": lambda: "stderr", "scorer": scorer}
    module = stand_in("inspect", inspect_ai__scorer=names)
    for task, rows in TASKS:
        made = module.star_scorer(task)
        assert made.name == f"star_{task}"
        for row in rows:
            think, rest = apart(row["text"])
            parts = [SimpleNamespace(type="reasoning", reasoning=think)] if think else []
            content = [*parts, SimpleNamespace(type="text", text=rest)] if parts else rest
            reply = SimpleNamespace(role="assistant", content=content)
            state = SimpleNamespace(output=SimpleNamespace(message=reply), metadata=columns(row))
            found = asyncio.run(made.score(state, [row["target"]]))
            assert (found.value["total"], found.value["correct"]) == (row["total"], float(row["correct"]))
            assert set(found.value) == set(made.metrics) >= COMMON
            assert (found.metadata["fault"] is None) == bool(found.value["parsed"])
    assert "consistency" in module.star_scorer("tvr", consistency_weight=1.0).metrics
    reply = SimpleNamespace(role="assistant", content="a")
    state = SimpleNamespace(output=SimpleNamespace(message=reply), metadata={"task": "multiview"})
    with pytest.raises(DataError, match="'answer'"):
        asyncio.run(module.star_scorer("tvr").score(state, ["B"]))
    with pytest.raises(DataError, match="a row has 2 targets"):  # whose `text` would be AB
        asyncio.run(module.star_scorer("multiview").score(state, ["A", "B"]))


def test_lmms():
    process_results = adapter("lmms").process_results
    for task, rows in TASKS:
        found = [
            partial(process_results, task=task)({"target": row["target"], **columns(row)}, [row["text"]])
            for row in rows
        ]
        assert [each["star_total"] for each in found] == totals(rows)
        one_schema(found, {"star_fault", *(f"star_{name}" for name in COMMON)})


def test_lighteval(stand_in):
    module = stand_in(
        "lighteval",
        lighteval__metrics__metrics_sample={"SampleLevelComputation": type("Base", (), {})},
        lighteval__metrics__utils__metric_utils={"SampleLevelMetricGrouping": SimpleNamespace},
        lighteval__tasks__requests={"SamplingMethod": SimpleNamespace(GENERATIVE="generative")},
    )
    for task, rows in TASKS:
        metric = module.star_metric(task)
        for row in rows:
            doc = SimpleNamespace(choices=[row["target"]], gold_index=0, specific=columns(row))
            answer = SimpleNamespace(text=[row["text"]], final_text=["cut"])
            found = metric.sample_level_fn.compute(doc, answer)
            assert (found["total"], list(found)) == (row["total"], metric.metric_name)
            assert set(found) >= COMMON
    doc = SimpleNamespace(choices=["B"], gold_index=0, specific={"task": "multiview"})
    with pytest.raises(DataError, match="'answer'"):
        module.star_metric("tvr").sample_level_fn.compute(doc, SimpleNamespace(text=["a"]))
    doc = SimpleNamespace(choices=["A", "B"], gold_index=[0, 1], specific=None)
    with pytest.raises(DataError, match="a row has 2 targets"):
        module.star_metric("multiview").sample_level_fn.compute(doc, SimpleNamespace(text=["a"]))


# --- beside files of other people -------------------------------------------------------------------------------------


@pytest.mark.parametrize("foreign", ["rewards", "parsers", "trainers"])
def test_adapters_work_beside_foreign_files(foreign, tmp_path):
    """A folder in which people train holds a ``rewards.py`` of theirs, which may import an adapter itself."""
    plain = [name for name in VERSIONS if name not in ("trl", "swift", "nemo_gym", "openenv", "skyrl")]
    lines = "".join(f"import star_r1.{name}\n" for name in plain)
    (tmp_path / f"{foreign}.py").write_text(f"WHO = 'somebody else'\n{lines}")
    program = (
        f"import {foreign}\nfrom star_r1.easyr1 import compute_score\nfrom star_r1.tvr import default\n"
        "item = {'response': '<think>a</think><answer>2.color.cyan</answer>', 'ground_truth': '2.color.cyan'}\n"
        f"print(compute_score([item])[0]['overall'], default([item['response']], target=['2.color.cyan']), {foreign}.WHO)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=False,
        env={"PYTHONPATH": f"{tmp_path}:{Path(__file__).parents[3]}", "PATH": "/usr/bin:/bin"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout == "6.0 [6.0] somebody else\n"


def test_no_adapter_loads_its_framework_or_torch():
    lines = "".join(f"import trainers.adapters.{name}\n" for name in VERSIONS)
    frameworks = (
        "torch",
        "trl",
        "verl",
        "swift",
        "openrlhf",
        "verifiers",
        "inspect_ai",
        "lighteval",
        "lmms_eval",
        "openenv",
    )
    program = f"import sys\n{lines}print([name for name in {frameworks} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_the_example_of_lmms_eval_reads_exported_rows(tmp_path, monkeypatch):
    """Messages as prompt, paths as images: lmms-eval wants text and images of Pillow."""
    image = pytest.importorskip("PIL.Image")
    monkeypatch.syspath_prepend(str(Path(__file__).parents[3] / "examples" / "lmms"))
    monkeypatch.delitem(sys.modules, "star", raising=False)
    star = importlib.import_module("star")
    monkeypatch.delitem(sys.modules, "star")
    image.new("RGBA", (3, 2)).save(tmp_path / "one.png")
    row = {"prompt": [{"role": "user", "content": "Which?"}], "images": [str(tmp_path / "one.png")]}
    assert (star.prompt(row), star.prompt({"prompt": "Which?"})) == ("Which?", "Which?")
    (found,) = star.images(row)
    assert (found.mode, found.size) == ("RGB", (3, 2))
    assert [each.size for each in star.images({"images": [found]})] == [(3, 2)]
    assert star.images({}) == []
