"""lmms-eval: `simple_evaluate` of tasks from YAML files, with a model that answers as it is told."""

from __future__ import annotations

import json
from pathlib import Path

from lmms_eval import evaluator
from lmms_eval.api.model import lmms
from lmms_eval.tasks import TaskManager

from results import QUESTIONS, TVR, report

YAML = """\
task: star_{task}
dataset_path: json
dataset_kwargs: {{data_files: {{test: {rows}}}}}
test_split: test
output_type: generate_until
reasoning_tags: none
doc_to_text: prompt
doc_to_visual: !function star.no_images
doc_to_target: target
process_results: !function star.process_{task}
generation_kwargs: {{max_new_tokens: 8}}
metric_list:
  - {{metric: star_total, aggregation: mean, higher_is_better: true}}
  - {{metric: star_correct, aggregation: mean, higher_is_better: true}}
"""
CODE = """\
from functools import partial
from star_r1.lmms import process_results
def no_images(doc): return []
process_tvr = partial(process_results, task="tvr")
process_multiview = partial(process_results, task="multiview")
"""


class Told(lmms):
    """A model that answers each row with the row's own text."""

    is_simple = True

    def __init__(self):
        super().__init__()
        self.batch_size_per_gpu, self.task_dict = 1, {}

    def generate_until(self, requests):
        return [self.task_dict[task][split][at]["text"] for *_, at, task, split in (each.args for each in requests)]

    def loglikelihood(self, requests):
        raise NotImplementedError

    generate_until_multi_round = loglikelihood


def main():
    folder = Path("lmms_tasks").resolve()
    folder.mkdir(exist_ok=True)
    (folder / "star.py").write_text(CODE, encoding="utf-8")
    for task, rows in (("tvr", TVR), ("multiview", QUESTIONS)):
        file = folder / f"{task}.jsonl"
        keys = ("id", "text", "gold" if task == "tvr" else "target", "references", "options")
        lines = [{name: row.get(name) for name in keys} | {"prompt": "q"} for row in rows]
        lines = [{("target" if name == "gold" else name): value for name, value in line.items()} for line in lines]
        file.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
        (folder / f"star_{task}.yaml").write_text(YAML.format(task=task, rows=file), encoding="utf-8")
    manager = TaskManager(include_path=str(folder), include_defaults=False)
    found = evaluator.simple_evaluate(
        model=Told(), tasks=["star_tvr", "star_multiview"], task_manager=manager, batch_size=1, log_samples=True,
        cli_args=None, bootstrap_iters=0,
    )  # fmt: skip
    for task, rows in (("tvr", TVR), ("multiview", QUESTIONS)):
        samples = sorted(found["samples"][f"star_{task}"], key=lambda each: each["doc_id"])
        report(
            f"simple_evaluate, {task}", rows, [each["star_total"] for each in samples], ["star_total", "star_correct"]
        )
        mean = sum(row["total"] for row in rows) / len(rows)
        assert abs(found["results"][f"star_{task}"]["star_total,none"] - mean) < 1e-9


if __name__ == "__main__":
    main()
