#!/usr/bin/env python3
"""Write the reference fixtures of crates/gpt2 with transformers.

Two tiny GPT-2 checkpoints with random weights, what transformers computes from them, and the token
ids of awkward strings under GPT-2's real vocabulary. The Rust tests hold `crates/gpt2` to these.

    python3 -m venv venv && venv/bin/pip install torch transformers
    venv/bin/python scripts/golden_logits.py

The weights are drawn large enough that the logits' standard deviation exceeds 1 and the choice of
GELU, the layer norms' epsilon, the attention scale and the mask all show far above the tests'
tolerance; the script refuses to write fixtures for which that is not so.
"""

import json
import pathlib

import numpy
import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import GPT2Config, GPT2LMHeadModel, GPT2Tokenizer

FIXTURES = pathlib.Path(__file__).parent.parent / "crates/gpt2/tests/fixtures"
NEW_TOKENS = 200
# A greedy choice closer than this could fall the other way on another machine.
SMALLEST_MARGIN = 1e-3

CHECKPOINTS = {
    "deep": dict(
        seed=11,
        config=dict(n_layer=3, n_head=2, n_embd=32, n_positions=256, tie_word_embeddings=True,
                    layer_norm_epsilon=1e-5),
    ),
    "wide": dict(
        seed=5,
        config=dict(n_layer=2, n_head=3, n_embd=48, n_positions=240, tie_word_embeddings=False,
                    layer_norm_epsilon=1e-3, n_inner=112),
    ),
}

AWKWARD = [
    "",
    "Hello, world!",
    " leading space",
    "trailing space ",
    "two  spaces   three    four",
    "\n",
    "\n\n",
    "a\nb\n\nc\n\n\nd",
    "\r\nwindows\r\n",
    "\ttab\t\ttabs",
    " \t \n \t mixed",
    "<|endoftext|>",
    "before<|endoftext|>after",
    "<|endoftext|>Title\n\nFirst words",
    "<|endoftext|><|endoftext|>",
    " <|endoftext|> ",
    "<|endoftext|",
    "<|ENDOFTEXT|>",
    "I'm you're he'd we'll they've it's don't",
    "I’m you’re it’s",
    "I'M YOU'RE",
    "“curly” ‘quotes’ — and – dashes…",
    "café naïve résumé Zürich Ångström",
    "cafe\u0301 e\u0301",
    "Straße GRÖSSE ẞ",
    "Привет, мир",
    "Γειά σου Κόσμε",
    "שלום עולם",
    "مرحبا بالعالم",
    "नमस्ते दुनिया",
    "สวัสดีชาวโลก",
    "你好，世界",
    "こんにちは世界",
    "안녕하세요 세계",
    "𝒻𝒶𝓃𝒸𝓎 𝔪𝔞𝔱𝔥",
    "😀",
    "🚀🚀 to the moon 🌕",
    "👩‍👩‍👧‍👦 family",
    "👍🏽 🇳🇱",
    "\u200bzero\u200bwidth\ufeff",
    "\u00a0nbsp\u2003emspace\u3000ideographic",
    "\u2028line\u2029paragraph",
    "null\u0000byte \u0007bell",
    "\ufffd replacement",
    "1234567890 3.14159 1,000,000 ½ ² Ⅷ",
    "x_y-z/w\\v|u~t`s^r",
    "((((((((((",
    "==========---------- **bold**",
    "https://example.com/a?b=c&d=%20#e",
    "fn main() { println!(\"{}\", 1 << 2); }",
    "SolidGoldMagikarp",
    "supercalifragilisticexpialidocious",
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    "                                        forty",
    "end with newline\n",
    "end with spaces   \n   ",
]


