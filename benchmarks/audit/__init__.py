"""What does a reward pay for? Attack policies, checks and exact expectations, for any reward function.

An *exploit* is a non-exact answer whose total is at least the exact answer's on the same scene. An *incentive* is a
policy that pays more under uncertainty than the honest best guess.
"""

from benchmarks.audit.expected import best_plan, expected_reward, guess_pays_from, hedge
from benchmarks.audit.exploits import AuditFinding, Example, World
from benchmarks.audit.groups import Groups, group_totals
from benchmarks.audit.policies import POLICIES, Policy
from benchmarks.audit.reward import AuditedReward
from benchmarks.audit.run import Audit, as_dict, audit
from benchmarks.audit.scenes import Scene, draw_scenes, read_scenes
from benchmarks.audit.search import Search

__all__ = [
    "POLICIES",
    "Audit",
    "AuditFinding",
    "AuditedReward",
    "Example",
    "Groups",
    "Policy",
    "Scene",
    "Search",
    "World",
    "as_dict",
    "audit",
    "best_plan",
    "draw_scenes",
    "expected_reward",
    "group_totals",
    "guess_pays_from",
    "hedge",
    "read_scenes",
]
