"""What GRPO sees, against a slow twin that looks at each group by itself."""

from collections import defaultdict

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.run.group_counts import RECORD, GroupCounts, count_groups

PAID = st.sampled_from([-1.0, 0.0, 0.5, 6.0])
ROWS = st.lists(
    st.tuples(st.integers(0, 5), PAID, st.booleans(), PAID, PAID).map(lambda row: (SCENES[row[0]], *row)), max_size=24
)
SCENES = (0, 9, 9, 9, 4, 4)  # of groups 0, 1, ...: rows are (scene, group, ...)


def place(paid, row):
    """Return how many rows are paid more, and half of the others that are paid the same."""
    return sum(other > paid[row] for other in paid) + (sum(other == paid[row] for other in paid) - 1) / 2


def slow_count(rows, mean_total, mean_correct):
    by_scene, by_group = defaultdict(list), defaultdict(list)
    for scene, *row in rows:
        by_scene[scene].append(row)
        by_group[row[0]].append(row)
    counts = dict.fromkeys(GroupCounts.__slots__, 0)
    for members in by_scene.values():
        counts["clusters"] += 1
        counts["total_residual"] += sum(total - mean_total for _, total, *_ in members) ** 2
        counts["correct_residual"] += sum(right - mean_correct for _, _, right, *_ in members) ** 2
    sizes = [len(members) for members in by_group.values()]
    counts["smallest"], counts["largest"] = min(sizes, default=0), max(sizes, default=0)
    for members in by_group.values():
        if len(members) == 1:
            continue
        counts["groups"] += 1
        counts["rows"] += len(members)
        counts["zero_variance"] += len({total for _, total, *_ in members}) == 1
        pairs = [(one[1], two[1]) for one in members for two in members if one[2] and not two[2]]
        counts["mixed"] += bool(pairs)
        counts["outranked"] += any(right <= wrong for right, wrong in pairs)
        default, paper = [row[3] for row in members], [row[4] for row in members]
        moved = sum(place(default, row) != place(paper, row) for row in range(len(members)))
        counts["rows_ranked_differently"] += moved
        counts["groups_ranked_differently"] += moved > 0
    return GroupCounts(**counts)


def close(one, two):
    return all(getattr(one, name) == pytest.approx(getattr(two, name), abs=1e-9) for name in GroupCounts.__slots__)


@given(ROWS, st.floats(-1, 6), st.floats(0, 1))
def test_as_the_slow_twin(rows, mean_total, mean_correct):
    found = count_groups(np.array(rows, dtype=RECORD), mean_total=mean_total, mean_correct=mean_correct)
    assert close(found, slow_count(rows, mean_total, mean_correct))


@given(ROWS, st.randoms(use_true_random=False))
def test_the_order_of_rows_does_not_matter(rows, random):
    shuffled = list(rows)
    random.shuffle(shuffled)
    means = {"mean_total": 1.0, "mean_correct": 0.5}
    one, two = (count_groups(np.array(each, dtype=RECORD), **means) for each in (rows, shuffled))
    assert close(one, two)


@given(ROWS)
def test_groups_can_be_counted_apart(rows):
    means = {"mean_total": 1.0, "mean_correct": 0.5}
    apart = sum(
        (count_groups(np.array([row for row in rows if row[0] % 2 == odd], dtype=RECORD), **means) for odd in (0, 1)),
        GroupCounts(),
    )
    assert close(apart, count_groups(np.array(rows, dtype=RECORD), **means))


def test_large_group_numbers():
    rows = [(2**64 - 1, 1.0, True, 1.0, 1.0), (2**63, 2.0, False, 2.0, 2.0), (2**64 - 1, 2.0, False, 2.0, 0.0)]
    records = np.array([(row[0], *row) for row in rows], dtype=RECORD)
    found = count_groups(records, mean_total=0.0, mean_correct=0.0)
    assert (found.groups, found.clusters, found.outranked, found.rows_ranked_differently) == (1, 2, 1, 2)
