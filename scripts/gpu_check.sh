#!/usr/bin/env bash
# Checks and benchmarks everything that Venti does on a GPU, in under ten minutes:
#
#     VENTI=./venti GPU_CHECK=./gpu_check scripts/gpu_check.sh [--device cuda|cpu]
#
# The machine needs a driver and a python3 with torch and transformers, but no Rust, CUDA toolkit or
# network. Build both binaries elsewhere (see CONTRIBUTING.md) and copy them there. `--device cpu` runs a
# smaller version to test the script itself. Logs and figures go to $OUT (default: target/gpu-check).
#
# A section that fails or times out does not stop the others. The exit status is then 1.

set -uo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
device=cuda
while [ $# -gt 0 ]; do
    case $1 in
        --device) device=${2:-}; shift ;;
        *) device= ;;
    esac
    shift
done
if [ "$device" != cuda ] && [ "$device" != cpu ]; then
    echo "usage: scripts/gpu_check.sh [--device cuda|cpu]" >&2
    exit 2
fi

venti=$(realpath -m "${VENTI:-$here/target/release/venti}")
gpu_check=$(realpath -m "${GPU_CHECK:-$here/target/release/examples/gpu_check}")
python=${PYTHON:-python3}
out=$(realpath -m "${OUT:-$here/target/gpu-check}")
# Time limit of the whole run, in seconds.
most=${GPU_CHECK_SECONDS:-560}
for program in "$venti" "$gpu_check"; do
    if [ ! -x "$program" ]; then
        echo "$program is not an executable file; see CONTRIBUTING.md for how to build it" >&2
        exit 2
    fi
done

mkdir -p "$out" || exit 2
work=$(mktemp -d) || exit 2
trap 'rm -rf "$work"' EXIT
exec > >(tee "$out/log.txt") 2>&1
: >"$out/times.tsv"
rm -f "$out"/bench-*.json "$out/reference.json"

# Driver folders that may be missing from the loader's search path.
for folder in /usr/local/nvidia/lib64 /usr/lib/wsl/lib; do
    if [ -e "$folder/libcuda.so.1" ]; then
        export LD_LIBRARY_PATH="${LD_LIBRARY_PATH:+$LD_LIBRARY_PATH:}$folder"
    fi
done
export PYTHONUNBUFFERED=1 NO_COLOR=1 LC_ALL=C

mini=$here/models/venti-mini
gpt2=$work/gpt2
if [ "$device" = cuda ]; then
    small=() tiny=()
    dtypes=bf16,f16,f32 sizes=1,64,512,1024 new_tokens=128 seeds=1000
    reference=(--batch-size "1,64,512" --new-tokens 128)
else
    small=(--small) tiny=(--tiny)
    dtypes=bf16,f32 sizes=1,8 new_tokens=16 seeds=12
    reference=(--batch-size "1,8" --new-tokens 16)
fi
bench=(bench --device "$device" --dtype "$dtypes" --batch-size "$sizes" --new-tokens "$new_tokens" --offline --json)

failed=()

# section NAME SECONDS COMMAND...: runs the command with a time limit, but not beyond the limit of the
# whole run.
section() {
    local name=$1 limit=$2 left=$((most - SECONDS)) started=$SECONDS status
    shift 2
    [ "$left" -lt "$limit" ] && limit=$left
    printf '\n== %s (%s s so far)\n' "$name" "$SECONDS"
    if [ "$limit" -lt 2 ]; then
        echo "no time left"
        failed+=("$name")
        return
    fi
    timeout --kill-after=5 "$limit" "$@" </dev/null
    status=$?
    [ "$status" -eq 0 ] && return
    case $status in
        124 | 137) echo "timed out after $((SECONDS - started)) s" ;;
        *) echo "failed with status $status" ;;
    esac
    failed+=("$name")
}

# timed NAME COMMAND...: runs the command and records its duration.
timed() {
    local name=$1 microseconds=${EPOCHREALTIME/./} status took
    shift
    "$@"
    status=$?
    microseconds=$((${EPOCHREALTIME/./} - microseconds))
    printf -v took '%d.%06d' $((microseconds / 1000000)) $((microseconds % 1000000))
    if [ "$status" -eq 0 ]; then
        printf '%s\t%s\n' "$name" "$took" >>"$out/times.tsv"
        echo "$name: $took s"
    fi
    return "$status"
}

# json FILE COMMAND...: saves the command's output to a file if it succeeds.
json() {
    local file=$1
    shift
    "$@" >"$work/json" || return
    mv "$work/json" "$file"
}

