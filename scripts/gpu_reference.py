#!/usr/bin/env python3
"""Measures transformers and the GPU itself, for comparison with Venti.

    python3 scripts/gpu_reference.py make FOLDER              # write a GPT-2 small with random weights
    python3 scripts/gpu_reference.py driver                   # time the start of the driver
    python3 scripts/gpu_reference.py measure FOLDER OUT.json  # tokens, bytes and operations per second

Needs torch and transformers. Speed does not depend on the values of the weights, so nothing is
downloaded. `measure` writes texts of 32 prompt and 128 new tokens with `generate()`, top-k 40, in bf16:
with default settings, with a static cache, and with a static cache and compilation. Each mode is timed
after a warm-up. A mode that fails is reported, and the others still run. The file is written after each
mode, so that a later failure loses nothing.
"""

import argparse
import ctypes
import json
import os
import pathlib
import shutil
import signal
import statistics
import sys
import time
import traceback

# Prevent network access.
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

TOKENIZER = pathlib.Path(__file__).resolve().parent.parent / "crates/gpt2/tests/fixtures/gpt2-tokenizer"
SEED = 1
PROMPT_TOKENS = 32
REPEAT = 3
# Number of seconds after which no further repetition starts.
LONG_ENOUGH = 12.0
# Time limit for one mode, in seconds.
MOST_SECONDS = 75.0
WAYS = ["default", "static cache", "static cache, compiled"]


def transformers_quietly():
    """Returns the package transformers, set to print only errors."""
    import transformers

    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    return transformers


def make(args):
    """Writes a checkpoint that both transformers and Venti can load."""
    import torch
    from transformers import GPT2Config, GPT2LMHeadModel

    transformers_quietly()
    torch.manual_seed(SEED)
    config = GPT2Config(n_layer=2, n_embd=128, n_head=2) if args.tiny else GPT2Config()
    model = GPT2LMHeadModel(config).to(torch.bfloat16)
    model.save_pretrained(args.folder)
    for name in ["vocab.json", "merges.txt"]:
        shutil.copyfile(TOKENIZER / name, pathlib.Path(args.folder) / name)
    millions = sum(weight.numel() for weight in model.parameters()) / 1e6
    print(f"wrote a GPT-2 with {millions:.0f} million random weights to {args.folder}")
    return 0


def driver(_args):
    """Times the start-up of the driver, which every GPU program has to wait for."""
    started = time.perf_counter()
    try:
        cuda = ctypes.CDLL("libcuda.so.1")
    except OSError as error:
        print(f"no driver: {error}")
        return 1
    opened = time.perf_counter()
    failed = cuda.cuInit(0)
    ready = time.perf_counter()
    device, context = ctypes.c_int(), ctypes.c_void_p()
    failed = failed or cuda.cuDeviceGet(ctypes.byref(device), 0)
    failed = failed or cuda.cuDevicePrimaryCtxRetain(ctypes.byref(context), device)
    entered = time.perf_counter()
    if failed:
        print(f"the driver returned error {failed}")
        return 1
    parts = [("libcuda", opened - started), ("cuInit", ready - opened), ("context", entered - ready)]
    print("driver: " + ", ".join(f"{name} {1e3 * seconds:.1f} ms" for name, seconds in parts))
    return 0


class TooLong(Exception):
    """A mode exceeded its time limit."""


def alarm(_signal, _frame):
    raise TooLong("timed out")


class Measured:
    """All measurements so far, kept in a file."""

    def __init__(self, path, **about):
        self.path = pathlib.Path(path)
        self.found = {**about, "ceilings": {}, "runs": [], "best": {}}
        self.write()

    def write(self):
        beside = self.path.with_suffix(".new")
        beside.write_text(json.dumps(self.found, indent=1) + "\n")
        os.replace(beside, self.path)

    def ceiling(self, name, rate):
        self.found["ceilings"][name] = rate
        self.write()

    def run(self, run):
        self.found["runs"].append(run)
        best = self.found["best"].get(str(run["batch_size"]))
        if "tokens_per_second" in run and (not best or best["tokens_per_second"] < run["tokens_per_second"]):
            self.found["best"][str(run["batch_size"])] = run
        self.write()


