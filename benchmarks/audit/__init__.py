"""What is a reward given for? Attack policies, checks and exact expectations, for any reward function.

An *exploit* scores at least what a better answer scores, such as the exact one on the same scene. An *incentive* is a
policy that scores more under uncertainty than the honest best guess. A *check* is a property that a reward should have.
"""

from benchmarks.audit.differential import Differential, compare_rewards
from benchmarks.audit.expected import best_plan, expected_reward, guess_pays_from, hedge
from benchmarks.audit.findings import AuditFinding, Example, World
from benchmarks.audit.groups import Groups, group_totals
from benchmarks.audit.policies import POLICIES, Policy
from benchmarks.audit.predictions import Prediction, predict
from benchmarks.audit.reward import AuditedReward
from benchmarks.audit.run import Audit, as_dict, audit
from benchmarks.audit.scenes import Scene, draw_scenes, read_scenes
from benchmarks.audit.search import Search

__all__ = [
    "POLICIES",
    "Audit",
    "AuditFinding",
    "AuditedReward",
    "Differential",
    "Example",
    "Groups",
    "Policy",
    "Prediction",
    "Scene",
    "Search",
    "World",
    "as_dict",
    "audit",
    "best_plan",
    "compare_rewards",
    "draw_scenes",
    "expected_reward",
    "group_totals",
    "guess_pays_from",
    "hedge",
    "predict",
    "read_scenes",
]
