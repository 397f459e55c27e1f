#!/usr/bin/env bash
# GRPO on TVR with EasyR1: scenes, the rows as EasyR1 reads them, the file of rewards, and the run.
#
#   EASYR1=path/to/EasyR1 examples/easyr1.sh runs/easyr1 [what EasyR1 takes, such as trainer.n_gpus_per_node=4]
#
# EasyR1 is used from its sources, which hold the configuration that this changes. Needs star-r1 in the same
# environment, and GPUs. COUNT, IMAGES and MODEL change the data and the model.
set -euo pipefail
folder=${1:?give a folder for the data and the run}
shift

"$(dirname "$0")/prepare.sh" "$folder" easyr1 train.jsonl
star doctor --trainer easyr1 --write "$folder"

folder=$(cd "$folder" && pwd)
cd "${EASYR1:?give the folder of the sources of EasyR1}"
exec python3 -m verl.trainer.main \
    config=examples/config.yaml \
    data.train_files="$folder/train.jsonl" \
    data.val_files="$folder/train.jsonl" \
    data.prompt_key=prompt \
    data.answer_key=answer \
    data.format_prompt=null \
    worker.actor.model.model_path="${MODEL:-Qwen/Qwen2.5-VL-7B-Instruct}" \
    worker.rollout.n=8 \
    worker.reward.reward_function="$folder/star_easyr1.py:compute_score" \
    trainer.save_checkpoint_path="$folder/checkpoints" \
    "$@"
