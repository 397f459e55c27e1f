"""Files of predictions with all that happens in them, made from a seed; what was written for them is in ``tests/golden``.

``python tests/benchmarks/run/corpora.py`` prints the golden file anew, with whatever packages are on the path.
"""

import gzip
import hashlib
import json
import os
import random
import re
import sys
import tempfile
from pathlib import Path

HOME = Path(__file__).parents[3]
GOLDEN = HOME / "tests" / "golden"
EXAMPLE = HOME / "examples" / "tvr_predictions.jsonl"
VALUES = {"color": ["cyan", "red", "gray"], "shape": ["cube", "sphere"], "size": ["small", "large"]}
BAD_TAGS = [
    "<think>{0}",
    "<think>{0}</think>\nThe answer is {1}.",
    "{0}\n{1}",
    "<think>{0}</think><answer>{1}</answer> I hope this helps.",
    "<think>{0}</think><answer>{1}",
    "{0}</think><answer>{1}</answer>",
    "<think>{0} < 3 <answer>x</answer></think> <answer>{1}</answer>",
]
BAD_ANSWERS = [
    "{0}.color",
    "the cube turned red",
    "{0}.texture.rough",
    "{0}.color.teal",
    "",
    "none",
    "{0}. color .cyan;",
    "({0}, shape)",
]
BAD_LINES = [
    b"",
    b"   ",
    b"{",
    b'{"id": "\xff"}',
    b"[1]",
    b'{"id": 5, "completion": null, "target": "2.color.cyan"}',
    b'{"completion": "x", "target": "2.color.cyna", "id": "g"}',
    b'{"completion": "x"}',
    b'{"id": 1} {"id": 2}',
    b'{"completion": ["a", "b"], "target": ""}',
    b'{"completion": [{"role": "assistant", "content": "<think>a</think><answer>2.color.cyan</answer>"}], "target": "2.color.cyan", "id": 4}',
    b'{"completion": "NaN", "target": "", "logprob": NaN}',
    '{"completion": "<think>é</think><answer>2.color.cyan</answer>", "target": "2.color.cyan", "extra": "ü"}'.encode(),
    b'{"completion": "\\ud800", "target": "2.color.cyan"}',
]


def _completion(rng, gold):
    reasoning = "".join(rng.choices("so it is left of the cube, and then <b> ", k=rng.randint(3, 60)))
    if rng.random() < 0.8:
        guess = [(i, a, v if rng.random() < 0.7 else rng.choice(VALUES[a])) for i, a, v in gold][: rng.randint(1, 4)]
        guess += rng.choice([[], [], [], guess[:1], [(guess[0][0], guess[0][1], rng.choice(VALUES[guess[0][1]]))]])
        form = "({}, {}, {})" if rng.random() < 0.11 else "{}.{}.{}"
        answer = rng.choice([", ", ", ", "; ", "\n"]).join(form.format(*each) for each in guess)
    else:
        answer = rng.choice(BAD_ANSWERS).format(rng.randrange(4))
    shape = "<think>{0}</think>\n<answer>{1}</answer>" if rng.random() < 0.87 else rng.choice(BAD_TAGS)
    return shape.format(reasoning, answer)


def list_lines(count, seed, *, ids=True, groups="prompt_id", scenes=False, bad=0.04, scattered=0.1):
    """Return lines of a list task: groups of 8, some of whose rows stand elsewhere, and lines with all that is wrong."""
    rng = random.Random(seed)
    lines = []
    for number in range(count):
        group = number // 8 if rng.random() > scattered else rng.randrange(count // 8)
        of_group = random.Random(f"{seed}/{group}")
        cells = of_group.sample([(i, a) for i in range(4) for a in VALUES], of_group.randint(1, 4))
        gold = [(i, a, of_group.choice(VALUES[a])) for i, a in cells]
        row = {"id": f"row-{number}" if number % 7 else number} if ids else {}
        if groups:
            row[groups] = group if group % 5 else f"p{group}"
        if scenes and group % 9:
            row["scene"] = group // 3
        row["completion"] = _completion(rng, gold)
        row["target"] = ", ".join(f"{i}.{a}.{v}" for i, a, v in gold)
        if group % 4 == 0:
            row["target"] = [{"obj_idx": i, "attr": a, "val": v} for i, a, v in gold]
        lines.append(rng.choice(BAD_LINES) if rng.random() < bad else json.dumps(row).encode())
    return b"".join(line + b"\n" for line in lines)


