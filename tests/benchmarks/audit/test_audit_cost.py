"""Cost: growth is found with a clock that counts, so that no test depends on the machine."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.audit.checks import probes
from benchmarks.audit.cost import SIZES, cost_findings, families, growth_exponent, measure
from benchmarks.audit.policies import POLICIES
from benchmarks.audit.reward import AuditedReward
from benchmarks.audit.scenes import draw_scenes
from rewards.functions import TaskReward
from rewards.tasks import load_task

SCENES = draw_scenes(load_task("tvr"), 2)
ASKED = probes(SCENES, POLICIES)


class Worker:
    """A reward that spends the time that *cost* says, on its own clock."""

    def __init__(self, cost):
        self.now = 0.0
        self.cost = cost

    def __call__(self, completions, **_):
        self.now += sum(map(self.cost, completions))
        return [0.0] * len(completions)

    def clock(self):
        return self.now


def _measured(cost):
    worker = Worker(cost)
    return measure(AuditedReward(worker), ASKED, clock=worker.clock)


def test_linear_time_is_no_finding():
    cost = _measured(lambda text: 1e-7 * len(text))
    assert all(growth.exponent == pytest.approx(1.0, abs=0.01) for growth in cost.growth)
    assert all(growth.sizes == SIZES for growth in cost.growth)
    assert cost_findings(cost, SCENES[0]) == []


def test_quadratic_time_on_one_family_is_found_and_named():
    cost = _measured(lambda text: 1e-9 * text.count("<answer>") ** 2 + 1e-8 * len(text))
    (found,) = cost_findings(cost, SCENES[0])
    assert found.name == "growth"
    assert "opened answers" in found.says or "closed answers" in found.says
    assert "size^2.0" in found.says
    assert "<answer><answer>" in found.smallest.completion or "</answer><answer>" in found.smallest.completion


def test_the_common_pattern_is_found_to_be_quadratic():
    """``<think>.*?</think>\\s*<answer>.*?</answer>$`` goes on from every block to every later end, but for a match."""
    cost = _measured(lambda text: 1e-8 * text.count("<answer>") ** 2 * (not text.endswith("</answer>")))
    assert {growth.family for growth in cost.growth if growth.exponent > 1.9} >= {"answers, and more"}
    (found,) = cost_findings(cost, SCENES[0])
    assert found.smallest.worlds == ()  # it is about time, not about what is paid


def test_times_stop_where_they_get_long():
    cost = _measured(lambda text: 1e-4 * len(text))
    assert all(len(growth.seconds) < len(SIZES) for growth in cost.growth)


def test_what_is_slow_up_to_a_limit_is_found():
    cost = _measured(lambda text: 1e-9 * len(text) ** 2 if len(text) < 60_000 else 0.0)
    (found,) = cost_findings(cost, SCENES[0])
    assert "size^2.0" in found.says
    assert all(growth.longest == SIZES[3] for growth in cost.growth)


def test_what_is_fast_is_no_finding_however_it_grows():
    cost = _measured(lambda text: 1e-14 * len(text) ** 2)
    assert max(growth.exponent for growth in cost.growth) > 1.9
    assert cost_findings(cost, SCENES[0]) == []


def test_quantiles():
    lengths = sorted(len(text) for text in ASKED.texts)
    cost = _measured(lambda text: 1e-6 * len(text))
    assert cost.p50 == pytest.approx(1e-6 * lengths[len(lengths) // 2], rel=0.05)
    assert cost.p50 <= cost.p99 <= 1e-6 * lengths[-1] + 1e-12
    assert cost.batch == pytest.approx(1e-6 * sum(lengths) / len(lengths))


@given(power=st.floats(0.2, 3), factor=st.floats(1e-5, 1e-3), count=st.integers(2, 5))
def test_the_exponent_of_a_power(power, factor, count):
    sizes = SIZES[:count]
    assert growth_exponent(sizes, [factor * size**power for size in sizes]) == pytest.approx(power, rel=1e-2, abs=1e-2)


def test_one_size_shows_no_growth():
    assert growth_exponent([1000], [9.0]) == 0.0


@pytest.mark.parametrize("name", families(SCENES[0]))
def test_texts_are_about_as_long_as_asked(name):
    assert 0.9 * 4000 < len(families(SCENES[0])[name](4000)) < 1.1 * 4000


def test_our_reward_is_measured_on_a_real_clock():
    cost = measure(AuditedReward(TaskReward()), ASKED, single=10)
    assert 0 < cost.p50 <= cost.p99
    assert len(cost.growth) == len(families(SCENES[0]))
