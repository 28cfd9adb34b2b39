#!/usr/bin/env bash
# Makes venti-mini, from openly licensed prose to a folder that can take the place of models/venti-mini:
#
#     scripts/venti_mini.sh [--gpu] CORPUS HELD_OUT START WORK
#
# CORPUS is a folder of `*.txt.zst` with SOURCES.tsv, HELD_OUT a text of documents that the model must
# never see, START the folder of the model to go on from, WORK an empty folder for all that comes of it:
# WORK/corpus, WORK/steady and WORK/model. Called again after it was interrupted, it goes on.
#
# On two cores it takes a bit more than three hours: a long phase at a steady learning rate on everything,
# then a short one in which the rate falls, on the essays and what is most like them. With --gpu, which
# needs a venti that was built with the feature `cuda-training`, a larger model is trained from scratch on
# the same text (START is only compared with); that has not been run yet.

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

# train OUT FLAGS...: begins a run, or goes on with it.
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
# Essays twice; manuals teach words, if no voice.
everything=("$text/tier1.txt" "$text/tier1.txt" "$text/tier2.txt" "$text/tier3.txt" "$text/spare.txt")
essays=("$text/tier1.txt" "$text/tier1.txt" "$text/tier2.txt")

if [ -n "$gpu" ]; then
  # As large as fits 40 MB in f16.
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
