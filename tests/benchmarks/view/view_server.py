"""`star view` as people start it, in a process of its own."""

import os
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

HOME = Path(__file__).resolve().parents[3]


@contextmanager
def served(*arguments):
    """Serve while the block runs, and give the address."""
    command = [sys.executable, "-m", "star_cli", "view", *map(str, arguments), "--no-open", "--quiet"]
    environment = os.environ | {"PYTHONPATH": str(HOME), "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        line = process.stdout.readline()
        try:
            assert line.startswith("http://127.0.0.1:"), line + process.stderr.read()
            yield line.split()[0]
        finally:
            process.terminate()
            process.communicate(timeout=300)