def guarded(what, seconds, act):
    """Returns (result of `act`, None), or (None, error message) if `act` fails or times out."""
    signal.signal(signal.SIGALRM, alarm)
    signal.setitimer(signal.ITIMER_REAL, max(seconds, 0.01))
    try:
        return act(), None
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # noqa: BLE001: a failing mode must not stop the others
        words = (str(error).strip().splitlines() or [""])[0]
        message = f"{type(error).__name__}: {words}"[:300]
        print(f"{what}: {message}", flush=True)
        if not isinstance(error, TooLong):
            traceback.print_exc(limit=-3, file=sys.stderr)
        return None, message
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def wait(torch, device):
    if device == "cuda":
        torch.cuda.synchronize()


def best_seconds(torch, device, act, times):
    """Returns the shortest time of `act` after a warm-up."""
    least = float("inf")
    for number in range(times + 2):
        wait(torch, device)
        started = time.perf_counter()
        act()
        wait(torch, device)
        if number >= 2:
            least = min(least, time.perf_counter() - started)
    return least


def copy_rate(torch, device, size):
    """Returns the bytes per second, read plus written, of a copy on the device."""
    source = torch.ones(size, dtype=torch.uint8, device=device)
    target = torch.empty_like(source)
    return 2 * size / best_seconds(torch, device, lambda: target.copy_(source), 10)


def product_rate(torch, device, size):
    """Returns the operations per second of a bf16 matrix product, counting two per multiply-add."""
    a, b = (torch.randn(size, size, dtype=torch.float32, device=device).to(torch.bfloat16) for _ in range(2))
    out = torch.empty(size, size, dtype=torch.bfloat16, device=device)
    return 2 * size**3 / best_seconds(torch, device, lambda: torch.matmul(a, b, out=out), 10)


def settings(way, device, new_tokens):
    """Returns the arguments of `generate()` for a mode."""
    from transformers import CompileConfig

    common = dict(
        do_sample=True,
        temperature=0.8,
        top_k=40,
        max_new_tokens=new_tokens,
        # Without an end token, no text ends early, and no time is spent on checking for the end.
        eos_token_id=None,
        pad_token_id=0,
    )
    if way == "default":
        return common
    common["cache_implementation"] = "static"
    if way == "static cache":
        return {**common, "disable_compile": True}
    # Compile one program per batch size, with CUDA graphs.
    config = CompileConfig(mode="reduce-overhead", dynamic=False)
    if device == "cpu":
        config._compile_all_devices = True
    return {**common, "compile_config": config}


def forget(torch, model):
    """Discards the compiled program and frees the memory of the last batch."""
    for name in ["_compiled_call", "_cache"]:
        if hasattr(model, name):
            delattr(model, name)
    torch._dynamo.reset()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def time_way(torch, model, device, way, batch_size, new_tokens):
    """Times one mode. Returns the seconds of the first run, and a list with those of each repetition."""
    arguments = settings(way, device, new_tokens)
    generator = torch.Generator().manual_seed(SEED)
    shape = (batch_size, PROMPT_TOKENS)
    prompts = torch.randint(0, model.config.vocab_size - 1, shape, generator=generator).to(device)
    mask = torch.ones_like(prompts)

    def once():
        wait(torch, device)
        started = time.perf_counter()
        texts = model.generate(prompts, attention_mask=mask, **arguments)
        wait(torch, device)
        seconds = time.perf_counter() - started
        if tuple(texts.shape) != (batch_size, PROMPT_TOKENS + new_tokens):
            raise ValueError(f"the texts have the wrong shape: {tuple(texts.shape)}")
        return seconds

    # Compilation does not support tensors created in inference mode.
    with torch.no_grad() if "compiled" in way else torch.inference_mode():
        first = once()
        # Compiled programs record their CUDA graphs in the second run.
        for _ in range(2 if "compiled" in way else 0):
            once()
        took = []
        while len(took) < REPEAT and (not took or sum(took) < LONG_ENOUGH):
            took.append(once())
    return first, took


