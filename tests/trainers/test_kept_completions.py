from itertools import combinations
from types import SimpleNamespace

import pytest

from rewards.errors import ConfigError
from trainers.config import read_config
from trainers.kept_completions import check_keep_varied, drop_equal_groups, keep_varied
from trainers.stages import build_trainer, train

torch = pytest.importorskip("torch")
pytest.importorskip("trl")

pytestmark = pytest.mark.filterwarnings("ignore")


def odd_lengths(completions, **columns):
    return [float(len(completion[0]["content"]) % 7) for completion in completions]


@pytest.fixture
def trainer():
    return SimpleNamespace(
        num_generations=5, scale_rewards="group", accelerator=SimpleNamespace(gather=lambda tensor: tensor.view(1))
    )


def batch(rewards):
    rewards = torch.tensor(rewards)
    groups = rewards.view(-1, 5)
    advantages = (groups - groups.mean(1, keepdim=True)) / (groups.std(1, keepdim=True) + 1e-4)
    count = len(rewards)
    return {
        "advantages": advantages.flatten(),
        "completion_ids": torch.arange(count * 3).view(count, 3),
        "completion_mask": torch.ones(count, 3, dtype=torch.long),
        "num_items_in_batch": torch.tensor(count * 3),
        "pixel_values": torch.arange(count * 8.0).view(count * 4, 2),  # one image of 2 x 2 patches a completion
        "image_grid_thw": torch.tensor([[1, 2, 2]] * count),
        "num_images": [1] * count,
    }


@pytest.mark.parametrize("keep", [2, 3, 4])
def test_the_kept_completions_vary_most(trainer, keep):
    """No other choice of as many has a greater variance: all are tried."""
    torch.manual_seed(0)
    rewards = torch.randn(4, 5).double()
    kept = keep_varied(trainer, batch(rewards.flatten().tolist()), keep)
    rows = (kept["completion_ids"][:, 0] // 3).view(4, keep)
    for group, chosen in enumerate(rows):
        assert ((chosen >= group * 5) & (chosen < group * 5 + 5)).all()
        best = max(rewards[group, list(some)].var() for some in combinations(range(5), keep))
        found = rewards[group, chosen - group * 5]
        assert torch.isclose(found.var(), best)
        expected = (found - found.mean()) / (found.std() + 1e-4)
        torch.testing.assert_close(kept["advantages"].view(4, keep)[group], expected.float(), atol=1e-3, rtol=1e-3)
    assert kept["num_items_in_batch"] == 4 * keep * 3
    assert kept["pixel_values"].view(-1, 4, 2)[:, 0, 0].tolist() == (rows.flatten() * 8).tolist()
    assert len(kept["image_grid_thw"]) == len(kept["num_images"]) == 4 * keep


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"keep_varied": 1}, "at least 2 and less than num_generations"),
        ({"keep_varied": 4}, "at least 2 and less than num_generations"),
        ({"keep_varied": 2, "scale_rewards": "batch"}, "needs advantages of groups"),
        ({"keep_varied": 2, "multi_objective_aggregation": "normalize_then_sum"}, "needs advantages of groups"),
        ({"keep_varied": 3, "steps_per_generation": 2, "per_device_train_batch_size": 2}, "do not divide into 2 steps"),
    ],
)
def test_what_cannot_be_kept_is_refused(rl, changes, message):
    settings = read_config("rl", rl | changes)
    with pytest.raises(ConfigError, match=message):
        check_keep_varied(settings.star.keep_varied, settings.training)


def test_groups_over_processes_are_refused():
    training = SimpleNamespace(
        num_generations=8,
        per_device_train_batch_size=4,
        steps_per_generation=1,
        scale_rewards="group",
        multi_objective_aggregation="sum_then_normalize",
    )
    with pytest.raises(ConfigError, match="whole groups in each process"):
        check_keep_varied(4, training)


@pytest.mark.slow
def test_a_run_learns_from_the_varied_ones(rl):
    settings = rl | {"keep_varied": 2, "reward_funcs": [f"{__file__}:odd_lengths"], "save_strategy": "no"}
    seen = []
    trainer = build_trainer(read_config("rl", settings))
    inner = trainer.compute_loss
    trainer.compute_loss = lambda model, inputs, **more: (
        seen.append(len(inputs["completion_ids"])) or inner(model, inputs, **more)
    )
    trainer.train()
    assert seen == [4] * 4  # of eight that were drawn
    assert train("rl", settings | {"output_dir": settings["output_dir"] + "-again"}).step == 4


def test_equal_groups_leave_the_average():
    trainer = SimpleNamespace(accelerator=SimpleNamespace(gather=lambda tensor: tensor.view(1)))
    output = {
        "advantages": torch.tensor([0.0, 0.0, 1.0, -1.0]),
        "completion_mask": torch.ones(4, 3, dtype=torch.long),
        "num_items_in_batch": torch.tensor(12),
    }
    kept = dict(output)
    drop_equal_groups(trainer, kept)
    assert kept["completion_mask"].sum(dim=1).tolist() == [0, 0, 3, 3]
    assert kept["num_items_in_batch"] == 6
    nothing = output | {"advantages": torch.zeros(4)}
    drop_equal_groups(trainer, nothing)
    assert nothing["completion_mask"].sum() == 12
