"""Rows of the rewards in `benchmarks.zoo`, scored by their authors' own code: how tests/golden/zoo was made.

    python tests/oracles/zoo.py CHECKOUTS ROWS

CHECKOUTS holds a checkout of each repository of `SOURCES` at its commit, as owner+name. Their functions are taken out of
their files and run as they are; their training scripts, which import torch and more, are not. The environment needs
math-verify 0.9.0, Levenshtein and numpy. Every row lands in ROWS/NAME.jsonl; ``python -m tests.oracles.zoo_check ROWS...``
compares all of them with ours and keeps a sample in tests/golden/zoo.

Reason-RFT's rewards depend on the hash seed, so it is run again under ``PYTHONHASHSEED`` 1 to 7, into folders of their
own: ``... ROWS1 reason_rft``; a golden row holds each value that came out.
"""

from __future__ import annotations

import ast
import contextlib
import io
import json
import math
import os
import random
import re
import subprocess
import sys
import types
from collections import deque
from datetime import datetime
from functools import partial
from pathlib import Path

ROWS = 2400
SOURCES = {  # repository, commit, file
    "reason_rft": ("tanhuajie+Reason-RFT", "d0a8070", "train/stage_rl/reward.py"),
    "vlm_r1": ("om-ai-lab+VLM-R1", "90052f4", "src/open-r1-multimodal/src/open_r1/grpo_jsonl.py"),
    "video_r1": ("tulerfeng+Video-R1", "59d65c3", "src/r1-v/src/open_r1/grpo.py"),
    "space_r": ("OuyangKun10+SpaceR", "b623af5", "SpaceR-SG-RLVR/src/r1-v/src/open_r1/grpo.py"),
    "r1_v": ("Deep-Agent+R1-V", "bbbbe3d", "src/r1-v/src/open_r1/grpo.py"),
    "lmm_r1": ("TideDra+lmm-r1", "f917f18", "openrlhf/models/remote_rm/math_verifier.py"),
    "open_r1": ("huggingface+open-r1", "1416fa0", "src/open_r1/rewards.py"),
    "trl": ("huggingface+trl", "f2cd577", "trl/rewards/accuracy_rewards.py"),
    "trl_format": ("huggingface+trl", "f2cd577", "trl/rewards/format_rewards.py"),
    "vagen": ("mll-lab-nu+VAGEN", "7cd6020", "vagen/env/crossview/MindCube_RL_Data/extraction_baseRL.py"),
    "vagen_cogmap": (
        "mll-lab-nu+VAGEN",
        "7cd6020",
        "vagen/env/crossview/MindCube_RL_Data/extraction_cogmap_and_reasoning.py",
    ),
    "vagen_env": ("mll-lab-nu+VAGEN", "7cd6020", "vagen/env/crossview/env.py"),
    "dr_mv3d": ("kaist-cvml+DR-MV3D", "8981d37", "drmv3d"),
}

# What is written

LETTERS, OPTIONS = "ABCDE", ("Left", "Right sofa", "In front of the lamp", "behind", "Yes")
NUMBERS = ("3", "4", "12", "0.5", "2.50", "1,200", "-7", "0", "100", "3.14")
TEXTS = ("the red sofa", "Exit 12", "left", "no", "ΔABC")


def other(draw, values, value):
    return draw.choice([each for each in values if each != value])


