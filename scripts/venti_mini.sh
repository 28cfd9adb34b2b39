#!/usr/bin/env bash
# Trains venti-mini on the house corpus. The result can replace models/venti-mini.
#
#     scripts/venti_mini.sh PROSE START WORK
#
# PROSE  folder of `*.txt.zst` files of openly licensed prose
# START  folder of the base model, a venti-mini of six layers
# WORK   empty folder for the results: WORK/mixed, WORK/house, WORK/plain and WORK/model
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

# train OUT FLAGS...: starts a run, or resumes it. It ends with the weights that predict the held-out
# documents best, unless FLAGS has `--held-out 0`.
train() {
  local out=$1 flags=(--evaluate-every 100 --patience 1000)
  shift
  if [ -e "$out/training.jsonl" ]; then flags+=(--resume); fi
  if [[ " $* " != *" --held-out 0 "* ]]; then flags+=(--held-out-file "$house/house-heldout.txt"); fi
  "$venti" train "$@" --out "$out" "${flags[@]}"
}

# plain WORDS OUT: selects plain passages of the prose.
plain() {
  if [ ! -e "$2" ]; then
    python3 "$here/scripts/venti_mini_corpus.py" "$prose" "$house" "$house/house-heldout.txt" "$1" "$2"
  fi
}

mkdir -p "$work"
for set in 1 2 3 4 5 6 7; do zstd -dqf "$house/house-$set.txt.zst" -o "$work/house-$set.txt"; done
plain 1250000 "$work/plain.txt"
plain 150000 "$work/plain-small.txt"
plain 400000 "$work/plain-middle.txt"

# Twice as many layers; words from plain prose beside the house corpus.
train "$work/mixed" "$work/plain.txt" "$work"/house-{1,2,3,4}.txt --from "$start" --grow 12 \
  --steps 300 --schedule constant --learning-rate 1e-3 --warmup 40 --seed 7
# The house corpus; the plainest set counts twice.
train "$work/house" "$work/plain-small.txt" "$work"/house-{1,2,3,3,4,5}.txt --from "$work/mixed" \
  --steps 700 --schedule constant --learning-rate 1e-3 --warmup 20 --seed 8
# The plain sets alone, while the learning rate falls.
train "$work/plain" "$work"/house-{2,3,4,5,6,6}.txt --from "$work/house" \
  --steps 800 --learning-rate 7e-4 --warmup 10 --seed 9
# Everything; the largest and plainest set counts twice. The last weights are the model: the held-out
# documents are in another manner, so they do not tell which weights are best.
train "$work/model" "$work/plain-middle.txt" "$work"/house-{1,2,3,4,5,6,7,7}.txt --from "$work/plain" \
  --steps 1300 --learning-rate 8e-4 --warmup 30 --seed 12 --held-out 0

"$venti" eval "$start" "$work/model" --corpus "$house/house-heldout.txt" --against "$work"
