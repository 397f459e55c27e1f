"""Writes invented rollouts of two training runs on real scenes, to be looked at with `star view`.

    star data generate scenes --count 12 --images raycast --size 256
    star data cot scenes --teacher oracle --out scenes/chains.jsonl
    python examples/view_inputs.py scenes/chains.jsonl runs
    star view runs/first --against runs/second --images scenes

Scenes, images and true chains are those of `star data`; which mistakes are made is chance, and so is the improvement.
"""

import json
import random
import re
import sys
from pathlib import Path

STEPS = range(20, 240, 20)
PROMPTS, COMPLETIONS = 6, 8  # of each step
RELATIONS = ("left", "right", "in front of", "behind")
VALUES = {
    "color": ("gray", "red", "blue", "green", "brown", "purple", "cyan", "yellow"),
    "shape": ("cube", "sphere", "cylinder"),
    "size": ("small", "medium", "large"),
    "material": ("rubber", "metal", "glass"),
}


def guess(rng: random.Random, target: str, skill: float) -> str:
    """Return the answer of a model of some skill."""
    said = []
    for record in target.split(", "):
        index, attribute, value = record.split(".")
        if rng.random() < skill:
            said.append(record)
        elif rng.random() < 0.6:
            said.append(f"{index}.{attribute}.{rng.choice(VALUES[attribute])}")
        elif rng.random() < 0.5:
            said.append(f"{rng.randrange(10)}.{attribute}.{value}")
    if rng.random() < 0.5 * (1 - skill):
        attribute = rng.choice(list(VALUES))
        said.append(f"{rng.randrange(10)}.{attribute}.{rng.choice(VALUES[attribute])}")
    return ", ".join(dict.fromkeys(said)) or "none"


def write(rng: random.Random, row: dict, skill: float) -> str:
    """Return a completion: the true chain with mistakes, now and then with a broken form."""
    think = row["completion"].split("<think>")[1].split("</think>")[0]

    def mistaken(match: re.Match) -> str:
        one, other, relation = match[1].split(", ")
        luck = rng.random()
        if luck > 0.7 * (1 - skill):
            return match[0]
        if luck < 0.3 * (1 - skill):
            return f"[{one}, object {rng.randrange(10)}, {relation}]"
        return f"[{one}, {other}, {rng.choice(RELATIONS)}]"

    lines = [re.sub(r"\[([^\]]+)\]", mistaken, line) for line in think.splitlines()]
    said, answer = "\n".join(lines), guess(rng, row["target"], skill)
    luck = rng.random() / (1 - skill)
    if luck < 0.05:
        return f"<think>{said[: len(said) * 2 // 3]}"
    if luck < 0.1:
        return f"<think>{said}\n</think>\nThe answer: <answer>{answer}</answer>"
    if luck < 0.16:
        return f"<think>{said}\n</think>\n<answer>{answer}, 2.texture.shiny</answer>"
    return f"<think>{said}\n</think>\n<answer>{answer}</answer>"


def main(chains: Path, out: Path) -> None:
    """Write first/completions/ and second/completions/, a table for each step as TRL logs it."""
    rows = [json.loads(line) for line in chains.read_text(encoding="utf-8").splitlines()]
    for name, seed, pace in (("first", 1, 0.7), ("second", 2, 1.0)):
        rng, order = random.Random(seed), random.Random(0)  # noqa: S311  nothing secret
        (out / name / "completions").mkdir(parents=True, exist_ok=True)
        for number, step in enumerate(STEPS):
            table = []
            for row in order.sample(rows, min(PROMPTS, len(rows))):
                skill = min(0.93, 0.35 + pace * 0.6 * number / len(STEPS) - 0.05 * row["target"].count(","))
                table += [
                    {
                        "step": step,
                        "prompt": [{"role": "user", "content": row["prompt"]}],
                        "completion": [{"role": "assistant", "content": write(rng, row, skill)}],
                        "advantage": 0.0,  # whatever the run had; it is worked out anew
                        **{key: row[key] for key in ("id", "target", "view", "references", "relations")},
                        "images_file_names": [
                            str((chains.parent / each).resolve()) for each in row["images_file_names"]
                        ],
                    }
                    for _ in range(COMPLETIONS)
                ]
            lines = "".join(json.dumps(each) + "\n" for each in table)
            (out / name / "completions" / f"completions_{step:05}.jsonl").write_text(lines, encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