def spelled(draw, kind, value, latex=0.0):
    """Write a value as models do; in the share *latex* of cases as LaTeX."""
    if draw.random() < latex:
        return draw.choice((r"\boxed{{{}}}", "${}$", r"$\boxed{{{}}}$", r"It is $\text{{{}}}$", r"\[{}\]")).format(
            value
        )
    word = {"3": "three", "4": "four", "12": "twelve", "100": "one hundred"}.get(value, f"a {value}")
    common = ["{v}", "{v}", "{v}", " {v} ", "{v}\n", "\n{v}", "{v}.", "**{v}**", "$ {v} $", "${v}$", r"\boxed{{{v}}}",
              r"$\boxed{{{v}}}$", "'{v}'", '"{v}"', "the answer is {v}", "Answer: {v}", "{v}\r\n", "\t{v}", "{v} {v}",
              "\u00a0{v}\u3000", "\\[{v}\\]", "x = {v}", "${v}$ or ${o}$"]  # fmt: skip
    own = {
        "choice": ["({v})", "{v}. {text}", "{v}) {text}", "option {v}", "{low}", "{v}, {o}", "{v} or {o}", "{o}? No, {v}.",
                   "{text}", "not {v}", "{v}{o}", "the correct choice is {v}.", "My answer is {v}", "{v}: {text}",
                   r"\text{{{v}}}", "I think {v}, not {o}.", "{wide}", "选择 {v}。", "ANSWER IS {v}! {o}."],
        "number": ["{v} m", "{v}m", "about {v}", "+{v}", "{v}.0", "{v}.00", "{v}0", "{word}", "{word} apples", "{v} or {o}",
                   "{v}-{o}", r"\frac{{{v}}}{{1}}", "{v}/1", "{v}e0", "{v}%", "nan", "inf", "-{v}", "{arabic}", "{v}1",
                   "{v}.004", "{v}.006", "1{v}", "a {v}", "{v} \\text{{ m}}", "none", "{v}{v}"],
        "text": ["{low}", "{upper}", "{v} lamp", "a {v}", "{head}", "{v}{v}", "{o}", "{v}, {o}"],
    }[kind]  # fmt: skip
    values = {"choice": LETTERS, "number": NUMBERS, "text": TEXTS}[kind]
    text = OPTIONS[LETTERS.index(value)] if kind == "choice" else value
    arabic = value.translate(str.maketrans("0123456789", "٠١٢٣٤٥٦٧٨٩"))
    wide = chr(ord("Ａ") + ord(value) - 65) if kind == "choice" else value
    return draw.choice(common + own).format(
        v=value, o=other(draw, values, value), text=text, low=value.lower(), upper=value.upper(), word=word,
        arabic=arabic, wide=wide, head=value[: len(value) // 2 + 1],
    )  # fmt: skip


ENVELOPES = (
    *["<think>{r}</think><answer>{a}</answer>"] * 8, *["<think>{r}</think>\n<answer>{a}</answer>"] * 3,
    *["<think>\n{r}\n</think>\n<answer>\n{a}\n</answer>"] * 4, "<think>{r}</think> {a}", "<think>{r}</think>{a}",
    " <think>{r}</think><answer>{a}</answer>", "<think>{r}</think><answer>{a}</answer>\n", "{a}", "{r} {a}", "",
    "<think>{r}</think><answer>{a}</answer> Done.", "Well. <think>{r}</think><answer>{a}</answer>", "<answer>{a}</answer>",
    "<think>{r}</think><answer>{o}</answer><answer>{a}</answer>", "<think>{r}</think><answer>{a}</answer><answer>{o}</answer>",
    "<think>{r} <answer>{a}</answer></think><answer>{o}</answer>", "<think>{r} <answer>{o}</answer></think><answer>{a}</answer>",
    "<think>{r}<answer>{a}</answer>", "<think>{r}</think><answer>{a}", "<THINK>{r}</THINK><ANSWER>{a}</ANSWER>",
    "<think>{r}</think><Answer>{a}</Answer>", "<think>{r}</think><think>{r}</think><answer>{a}</answer>",
    "<think>{r}</think><answer><answer>{a}</answer></answer>", "<answer>{a}</answer><think>{r}</think>",
    "<think>{r}</think>\n\n\t<answer>{a}</answer>", "<think></think><answer>{a}</answer>", "{r}</think><answer>{a}</answer>",
    "<think>{r} It is {a}.</think><answer></answer>", "<think>{r} It is {a}.</think><answer>{o}</answer>", "</think>{a}",
    "<think>{r}</think><answer>{a}</answer><|im_end|>", "<thinking>{r}</thinking><answer>{a}</answer>", "{r}",
    "<think>\n{r}\n</think>\n<answer>\n{a}\n</answer>\nmore", "<think>\r\n{r}</think>\r\n<answer>{a}</answer>",
    "<think>{r}</think><answer type='x'>{a}</answer>", "<think>{r}</think>\n```\n<answer>{a}</answer>\n```", "<answer></answer>",
)  # fmt: skip
REASONING = ("Let me see.", "First, the sofa.\nThen the lamp.", "I count 2, then 5.", "Option A. is wrong.", "", "看图。",
             "It could be B or C, I think", "$1+1=2$", "so x = 4", r"\boxed{9}", "Step 1: look\n- there", "{}", "a < b")  # fmt: skip


def completion(draw, write, value, wrong):
    shown, others = (value, wrong) if draw.random() < 0.6 else (wrong, value)
    return draw.choice(ENVELOPES).format(r=draw.choice(REASONING), a=write(shown), o=write(others))


def question_rows(name, kinds, target="<answer>{}</answer>", latex=0.0):
    """Yield a row for each completion: its kind, the target as the authors' data write it, and what is answered."""
    draw = random.Random(f"zoo {name}")
    for at in range(ROWS):
        kind = kinds[at % len(kinds)]
        values = {"choice": LETTERS, "number": NUMBERS, "text": TEXTS}[kind]
        value = draw.choice(values)
        text = completion(draw, partial(spelled, draw, kind, latex=latex), value, other(draw, values, value))
        yield {"kind": kind, "solution": target.format(value), "completion": text}


CALLS = {"change_color": ("red", "blue", "green", "cyan"), "change_size": ("small", "medium", "large"),
         "change_position": ("front_left", "back", "left")}  # fmt: skip


def calls(draw, most):
    functions = [draw.choice(list(CALLS)) for _ in range(draw.randint(0, most))]
    return [(each, draw.choice(("obj_1", "obj_2", "3")), draw.choice(CALLS[each])) for each in functions]


def call_rows(name):
    draw = random.Random(f"zoo {name}")
    form = ("{}({}, '{}')", "{}({}, {})", "{}({},'{}')", '{}({}, "{}")', "{} ({}, '{}')", "{}({}, '{}', 1)", "{}.{}.{}")
    for _ in range(ROWS):
        true = calls(draw, 4) if draw.random() < 0.95 else []
        said = [each for each in true if draw.random() < 0.7] + (calls(draw, 3) if draw.random() < 0.6 else [])
        said = [each if draw.random() < 0.8 else (*each[:2], draw.choice(CALLS[each[0]])) for each in said]
        said += said[:1] if draw.random() < 0.2 else []
        if draw.random() < 0.1:  # which of two calls for one object is paired first decides what is left for the other
            function, (one, two, three, *_) = "change_color", draw.sample(CALLS["change_color"], 4)
            true, said = ([(function, "3", three), (function, "0", one)], [(function, "3", one), (function, "3", two)])
        draw.shuffle(said)
        written = draw.choice(form[:3] if draw.random() < 0.8 else form)
        answer, wrong = ((draw.choice((", ", ",", "; ", "\n", " "))).join(written.format(*each) for each in some)
                         for some in (said, calls(draw, 2)))  # fmt: skip
        text = draw.choice(ENVELOPES).format(r=draw.choice(REASONING), a=answer, o=wrong)
        solution = ", ".join("{}({}, '{}')".format(*each) for each in true)
        yield {"kind": "calls", "solution": solution, "completion": text}


NAMES = ("sofa", "lamp", "black sneaker", "TV")
WORDS = ("up", "down", "left", "North", "east", " right ", "inner", "sideways", None, 3, ["up"], [])


def cogmap(draw):
    """Return a map, most of the time in order, and some of the time not."""

    def thing(name, view):
        entry = {"name": name, "position": [draw.randint(0, 9), draw.randint(0, 9)]}
        if view or draw.random() < 0.3:
            entry["facing"] = draw.choice(WORDS[:4] if draw.random() < 0.8 else WORDS)
        if draw.random() < 0.03:
            entry["position"] = draw.choice(
                ([1], "1,2", [1.4, 2.6], ["3", "4"], [None, 2], {}, [float("inf"), 1], [1, 2, 3], ["a", 1])
            )
        if draw.random() < 0.02:
            entry.pop(draw.choice(list(entry)))
        return entry

    objects = [thing(each, view=False) for each in NAMES if draw.random() < 0.8]
    views = [thing(f"{draw.choice(('Image', 'View'))} {at}", view=True) for at in (1, 2) if draw.random() < 0.8]
    whole = {"objects": objects, "views": views}
    if draw.random() < 0.15:
        whole = {each.get("name", "x"): {k: v for k, v in each.items() if k != "name"} for each in objects}
    if draw.random() < 0.05:
        whole = draw.choice(({}, [], {"objects": []}, {"objects": [], "views": {}}, {"objects": [], "views": "x"},
                             {"sofa": {"position": [1, 2], "size": 3}}, {"objects": {}, "views": []}, {"objects": [], "views": None}, 3, {"a": [1]}))  # fmt: skip
    return whole


def as_text(draw, value):
    text = json.dumps(value, ensure_ascii=False, indent=draw.choice((None, None, 2)))
    spoil = draw.random()
    if spoil < 0.6:
        return text
    return draw.choice((
        lambda: f"```json\n{text}\n```", lambda: f"```\n{text}", lambda: repr(value), lambda: f"Here it is: {text} .",
        lambda: text[: draw.randint(0, len(text))], lambda: text.replace('"', "'"), lambda: text + "]",
        lambda: text.replace('"name"', "name").replace("}", ",}", 1), lambda: f"[{text}, {text[: len(text) // 2]}",
        lambda: text.replace("sofa", 'so\\\\fa\\"'), lambda: text + " // the map", lambda: "", lambda: "null", lambda: "{",
        lambda: text.replace(":", " =", 1), lambda: f"{{1, 2}} {text}",
    ))()  # fmt: skip


def views_of(draw):
    def entry():
        held = {"view": draw.choice(("Image 1", "View 2", "Image 3", "none", "")), "objects": [],
                "answer_visible_in_view": draw.choice(("Image 1", "Image 2", "View 3", 2, ""))}  # fmt: skip
        if draw.random() < 0.3:
            held["is_primary"] = draw.choice((True, False, 1))
        if draw.random() < 0.15:
            held["selected_view"] = held.pop("view")
        if draw.random() < 0.1:
            held.pop("objects", None)
        return held

    many = [entry() for _ in range(draw.randint(1, 3))]
    return draw.choice((many, many, many, many[0], [*many, "x"], [], {}, "x"))


def map_rows(name):
    draw = random.Random(f"zoo {name}")
    for _ in range(ROWS):
        value = draw.choice(LETTERS[:4])
        text = completion(draw, partial(spelled, draw, "choice"), value, other(draw, LETTERS, value))
        drawn, said = as_text(draw, cogmap(draw)), as_text(draw, views_of(draw))
        parts = [f"<cogmap>{drawn}</cogmap>", f"<egomap>{said}</egomap>"] if draw.random() < 0.85 else [drawn]
        if draw.random() < 0.1:
            parts = parts[1:] if draw.random() < 0.5 else [parts[0].upper()]
        if draw.random() < 0.1:
            parts.reverse()
        true = {"objects": [{"name": each, "position": [draw.randint(0, 9), draw.randint(0, 9)]} for each in NAMES[:3]],
                "views": [{"name": "Image 1", "position": [5, 9], "facing": draw.choice(("up", "left", None))}]}  # fmt: skip
        held = {"reference_cogmap": draw.choice((true, json.dumps(true), json.dumps(true), "", None, {"objects": []})),
                "reference_selected_view": draw.choice(("Image 1", "Image 2", "", None, "x")),
                "reference_answer_view": draw.choice(("Image 2", "View 1", "", None))}  # fmt: skip
        yield {"kind": "map", "solution": value, "completion": "".join(parts) + text, "columns": held}


# What the authors' code says


def functions(checkouts, source, names, given):
    """Return the functions, and the methods of classes, of these names out of an author's file, with what they need."""
    folder, commit, path = SOURCES[source]
    if (checkouts / folder / path).is_file():
        text = (checkouts / folder / path).read_text("utf-8")
    else:
        git = ["git", "-C", str(checkouts / folder), "show", f"{commit}:{path}"]
        text = subprocess.run(git, capture_output=True, text=True, check=True).stdout
    found = [
        node for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.FunctionDef) and node.name in names
    ]  # fmt: skip
    space = dict(given)
    future = "from __future__ import annotations\n"  # types that are not there are not looked up
    exec(compile(future + "\n".join(map(ast.unparse, found)), path, "exec"), space)
    return types.SimpleNamespace(**{name: space[name] for name in names})


