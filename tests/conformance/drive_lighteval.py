"""lighteval: `apply_metric` on documents and model responses."""

from __future__ import annotations

import numpy as np
from lighteval.metrics import apply_metric
from lighteval.models.model_output import ModelResponse
from lighteval.tasks.requests import Doc

from star_r1.lighteval import star_metric
from results import QUESTIONS, TVR, report, same_keys


def main():
    for task, rows, column in (
        ("tvr", TVR, "gold"),
        ("multiview", QUESTIONS, "target"),
        ("multiview", QUESTIONS, "gold"),
    ):
        extra = [
            {name: row.get(name) for name in ("references", "options")} if column == "target" else None for row in rows
        ]
        docs = [
            Doc(query="q", choices=[row[column]], gold_index=0, specific=each)
            for row, each in zip(rows, extra, strict=True)
        ]
        metric = star_metric(task)
        found = apply_metric([ModelResponse(text=[row["text"]]) for row in rows], docs, [metric])
        report(
            f"apply_metric, {task}, {column}",
            rows,
            [each["total"] for each in found],
            same_keys(found, ("total", "correct")),
        )
        means = metric.get_corpus_aggregations()
        assert np.isclose(means["total"]([each["total"] for each in found]), np.mean([row["total"] for row in rows]))


if __name__ == "__main__":
    main()
