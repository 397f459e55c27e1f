"""Two small runs of TVR with hostile text, and what is made of them."""

import json

from benchmarks import evaluate
from tests.json_lines import write as write_rows

HOSTILE = "</pre><script>alert('x')</script><img src=x onerror=alert(1)>\"'&amp;"
CUBE = {"color": "red", "shape": "cube", "size": "small", "material": "glass", "position": [0, 0]}
BALL = {"color": "blue", "shape": "sphere", "size": "small", "material": "metal", "position": [15, 0]}


def tvr_rows(answers, **columns):
    """A row for each answer to the same question, in a scene of its own."""
    return [
        {
            "id": f"row-{n} {HOSTILE if n == 0 else ''}".strip(),
            "scene": n // 2,
            "view": ("center", "left", "right")[n % 3],
            "prompt": f"What changed? {HOSTILE}",
            "initial_objects": [CUBE, BALL],
            "transformations": [{"obj_idx": 0, "attr": "color", "val": "cyan"}],
            "completion": answer
            if answer.startswith("<think>")
            else f"<think>{HOSTILE}</think><answer>{answer}</answer>",
            **columns,
        }
        for n, answer in enumerate(answers)
    ]


BEFORE = ["0.color.red", "0.color.cyan", "0.color.cyan", "<think>never closed", "0.shape.cube", "1.color.cyan"] * 3
AFTER = ["0.color.cyan", "0.color.cyan", "0.size.large", "0.color.cyan", "0.color.cyan", "0.texture.odd"] * 3


def write_run(folder, name, answers, *, with_rows=False, protocol="strict", **columns):
    """Write predictions and their results; return the path of the results."""
    source = write_rows(folder / f"{name}.jsonl", tvr_rows(answers, **columns))
    result = folder / f"{name}.json"
    result.write_text(json.dumps(evaluate(source, "tvr", protocol).as_dict(with_rows=with_rows)), encoding="utf-8")
    return result
