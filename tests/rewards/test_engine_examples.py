"""The scripts in ``examples/`` that score tables in other engines print what `star score` finds."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.run.rewards import score_rewards

EXAMPLES = Path(__file__).parents[2] / "examples"
ROWS = EXAMPLES / "tvr_predictions.jsonl"


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["datasets", "polars", "ray"])
def test_example(engine, tmp_path):
    pytest.importorskip(engine)
    environment = {**os.environ, "PYTHONPATH": str(EXAMPLES.parent), "HF_HOME": str(tmp_path), "HF_HUB_OFFLINE": "1"}
    command = [sys.executable, str(EXAMPLES / f"score_{engine}.py"), str(ROWS)]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == f"64 of 64 rows, mean reward {score_rewards([str(ROWS)]).total.value:.6f}"
