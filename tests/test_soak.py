"""The soak of `make soak`, for a moment; and that it would find something."""

import pytest

from rewards.tasks import task_names
from tests import soak


@pytest.mark.parametrize("task", task_names())
def test_some_inputs_of_each_task(task):
    done, right = soak.soak(task, 600, 60, "test")
    assert done == 600
    assert 0 < right < 600, "inputs are to be right and wrong"


def test_it_finds_a_total_that_is_not_the_sum(monkeypatch):
    plain = soak.score_batch

    def wrong(*given, **more):
        batch = plain(*given, **more)
        batch.total[3] += 1e-9
        return batch

    monkeypatch.setattr(soak, "score_batch", wrong)
    with pytest.raises(AssertionError, match="tvr"):
        soak.soak("tvr", 10, 60, "test")
