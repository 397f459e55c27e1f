from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest
from click.testing import CliRunner

from star_cli import doctor
from star_cli.doctor import check_installation, check_template, check_trainer, parse_requirement, read_adapter
from star_cli.main import star
from trainers.adapters import VERSIONS

HOME = Path(doctor.__file__).parent.parent


def run(*args, code=0):
    result = CliRunner().invoke(star, ["doctor", *args], env={"COLUMNS": "200", "NO_COLOR": "1"})
    assert result.exit_code == code, result.output
    return result.output


def by_topic(found):
    return {each.topic: each for each in found}


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Return what puts a distribution onto the import path, with its metadata and files, as pip would."""

    def install(name, version, *, requires=(), files=()):
        info = tmp_path / "site" / f"{name.replace('-', '_')}-{version}.dist-info"
        info.mkdir(parents=True)
        lines = [f"Requires-Dist: {each}" for each in requires]
        (info / "METADATA").write_text(
            "\n".join(["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}", *lines])
        )
        (info / "RECORD").write_text("".join(f"{file},,\n" for file in files))
        for file in files:
            (tmp_path / "site" / file).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / "site" / file).touch()
        monkeypatch.syspath_prepend(str(tmp_path / "site"))
        if files:  # the names stay ours: the folder of this project comes first
            monkeypatch.syspath_prepend(str(HOME))

    return install


def test_all_is_well(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    found = by_topic(check_installation(tmp_path))
    assert found["numpy"] == ("numpy", "ok", metadata.version("numpy"), "")
    assert {"python", "star-r1", "scipy", "lark", "extra train", "names", "CUDA"} <= set(found)
    assert not [each for each in found.values() if each.status == "wrong"]
    assert run().count("\n") >= len(found)


def test_json(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    data = json.loads(run("--json", "--trainer", "verl"))
    assert {each["topic"] for each in data["findings"]} >= {"python", "numpy", "names", "verl"}
    assert (data["trainer"]["package"], data["trainer"]["file"]) == ("verl", None)
    assert json.loads(run("--json"))["trainer"] is None


@pytest.mark.parametrize("name", ["rewards.py", "parsers.py", "rewards/__init__.py"])
def test_a_file_of_that_name_where_scripts_run(tmp_path, monkeypatch, name):
    file = tmp_path / name
    file.parent.mkdir(exist_ok=True)
    file.touch()
    monkeypatch.chdir(tmp_path)
    output = run(code=1)
    assert f"{file} hides our package '{name[:7]}'" in output
    assert "from star_r1 import" in output


def test_a_folder_without_code_hides_nothing(tmp_path):
    (tmp_path / "rewards").mkdir()
    assert by_topic(check_installation(tmp_path))["names"].status == "ok"


def test_a_package_of_that_name_on_the_import_path(tmp_path, monkeypatch):
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "rewards.py").touch()
    monkeypatch.syspath_prepend(str(tmp_path / "other"))
    assert by_topic(check_installation(tmp_path))["rewards"].status == "wrong"


def test_a_distribution_that_installs_a_package_of_that_name(tmp_path, install):
    install("rewards", "0.1.1", files=["rewards/__init__.py", "rewards/agent.py"])
    found = by_topic(check_installation(tmp_path))["rewards"]
    assert (found.status, found.text) == ("wrong", "the distribution 'rewards' also installs a package 'rewards'")
    assert found.advice.startswith("pip uninstall rewards")


def test_versions_and_extras_come_from_the_metadata(tmp_path, install):
    asked = [
        "numpy>=1.26",
        "scipy>=99.0",
        "nowhere>=1.0",
        'torch>=2.6; extra == "train"',
        'nobody>=1.16; extra == "train"',
    ]
    install("star-r1", "7.8", requires=[*asked, 'pytest>=8; extra == "test"'])
    install("torch", "2.4.1+cpu")
    found = by_topic(check_installation(tmp_path))
    assert found["star-r1"].text.startswith("7.8 ")
    assert found["numpy"].status == "ok"
    assert found["scipy"].status == "wrong"
    assert found["scipy"].text.endswith("is older than 99.0")
    assert (found["nowhere"].status, found["nowhere"].text) == ("wrong", "not installed")
    assert found["extra train"].text == "torch 2.4.1+cpu; not installed: nobody; too old: torch"
    assert "extra test" not in found


@pytest.mark.parametrize(
    ("version", "minimum", "older"),
    [
        ("2.0", "2.0.0", False),
        ("2.14.3", "2.7", False),
        ("1.9", "1.26", True),
        ("2.6.0rc1+cpu", "2.6", False),
        ("3", "", False),
    ],
)
def test_versions_compare_by_number(version, minimum, older):
    assert doctor._is_older(version, minimum) is older


def test_requirements_with_extras_and_markers():
    assert parse_requirement("transformers[torch]>=5.0 ; extra == 'train'") == ("transformers", "5.0", "train")
    assert parse_requirement('tomli>=2.0; python_version < "3.11"') == ("tomli", "2.0", None)
    assert parse_requirement("star-r1[test]; extra == 'dev'") == ("star-r1", "", "dev")


@pytest.mark.parametrize(
    ("template", "status", "said"),
    [
        ("{{ messages[0].content }}{% if add_generation_prompt %}<think>{% endif %}", "ok", "opens <think> itself"),
        ("{{ messages[0].content }}{% if add_generation_prompt %}A:{% endif %}", "ok", "does not open <think>"),
        ("{{ messages[0].content }}{% if add_generation_prompt %}<think></think>{% endif %}", "wrong", "no reasoning"),
        ("{% if %}", "wrong", "does not render"),
    ],
)
def test_chat_template(tmp_path, template, status, said):
    pytest.importorskip("jinja2")
    (tmp_path / "chat_template.jinja").write_text(template)
    (found,) = check_template(tmp_path)
    assert found.status == status
    assert said in found.text
    output = run("--model", str(tmp_path), code=int(status == "wrong"))
    assert said in output


def test_chat_template_in_a_file_of_its_own(tmp_path):
    (tmp_path / "t.json").write_text(
        '{"chat_template": "{{ messages[0].content }}{% if add_generation_prompt %}{% endif %}"}'
    )
    assert "does not open <think>" in run("--chat-template", str(tmp_path / "t.json"))
    assert "there is no chat template" in run("--model", str(tmp_path), code=1)


def test_a_template_that_can_be_switched(tmp_path):
    pytest.importorskip("jinja2")
    text = (
        "{{ messages[0].content }}{% if add_generation_prompt and enable_thinking is false %}<think></think>{% endif %}"
    )
    (tmp_path / "chat_template.jinja").write_text(text)
    (found,) = check_template(tmp_path)
    assert found.status == "ok"
    assert "with enable_thinking=False it writes <think> and </think> itself" in found.text


@pytest.mark.parametrize("name", VERSIONS)
def test_an_adapter_is_printed_whole(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    output = run("--trainer", name)
    source = (HOME / "trainers" / "adapters" / f"{name}.py").read_text("utf-8")
    assert source.rstrip() in output
    assert f"# {' '.join(VERSIONS[name])}\n" in output


def test_the_trainer_of_another_version(install):
    install("verl", "0.8.0")
    (found,) = check_trainer(read_adapter("verl"))
    assert (found.status, found.text) == ("note", "0.8.0; the lines below are for 0.9.1")


def test_gpus_are_counted_by_the_driver(monkeypatch):
    class Driver:
        def __init__(self, name):
            if name != "libcuda.so.1":
                raise OSError(name)

        def cuInit(self, flags):  # noqa: N802
            return 0

        def cuDeviceGetCount(self, count):  # noqa: N802
            count._obj.value = 2
            return 0

    monkeypatch.setattr(doctor.ctypes, "CDLL", Driver)
    assert doctor.count_gpus() == 2
    monkeypatch.setattr(doctor, "installed", lambda name: None)
    assert doctor._gpu().text == "GPUs to be seen: 2"
    monkeypatch.setattr(doctor, "installed", lambda name: "2.6.0+cpu")
    assert "is built for the CPU" in doctor._gpu().text


def test_nothing_heavy_is_loaded():
    heavy = {"torch", "trl", "transformers", "lark", "numpy", "scipy", "rewards"}
    code = f"""
import sys
from star_cli.main import star
star(['doctor'], standalone_mode=False)
print(sorted({heavy} & set(sys.modules)))
"""
    env = os.environ | {"PYTHONPATH": str(HOME)}
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, env=env)
    assert done.stdout.splitlines()[-1] == "[]"


def test_a_trainers_file_is_written_and_no_other_is_replaced(tmp_path):
    said = run("--trainer", "openrlhf", "--write", str(tmp_path))
    assert f"# written: {tmp_path / 'star_openrlhf.py'}" in said
    assert "def reward_func" not in said
    written = tmp_path / "star_openrlhf.py"
    assert written.read_text() == "from star_r1.openrlhf import reward_func\n" == read_adapter("openrlhf").code
    run("--trainer", "openrlhf", "--write", str(tmp_path))  # the same again is fine
    written.write_text("mine = 1\n")
    assert "exists already and differs" in run("--trainer", "openrlhf", "--write", str(tmp_path), code=1)
    assert written.read_text() == "mine = 1\n"
    assert "--write needs --trainer" in run("--write", str(tmp_path), code=2)
    assert "verl needs no file" in run("--trainer", "verl", "--write", str(tmp_path), code=1)
