"""Rewards and rows on which the audit is tried: the plain sum of R_ans and raw F1, and generated questions."""

import json
import re

from click.testing import CliRunner

from benchmarks.audit.policies import POLICIES, written
from benchmarks.audit.reward import honest, write
from benchmarks.audit.scenes import read_scenes
from benchmarks.audit.uncertainty import Belief
from parsers.completion import parse_completion
from rewards.tasks import load_task
from star_cli.main import star


def raw_f1(completions, references, **_):
    """R_ref as the mean over the views of the F1 between named and true objects, re-implemented on regular expressions."""
    totals = []
    for text, views in zip(completions, references, strict=True):
        lines = dict(re.findall(r"View (\d+):(.*)", text.partition("</think>")[0]))
        scores = []
        for number, true in enumerate(views or (), start=1):
            triplets = re.findall(r"\[([^,\]]+), ([^,\]]+), [^\]]+\]", lines.get(str(number), ""))
            named = {name for pair in triplets for name in pair} - {"camera"}
            scores.append(2 * len(named & set(true)) / (len(named) + len(true)) if named or true else 1.0)
        totals.append(sum(scores) / len(scores) if scores and "</think><answer>" in text else 0.0)
    return totals


def raw_sum(completions, target, references, **_):
    """R_ans + R_ref with raw F1, for completions as the policies write them; any tag may open the reasoning."""
    answers = [re.fullmatch(r"<[^/]*</think><answer>([^<]*)</answer>", text) for text in completions]
    right = [float(bool(found) and found[1] == gold) for found, gold in zip(answers, target, strict=True)]
    named = raw_f1(completions, references)
    return [a + r if found else 0.0 for a, r, found in zip(right, named, answers, strict=True)]


def generated_questions(folder, count=300, **options):
    """Return the scenes of generated questions about several views, and their rows."""
    run = CliRunner().invoke(star, ["data", "generate", str(folder), "--task", "multiview", "--count", str(count)])
    assert run.exit_code == 0, run.output
    rows = [json.loads(line) for line in (folder / "metadata.jsonl").read_text("utf-8").splitlines()]
    columns = {name: [row[name] for row in rows] for name in ("target", "references", "options")}
    return read_scenes(load_task("multiview"), columns.pop("target"), **columns), rows


def accepted_envelopes(scene):
    """Return the policies whose malformed envelope the parser takes as well-formed: what the audit then must report."""
    names = set()
    right = parse_completion(write(honest(scene), scene)).answer
    for policy in POLICIES:
        candidate = written(policy, Belief(scene, scene))[0] if policy.is_for(scene.task) else honest(scene)
        if candidate.layout != honest(scene).layout and candidate.items == scene.target:
            found = parse_completion(write(candidate, scene))
            names |= {policy.name} if found.fault is None and found.answer == right else set()
    return names
