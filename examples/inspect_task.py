"""An inspect_ai task of a file of rows: ``inspect eval examples/inspect_task.py -T rows=rows.jsonl --model MODEL``.

Rows are those of `star data export --to trl`, or any with prompt, target and, of questions, references and options.
"""

from inspect_ai import Task, task
from inspect_ai.dataset import FieldSpec, json_dataset
from inspect_ai.solver import generate

from star_r1.inspect import star_scorer


@task
def star_tvr(rows: str, name: str = "tvr", preset: str = "default") -> Task:
    fields = FieldSpec(input="prompt", target="target", metadata=["references", "relations", "options", "task"])
    return Task(dataset=json_dataset(rows, fields), solver=generate(), scorer=star_scorer(name, preset=preset))
