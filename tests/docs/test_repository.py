"""What stands twice in files that only other tools read: versions, and the names of make's targets."""

import re
import tomllib
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
WORKFLOW = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text())


def test_the_citation_names_this_version():
    assert yaml.safe_load((ROOT / "CITATION.cff").read_text())["version"] == PROJECT["project"]["version"]


def test_the_hooks_run_the_linter_that_the_project_pins():
    pins = [line for line in PROJECT["project"]["optional-dependencies"]["dev"] if line.startswith("ruff==")]
    revisions = {
        repo["repo"].rpartition("/")[2]: repo["rev"]
        for repo in yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"]
        if "rev" in repo
    }
    assert pins == [f"ruff=={revisions['ruff-pre-commit'].removeprefix('v')}"]


def test_the_workflow_calls_targets_that_there_are():
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    steps = [step.get("run", "") for job in WORKFLOW["jobs"].values() for step in job["steps"]]
    called = {target for run in steps for target in re.findall(r"\bmake ([a-z-]+)", run)}
    assert called
    assert called <= targets


def test_the_workflow_tests_the_oldest_python_that_the_project_takes():
    oldest = PROJECT["project"]["requires-python"].removeprefix(">=")
    assert oldest in WORKFLOW["jobs"]["test"]["strategy"]["matrix"]["python-version"]


def test_the_workflow_tests_both_ends_of_the_dependencies():
    """The lowest by a target of their own; the newest, because a fresh environment takes them."""
    runs = [step.get("run") for job in WORKFLOW["jobs"].values() for step in job["steps"]]
    assert {"make lint", "make test", "make test-floors", "make test-train"} <= {*runs}
    extras = PROJECT["project"]["optional-dependencies"]
    names = ("test", "train", "view", "serve", "scale")
    free = [*PROJECT["project"]["dependencies"], *(each for name in names for each in extras[name])]
    assert not [each for each in free if re.search(r"==|<|~=", each.partition(";")[0])]


def test_each_job_ends_and_keeps_what_it_downloads():
    for name, job in WORKFLOW["jobs"].items():
        assert "timeout-minutes" in job, name
        (python,) = [step for step in job["steps"] if step.get("uses", "").startswith("actions/setup-python")]
        assert python["with"]["cache"] == "pip"
        assert (ROOT / python["with"]["cache-dependency-path"]).is_file()
