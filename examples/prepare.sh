#!/usr/bin/env bash
# What the scripts beside this one begin with: scenes, and the rows as a trainer reads them.
#
#   examples/prepare.sh FOLDER TRAINER ROWS
#
# COUNT scenes (1000), with IMAGES by the ray caster, the path tracer (mitsuba) or none.
set -euo pipefail
folder=$1 trainer=$2 rows=$3

mkdir -p "$folder"
star data generate "$folder/scenes" --count "${COUNT:-1000}" --images "${IMAGES:-raycast}"
star data export "$folder/scenes" --to "$trainer" --out "$folder/$rows" --overwrite
