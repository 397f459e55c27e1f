"""One command, with each of its calls failing in each way, and what came of it when the command was given again."""

import io
import json
import os
import re
import shutil
import signal
import sys
import tempfile
from collections import Counter
from contextlib import redirect_stderr, redirect_stdout, suppress
from pathlib import Path
from select import select
from typing import NamedTuple

from tests.faults.commands import COMMANDS
from tests.faults.inject import DEAD, WAYS, Faults

# The only lines of ours that open files to write, bring them to the disk or rename them.
WRITERS = ("benchmarks/files/write.py", "benchmarks/files/lock.py")
PATIENCE = 20  # seconds after which a command hangs


class Ran(NamedTuple):
    """How a process ended: its exit code, what it said, and the calls that were counted."""

    code: int
    said: str
    points: list


class Outcome(NamedTuple):
    """What came of all failures of one command.

    Attributes:
        points: calls that failed, one at a time.
        lines: lines of ours that make them.
        runs: points times ways.
        ends: how often what happened afterwards: the same output ``at once``, ``again`` (the same command), or after
            ``--overwrite``, as one line said.
        left: hidden files that were still there after that.
        wrong: what must not be.
    """

    points: list
    lines: set
    runs: int
    ends: Counter
    left: int
    wrong: list


def run(folder, arguments, at=None, way=""):
    """Run a command in a child of this process, which has imported all that it needs."""
    reader, writer = os.pipe()
    sys.stdout.flush()
    child = os.fork()
    if child == 0:
        os.close(reader)
        code, said, faults = 1, io.StringIO(), Faults(folder / "out", at, way)
        try:
            from star_cli.main import star

            faults.install()
            with redirect_stdout(io.StringIO()), redirect_stderr(said):
                star.main(arguments, prog_name="star")
        except SystemExit as ended:
            code = ended.code if isinstance(ended.code, int) else 0
        except BaseException as error:  # noqa: BLE001  whatever it is, it is told
            said.write(f"Traceback: {type(error).__name__}: {error}")
        told = json.dumps([code, said.getvalue(), faults.points]).encode()
        while told:
            told = told[_plain_write(writer, told) :]
        os._exit(0)
    os.close(writer)
    told = b""
    with os.fdopen(reader, "rb", buffering=0) as pipe:
        while select([pipe], [], [], PATIENCE)[0]:
            if not (some := pipe.read(1 << 16)):
                break
            told += some
        else:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            return Ran(-1, "it hangs", [])
    _, status = os.waitpid(child, 0)
    if told:
        return Ran(*json.loads(told))
    return Ran(os.waitstatus_to_exitcode(status), "", [])


_plain_write = os.write


def contents(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not any(part.startswith(".") for part in path.relative_to(folder).parts)
    }


def hidden(folder):
    return [
        path for path in folder.rglob(".*") if path.name.endswith((".partial", ".lock", ".journal")) or path.is_dir()
    ]


def one_line(said):
    lines = [line for line in said.splitlines() if line.strip()]
    return bool(lines) and lines[-1].startswith("Error: ") and "Traceback" not in said


def try_all(name, every=1):
    """Let each call of a command fail in each way; or every so many of these pairs."""
    prepare, line = COMMANDS[name]
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
            prepare(folder)
        arguments = [word.replace("{}", str(folder)) for word in line.split(" ")]
        out = folder / "out"

        def afresh():
            shutil.rmtree(out, ignore_errors=True)
            out.mkdir()

        _load_all(arguments, afresh)
        afresh()
        whole = run(folder, arguments)
        expected = contents(out)
        wrong = [] if whole.code == 0 and expected and not hidden(out) else [f"undisturbed: {whole.code} {whole.said}"]
        wrong += [
            f"{call} of {path} by {place}"
            for call, path, place in whole.points
            if call in ("open", "fsync", "rename", "replace") and place.partition(":")[0] not in WRITERS
        ]
        ends, left, runs = Counter(), 0, 0
        pairs = [(at, way) for at in range(len(whole.points)) for way in WAYS][::every]
        for at, way in pairs:
            afresh()
            first = run(folder, arguments, at, way)
            end, remains = _judge(folder, arguments, first, way, expected)
            runs, left = runs + 1, left + remains
            ends[end] += 1
            if end.startswith("wrong"):
                wrong.append(f"{way} in call {at}, {whole.points[at]}: {end}: {first.said[-300:]}")
    return Outcome(whole.points, {(call, place) for call, _, place in whole.points}, runs, ends, left, wrong)


def _load_all(arguments, afresh):
    """Run the command once here, so that its children have imported what it imports."""
    from star_cli.main import star

    afresh()
    with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()), suppress(SystemExit):
        star.main(arguments, prog_name="star")


def _judge(folder, arguments, first, way, expected):
    """Say what came of a failure, giving the same command again where it was one; and how many files it left hidden."""
    out = folder / "out"
    if way == "dies":
        if first.code != DEAD:
            return f"wrong: it did not die but ended with {first.code}", 0
    elif first.code == 0:
        return ("at once" if contents(out) == expected else "wrong: no error, other files"), len(hidden(out))
    elif not one_line(first.said):
        return "wrong: no line that says what is wrong", 0
    second = run(folder, arguments)
    if second.code == 0:
        return ("again" if contents(out) == expected else "wrong: other files when run again"), len(hidden(out))
    if not one_line(second.said):
        return f"wrong: again, no line that says what is wrong: {second.said[-300:]}", 0
    if contents(out) == expected and "already exists" in second.said:
        return "all there, and told so", len(hidden(out))
    if re.search("--overwrite", second.said):
        third = run(folder, [*arguments, "--overwrite"])
        same = third.code == 0 and contents(out) == expected
        return ("with --overwrite, as told" if same else f"wrong: also with --overwrite: {third.said[-300:]}"), len(
            hidden(out)
        )
    return f"wrong: again: {second.said[-300:]}", 0
