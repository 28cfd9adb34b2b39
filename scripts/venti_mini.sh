#!/usr/bin/env bash
# Trains venti-mini on the house corpus. The result can replace models/venti-mini.
#
#     scripts/venti_mini.sh PROSE START WORK
#
# PROSE  folder of `*.txt.zst` files of openly licensed prose
# START  folder of the base model, a venti-mini of six layers
# WORK   empty folder for the results: WORK/mixed, WORK/house and WORK/model
#
# An interrupted run continues when the script is started again. models/venti-mini/TRAINING.md records the
# runs that led to the present model.

set -euo pipefail

if [ $# != 3 ]; then
  echo "usage: scripts/venti_mini.sh PROSE START WORK" >&2
  exit 2
fi
prose=$1 start=$2 work=$3
here=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
venti=${VENTI:-$here/target/release/venti}
house=$here/models/venti-mini/corpus

# train OUT FLAGS...: starts a run, or resumes it.
train() {
  local out=$1 resume=()
  shift
  if [ -e "$out/training.jsonl" ]; then resume=(--resume); fi
  "$venti" train "$@" --out "$out" --held-out-file "$house/house-heldout.txt" \
    --evaluate-every 100 --patience 1000 "${resume[@]}"
}

# plain WORDS OUT: selects plain passages of the prose.
plain() {
  if [ ! -e "$2" ]; then
    python3 "$here/scripts/venti_mini_corpus.py" "$prose" "$house" "$house/house-heldout.txt" "$1" "$2"
  fi
}

mkdir -p "$work"
for set in 1 2 3 4 5 6; do zstd -dqf "$house/house-$set.txt.zst" -o "$work/house-$set.txt"; done
plain 1250000 "$work/plain.txt"
plain 150000 "$work/plain-small.txt"

# Twice as many layers; words from plain prose beside the house corpus.
train "$work/mixed" "$work/plain.txt" "$work"/house-{1,2,3,4}.txt --from "$start" --grow 12 \
  --steps 300 --schedule constant --learning-rate 1e-3 --warmup 40 --seed 7
# The house corpus; the plainest set counts twice.
train "$work/house" "$work/plain-small.txt" "$work"/house-{1,2,3,3,4,5}.txt --from "$work/mixed" \
  --steps 700 --schedule constant --learning-rate 1e-3 --warmup 20 --seed 8
# The plain sets alone, while the learning rate falls.
train "$work/model" "$work"/house-{2,3,4,5,6,6}.txt --from "$work/house" \
  --steps 800 --learning-rate 7e-4 --warmup 10 --seed 9

"$venti" eval "$start" "$work/model" --corpus "$house/house-heldout.txt" --against "$work"