def measure(args):
    """Measures as many modes as the time limit allows. Returns 1 if a batch size has no result."""
    until = time.monotonic() + args.seconds
    device = args.device
    import torch
    from transformers import GPT2LMHeadModel

    transformers = transformers_quietly()
    name = torch.cuda.get_device_name(0) if device == "cuda" else "cpu"
    measured = Measured(
        args.out,
        device=name,
        torch=torch.__version__,
        transformers=transformers.__version__,
        prompt_tokens=PROMPT_TOKENS,
        new_tokens=args.new_tokens,
    )
    print(f"torch {torch.__version__}, transformers {transformers.__version__}, {name}", flush=True)

    left = lambda: until - time.monotonic()
    small = device == "cpu"
    ceilings = [
        ("copy_bytes_per_second", copy_rate, 64 << 20 if small else 4 << 30, "bytes copied"),
        ("bf16_operations_per_second", product_rate, 512 if small else 8192, "bf16 operations"),
    ]
    for key, rate, size, words in ceilings:
        found, _ = guarded(words, min(30, left()), lambda: rate(torch, device, size))
        if found:
            measured.ceiling(key, found)
            print(f"{words}: {found / 1e9:,.0f} G per second", flush=True)

    model = GPT2LMHeadModel.from_pretrained(args.folder, dtype=torch.bfloat16).to(device).eval()
    model.generation_config.eos_token_id = None
    model.config.eos_token_id = None
    # Compilation takes longest, so it comes last; large batches matter most, so they come first.
    largest_first = sorted(args.batch_size, reverse=True)
    ways = [(way, size) for way in WAYS[:2] for size in largest_first]
    ways += [(WAYS[2], size) for size in largest_first]
    for way, size in ways:
        what = f"transformers, {way}, batch {size}"
        run = {"way": way, "batch_size": size}
        if left() < 3:
            print(f"{what}: no time left", flush=True)
            measured.run({**run, "error": "no time left"})
            continue
        forget(torch, model)
        found, error = guarded(
            what, min(MOST_SECONDS, left()), lambda: time_way(torch, model, device, way, size, args.new_tokens)
        )
        if not found:
            measured.run({**run, "error": error})
            continue
        first, took = found
        rate = size * args.new_tokens / statistics.median(took)
        measured.run({**run, "first_seconds": first, "seconds": took, "tokens_per_second": rate})
        print(f"{what}: {rate:,.0f} tokens/s, median of {len(took)} runs; first run {first:.1f} s", flush=True)
    best = measured.found["best"]
    for size in args.batch_size:
        if str(size) in best:
            run = best[str(size)]
            print(f"best of transformers at batch {size}: {run['tokens_per_second']:,.0f} tokens/s ({run['way']})")
    return 0 if all(str(size) in best for size in args.batch_size) else 1


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(required=True)
    it = commands.add_parser("make")
    it.add_argument("folder")
    it.add_argument("--tiny", action="store_true", help="only two narrow layers, for machines without a GPU")
    it.set_defaults(act=make)
    it = commands.add_parser("driver")
    it.set_defaults(act=driver)
    it = commands.add_parser("measure")
    it.add_argument("folder")
    it.add_argument("out")
    it.add_argument("--device", choices=["cpu", "cuda"], default="cuda")
    it.add_argument("--batch-size", type=lambda text: [int(n) for n in text.split(",")], default=[1, 64, 512])
    it.add_argument("--new-tokens", type=int, default=128)
    it.add_argument("--seconds", type=float, default=170, help="time limit")
    it.set_defaults(act=measure)
    args = parser.parse_args()
    return args.act(args)


if __name__ == "__main__":
    sys.exit(main())
