"""A lighteval task of a folder ``rows`` with a file ``test.jsonl``, as `star data export --to trl` writes it.

lighteval accelerate "model_name=..." star_tvr --custom-tasks examples/lighteval_task.py
"""

from lighteval.tasks.lighteval_task import LightevalTaskConfig
from lighteval.tasks.requests import Doc

from star_r1.lighteval import star_metric


def prompt(line: dict, task_name: str) -> Doc:
    specific = {name: line.get(name) for name in ("references", "relations", "options")}
    asked = line["prompt"]
    text = asked if isinstance(asked, str) else "\n".join(message["content"] for message in asked)
    return Doc(task_name=task_name, query=text, choices=[line["target"]], gold_index=0, specific=specific)


TASKS_TABLE = [
    LightevalTaskConfig(
        name="star_tvr",
        prompt_function=prompt,
        hf_repo="rows",  # or the data set's name on the hub
        hf_subset="default",
        metrics=[star_metric("tvr")],
        evaluation_splits=["test"],
        generation_size=1024,
    )
]
