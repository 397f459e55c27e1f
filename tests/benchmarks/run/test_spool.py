"""Records on disk: nothing lost, groups whole, and what a killed run left beyond its checkpoint is cut off."""

import numpy as np
import pytest

from benchmarks.run import spool as module
from benchmarks.run.spool import Spool

KIND = np.dtype([("cluster", "<u8"), ("row", "<i8")])


def records(groups, first=0):
    return np.array([(group, first + at) for at, group in enumerate(groups)], dtype=KIND)


def test_a_short_one_is_one_part():
    spool = Spool(KIND)
    spool.add(records([5, 6, 5]))
    spool.add(records([7], first=3))
    (part,) = spool.parts()
    assert part["row"].tolist() == [0, 1, 2, 3]
    spool.close()


def test_an_empty_one_has_no_parts():
    spool = Spool(KIND)
    assert list(spool.parts()) == []
    spool.close()


@pytest.mark.parametrize("most", [3, 256])
def test_groups_are_whole_and_in_order(monkeypatch, most):
    monkeypatch.setattr(module, "PART_ROWS", 64)
    monkeypatch.setattr(module, "_MOST_PARTS", most)
    groups = np.random.default_rng(0).integers(0, 2**64, size=50, dtype=np.uint64)[np.arange(1000) % 50]
    spool = Spool(KIND)
    for start in range(0, 1000, 70):
        spool.add(records(groups[start : start + 70], first=start))
    for _ in range(2):  # reading does not use it up
        parts = list(spool.parts())
        assert len(parts) == min(most, 16)
        assert sorted(row for part in parts for row in part["row"].tolist()) == list(range(1000))
        for part in parts:
            assert (np.diff(part["row"]) > 0).all()
        homes = [set(part["cluster"].tolist()) for part in parts]
        assert sum(map(len, homes)) == len(set().union(*homes)) == 50
    spool.add(records([1], first=1000))
    assert sum(len(part) for part in spool.parts()) == 1001
    spool.close()


def test_it_goes_on_where_it_was_saved(tmp_path):
    path = tmp_path / "spool"
    spool = Spool(KIND, path)
    spool.add(records([1, 2]))
    size = spool.save()
    spool.add(records([9, 9, 9]))
    spool.close(remove=False)
    again = Spool(KIND, path, size=size)
    again.add(records([3], first=2))
    (part,) = again.parts()
    assert part["cluster"].tolist() == [1, 2, 3]
    assert again.save() == 3 * KIND.itemsize
    again.close()
    assert not path.exists()


def test_a_new_run_starts_with_nothing(tmp_path):
    path = tmp_path / "spool"
    path.write_bytes(b"left over")
    spool = Spool(KIND, path)
    spool.add(records([4]))
    (part,) = spool.parts()
    assert part["cluster"].tolist() == [4]
    spool.close()