# one_token NAME MODEL: records the duration of a whole process that writes one token outside any site.
one_token() {
    cd "$work" || return
    timed "$1" "$venti" generate --text "It is" --raw --max-new-tokens 1 --offline \
        --device "$device" --model "$2"
}

# a_site FOLDER N: creates a site with N different seeds.
a_site() {
    mkdir -p "$1/content/seeds" && printf 'title: Check\nmodel: %s\n' "$mini" >"$1/venti.yaml" || return
    for number in $(seq "$2"); do
        printf 'Meeting %d began on time, and all %d of us agreed that it should not have.\n\n' \
            "$number" $((number % 89 + 3))
    done >"$1/quotes.txt"
    "$venti" import "$1/quotes.txt" --root "$1" --quiet
}

# write_seeds FOLDER: writes an essay of about 400 words for each seed, with one candidate each.
write_seeds() {
    "$venti" generate --root "$1" --device "$device" --offline --quiet --json --candidates 1 --max-rounds 1 \
        --max-words 430 --min-new-tokens 640 --max-new-tokens 640 >"$1/summary.json"
}

seeds_together() {
    a_site "$work/warm" 3 && write_seeds "$work/warm" || return
    a_site "$work/site" "$seeds" || return
    timed "$seeds seeds" write_seeds "$work/site" || return
    "$python" - "$work/site/summary.json" <<'END'
import json, sys
it = json.load(open(sys.argv[1]))
essays = it["essays"]["written"]
words = it["figures"]["words"]
print(f"{essays} essays of {words / max(essays, 1):.0f} words, {it['new_tokens']:,} tokens in {it['seconds']:.2f} s:",
      f"{it['tokens_per_second']:,.0f} tokens/s")
END
}

card() {
    nvidia-smi
    nvidia-smi --query-gpu=name,driver_version,memory.total,clocks.max.sm,clocks.max.mem,power.limit --format=csv
}

export -f timed json one_token a_site write_seeds seeds_together card
export venti device work out mini seeds python

# Like `section`, but for shell functions, because `timeout` can run only programs.
shell() { section "$1" "$2" bash -c '"$@"' section "${@:3}"; }

echo "$("$venti" --version) on $device, $(nproc) processors, $(uname -sr)"
if [ "$device" = cuda ]; then
    shell "card" 20 card
    section "driver, first start" 30 "$python" "$here/scripts/gpu_reference.py" driver
    section "driver" 20 "$python" "$here/scripts/gpu_reference.py" driver
fi
section "cold start, first run" 60 "$gpu_check" "$mini" --device "$device" --cold-start
section "cold start" 30 "$gpu_check" "$mini" --device "$device" --cold-start
if [ "$device" = cuda ]; then
    section "cold start with PTX compiled at run time" 60 \
        env CUDA_FORCE_PTX_JIT=1 CUDA_CACHE_DISABLE=1 "$gpu_check" "$mini" --device cuda --cold-start
fi
section "make a GPT-2 with random weights" 60 "$python" "$here/scripts/gpu_reference.py" make "$gpt2" "${tiny[@]}"
section "checks of venti-mini" 80 "$gpu_check" "$mini" --device "$device" "${small[@]}"
section "checks of GPT-2" 120 "$gpu_check" "$gpt2" --device "$device" "${small[@]}"
section "cold start of GPT-2" 30 "$gpu_check" "$gpt2" --device "$device" --cold-start
shell "one token of venti-mini" 30 one_token "venti generate, one token of venti-mini" "$mini"
shell "one token of GPT-2" 30 one_token "venti generate, one token of GPT-2" "$gpt2"
shell "$seeds seeds of 400 words" 60 seeds_together
shell "bench of GPT-2" 100 json "$out/bench-gpt2.json" "$venti" "${bench[@]}" --model "$gpt2"
shell "bench of venti-mini" 60 json "$out/bench-venti-mini.json" "$venti" "${bench[@]}" --model "$mini"
left=$((most - SECONDS - 10))
section "transformers" $((left < 190 ? left : 190)) "$python" "$here/scripts/gpu_reference.py" measure \
    "$gpt2" "$out/reference.json" --device "$device" --seconds $((left < 190 ? left - 15 : 175)) "${reference[@]}"
# Print the table even if a section failed or the time is up.
most=$((SECONDS + 20))
section "summary" 20 "$python" "$here/scripts/gpu_table.py" "$out"

printf '\n%s s in total\n' "$SECONDS"
# Give tee time to write the last lines of the log.
trap 'rm -rf "$work"; sleep 0.5' EXIT
if [ ${#failed[@]} -gt 0 ]; then
    printf 'FAILED: %s\n' "${failed[@]}"
    exit 1
fi
echo "everything passed"
