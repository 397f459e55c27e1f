#!/usr/bin/env bash
# GRPO on TVR with OpenRLHF 0.11.2: scenes, the rows as OpenRLHF reads them, the file of rewards, and the run.
#
#   examples/openrlhf.sh runs/openrlhf [what OpenRLHF takes, such as --actor.num_gpus_per_node 4]
#
# Needs star-r1 and OpenRLHF in one environment, and GPUs. COUNT, IMAGES and MODEL change the data and the model.
set -euo pipefail
folder=${1:?give a folder for the data and the run}
shift

"$(dirname "$0")/prepare.sh" "$folder" openrlhf train.jsonl
star doctor --trainer openrlhf --write "$folder"

cd "$folder"
exec python3 -m openrlhf.cli.train_ppo_ray \
    --actor.model_name_or_path "${MODEL:-Qwen/Qwen2.5-VL-7B-Instruct}" \
    --data.prompt_dataset "$PWD/train.jsonl" \
    --data.input_key input \
    --data.label_key label \
    --data.image_key images \
    --data.max_images_per_prompt 2 \
    --data.apply_chat_template \
    --reward.remote_url "$PWD/star_openrlhf.py" \
    --algo.advantage.estimator group_norm \
    --rollout.n_samples_per_prompt 8 \
    --ckpt.output_dir "$PWD/model" \
    "$@"
