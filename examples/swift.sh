#!/usr/bin/env bash
# GRPO on TVR with ms-swift 4.6.0: scenes, the rows as ms-swift reads them, the file of rewards, and the run.
#
#   examples/swift.sh runs/swift [what ms-swift takes, such as --use_vllm true]
#
# Needs star-r1 and ms-swift in one environment, and GPUs. COUNT, IMAGES and MODEL change the data and the model.
set -euo pipefail
folder=${1:?give a folder for the data and the run}
shift
model=${MODEL:-Qwen/Qwen2.5-VL-7B-Instruct}

mkdir -p "$folder"
star data generate "$folder/scenes" --count "${COUNT:-1000}" --images "${IMAGES:-raycast}"
star data export "$folder/scenes" --to swift --out "$folder/train.jsonl" --overwrite
star doctor --trainer swift --write "$folder"

cd "$folder"
exec swift rlhf \
    --rlhf_type grpo \
    --model "$model" \
    --dataset "$PWD/train.jsonl" \
    --external_plugins "$PWD/star_swift.py" \
    --reward_funcs star \
    --num_generations 8 \
    --log_completions true \
    --output_dir "$PWD/output" \
    "$@"
