"""Rows of three kinds of tasks and what they earn, for programs that score for the first time."""

from rewards import score_batch

ROWS = {
    "tvr": ("<think>b</think><answer>2.color.cyan, 0.shap.cube</answer>", "2.color.cyan", {}),
    "multiview": (
        "<think>View 1: [sofa, chair, left]\nView 2: [lamp, chair, left]</think><answer>B</answer>",
        "B",
        {"references": [[["sofa"], ["lamp"]]]},
    ),
    "scene_graph": ("<think>b</think><answer>x</answer>", "", {}),
}


def total(task):
    text, target, columns = ROWS[task]
    return float(score_batch([text], [target], task=task, **columns).total[0])


def totals(_=None):
    return [total(task) for task in ROWS]


EXPECTED = [5.0, 1.5, 1.0]
