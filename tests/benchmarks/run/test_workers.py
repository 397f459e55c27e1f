"""Worker processes: they end with the run that started them."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from benchmarks.run.workers import worker_pool
from rewards.errors import ConfigError

ROOT = Path(__file__).parents[3]
LIMIT = 300  # seconds to wait for what must happen
SCRIPT = """
import os, sys, time
from pathlib import Path
from benchmarks.run.workers import worker_pool

def work(folder):
    (Path(folder) / str(os.getpid())).touch()
    time.sleep(600)

if __name__ == "__main__":
    with worker_pool(2) as pool:
        for job in [pool.submit(work, sys.argv[1]) for _ in range(4)]:
            job.result()
"""

pytestmark = [pytest.mark.slow, pytest.mark.skipif(os.name == "nt", reason="signals of Unix")]


def wait_for(reached):
    limit = time.monotonic() + LIMIT
    while not reached():
        assert time.monotonic() < limit
        time.sleep(0.05)


def alive(process):
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    state = Path(f"/proc/{process}/stat")
    return not state.exists() or state.read_text().rpartition(")")[2].split()[0] != "Z"


@pytest.fixture
def run(tmp_path):
    """Return a run and its two workers, all of them in the midst of their work."""
    (tmp_path / "script.py").write_text(SCRIPT)
    (tmp_path / "at_work").mkdir()
    command = [sys.executable, str(tmp_path / "script.py"), str(tmp_path / "at_work")]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        command, env=environment, start_new_session=True, stderr=subprocess.PIPE, text=True
    ) as process:
        wait_for(lambda: len(list((tmp_path / "at_work").iterdir())) == 2)
        yield process, [int(path.name) for path in (tmp_path / "at_work").iterdir()]
        if any(map(alive, [process.pid])):
            os.killpg(process.pid, signal.SIGKILL)


def test_workers_end_when_the_run_is_killed(run):
    process, workers = run
    assert all(map(alive, workers))
    process.kill()
    wait_for(lambda: not any(map(alive, workers)))


def test_an_interrupt_at_the_terminal_ends_all_at_once(run):
    process, workers = run
    os.killpg(process.pid, signal.SIGINT)
    wait_for(lambda: not any(map(alive, workers)))
    _, told = process.communicate(timeout=LIMIT)
    assert told.count("Traceback") == 1  # the run's own
    assert told.rstrip().endswith("KeyboardInterrupt")


def test_a_worker_that_is_killed_is_told():
    with pytest.raises(ConfigError, match="a worker was killed"), worker_pool(1) as pool:
        pool.submit(os._exit, 1).result()


def test_a_worker_begins_as_asked():
    with worker_pool(1, os.putenv, ("STAR_R1_BEGUN", "yes")) as pool:
        assert pool.submit(os.system, "test $STAR_R1_BEGUN = yes").result() == 0
