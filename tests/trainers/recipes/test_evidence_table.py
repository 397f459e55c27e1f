"""The table that GRPO trains: what follows from what is named, and what the advantage makes of break-evens."""

import numpy as np
import pytest

from recipes.evidence import tabular_questions as questions
from recipes.evidence.tabular import KINDS, NAMED, draw, outcomes, train

KNOWN = {"p": 0.5, "spread": 0.5, "wrong": {"attribute": 0.2, "object": 0.4, "none": 0.4}}
SIGNS = (0.2, 0.5)


def at(*parts):
    """Return the place of (kind, named) of both changes."""
    return tuple(place for kind, named in parts for place in (KINDS.index(kind), NAMED.index(named)))


def test_what_follows_from_what_is_named():
    found = outcomes()
    both = at((("first", "none"), (0,)), (("second", "none"), (1,)))
    assert [table[both] for table in found] == [10, 1, 0, 2]
    one_too_many = at((("first", "object"), (0,)), (("not there", "object"), (0,)))
    assert [table[one_too_many] for table in found] == [4, 0, 1, 2]
    object_alone = at((("neither", "object"), (0,)), (("not there", "object"), ()))
    assert [table[object_alone] for table in found] == [-0.5, 0, 2, 1]
    assert outcomes(preset="no_incorrect_penalty").reward[one_too_many] == 5


def test_scenes_are_drawn_as_is_known():
    scenes = draw(np.random.default_rng(0), 20_000, KNOWN, SIGNS)
    right, tier = np.divmod(scenes.kind, 3)
    assert np.mean(right[:, 0] == 0) == pytest.approx(0.5, abs=0.02)
    assert np.mean(right[:, 1] == 3) == pytest.approx(0.5, abs=0.02)
    assert np.mean(tier == 0) == pytest.approx(0.2, abs=0.02)
    there = right[:, 1] != 3
    sign = scenes.state[:, 1, 0] // 10 == 1
    assert (np.mean(sign[there]), np.mean(sign[~there])) == pytest.approx((0.5, 0.2), abs=0.02)


def test_the_spread_of_groups_raises_the_break_even():
    """Without an incorrect penalty any guess is worth it either way; with it, the batch's spread keeps the chance of 1/6."""
    full, none = outcomes(), outcomes(preset="no_incorrect_penalty")
    named = {
        (title, scale): train(found, KNOWN, SIGNS, scale, 0)["predictions"]
        for title, found in (("full", full), ("none", none))
        for scale in ("group", "batch")
    }
    assert named["full", "group"] + 0.3 < named["full", "batch"] < named["none", "batch"]
    assert min(named["none", "group"], named["none", "batch"]) > 2.5


def test_what_references_score():
    """Bits are (view, name): door and plant stand in view 1, clock and bench in view 2."""
    true = questions.DECISIONS.index((0, 0)), questions.DECISIONS.index((0, 1)), questions.DECISIONS.index((1, 2))
    honest = [at in true or at == questions.DECISIONS.index((1, 3)) for at in range(8)]
    place = int("".join(str(int(bit)) for bit in honest), 2)
    alone, plain, default = (questions.rewards(name) for name in questions.REWARDS)
    assert (alone.right[place], alone.wrong[place]) == (1, 0)
    assert plain.right[place] == pytest.approx(2)
    assert plain.wrong[place] == pytest.approx(1)
    assert default.right.argmax() == place
    assert default.right[255] == pytest.approx(default.right[0])  # the same in both views is worth nothing
    assert plain.right[255] > plain.right[0]


def test_who_is_not_sure_learns_blind_references_from_the_plain_sum_alone():
    both = {name: questions.train(questions.rewards(name), 0.55, 7)["both"] for name in ("plain sum", "default")}
    assert both["plain sum"] > 0.6
    assert both["default"] < 0.3
