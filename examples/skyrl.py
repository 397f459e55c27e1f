"""SkyRL: its own entry point, with the environment registered inside the Ray task that trains.

    python examples/skyrl.py environment.env_class=star data.train_data="['train.parquet']" ...

Rows are those of `star data export --to verl` with ``env_class: star``, and ``reward_spec`` for ``reward_model``.
"""

import sys

import ray
from skyrl.train.config import SkyRLTrainConfig
from skyrl.train.entrypoints.main_base import BasePPOExp, validate_cfg
from skyrl.train.utils import initialize_ray
from skyrl_gym.envs import register


@ray.remote(num_cpus=1)
def train(config: SkyRLTrainConfig) -> None:
    register(id="star", entry_point="star_r1.skyrl:StarEnv")
    BasePPOExp(config).run()


if __name__ == "__main__":
    settings = SkyRLTrainConfig.from_cli_overrides(sys.argv[1:])
    validate_cfg(settings)
    initialize_ray(settings)
    ray.get(train.remote(settings))
