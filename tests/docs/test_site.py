"""The site builds, and the page of the command line is what the commands say now."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys

import pytest

from tests.docs.pages import HOME


def test_the_page_of_the_command_line_is_current():
    spec = importlib.util.spec_from_file_location("generate_cli", HOME / "docs" / "generate_cli.py")
    generate_cli = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(generate_cli)
    # Words and not lines are compared: versions of click break lines differently.
    committed, now = generate_cli.PAGE.read_text("utf-8").split(), generate_cli.render().split()
    assert committed == now, "run: python docs/generate_cli.py"
    for command in ("doctor", "explain", "score"):
        assert f"### star {command}\n" in generate_cli.render()


@pytest.mark.slow
def test_the_site_builds_without_a_warning(tmp_path):
    pytest.importorskip("material", reason="mkdocs-material is in the extra docs")
    pytest.importorskip("mkdocstrings")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "-q", "-d", str(tmp_path)]
    done = subprocess.run(command, cwd=HOME, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "Holes of the literal formula" in (tmp_path / "paper.html").read_text("utf-8")
    assert 'id="rewards.functions.tvr_reward"' in (tmp_path / "api.html").read_text("utf-8")
    assert not (tmp_path / "generate_cli.py").exists()
    for page in tmp_path.rglob("*.html"):  # also images of plain HTML, of which mkdocs knows nothing
        for source in re.findall(r'<img[^>]* src="([^":]+)"', page.read_text("utf-8")):
            assert page.name == "404.html" or (page.parent / source).is_file(), f"{page.name}: {source}"


def test_the_reference_names_everything_that_other_programs_import():
    import benchmarks
    import rewards

    named = set(re.findall(r"^::: [\w.]+\.(\w+)$", (HOME / "docs" / "api.md").read_text("utf-8"), re.MULTILINE))
    assert set(rewards.__all__) - {"TVR"} <= named
    assert set(benchmarks.__all__) | {"audit", "train"} <= named


def test_every_page_and_every_decision_can_be_found():
    settings = (HOME / "mkdocs.yml").read_text("utf-8")
    listed = set(re.findall(r"[\w/-]+\.md", settings[settings.index("\nnav:") :]))
    assert {page.name for page in (HOME / "docs").glob("*.md")} <= listed
    decisions = (HOME / "docs" / "adr" / "index.md").read_text("utf-8")
    assert all(f"({page.name})" in decisions for page in (HOME / "docs" / "adr").glob("0*.md"))
