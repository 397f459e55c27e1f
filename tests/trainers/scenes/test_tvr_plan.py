"""Plans: balanced, possible, and a function of seed and index alone."""

from collections import Counter
from itertools import combinations

import pytest

from benchmarks.tvr.world import ATTRIBUTES, N_OBJECTS, PAIRS
from trainers.scenes.tvr_plan import MOVE_TYPES, _block, _cycle, plan_scene

EVERY = (*ATTRIBUTES, "position")
SUBSETS = [subset for size in range(1, 6) for subset in combinations(EVERY, size)]


def plans(count, seed=0, attributes=ATTRIBUTES):
    return [plan_scene(seed, index, attributes) for index in range(count)]


def test_every_block_of_40_has_each_count_of_objects_and_steps_once():
    made = plans(120, seed=3)
    for block in range(3):
        kinds = Counter((plan.n_visible, len(plan.slots)) for plan in made[40 * block : 40 * block + 40])
        assert kinds == Counter({(n, steps): 1 for n in range(1, 11) for steps in range(1, 5)})


@pytest.mark.parametrize("attributes", [ATTRIBUTES, EVERY])
def test_changes_are_equally_frequent(attributes):
    made = plans(40 * 17 * 3, attributes=attributes)
    counts = Counter(slot.pair for plan in made for slot in plan.slots)
    names = {PAIRS[pair][0] for pair in counts}
    assert names == set(attributes)
    assert max(counts.values()) - min(counts.values()) <= 1
    assert len(counts) == (17 if attributes == ATTRIBUTES else 33)


def test_types_of_moves_are_equally_frequent_for_each_move():
    made = plans(40 * 99, attributes=EVERY)
    kinds = Counter((slot.pair, slot.move) for plan in made for slot in plan.slots if slot.move)
    assert {move for _, move in kinds} == set(MOVE_TYPES)
    assert len(kinds) == 16 * 3
    assert max(kinds.values()) - min(kinds.values()) <= 1


@pytest.mark.parametrize("attributes", SUBSETS, ids="-".join)
def test_plans_are_possible_for_any_attributes(attributes):
    for plan in plans(400, seed=1, attributes=attributes):
        assert 1 <= plan.n_visible <= N_OBJECTS
        assert 1 <= len(plan.slots) <= 4
        moved_in = sum(slot.move == "in" for slot in plan.slots)
        moved_out = sum(slot.move == "out" for slot in plan.slots)
        rest = Counter(PAIRS[slot.pair][0] for slot in plan.slots if slot.move not in ("in", "out"))
        assert moved_in <= N_OBJECTS - plan.n_visible
        assert moved_out + max(rest.values(), default=0) <= plan.n_visible


def test_a_plan_depends_on_seed_and_index_only():
    forwards = plans(100, seed=7)
    _block.cache_clear()
    _cycle.cache_clear()
    backwards = [plan_scene(7, index, ATTRIBUTES) for index in reversed(range(100))][::-1]
    assert forwards == backwards
    assert forwards != plans(100, seed=8)
    assert len({tuple(forwards[start : start + 20]) for start in (0, 40)}) == 2
