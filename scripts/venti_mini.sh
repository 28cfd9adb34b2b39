#!/usr/bin/env bash
# Trains venti-mini on openly licensed prose. The result can replace models/venti-mini.
#
#     scripts/venti_mini.sh [--gpu] CORPUS HELD_OUT START WORK
#
# CORPUS   folder of `*.txt.zst` files with SOURCES.tsv
# HELD_OUT file of documents that the model must never see
# START    folder of the base model
# WORK     empty folder for the results: WORK/corpus, WORK/steady and WORK/model
#
# An interrupted run continues when the script is started again.
#
# Training takes a little over three hours on two cores. A long phase at a constant learning rate uses
# all the text; a short phase with a decaying rate uses the essays and the text most similar to them.
# With --gpu, the script trains a larger model from scratch on the same text and uses START only for
# comparison. This requires a venti built with the feature `cuda-training`, and has not been run yet.

set -euo pipefail

gpu=
if [ "${1:-}" = --gpu ]; then
  gpu=yes
  shift
fi
if [ $# != 4 ]; then
  echo "usage: scripts/venti_mini.sh [--gpu] CORPUS HELD_OUT START WORK" >&2
  exit 2
fi
corpus=$1 held_out=$2 start=$3 work=$4
here=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
venti=${VENTI:-$here/target/release/venti}

# train OUT FLAGS...: starts a run, or resumes it.
train() {
  local out=$1 resume=()
  shift
  if [ -e "$out/training.jsonl" ]; then resume=(--resume); fi
  "$venti" train "$@" --out "$out" --held-out-file "$held_out" --seed 7 "${resume[@]}"
}

mkdir -p "$work"
text=$work/corpus
if [ ! -e "$text/report.json" ]; then
  python3 "$here/scripts/venti_mini_corpus.py" "$corpus" "$held_out" "$text"
fi
# The essays are used twice. The manuals add vocabulary, though no voice.
everything=("$text/tier1.txt" "$text/tier1.txt" "$text/tier2.txt" "$text/tier3.txt" "$text/spare.txt")
essays=("$text/tier1.txt" "$text/tier1.txt" "$text/tier2.txt")

if [ -n "$gpu" ]; then
  # The largest model that fits into 40 MB in f16.
  train "$work/steady" "${everything[@]}" "$text/tier4.txt" --device cuda \
    --layers 9 --heads 6 --width 384 --context 1024 --batch-size 16 \
    --steps 6000 --schedule constant --learning-rate 1.5e-3 --warmup 300 --dropout 0.05 \
    --evaluate-every 250 --patience 1000
  train "$work/model" "${essays[@]}" --from "$work/steady" --device cuda --batch-size 16 \
    --steps 1500 --learning-rate 1.5e-3 --warmup 50 --dropout 0.05 --evaluate-every 100 --patience 1000
else
  train "$work/steady" "${everything[@]}" --from "$start" \
    --steps 7000 --schedule constant --learning-rate 1.5e-3 --warmup 200 \
    --evaluate-every 250 --patience 1000
  train "$work/model" "${essays[@]}" --from "$work/steady" \
    --steps 1000 --learning-rate 1.5e-3 --warmup 50 --evaluate-every 100 --patience 1000
fi

"$venti" eval "$start" "$work/model" --corpus "$held_out" \
  --against "$text/train.txt" --against "$text/spare.txt"
