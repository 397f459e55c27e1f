#!/usr/bin/env bash
# GRPO on TVR with verl 0.9.1: scenes, the rows as verl reads them, and the run.
#
#   examples/verl.sh runs/verl [what verl takes, such as trainer.n_gpus_per_node=4]
#
# Needs star-r1 and verl in one environment, and GPUs. COUNT, IMAGES and MODEL change the data and the model.
set -euo pipefail
folder=${1:?give a folder for the data and the run}
shift

"$(dirname "$0")/prepare.sh" "$folder" verl train.parquet

cd "$folder"
exec python3 -m verl.trainer.main_ppo \
    algorithm.adv_estimator=grpo \
    data.train_files="$PWD/train.parquet" \
    data.val_files="$PWD/train.parquet" \
    data.image_key=images \
    actor_rollout_ref.model.path="${MODEL:-Qwen/Qwen2.5-VL-7B-Instruct}" \
    actor_rollout_ref.rollout.n=8 \
    reward.custom_reward_function.path=pkg://star_r1.verl \
    reward.custom_reward_function.name=compute_score \
    +reward.custom_reward_function.reward_kwargs.task=tvr \
    +reward.custom_reward_function.reward_kwargs.preset=default \
    "$@"
