"""lighteval: a metric for a task of yours.

    from star_r1.lighteval import star_metric
    LightevalTaskConfig(..., metrics=[star_metric("tvr")])

A `Doc`'s gold choice is the target, '2.color.cyan, 0.shape.cube'; its ``specific`` may hold references, relations and
options. The whole text is scored, not lighteval's ``final_text``, from which the reasoning is cut.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from trainers.adapters.score_row import flat_names, flat_row, only, score_row


def star_metric(task: str = "tvr", **settings: Any) -> Any:
    """Return as metrics what `Score.flat` holds for a task; settings are those of `score_completion`."""
    from lighteval.metrics.metrics_sample import SampleLevelComputation
    from lighteval.metrics.utils.metric_utils import SampleLevelMetricGrouping
    from lighteval.tasks.requests import SamplingMethod

    names = flat_names([task], **settings)

    class StarScore(SampleLevelComputation):  # type: ignore[misc]
        """What `score_completion` gives for one completion."""

        def compute(self, doc: Any, model_response: Any, **_: Any) -> dict[str, float]:
            target = doc.choices[doc.gold_index if isinstance(doc.gold_index, int) else only(doc.gold_index)]
            score = score_row(model_response.text[0], target, doc.specific, task=task, **settings)
            return flat_row(score, names)

    return SampleLevelMetricGrouping(
        metric_name=list(names),
        higher_is_better=dict.fromkeys(names, True),
        category=SamplingMethod.GENERATIVE,
        sample_level_fn=StarScore(),
        corpus_level_fn=dict.fromkeys(names, np.mean),
    )
