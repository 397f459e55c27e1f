"""The notebook of `examples/` runs from its first cell to its last; the cells that train, where TRL is installed."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from tests.docs.pages import HOME

NOTEBOOK = json.loads((HOME / "examples" / "tour.ipynb").read_text("utf-8"))
CELLS = [cell for cell in NOTEBOOK["cells"] if cell["cell_type"] == "code"]


def run(cells, last):
    """Run cells in a process of its own, from the root of the checkout, and then print *last*."""
    program = "\n".join("".join(cell["source"]) for cell in cells)
    environment = os.environ | {"PYTHONPATH": str(HOME), "HF_HUB_OFFLINE": "1"}
    command = [sys.executable, "-c", f"{program}\n{last}"]
    done = subprocess.run(command, cwd=HOME, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


def trains(cell):
    return "train" in cell["metadata"].get("tags", ())


def test_it_holds_no_results_of_somebody_else():
    assert all(cell["outputs"] == [] and cell["execution_count"] is None for cell in CELLS)


def test_every_cell_runs():
    said = run(
        [cell for cell in CELLS if not trains(cell)],
        "print(wires(['<think>b</think><answer>a1 -> b2</answer>'], target=['a1 -> b2']))",
    )
    assert "repeat: writes the right answer twice" in said
    assert "exact" in said
    assert said.endswith("[6.0]\n")


@pytest.mark.slow
def test_the_step_of_grpo():
    pytest.importorskip("trl")
    said = run(CELLS, "print(sorted(logged))")
    assert "rewards/tvr_accuracy_reward/mean" in said
