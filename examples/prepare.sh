#!/usr/bin/env bash
# What the scripts beside this one begin with: scenes, the rows as a trainer reads them, and its file of rewards.
#
#   examples/prepare.sh FOLDER TRAINER ROWS
#
# COUNT scenes (1000), with IMAGES by the ray caster, the path tracer (mitsuba) or none.
set -euo pipefail
folder=$1 trainer=$2 rows=$3

mkdir -p "$folder"
star data generate "$folder/scenes" --count "${COUNT:-1000}" --images "${IMAGES:-raycast}"
star data export "$folder/scenes" --to "$trainer" --out "$folder/$rows" --overwrite
star doctor --trainer "$trainer" --write "$folder"
