"""Train to the end, then go on from every checkpoint of that run; prints what differs, and how many were compared.

``python -m tests.trainers.every_checkpoint [STAGE CONFIG]... [--FIELD VALUE]...``, also under torchrun and accelerate:
all runs are made in the same processes, since to start these costs more than a run does. The fields are those of the
resumed runs alone. The stage ``lengths`` is `tests.trainers.unequal_lengths`.
"""

import json
import sys
from itertools import takewhile
from pathlib import Path

from pyarrow.parquet import read_table

import tests.trainers.fsdp_on_cpu  # noqa: F401  FSDP on the CPU, where the launcher asks for it
from tests.trainers.unequal_lengths import lengths
from trainers.config import _read_yaml
from trainers.stages import train

TIMES = ("_time", "_runtime", "_per_second", "_seconds", "total_flos")


def logged(history, after):
    """Return what a run logged after a step, and the means of all of it."""
    return [
        {name: value for name, value in logs.items() if not name.endswith(TIMES)}
        for logs in history
        if logs["step"] > after or "train_loss" in logs
    ]


def saved(folder):
    from safetensors.torch import load_file

    (file,) = folder.glob("*model.safetensors")
    return {name: (tensor.dtype, tensor.float().numpy().tobytes()) for name, tensor in load_file(file).items()}


def differences(stage, settings, changed):
    """Yield a line for each difference, and last how much was compared."""
    whole = train(stage, settings | {"save_steps": 1, "save_strategy": "steps"})
    numbers = sorted(int(path.name.rpartition("-")[2]) for path in whole.folder.glob("checkpoint-*"))
    tables = sorted((whole.folder / "completions").glob("*.parquet"))
    for step in numbers:
        checkpoint = whole.folder / f"checkpoint-{step}"
        output = (
            f"{whole.folder}-again" if step < whole.step else str(whole.folder)
        )  # a finished run, in its own folder
        before = [path.read_bytes() for path in tables]
        again = train(
            stage,
            settings | {"save_strategy": "no", "output_dir": output},
            arguments=[*changed, "--resume_from_checkpoint", str(checkpoint)],
        )
        if not whole.first:
            continue
        expected, found = logged(whole.history, step), logged(again.history, step)
        for one, other in zip(expected, found, strict=False):
            if one != other:
                yield f"{step}: {one} became {other}"
        if len(expected) != len(found) or again.step != whole.step:
            yield f"{step}: {len(found)} logged steps to {again.step} instead of {len(expected)} to {whole.step}"
        one, other = saved(whole.folder), saved(again.folder)
        if one != other:
            yield f"{step}: {sum(one[name] != other.get(name) for name in one)} tensors differ"
        if step == whole.step and before != [path.read_bytes() for path in tables]:
            yield f"{step}: the tables of the finished run changed"
        for path in tables[step:]:
            other = again.folder / "completions" / path.name
            if not other.exists() and path is not tables[-1]:
                continue  # the next step with completions that were drawn before the checkpoint
            if read_table(path) != read_table(other):
                yield f"{step}: another table {path.name}"
    if whole.first:
        yield json.dumps({"compared": len(numbers), "steps": whole.step, "tables": len(tables)})


if __name__ == "__main__":
    runs = list(takewhile(lambda argument: not argument.startswith("--"), sys.argv[1:]))
    for stage, config in zip(runs[::2], runs[1::2], strict=True):
        settings = _read_yaml(config)
        found = lengths(settings) if stage == "lengths" else differences(stage, settings, sys.argv[1 + len(runs) :])
        for line in found:
            sys.stdout.write(f"found {Path(config).stem}: {line}\n")
            sys.stdout.flush()