def talk(text):
    return [{"role": "assistant", "content": text}]


def authors(checkouts):
    """Return for each reward of the zoo its rows, and what the authors' functions make of a row."""
    import numpy as np
    from latex2sympy2_extended import NormalizationConfig
    from Levenshtein import ratio
    from math_verify import LatexExtractionConfig, parse, verify

    basic = {"re": re, "os": os, "math": math, "json": json, "datetime": datetime, "deque": deque, "parse": parse,
             "verify": verify, "ratio": ratio, "np": np, "partial": partial}  # fmt: skip
    latex = basic | {"LatexExtractionConfig": LatexExtractionConfig, "NormalizationConfig": NormalizationConfig}
    take = partial(functions, checkouts)

    def summed(*rewards, **columns):
        def score(row):
            found = [each([talk(row["completion"])], solution=[row["solution"]], **columns)[0] for each in rewards]
            return float(sum(each for each in found if each is not None))

        return score

    rft_names = (
        "func_accuracy_reward",
        "only_full_func_accuracy_reward",
        "penalty_func_accuracy_reward",
        "format_reward",
    )
    rft = take("reason_rft", rft_names, basic)
    vlm = take("vlm_r1", ("extract_choice", "mcq_reward", "clean_text", "numeric_reward", "default_accuracy_reward",
                          "accuracy_reward", "format_reward"), basic)  # fmt: skip
    video = take("video_r1", ("accuracy_reward", "format_reward"),
                 basic | {"rouge_scorer": None})  # fmt: skip
    space = take("space_r", ("accuracy_reward", "format_reward"), basic)
    r1v = take("r1_v", ("accuracy_reward", "format_reward"), basic)
    openr1 = take("open_r1", ("accuracy_reward", "format_reward", "tag_count_reward"), latex)
    import logging
    import threading

    trl = take("trl", ("accuracy_reward", "reasoning_accuracy_reward"),
               latex | {"is_math_verify_available": lambda: True, "threading": threading, "logging": logging})  # fmt: skip
    trl_format = take("trl_format", ("think_format_reward",), basic)
    lmm = take("lmm_r1", ("get_response_from_query", "verify_format", "verify_math"),
               latex | {"response_prefix": r"<\|im_start\|>assistant\n", "format_pattern":
                        r"^<think>(?:(?!</think>).)*</think><answer>(?:(?!</answer>).)*</answer>\Z"})  # fmt: skip

    def lmm_score(row):
        query, answer = "<|im_start|>assistant\n" + row["completion"], row["solution"]
        response = lmm.get_response_from_query(query) or query
        answer = answer if answer.startswith("$") else f"${answer}$"
        return float(lmm.verify_format(response)) * 0.5 + lmm.verify_math(response, answer)

    step = take("vagen_env", ("_reward_calculation", "step"), {})

    def vagen(source):
        names = ("extract_response_from_text", "extract_answer", "format_checking_pipeline", "extract_json_from_text",
                 "clean_and_parse_json", "validate_cogmap_format", "is_complex_format", "is_valid_position",
                 "is_valid_facing")  # fmt: skip
        own = names[:3] if source == "vagen" else names
        code = take(source, own, basic)

        def score(row):
            world = types.SimpleNamespace(
                format_checking=code.format_checking_pipeline, answer_extraction=code.extract_answer,
                current_data={"gt_answer": row["solution"]}, _create_observation=lambda: None,
                config=types.SimpleNamespace(reward_type="base"))  # fmt: skip
            world._reward_calculation = partial(step._reward_calculation, world)
            try:
                return step.step(world, row["completion"])[1]
            except Exception as error:  # noqa: BLE001  a row on which theirs raises is kept as that
                return type(error).__name__

        return score

    sys.path.insert(0, str(checkouts / SOURCES["dr_mv3d"][0]))
    from drmv3d.grpo.reward import score_trajectory

    def dr_score(row):
        try:
            return score_trajectory(row["completion"], row["solution"], row["columns"])["score"]
        except Exception as error:  # noqa: BLE001
            return type(error).__name__

    both, dollar = ("choice", "number"), "${}$"
    return {
        **{f"reason_rft.{ours}": (call_rows("reason_rft"), summed(getattr(rft, theirs), rft.format_reward))
           for ours, theirs in zip(("partial_credit", "exact_only", "with_penalty"), rft_names, strict=False)},
        "vlm_r1.default": (question_rows("vlm_r1.default", ("choice", "number", "text")),
                           summed(vlm.accuracy_reward, vlm.format_reward, accu_reward_method=["default"])),
        "vlm_r1.mcq": (question_rows("vlm_r1.mcq", ("choice",)),
                       summed(vlm.accuracy_reward, vlm.format_reward, accu_reward_method=["mcq"])),
        **{f"video_r1.{ours}": (question_rows(f"video_r1.{ours}", kinds),
                                summed(video.accuracy_reward, video.format_reward, problem_type=[theirs]))
           for ours, theirs, kinds in (("choice", "multiple choice", ("choice",)), ("numerical", "numerical", ("number",)),
                                       ("regression", "regression", ("number",)), ("transcription", "OCR", ("text",)))},
        "space_r.choice": (question_rows("space_r.choice", ("choice",)),
                           summed(space.accuracy_reward, space.format_reward, problem_type=["multiple choice"])),
        "space_r.numerical": (question_rows("space_r.numerical", ("number",)),
                              summed(space.accuracy_reward, space.format_reward, problem_type=["numerical"])),
        "r1_v.reward": (question_rows("r1_v", both, "<answer> {} </answer>"),
                        summed(r1v.accuracy_reward, r1v.format_reward)),
        "lmm_r1.reward": (question_rows("lmm_r1", both, "{}", 0.6), lmm_score),
        "open_r1.reward": (question_rows("open_r1", both, dollar, 0.6),
                           summed(openr1.accuracy_reward, openr1.format_reward, openr1.tag_count_reward)),
        "trl_rewards.accuracy": (question_rows("trl.accuracy", both, dollar, 0.6),
                                 summed(trl.accuracy_reward, trl_format.think_format_reward)),
        "trl_rewards.reasoning_accuracy": (question_rows("trl.reasoning", both, dollar, 0.6),
                                           summed(trl.reasoning_accuracy_reward, trl_format.think_format_reward)),
        "vagen_mindcube.reward": (question_rows("vagen", ("choice",), "{}"), vagen("vagen")),
        "vagen_cogmap.reward": (map_rows("vagen_cogmap"), vagen("vagen_cogmap")),
        "dr_mv3d.reward": (map_rows("dr_mv3d"), dr_score),
    }  # fmt: skip


def main(checkouts, folder, only=None):
    folder.mkdir(parents=True, exist_ok=True)
    for name, (rows, score) in authors(checkouts).items():
        if only and not name.startswith(only):
            continue
        with contextlib.redirect_stdout(io.StringIO()):
            scored = [row | {"expected": score(row)} for row in rows]
        with (folder / f"{name}.jsonl").open("w", encoding="utf-8") as file:
            file.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in scored)
        print(name, len(scored))  # noqa: T201


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), *sys.argv[3:4])
