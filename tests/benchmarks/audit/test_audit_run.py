"""The whole audit, and the audits of our own presets that stand guard over them."""

import json
import math

import numpy as np
import pytest

from benchmarks.audit import AuditedReward, AuditFinding, Groups, Search, as_dict, audit, draw_scenes
from benchmarks.audit.findings import Example, World
from rewards.functions import TaskReward
from rewards.score import resolve
from rewards.spec import PRESETS
from rewards.tasks import load_task
from tests.benchmarks.audit.audit_inputs import accepted_envelopes

TVR = load_task("tvr")

QUICK = Search(rounds=10)

EXPECTED = {
    "paper": {"hedge", "repeat", "values_of_cell", "learned"},
    "no_incorrect_penalty": {
        "add_wrong", "all_attributes", "all_cells", "all_objects", "everything", "hedge", "learned", "repeat",
        "right_and_unparseable", "values_of_cell", "values_of_object",
    },
    "naive_binary": {"learned", "repeat"},
}  # fmt: skip
"""The exploits of our presets; all others have none."""


def _audit(preset, **options):
    audited = AuditedReward(TaskReward("tvr", preset), name=preset)
    return audit(audited, draw_scenes(TVR, 8), **({"timed": False, "accuracies": (), "search": QUICK} | options))


@pytest.mark.parametrize("preset", PRESETS)
def test_the_exploits_of_our_presets_are_those_that_are_known(preset):
    found = _audit(preset)
    expected = EXPECTED.get(preset, set()) | accepted_envelopes(draw_scenes(TVR, 1)[0])
    assert {finding.name for finding in found.of("exploit")} == expected
    for finding in found.of("exploit"):
        assert finding.smallest.paid >= finding.smallest.against
        assert len(finding.smallest.worlds[0].target.split(", ")) == 1


@pytest.mark.parametrize("task", ["trance", "multiview"])
def test_the_other_tasks_have_no_exploit(task):
    scenes = draw_scenes(load_task(task), 9)
    found = audit(AuditedReward(TaskReward(task)), scenes, timed=False, accuracies=(), search=QUICK)
    assert {finding.name for finding in found.of("exploit")} == accepted_envelopes(scenes[0])
    assert not found.of("check")


def test_an_audit_is_the_same_every_time():
    one, other = (as_dict(_audit("default", accuracies=(0.6,))) for _ in range(2))
    assert one == other
    assert one["findings"]


def test_json_has_no_nan_and_all_parts():
    spec = resolve("tvr", "paper")[1]
    broken = AuditFinding("check", "finite", "raises", smallest=Example("", "", (World("t", 1.0, math.nan, math.nan),)))
    groups = Groups(2, 1, 2.0, 0.0, 0.0, 0.0, 0.0, 2.0, ((1.0, 1), (2.0, 1)))
    found = _audit("paper", spec=spec, search=None, further=[broken], groups=groups)
    plain = json.loads(json.dumps(as_dict(found), allow_nan=False))
    assert plain["name"] == "paper"
    assert plain["groups"]["totals"] == [[1.0, 1], [2.0, 1]]
    assert plain["n_gt"] == 2
    assert len(plain["chances"]) == len(plain["expectation"][0]["best"])
    assert plain["findings"][-1]["smallest"]["worlds"][0]["paid"] is None
    repeat = next(finding for finding in plain["findings"] if finding["name"] == "repeat")
    assert repeat["smallest"]["paid"] == 11.0
    assert repeat["largest"]["against"] == 21.0
    assert plain["cost"] is None


def test_times_are_taken_where_asked():
    audited = AuditedReward(TaskReward())
    found = audit(audited, draw_scenes(TVR, 2), search=None)
    assert as_dict(found)["cost"]["growth"][0]["family"] == "words in the reasoning"


def test_the_learned_policy_may_be_left_out():
    with_search, without = _audit("paper", search=Search(rounds=2)), _audit("paper", search=None)
    assert with_search.policies == without.policies + 1
    assert "learned" not in {finding.name for finding in without.findings}


def exact(completions, target):
    return [
        float(text.startswith("<think>") and text.endswith(f"</think><answer>{gold}</answer>") and text.count("<") == 4)
        for text, gold in zip(completions, target, strict=True)
    ]


def test_what_depends_on_the_place_in_the_batch_is_one_finding_and_not_many():
    def placed(completions, target, **_):
        return [paid + 1e-3 * row for row, paid in enumerate(exact(completions, target))]

    found = audit(AuditedReward(placed), draw_scenes(TVR, 4), search=QUICK, timed=False)
    assert {finding.name for finding in found.of("check")} <= {"batch_order", "batch_alone", "permutation"}
    assert not found.of("incentive")
    assert not found.of("exploit")


def test_noise_is_one_finding_and_not_many():
    rng = np.random.default_rng(0)

    def noisy(completions, target, **_):
        return [paid + rng.normal(0, 0.01) for paid in exact(completions, target)]

    found = audit(AuditedReward(noisy), draw_scenes(TVR, 4), search=QUICK, timed=False)
    assert [finding.name for finding in found.of("check")] == ["deterministic"]
    assert not found.of("incentive")
