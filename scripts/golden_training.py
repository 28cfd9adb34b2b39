#!/usr/bin/env python3
"""Writes reference fixtures for training: steps by torch on the tiny checkpoints of crates/gpt2.

Writes `training.safetensors` beside each checkpoint: the gradients of the first step, the losses and
gradient norms of all steps, and the final weights. The Rust tests of training compare with them.

    python3 -m venv venv && venv/bin/pip install torch transformers
    venv/bin/python scripts/golden_training.py
"""

import math
import pathlib

import torch
from safetensors.torch import save_file
from transformers import GPT2LMHeadModel

FIXTURES = pathlib.Path(__file__).parent.parent / "crates/gpt2/tests/fixtures"
# Keep these settings the same as in crates/lab/src/train/tests.rs.
STEPS, WARMUP, PEAK, FLOOR = 10, 3, 3e-3, 0.1
ROWS, CONTEXT, ACCUMULATION = 2, 70, 2
BETAS, EPSILON, WEIGHT_DECAY, CLIP = (0.9, 0.95), 1e-8, 0.1, 1.0


def rate(step: int) -> float:
    """Returns the learning rate: linear warm-up, then half a cosine."""
    if step < WARMUP:
        return PEAK * (step + 1) / WARMUP
    fallen = 0.5 - 0.5 * math.cos(math.pi * (step - WARMUP) / (STEPS - WARMUP))
    return PEAK * (1 - (1 - FLOOR) * fallen)


def main() -> None:
    text = torch.tensor(list((FIXTURES / "prose.txt").read_bytes()))
    for name in ["deep", "wide"]:
        model = GPT2LMHeadModel.from_pretrained(FIXTURES / name, dtype=torch.float32)
        # The text's bytes serve as token ids. They differ from the tokenizer's ids, which does not matter.
        model.eval()
        groups = [
            {"params": [p for p in model.parameters() if p.dim() >= 2], "weight_decay": WEIGHT_DECAY},
            {"params": [p for p in model.parameters() if p.dim() < 2], "weight_decay": 0.0},
        ]
        optimizer = torch.optim.AdamW(groups, betas=BETAS, eps=EPSILON)
        losses, norms, golden, at = [], [], {}, 0
        for step in range(STEPS):
            optimizer.zero_grad()
            loss = 0.0
            for _ in range(ACCUMULATION):
                rows = text[torch.arange(at, at + ROWS * (CONTEXT + 1)) % len(text)]
                at += ROWS * (CONTEXT + 1)
                rows = rows.view(ROWS, CONTEXT + 1)
                logits = model(rows[:, :-1]).logits
                part = torch.nn.functional.cross_entropy(logits.flatten(0, 1), rows[:, 1:].flatten())
                (part / ACCUMULATION).backward()
                loss += part.item() / ACCUMULATION
            if step == 0:
                for key, parameter in model.named_parameters():
                    golden[f"gradient.{key}"] = parameter.grad.clone()
            norms.append(torch.nn.utils.clip_grad_norm_(model.parameters(), CLIP).item())
            losses.append(loss)
            for group in optimizer.param_groups:
                group["lr"] = rate(step)
            optimizer.step()
        for key, parameter in model.named_parameters():
            golden[f"weight.{key}"] = parameter.detach().clone()
        golden["losses"], golden["norms"] = torch.tensor(losses), torch.tensor(norms)
        save_file(golden, FIXTURES / name / "training.safetensors")
        print(f"{name}: loss {losses[0]:.4f} to {losses[-1]:.4f}, norms {norms[0]:.3f} to {norms[-1]:.3f}")
        assert losses[-1] < losses[0] - 0.3 and max(norms) > CLIP, "the loss must fall and clipping must occur"


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