def question_lines(count, seed):
    """Return lines of questions about several views, some of which have references."""
    rng = random.Random(seed)
    names = ["sofa", "ball", "cup", "red cube"]
    lines = []
    for number in range(count):
        said = " ".join(f"View {view}: [{rng.choice(names)}, {rng.choice(names)}, left]." for view in (1, 2))
        text = rng.choice(["<think>{}</think><answer>{}</answer>"] * 5 + ["<think>{}", "{} {}"]).format(
            said, rng.choice("ABCx")
        )
        row = {"id": number, "prompt_id": number // 4, "completion": text, "answer": "AB"[number // 4 % 2]}
        if number // 4 % 3:
            row |= {"references": [["sofa", "ball"], ["cup"]], "options": ["l", "r", "f"]}
        lines.append(json.dumps(row if rng.random() > 0.02 else {**row, "references": "sofa"}).encode())
    return b"\n".join(lines)


def made_files():
    """Return name -> content of the files that the cases are about."""
    return {
        "example.jsonl": EXAMPLE.read_bytes(),
        "formula.jsonl.gz": (GOLDEN / "star_r1_formula.jsonl.gz").read_bytes(),
        "mixed.jsonl": b"\xef\xbb\xbf" + list_lines(1500, 1),
        "more.jsonl": list_lines(400, 2, scattered=0.0).rstrip(b"\n"),
        "mixed.jsonl.gz": gzip.compress(list_lines(700, 3), mtime=0),
        "bare.jsonl": list_lines(500, 4, ids=False, groups=None),
        "prompts.jsonl": list_lines(500, 5, groups="prompt"),
        "questions.jsonl": question_lines(600, 6),
    } | {f"{name}.jsonl.gz": (GOLDEN / f"{name}.jsonl.gz").read_bytes() for name in BENCHMARK_FILES.values()}


BENCHMARK_FILES = {"mindcube": "mindcube", "mindcube-cogmap": "mindcube_cogmap", "sparbench": "spar", "mmsi": "mmsi"}
CASES = {
    "example": (["example.jsonl"], {}),
    "example, paper": (["example.jsonl"], {"preset": "paper"}),
    "formula, paper": (["formula.jsonl.gz"], {"preset": "paper"}),
    "mixed": (["mixed.jsonl"], {}),
    "mixed, lenient": (["mixed.jsonl"], {"mode": "lenient", "think_prefilled": False}),
    "mixed, other reward": (
        ["mixed.jsonl"],
        {"preset": "calibrated", "overrides": {"conflicts": "each"}},
    ),
    "several files": (["mixed.jsonl", "more.jsonl", "mixed.jsonl.gz"], {}),
    "without ids and groups": (["bare.jsonl"], {}),
    "by prompts": (["prompts.jsonl"], {}),
    "questions": (["questions.jsonl"], {"task": "multiview"}),
    "tvr as a benchmark": (["mixed.jsonl", "more.jsonl"], {"benchmark": "tvr", "protocol": "both"}),
} | {
    f"benchmark {name}": ([f"{file}.jsonl.gz"], {"benchmark": name, "protocol": "both"})
    for name, file in BENCHMARK_FILES.items()
}


def score(files, options, **run):
    """Score files of a case; return the summary or the report."""
    from benchmarks import evaluate
    from benchmarks.run.rewards import score_rewards

    return evaluate(files, **options, **run) if "benchmark" in options else score_rewards(files, **options, **run)


def digest(written):
    """Return a number for output rows; of what is wrong with a row, its place alone: words may change."""
    return hashlib.sha256(re.sub(rb'(,"error":"[^"]*?:\d+(?:\[\d+\])?): .*"\}\n', rb'\1"}\n', written)).hexdigest()


def figures(found):
    """Return the numbers of a summary."""
    plain = found.as_dict()
    names = ("rows", "errors", "total", "parts", "unit", "accuracy", "parse_rate", "prefilled", "groups")
    return {name: plain[name] for name in names}


def main():
    golden = {}
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        for name, content in made_files().items():
            Path(name).write_bytes(content)
        for name, (files, options) in CASES.items():
            found = score(files, options, out="out.jsonl", overwrite=True)
            golden[name] = {"sha256": digest(Path("out.jsonl").read_bytes())} | (
                {} if "benchmark" in options else figures(found)
            )
    json.dump(golden, sys.stdout, indent=1)


if __name__ == "__main__":
    main()
