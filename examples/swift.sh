#!/usr/bin/env bash
# GRPO on TVR with ms-swift 4.6.0: scenes, the rows as ms-swift reads them, the file of rewards, and the run.
#
#   examples/swift.sh runs/swift [what ms-swift takes, such as --use_vllm true]
#
# Needs star-r1 and ms-swift in one environment, and GPUs. COUNT, IMAGES and MODEL change the data and the model.
set -euo pipefail
folder=${1:?give a folder for the data and the run}
shift

"$(dirname "$0")/prepare.sh" "$folder" swift train.jsonl
star doctor --trainer swift --write "$folder"

cd "$folder"
exec swift rlhf \
    --rlhf_type grpo \
    --model "${MODEL:-Qwen/Qwen2.5-VL-7B-Instruct}" \
    --dataset "$PWD/train.jsonl" \
    --external_plugins "$PWD/star_swift.py" \
    --reward_funcs star_tvr \
    --num_generations 8 \
    --log_completions true \
    --output_dir "$PWD/output" \
    "$@"
