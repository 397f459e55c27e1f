#!/usr/bin/env bash
# GRPO on TVR with slime: scenes, the rows as slime reads them, and the reward by its path. Run inside slime's image.
#
#   SLIME=path/to/slime examples/slime.sh runs/slime [what slime takes, such as --actor-num-gpus-per-node 4]
set -euo pipefail
folder=${1:?give a folder for the data and the run}
shift

"$(dirname "$0")/prepare.sh" "$folder" openrlhf train.jsonl

folder=$(cd "$folder" && pwd)
cd "${SLIME:?give the folder of the sources of slime}"
exec python3 train.py \
    --prompt-data "$folder/train.jsonl" \
    --input-key input \
    --label-key label \
    --apply-chat-template \
    --custom-rm-path star_r1.slime.reward \
    --reward-key total \
    --log-reward-category fault \
    --n-samples-per-prompt 8 \
    --advantage-estimator grpo \
    --hf-checkpoint "${MODEL:-Qwen/Qwen2.5-VL-7B-Instruct}" \
    --save "$folder/checkpoints" \
    "$@"
