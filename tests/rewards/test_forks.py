"""Scoring for the first time in many threads, in forked and in fresh processes, and under asyncio."""

import ast
import json
import multiprocessing
import subprocess
import sys
import textwrap
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pytest

from rewards import ConfigError, warm_up
from tests.rewards.first_scores import EXPECTED, ROWS, totals

ROOT = Path(__file__).parents[2]


def fresh(program, *arguments, seconds=120):
    """Run a program in a process in which nothing was scored yet; return what it prints, as JSON."""
    head = """
        import asyncio, json, os, random, signal, sys, threading, time
        from concurrent.futures import ThreadPoolExecutor
        from rewards import warm_up
        from tests.rewards.first_scores import EXPECTED, ROWS, total, totals
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(head) + textwrap.dedent(program), *map(str, arguments)],
        capture_output=True, text=True, timeout=seconds, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return json.loads(done.stdout)


def test_what_is_scored_here_is_as_expected():
    assert totals() == EXPECTED


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(__import__("os"), "fork"), reason="there is no fork here")
@pytest.mark.parametrize("task", ROWS)
def test_a_fork_while_a_thread_scores_for_the_first_time_hangs_no_child(task):
    """The main thread forks again and again while another one imports and builds: each child can score."""
    found = fresh(
        """
        import warnings
        warnings.simplefilter("ignore", DeprecationWarning)  # of forks while there are threads
        task = sys.argv[1]
        thread = threading.Thread(target=total, args=(task,))
        thread.start()
        children = []
        while (thread.is_alive() or not children) and len(children) < 8:
            child = os.fork()
            if child == 0:
                os._exit(0 if total(task) == EXPECTED[list(ROWS).index(task)] else 1)
            children.append(child)
            time.sleep(random.random() / 100)
        thread.join()
        hung, wrong, until = 0, 0, time.monotonic() + 90
        for child in children:
            while True:
                done, status = os.waitpid(child, os.WNOHANG)
                if done:
                    wrong += status != 0
                    break
                if time.monotonic() > until:
                    os.kill(child, signal.SIGKILL)
                    os.waitpid(child, 0)
                    hung += 1
                    break
                time.sleep(0.01)
        print(json.dumps([len(children) > 0, hung, wrong]))
        """,
        task,
    )
    assert found == [True, 0, 0]


def test_32_threads_score_for_the_first_time_at_once():
    found = fresh(
        """
        together = threading.Barrier(32)
        def work(number):
            together.wait()
            return total(list(ROWS)[number % 3])
        with ThreadPoolExecutor(32) as pool:
            print(json.dumps(list(pool.map(work, range(32)))))
        """
    )
    assert found == [EXPECTED[number % 3] for number in range(32)]


def test_asyncio():
    """In the loop itself and in its threads, for the first time."""
    found = fresh(
        """
        async def run():
            mine = [asyncio.to_thread(total, task) for task in list(ROWS) * 4]
            return [*await asyncio.gather(*mine), *totals()]
        print(json.dumps(asyncio.run(run())))
        """
    )
    assert found == EXPECTED * 5


# Under `load_task`, which holds the lock; while `rewards` is imported; and loaders of files, which nobody scores with.
HELD = {
    "rewards/__init__.py",
    "rewards/tasks/cases.py",
    "rewards/tasks/load.py",
    "rewards/yaml_files.py",
    "rewards/frames.py",
}


def test_every_import_of_a_first_time_is_under_the_lock():
    """No function of the two packages imports without it, so that the next one that does is found here."""
    free, held = [], 0
    for path in sorted([*(ROOT / "parsers").rglob("*.py"), *(ROOT / "rewards").rglob("*.py")]):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        locked = {
            id(inner)
            for each in ast.walk(tree)
            if isinstance(each, ast.With) and ast.unparse(each.items[0].context_expr) == "FIRST_TIME"
            for inner in ast.walk(each)
        }
        lazy = [
            inner
            for each in ast.walk(tree)
            if isinstance(each, ast.FunctionDef)
            for inner in ast.walk(each)
            if isinstance(inner, ast.Import | ast.ImportFrom)
        ]
        held += sum(id(each) in locked for each in lazy)
        name = path.relative_to(ROOT).as_posix()
        free += [f"{name}:{each.lineno}" for each in lazy if id(each) not in locked and name not in HELD]
    assert not free
    assert held > 20


@pytest.mark.parametrize("method", ["spawn", "fork", "forkserver"])
def test_worker_processes(method):
    if method not in multiprocessing.get_all_start_methods():
        pytest.skip(f"there is no {method} here")
    warm_up()
    with ProcessPoolExecutor(2, multiprocessing.get_context(method)) as pool:
        assert list(pool.map(totals, range(6))) == [EXPECTED] * 6


# Warming up


def test_after_it_nothing_is_imported_or_built():
    """What it prints are the modules that scoring imports afterwards; a grammar that is built ends it."""
    found = fresh(
        """
        import lark
        warm_up("tvr", "multiview", "scene_graph")
        before = set(sys.modules)
        def built(*_, **__): raise AssertionError("a grammar is built")
        lark.Lark.__init__ = built
        assert totals() == EXPECTED
        print(json.dumps(sorted(set(sys.modules) - before)))
        """
    )
    assert found == []


def test_a_task_that_there_is_not():
    with pytest.raises(ConfigError, match="unknown task 'tvx'"):
        warm_up("tvx")


def test_no_module_waits_for_the_lock_while_it_is_imported():
    """Else two threads could wait for each other: one for the lock, the other for the module."""
    found = fresh(
        """
        from pkgutil import walk_packages
        from importlib import import_module
        from parsers.first_time import FIRST_TIME
        for name in list(sys.modules):
            if name.startswith(("parsers.", "rewards.")) and name != "parsers.first_time":
                del sys.modules[name]
        held, done = threading.Event(), threading.Event()
        def hold():
            with FIRST_TIME:
                held.set()
                done.wait(60)
        threading.Thread(target=hold, daemon=True).start()
        held.wait()
        names = [module.name for package in ("parsers", "rewards") for module in walk_packages(import_module(package).__path__, f"{package}.")]
        def load():
            for name in names:
                import_module(name)
            done.set()
        thread = threading.Thread(target=load, daemon=True)
        thread.start()
        thread.join(50)
        print(json.dumps([done.is_set(), len(names) > 20]))
        """
    )
    assert found == [True, True]