def byte_tokenizer() -> Tokenizer:
    """One token a byte, then the end of text: the smallest byte-level BPE there is."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocab = {character: index for index, character in enumerate(alphabet)}
    tokenizer = Tokenizer(models.BPE(vocab=vocab, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(["<|endoftext|>"])
    return tokenizer


def scale_weights(model: GPT2LMHeadModel, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)

    def draw(tensor, std, mean=0.0):
        tensor.copy_(torch.randn(tensor.shape, generator=generator) * std + mean)

    with torch.no_grad():
        for name, tensor in sorted(model.state_dict().items()):
            if name == "lm_head.weight" and model.config.tie_word_embeddings:
                continue
            # Embeddings are small, so that the first layer norm's epsilon counts beside their
            # variance; positions outweigh tokens, so that a greedy text does not settle into a loop.
            if "wte" in name:
                draw(tensor, 0.03)
            elif "wpe" in name:
                draw(tensor, 0.08)
            elif ".ln_" in name:
                draw(tensor, 0.3, mean=1.0 if name.endswith("weight") else 0.0)
            elif "c_proj" in name:
                # The blocks add to the residual stream about as much as the embeddings hold.
                draw(tensor, 0.02 if name.endswith("bias") else 0.2 / tensor.shape[0] ** 0.5)
            elif name.endswith("bias"):
                draw(tensor, 0.1)
            elif "lm_head" in name:
                draw(tensor, 0.4)
            else:
                draw(tensor, 1.6 / tensor.shape[0] ** 0.5)
        if model.config.tie_word_embeddings:
            # The tied head multiplies by the small embeddings; the last norm makes up for it.
            draw(model.transformer.ln_f.weight, 8.0, mean=20.0)


def greedy(model: GPT2LMHeadModel, prompt: list[int]) -> tuple[list[int], float]:
    """Greedy continuation by full forward passes, and the narrowest margin of a choice."""
    ids, margin = list(prompt), float("inf")
    for _ in range(NEW_TOKENS):
        logits = model(torch.tensor([ids])).logits[0, -1]
        logits[model.config.eos_token_id] = -torch.inf
        first, second = logits.topk(2).values.tolist()
        margin = min(margin, first - second)
        ids.append(int(logits.argmax()))
    return ids[len(prompt):], margin


def write_checkpoint(name: str, seed: int, config: dict) -> None:
    folder = FIXTURES / name
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer = byte_tokenizer()
    eos = tokenizer.token_to_id("<|endoftext|>")
    config = GPT2Config(vocab_size=eos + 1, bos_token_id=eos, eos_token_id=eos, **config)
    model = GPT2LMHeadModel(config).eval()
    scale_weights(model, seed)

    prompt = tokenizer.encode("A tiny checkpoint, ").ids
    with torch.no_grad():
        tokens, margin = greedy(model, prompt)
        logits = model(torch.tensor([prompt + tokens])).logits[0]
        std = logits.std().item()
        print(f"{name}: logits' standard deviation {std:.2f}, narrowest greedy margin {margin:.4f}, "
              f"{len(set(tokens))} different tokens")
        assert std > 1.0, "logits too small to prove anything"
        assert len(set(tokens)) > 20, "a greedy text of so few tokens proves little"
        assert margin > SMALLEST_MARGIN, "a greedy choice is too close to call; try another seed"
        # The same weights under other configurations: each is a variant that the crate computes,
        # and a mistake that must show far above the tolerance of the tests.
        variants = {}
        for key, value in [("activation_function", "gelu"), ("layer_norm_epsilon", 1e-6),
                           ("scale_attn_weights", False),
                           ("scale_attn_by_inverse_layer_idx", True)]:
            variant = GPT2LMHeadModel(GPT2Config(**(config.to_dict() | {key: value}))).eval()
            variant.load_state_dict(model.state_dict())
            variants[key] = variant(torch.tensor([prompt])).logits[0]
            moved = (variants[key] - logits[:len(prompt)]).abs().max().item()
            print(f"  {key} = {value}: logits move by {moved:.4f}")
            assert moved > 1e-3, f"{key} does not show"

    tensors = {key: tensor.contiguous() for key, tensor in model.state_dict().items()}
    if config.tie_word_embeddings:
        tensors.pop("lm_head.weight", None)
    save_file({key: tensor.clone() for key, tensor in tensors.items()}, folder / "model.safetensors",
              metadata={"format": "pt"})
    torch.save(model.state_dict(), folder / "pytorch_model.bin")
    kept = ["model_type", "vocab_size", "n_positions", "n_embd", "n_layer", "n_head", "n_inner",
            "activation_function", "layer_norm_epsilon", "bos_token_id", "eos_token_id",
            "tie_word_embeddings"]
    write_json(folder / "config.json", {key: config.to_dict()[key] for key in kept})
    tokenizer.save(str(folder / "tokenizer.json"))
    golden = {"prompt": torch.tensor(prompt), "greedy": torch.tensor(tokens), "logits": logits}
    save_file(golden | variants, folder / "golden.safetensors")


def write_token_ids() -> None:
    """The real vocabulary's ids of every awkward string."""
    folder = FIXTURES / "gpt2-tokenizer"
    tokenizer = GPT2Tokenizer.from_pretrained(str(folder))
    cases = [{"text": text, "ids": tokenizer(text)["input_ids"]} for text in AWKWARD]
    write_json(folder / "golden.json", cases)
    print(f"gpt2-tokenizer: {len(cases)} strings")


def write_json(path: pathlib.Path, value) -> None:
    path.write_text(json.dumps(value, ensure_ascii=True, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    numpy.random.seed(0)
    torch.manual_seed(0)
    torch.set_num_threads(1)
    for name, spec in CHECKPOINTS.items():
        write_checkpoint(name, **spec)
    write_token_ids()
