#!/usr/bin/env python3
"""Prints the summary of `scripts/gpu_check.sh`: results next to transformers and the GPU's limits.

    python3 scripts/gpu_table.py FOLDER

Reads the output of `venti bench --json` and `gpu_reference.py measure`, and `times.tsv`. Missing
measurements are left out. The last two columns compare a step with measured rates: its bytes with the
bandwidth of a copy (reads and writes), its operations with the rate of a large matrix product.
"""

import json
import pathlib
import sys

TIMES_TRANSFORMERS = 5
TOKENS_PER_SECOND = 150_000
SECONDS_FOR_SEEDS = 10
SEEDS = 1000


def read(path):
    try:
        return json.loads(path.read_text())
    except (OSError, ValueError):
        return {}


def rows(bench, reference):
    """Yields a row for each number format and batch size."""
    best = reference.get("best", {}) if bench["model"] != "venti-mini" else {}
    ceilings = reference.get("ceilings", {})
    copied, operations = ceilings.get("copy_bytes_per_second"), ceilings.get("bf16_operations_per_second")
    for row in bench.get("results", []):
        rate, step, limit = row["tokens_per_second"]["median"], row["step_seconds"], row["limit"]
        theirs = best.get(str(row["batch_size"]), {}).get("tokens_per_second")
        least = own = by_bytes = by_operations = ""
        if limit and step:
            own = f"{100 * limit['step_seconds'] / step:.0f}% {limit['bound']}"
            least = f"{1e3 * limit['step_seconds']:.3f}"
            if copied:
                by_bytes = f"{100 * limit['bytes'] / copied / step:.0f}%"
            # This rate is for the tensor cores, which f32 does not use.
            if operations and row["dtype"] != "f32":
                products = limit["products"] + limit["attention_products"]
                by_operations = f"{100 * 2 * products / operations / step:.0f}%"
        yield [
            row["dtype"],
            f"{row['batch_size']:,}",
            f"{rate:,.0f}",
            f"{theirs:,.0f}" if theirs else "",
            f"{rate / theirs:.2f}x" if theirs else "",
            f"{1e3 * row['first_token_seconds']:.2f}",
            f"{1e3 * step:.3f}" if step else "",
            least,
            own,
            by_bytes,
            by_operations,
        ]


HEADS = [
    "dtype", "batch", "tokens/s", "transformers", "ratio", "first ms", "step ms", "limit ms", "of limit",
    "of bandwidth", "of operations",
]


def show(lines):
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    for line in lines:
        cells = [cell.ljust(width) if at == 0 else cell.rjust(width) for at, (cell, width) in enumerate(zip(line, widths))]
        print("  ".join(cells).rstrip())


def goals(benches, reference, times):
    """Yields goals as (description, goal, result or None, whether less is better)."""
    gpt2 = benches.get("gpt2", {}).get("results", [])
    best = reference.get("best", {})
    for size in (64, 512):
        theirs = best.get(str(size), {}).get("tokens_per_second")
        ours = [row["tokens_per_second"]["median"] for row in gpt2 if row["batch_size"] == size]
        what = f"× the best speed of transformers at batch {size}"
        yield what, TIMES_TRANSFORMERS, max(ours) / theirs if ours and theirs else None, False
    ours = [row["tokens_per_second"]["median"] for row in gpt2]
    yield "tokens per second with GPT-2 small", TOKENS_PER_SECOND, max(ours, default=None), False
    took = times.get(f"{SEEDS} seeds")
    yield f"seconds for {SEEDS} seeds of 400 words", SECONDS_FOR_SEEDS, took, True


def main():
    folder = pathlib.Path(sys.argv[1])
    reference = read(folder / "reference.json")
    benches = {name: read(folder / f"bench-{name}.json") for name in ("gpt2", "venti-mini")}
    try:
        lines = [line.split("\t") for line in (folder / "times.tsv").read_text().splitlines()]
    except OSError:
        lines = []
    times = {name: float(seconds) for name, seconds in lines}

    for name, bench in benches.items():
        if not bench:
            print(f"{name}: not measured\n")
            continue
        card = bench.get("card") or bench["device"]
        print(
            f"{name} on {card}: {bench['prompt_tokens']} prompt and {bench['new_tokens']} new tokens, "
            f"median of {bench['repeat']}"
        )
        show([HEADS, *rows({**bench, "model": name}, reference)])
        print()
    ceilings = reference.get("ceilings", {})
    for key, words in [("copy_bytes_per_second", "bytes copied"), ("bf16_operations_per_second", "bf16 operations")]:
        if key in ceilings:
            print(f"GPU limit: {ceilings[key] / 1e12:.3f} T {words} per second")
    for size, run in reference.get("best", {}).items():
        print(f"transformers at batch {size}: {run['way']}, {run['tokens_per_second']:,.0f} tokens/s")
    for name, seconds in times.items():
        print(f"{name}: {seconds:.2f} s")
    print()
    if reference.get("device") == "cpu":
        print("the goals apply only to a GPU and GPT-2 small")
        return
    for what, goal, reached, is_less_better in goals(benches, reference, times):
        if reached is None:
            verdict = "not measured"
        else:
            is_reached = reached < goal if is_less_better else reached >= goal
            verdict = f"{reached:,.1f}, {'reached' if is_reached else 'missed'}"
        print(f"goal: {goal:,} {what}: {verdict}")


if __name__ == "__main__":
    main()
