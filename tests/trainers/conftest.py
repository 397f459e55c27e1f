import os

import pytest

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
os.environ.setdefault("OMP_NUM_THREADS", "1")

CPU = {
    "use_cpu": True,
    "bf16": False,
    "gradient_checkpointing": False,
    "disable_tqdm": True,
    "logging_steps": 1,
    "learning_rate": 1e-3,
    "seed": 3,
}


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch):
    """Servers on this machine are asked directly; a test of a proxy names one itself."""
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="session")
def start(tmp_path_factory):
    """A tiny model with random weights."""
    pytest.importorskip("torch").set_num_threads(1)
    pytest.importorskip("trl")
    from recipes.tiny.model import Sizes, build

    folder = tmp_path_factory.mktemp("start")
    sizes = Sizes(width=32, layers=1, heads=2, feed_forward=2, vision_width=16, vision_layers=1)
    build(folder, sizes, side=32)
    return folder


@pytest.fixture(scope="session")
def rows(tmp_path_factory):
    """Saved rows of the tiny world, seen from all views."""
    pytest.importorskip("torch")
    pytest.importorskip("datasets")
    from recipes.tiny.world import World, dataset

    folder = tmp_path_factory.mktemp("rows") / "saved"
    dataset(World(), ("center", "left", "right"), 1, 24).save_to_disk(folder)
    return folder


@pytest.fixture
def sft(start, rows, tmp_path):
    """Settings of stage 1: six steps are an epoch."""
    return CPU | {
        "model_name_or_path": str(start),
        "dataset_name": str(rows),
        "output_dir": str(tmp_path / "sft"),
        "per_device_train_batch_size": 4,
        "max_steps": 6,
        "save_steps": 2,
    }


@pytest.fixture
def rl(start, rows, tmp_path):
    """Settings of stage 2: a step takes two rows."""
    return CPU | {
        "model_name_or_path": str(start),
        "dataset_name": str(rows),
        "output_dir": str(tmp_path / "rl"),
        "per_device_train_batch_size": 8,
        "num_generations": 4,
        "max_completion_length": 12,
        "max_steps": 4,
        "save_steps": 2,
        "reward_funcs": ["tvr_reward"],
    }
