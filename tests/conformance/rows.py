"""The rows that every framework gets: 200 TVR and 60 multi-view completions with the totals of `rewards` itself.

Completions are right, partial, wrong and malformed. A tenth ends in a special token, as frameworks hand them over that
decode with special tokens; a third of the targets is packed into one string, as `star data export` writes them.
"""

from __future__ import annotations

import json
import random
import re
from typing import Any

from rewards import score_completion

VALUES = {
    "color": ("gray", "red", "blue", "green", "brown", "purple", "cyan", "yellow"),
    "shape": ("cube", "sphere", "cylinder"),
    "size": ("small", "medium", "large"),
    "material": ("rubber", "metal", "glass"),
}
OBJECTS = ("sofa", "lamp", "door", "ball", "chair", "table", "plant")
ENDS = ("<|im_end|>", "</s>", "<|eot_id|>", "<eos>", "<end_of_turn>", "<|endoftext|>")
"""What models write last. Frameworks that leave it in hand it over as it is."""
COLUMNS = ("target", "references", "options")


def written(changes) -> str:
    return ", ".join(f"{index}.{attribute}.{value}" for index, attribute, value in changes)


def said(answer: str, think: str = "View 1: [red cube, ball, left].") -> str:
    return f"<think>{think}</think><answer>{answer}</answer>"


def other(draw: random.Random, change):
    index, attribute, value = change
    return index, attribute, draw.choice([each for each in VALUES[attribute] if each != value])


TVR_KINDS = {
    "right": lambda g, _: said(written(g)),
    "right, with space": lambda g, _: f"<think>\nok\n</think>\n<answer>\n{written(g)}\n</answer>\n",
    "right, as tuples": lambda g, _: said(" ".join("({}, {}, {})".format(*each) for each in g)),
    "right, by lines": lambda g, _: said(written(g).replace(", ", "\n")),
    "partial": lambda g, _: said(written(g[:1])),
    "wrong values": lambda g, draw: said(written([other(draw, each) for each in g])),
    "wrong objects": lambda g, _: said(written([((index + 5) % 10, *rest) for index, *rest in g])),
    "too many": lambda g, _: said(written([*g, ((g[0][0] + 1) % 10, "color", "red")])),
    "repeated": lambda g, _: said(written(g + g)),
    "unknown value": lambda g, _: said(f"{written(g)}, 3.color.teal"),
    "prose": lambda _, __: said("I think object two became cyan"),
    "no tags": lambda g, _: written(g),
    "prefilled": lambda g, _: f"b</think><answer>{written(g)}</answer>",
    "open reasoning": lambda g, _: f"<think>b <answer>{written(g)}</answer>",
    "two answers": lambda g, _: f"{said(written(g))}<answer>{written(g)}</answer>",
    "text after": lambda g, _: f"{said(written(g))} done",
    "tags in the reasoning": lambda g, _: said(written(g), "I will use <answer>..</answer> here"),
    "empty": lambda _, __: "",
    "empty answer": lambda _, __: said(""),
    "cut off": lambda g, _: said(written(g))[:-12],
    "other scripts": lambda g, _: said(written(g), "视角1：红色立方体 ☃ |im| <| x |>"),
}


def tvr_rows(draw: random.Random, count: int):
    changes: list = []
    for number in range(count):
        if number % 4 == 0:
            cells = {}
            for _ in range(draw.randint(1, 4)):
                attribute = draw.choice(list(VALUES))
                cells[draw.randrange(10), attribute] = draw.choice(VALUES[attribute])
            changes = [(*cell, value) for cell, value in cells.items()]
        kind = list(TVR_KINDS)[number % len(TVR_KINDS)]
        yield {"task": "tvr", "kind": kind, "completion": TVR_KINDS[kind](changes, draw), "target": written(changes)}


def question_rows(draw: random.Random, count: int):
    for number in range(count):
        if number % 4 == 0:
            views = [draw.sample(OBJECTS, 3) for _ in range(draw.randint(2, 4))]
            kind = ("choice", "yes or no", "number")[number // 4 % 3]
            options = [f"the {each}" for each in draw.sample(OBJECTS, 4)] if kind == "choice" else None
            number_ = draw.randint(1, 30)
            target = {"choice": draw.choice("ABCD"), "yes or no": draw.choice(["yes", "no"]), "number": str(number_)}[
                kind
            ]
            wrong = {"choice": "A" if target != "A" else "B", "yes or no": "no" if target == "yes" else "yes"}
            wrong = wrong.get(kind, str(number_ * 1.2))
        whole = " ".join(f"View {at}: [{a}, {b}, left] [{c}, {a}, behind]" for at, (a, b, c) in enumerate(views, 1))
        half = f"View 1: [{views[0][0]}, vase, left]"
        completion = (
            said(target, whole), said(wrong, whole), said(target, half), said(wrong, half), said(target, "nothing"),
            target, "", said("", whole), f"{whole}</think><answer>{target}</answer>", said(f"({target})", whole),
            said(target, f"{whole}\n"), f"<think>{whole}",
        )[number % 12]  # fmt: skip
        yield {
            "task": "multiview", "kind": kind, "completion": completion, "target": target, "references": views,
            "options": options,
        }  # fmt: skip


def make_rows(tvr: int = 200, questions: int = 60, *, seed: int = 7) -> list[dict[str, Any]]:
    """Return the rows: with `total`, `correct` and `parts` as `score_completion` gives them for the plain row.

    ``text`` is the completion as a framework sees it, at times with a special token at its end; ``gold`` is the target
    as a framework gets it in one column: plain, or packed.
    """
    draw = random.Random(seed)
    rows = [*tvr_rows(draw, tvr), *question_rows(draw, questions)]
    for number, row in enumerate(rows):
        gold = {name: row[name] for name in COLUMNS if row.get(name) is not None}
        others = {name: value for name, value in gold.items() if name != "target"}
        score = score_completion(row["completion"], row["target"], task=row["task"], **others)
        ended = number % 10 == 3 and bool(row["completion"])
        row |= {
            "id": f"{row['task']}-{number}",
            "text": row["completion"] + (draw.choice(ENDS) if ended else ""),
            "gold": json.dumps(gold) if row["task"] != "tvr" or number % 3 == 0 else row["target"],
            "total": score.total,
            "correct": score.correct,
            "parts": dict(score.parts),
        }
    return rows


_APART = re.compile(r"<think>((?:(?!</?think>).)*)</think>(.*)", re.DOTALL)


def apart(text: str) -> tuple[str | None, str]:
    """Return the reasoning and the rest, as a server with a reasoning parser keeps them apart; or None and the text.

    Only a completion that begins with its reasoning can be taken apart and put together again unchanged.
    """
    match = _APART.fullmatch(text)
    return (match[1], match[2]) if match and match[1] else (None, text)


def main() -> None:
    """Write the rows as JSON to standard output."""
    print(json.dumps(make_rows(), ensure_ascii=False))


if __name__ == "__main__":
    main()
