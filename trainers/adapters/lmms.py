"""lmms-eval: `process_results` of a task's YAML file, with a file beside it, since ``!function`` reads from there.

    # star.py
    from star_r1.lmms import process_results
    no_images = lambda doc: []

    # star_tvr.yaml
    task: star_tvr
    dataset_path: json
    dataset_kwargs: {data_files: {test: rows.jsonl}}
    test_split: test
    output_type: generate_until
    reasoning_tags: none            # the command line's default strips the reasoning, and with it the format
    doc_to_text: prompt
    doc_to_visual: !function star.no_images
    doc_to_target: target
    process_results: !function star.process_results
    metric_list:
      - {metric: star_total, aggregation: mean, higher_is_better: true}
      - {metric: star_correct, aggregation: mean, higher_is_better: true}

Settings are given in that file: ``process_results = partial(star_r1.lmms.process_results, task="multiview")``. A row of
the data holds target, and of questions references and options.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rewards.errors import DataError
from trainers.adapters.score_row import score_row

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


def process_results(doc: Mapping[str, Any], results: Sequence[str], **settings: Any) -> dict[str, float | str | None]:
    """Return ``star_total``, ``star_correct``, ... of one row's completion, ``star_PART`` of each part, ``star_fault``.

    Those that the task's ``metric_list`` names are averaged; the samples that lmms-eval logs hold them all.
    """
    if len(results) != 1:
        raise DataError(f"a row has {len(results)} results; one completion is scored at a time: set repeats to 1")
    score = score_row(results[0], doc.get("target"), doc, **settings)
    fault = None if score.fault is None else score.fault.code
    return {f"star_{name}": value for name, value in score.flat().items()} | {"star_fault": fault}
