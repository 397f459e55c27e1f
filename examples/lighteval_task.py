"""A lighteval task of a data set with prompt and target.

lighteval accelerate "model_name=..." star_tvr --custom-tasks examples/lighteval_task.py
"""

from lighteval.tasks.lighteval_task import LightevalTaskConfig
from lighteval.tasks.requests import Doc

from star_r1.lighteval import star_metric


def prompt(line: dict, task_name: str) -> Doc:
    specific = {name: line.get(name) for name in ("references", "relations", "options")}
    return Doc(task_name=task_name, query=line["prompt"], choices=[line["target"]], gold_index=0, specific=specific)


TASKS_TABLE = [
    LightevalTaskConfig(
        name="star_tvr",
        prompt_function=prompt,
        hf_repo="json",  # or the data set's name on the hub
        hf_subset="default",
        metrics=[star_metric("tvr")],
        evaluation_splits=["test"],
        generation_size=1024,
    )
]
