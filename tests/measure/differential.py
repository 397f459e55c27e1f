"""Do two versions of the code score the same? Mutated rows, scored by this checkout and by another one, byte by byte.

    git worktree add --detach /tmp/before COMMIT
    python -m tests.measure.differential /tmp/before [--rows 120000] [--seed N]

Rows of list tasks are right, wrong and malformed in every dialect, mutated a few times, under several presets and ways
of reading; some are questions with references. Totals, parts, correctness, units, answers and faults must be the same
JSON. In this checkout they must also be the same by every way there is: from a batch, from the reward function, from a
table of scores, and from answers that are read all at once. Exits with 1 if a byte differs.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

VALUES = {
    "color": ("gray", "red", "blue", "green", "brown", "purple", "cyan", "yellow"),
    "shape": ("cube", "sphere", "cylinder"),
    "size": ("small", "medium", "large"),
    "material": ("rubber", "metal", "glass"),
    "position": ("front-left.2", "behind.1", "left.1", "front-right.1"),
}
FORMS = (
    "{0}.{1}.{2}", "{0}.{1}.{2}", "{0}.{1}.{2}", "({0}, {1}, {2})", "({0}, {1}, {2})", "[{0}, {1}, {2}]", "change_{1}({0}, {2})",
    '"{0}.{1}.{2}"', "({0}, '{1}', \"{2}\")", '["{0}", "{1}", "{2}"]', "**{0}.{1}.{2}**", "{0} . {1} . {2}", "{0}.{1}.{2}.",
    '{{"index": {0}, "attribute": "{1}", "value": "{2}"}}', '{{"obj_idx": {0}, "attr": "{1}", "val": "{2}"}}', "- {0}.{1}.{2}",
    "（{0}，{1}，{2}）", "{0}．{1}．{2}", "{0}.{1}", "{1}.{2}", "{0} {1} {2}", "the {1} of {0} is {2}", "{0}.{1}.{2} x", "-{0}.{1}.{2}",
)  # fmt: skip
SEPARATORS = (", ", ", ", ", ", ",", "; ", "\n", ",\n", " and ", "，", "、", "\r\n", ",, ", " & ", "  ", " , ")
AROUND = (
    "{}", "{}", "{}", "{}", " {} ", "\n{}\n", "[{}]", "({})", "```\n{}\n```", "\\boxed{{{}}}", "${}$", "Answer: {}", "{}.", "{{{}}}",
    '"{}"', "The changes are:\n{}", "none", "None.", "[]", "", "( )", "{},", ", {}", "[ {} ]", "[\n{}\n]",
)  # fmt: skip
SHAPES = (
    ("<think>{0}</think>\n<answer>{1}</answer>", 60), ("<think>{0}</think><answer>{1}</answer>", 20),
    ("<think>{0}</think> \n\n <answer>{1}</answer>\n", 4), ("{0}</think><answer>{1}</answer>", 4), ("<think>{0}", 1),
    ("<think>{0}</think>\nThe answer is {1}.", 2), ("{0}\n{1}", 1), ("<think>{0}</think><answer>{1}</answer> Done.", 1),
    ("<think>{0}</think><answer>{1}", 1), ("<answer>{1}</answer>", 1), ("<think>{0}</think><answer>{1}</answer><|im_end|>", 2),
    ("<think>{0} <answer>0.size.small</answer></think><answer>{1}</answer>", 1), ("<THINK>{0}</THINK><Answer>{1}</Answer>", 1),
    ("<think>{0}</think><answer>{1}</answer><answer>{1}</answer>", 1), ("", 1), ("<reasoning>{0}</reasoning><answer>{1}</answer>", 1),
)  # fmt: skip
SHARDS = (
    "<think>", "</think>", "<answer>", "</answer>", "<", ">", "</", "<t", ", ", ",", ";", "\n", " ", "(", ")", "[", "]", "{", "}", ".",
    "0", "7", "12", "1234567890", "007", "color", "cyan", "cyna", "Red", "grey", "colour", "none", "null", '"', "'", "`", "**", "-",
    "\u00a0", "\u2028", "\x85", "\x1c", "\u3000", "，", "．", "（", "\u0662", "２", "\u200b", "\ufeff", "\r", "\x0b", "\x00", "é", "½",
    "View 1:", "[sofa, ball, left]", "\t", "</s>", "<|im_end|>", "change_color(", "\\text{", "$", "&", "and", "=", ":",
)  # fmt: skip
NAMES = ("sofa", "red ball", "ball", "lamp", "the chair", "boxes", "camera", "door")
RELATIONS = ("left", "to the right of", "behind", "front-left", "near", "on", "leaning against")
PRESETS = ("default", "default", "paper", "calibrated", "naive_binary", "count_difference")


def make_row(seed: int, number: int) -> dict[str, Any]:
    """Return a row; it depends on the seed and its number alone. The rows of a hundred share their settings."""
    settings, rng = random.Random(f"{seed}/{number // 100}"), random.Random(f"{seed}/row/{number}")
    task = settings.choice(["tvr"] * 7 + ["trance", "multiview", "multiview"])
    row: dict[str, Any] = {
        "task": task,
        "mode": settings.choice(["strict", "strict", "lenient"]),
        "think_prefilled": settings.choice(["auto", "auto", "auto", True, False]),
    }
    group = random.Random(f"{seed}/group/{number // 4}")
    if task == "multiview":
        row["preset"] = settings.choice(["default", "paper"])
        row["references"] = [group.sample(NAMES, group.randint(0, 3)) for _ in range(group.randint(1, 3))]
        row["target"] = group.choice("ABCD")
        answer = rng.choice(["A", "(B)", "The answer is C.", "d", "maybe", ""])
        think = "\n".join(_view(rng, view) for view in range(1, rng.randint(2, 4)))
    else:
        row["preset"] = settings.choice(PRESETS)
        true = _records(group, task, group.randint(0, 4))
        row["target"] = ", ".join("{}.{}.{}".format(*record) for record in true)
        answer = _answer(rng, [record for record in true if rng.random() < 0.7] + _records(rng, task, rng.randrange(3)))
        if rng.random() < 0.0005:  # beyond what is read
            answer = f"{answer or 'x'}, " * (70_000 // (len(answer) + 2))
        think = rng.choice(["It turned.", "2 < 3, so <b>", "a" * 300, "", "Object 2 is cyan.\nDone"])
    shape = rng.choices([each for each, _ in SHAPES], [weight for _, weight in SHAPES])[0]
    row["completion"] = _mutate(rng, shape.format(think, answer))
    return row


def _records(rng: random.Random, task: str, count: int) -> list[tuple[int, str, str]]:
    attributes = list(VALUES)[: None if task == "trance" else -1]
    drawn = ((rng.choice([rng.randrange(6), rng.randrange(2000)]), rng.choice(attributes)) for _ in range(count))
    return list(dict.fromkeys((index, attribute, rng.choice(VALUES[attribute])) for index, attribute in drawn))


def _answer(rng: random.Random, records: list[tuple[int, str, str]]) -> str:
    form, separator = rng.choice(FORMS), rng.choice(SEPARATORS)
    written = [(form if rng.random() < 0.9 else rng.choice(FORMS)).format(*record) for record in records]
    return rng.choice(AROUND).format(separator.join(written))


def _view(rng: random.Random, view: int) -> str:
    triplets = (f"[{rng.choice(NAMES)}, {rng.choice(NAMES)}, {rng.choice(RELATIONS)}]" for _ in range(rng.randrange(4)))
    return f"{rng.choice(['View', 'Image', '### View', '**View'])} {view}: {' '.join(triplets)}"


def _mutate(rng: random.Random, text: str) -> str:
    for _ in range(rng.choice([0, 0, 0, 1, 1, 2, 4])):
        start = rng.randrange(len(text) + 1)
        end = min(len(text), start + rng.choice([0, 0, 1, 2, 8]))
        text = text[:start] + rng.choice(["", text[start:end] * 2, rng.choice(SHARDS), rng.choice(SHARDS)]) + text[end:]
    return text


# --- scoring, in either checkout -------------------------------------------------------------------------------------


def score(rows: list[dict[str, Any]], *, every_way: bool = False) -> Iterator[str]:
    """Yield what each row scores, as JSON; with *every_way*, it must be the same by every way there is."""
    from rewards import score_batch
    from rewards.score_columns import answer_text  # in older checkouts too

    shared = ("task", "mode", "think_prefilled", "preset")
    for key, same in groupby(rows, key=lambda row: [row[name] for name in shared]):
        batch_rows, settings = list(same), dict(zip(shared, key, strict=True))
        completions, targets = ([row[name] for row in batch_rows] for name in ("completion", "target"))
        references = [row["references"] for row in batch_rows] if settings["task"] == "multiview" else None
        batch = score_batch(completions, targets, references=references, **settings)
        if every_way:
            _check_ways(batch, completions, targets, references, settings)
        for at, one in enumerate(batch):
            fault = None if one.fault is None else list(one.fault)
            answer = answer_text(one.answer)
            found = [one.total, dict(one.parts), one.correct, one.unit, answer, fault, bool(batch.prefilled[at])]
            yield json.dumps(found, ensure_ascii=True)


def _check_ways(
    batch: Any, completions: list[str], targets: list[Any], references: list[Any] | None, settings: dict[str, Any]
) -> None:
    from parsers.known import pack
    from rewards import TaskReward
    from rewards.score import resolve
    from rewards.score_columns import answer_text  # in older checkouts too
    from rewards.score_table import Answers, is_tabular, read_each, read_packed, score_table

    reward = TaskReward(**settings)
    for size in (len(completions), 7):
        found: list[Any] = []
        for at in range(0, len(completions), size):
            columns = {"target": targets[at : at + size]}
            columns |= {} if references is None else {"references": references[at : at + size]}
            found += reward(completions[at : at + size], **columns)
        assert found == batch.total.tolist(), "reward function"
    task, spec = resolve(settings["task"], settings["preset"])
    if not is_tabular(spec):
        return
    assert task.record_format is not None
    table = score_table([spec], task.record_format)
    how = {name: settings[name] for name in ("mode", "think_prefilled")}
    one_by_one = read_each(completions, table.known, **how)
    answers, odd = [], {}
    for at in range(0, len(completions), 9):  # so few that a character which none may hold is not in each of them
        packed, unusual = read_packed(completions[at : at + 9], table.known, **how)
        assert packed == [pack(codes) for codes, _ in one_by_one[at : at + 9]], "packed answers"
        assert [unusual.get(row) for row in range(len(packed))] == [each for _, each in one_by_one[at : at + 9]], (
            "what is odd"
        )
        answers += packed
        odd |= {at + row: each for row, each in unusual.items()}
    block = table.score_answers(Answers.of(answers, odd), table.try_targets(targets)[0])
    (scores,) = block.scores
    for name in ("total", "unit", "correct", "n_pred"):
        assert getattr(scores, name)[block.kinds].tolist() == getattr(batch, name).tolist(), name
    for part, values in batch.parts.items():
        assert scores.parts[part][block.kinds].tolist() == values.tolist(), part
    assert block.texts() == [answer_text(answer) for answer in batch.answers], "answers"
    assert [odd[row].fault if row in odd else None for row in range(len(completions))] == list(batch.faults), "faults"
    assert [row in odd and odd[row].prefilled for row in range(len(completions))] == batch.prefilled.tolist(), (
        "prefilled"
    )


def main() -> int:
    """Compare the two checkouts, 20,000 rows at a time."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("other", help="the folder of another checkout; or a file of rows, to score them")
    parser.add_argument("--rows", type=int, default=120_000)
    parser.add_argument("--seed", type=int, default=None, help="by default another one each time")
    arguments = parser.parse_args()
    if Path(arguments.other).is_file():  # in the other checkout
        with Path(arguments.other).open(encoding="utf-8") as lines:
            print("\n".join(score([json.loads(line) for line in lines])))
        return 0
    seed = time.time_ns() % 10**9 if arguments.seed is None else arguments.seed
    differing = 0
    for start in range(0, arguments.rows, 20_000):
        rows = [make_row(seed, number) for number in range(start, min(start + 20_000, arguments.rows))]
        differing += _compare(rows, arguments.other)
        print(f"seed {seed}: {start + len(rows):,} rows, {differing} differ", flush=True)
    return int(differing > 0)


def _compare(rows: list[dict[str, Any]], other: str) -> int:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "rows.jsonl")
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        env = os.environ | {"PYTHONPATH": other}
        command = [sys.executable, __file__, str(path)]
        theirs = subprocess.run(command, env=env, cwd=folder, stdout=subprocess.PIPE, check=True).stdout.decode()
    differing = 0
    for row, mine, its in zip(rows, score(rows, every_way=True), theirs.splitlines(), strict=True):
        if mine != its:
            differing += 1
            if differing <= 5:
                print(f"{row}\n  here  {mine}\n  there {its}")
    return differing


if __name__ == "__main__":
    sys.exit(main())
