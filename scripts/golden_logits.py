#!/usr/bin/env python3
"""Writes the reference fixtures of crates/gpt2 with transformers.

The fixtures are two tiny GPT-2 checkpoints with random weights, a third whose files are unusual in every
way that matters, the results of transformers for them, and the token ids of difficult strings under GPT-2's
real vocabulary. The Rust tests compare with them. To add a string, add it to gpt2-tokenizer/golden.json with
any ids.

    python3 -m venv venv && venv/bin/pip install torch transformers
    venv/bin/python scripts/golden_logits.py

The weights are large enough that the standard deviation of the logits exceeds 1, and that a wrong GELU,
layer norm epsilon or attention scale changes the logits far beyond the tests' tolerance. The script
writes no fixtures for which this does not hold.
"""

import json
import pathlib
import shutil
import tempfile

import numpy
import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import AutoTokenizer, GPT2Config, GPT2LMHeadModel, GPT2Tokenizer
from transformers.generation import UnbatchedClassifierFreeGuidanceLogitsProcessor

FIXTURES = pathlib.Path(__file__).parent.parent / "crates/gpt2/tests/fixtures"
NEW_TOKENS = 200
# With a smaller margin, a different machine might make a different greedy choice.
SMALLEST_MARGIN = 1e-3
GUIDANCE_SCALE = 1.5
# As in crates/kernels/src/sampling/guidance.rs.
PLAUSIBLE = 0.1

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

def byte_tokenizer() -> Tokenizer:
    """Returns the smallest byte-level BPE: one token per byte, then the end-of-text token."""
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
            # The embeddings are small, so that the epsilon of the first layer norm matters. The position
            # embeddings outweigh the token embeddings, so that greedy text does not loop.
            if "wte" in name:
                draw(tensor, 0.03)
            elif "wpe" in name:
                draw(tensor, 0.08)
            elif ".ln_" in name:
                draw(tensor, 0.3, mean=1.0 if name.endswith("weight") else 0.0)
            elif "c_proj" in name:
                # Make what the blocks add to the residual stream about as large as the embeddings.
                draw(tensor, 0.02 if name.endswith("bias") else 0.2 / tensor.shape[0] ** 0.5)
            elif name.endswith("bias"):
                draw(tensor, 0.1)
            elif "lm_head" in name:
                draw(tensor, 0.4)
            else:
                draw(tensor, 1.6 / tensor.shape[0] ** 0.5)
        if model.config.tie_word_embeddings:
            # Compensate for the small embeddings in the tied output layer.
            draw(model.transformer.ln_f.weight, 8.0, mean=20.0)


def greedy(model: GPT2LMHeadModel, prompt: list[int],
           guidance_scale: float = 1.0) -> tuple[list[int], float]:
    """Returns a greedy continuation, computed with full forward passes, and its smallest margin."""
    ids, margin = list(prompt), float("inf")
    guide = UnbatchedClassifierFreeGuidanceLogitsProcessor(
        guidance_scale, model, torch.tensor([[model.config.eos_token_id]]), use_cache=False)
    for _ in range(NEW_TOKENS):
        logits = model(torch.tensor([ids])).logits[0, -1]
        if guidance_scale != 1.0:
            implausible = logits < logits.max() + numpy.log(PLAUSIBLE)
            logits = guide(torch.tensor([ids]), logits[None])[0]
            logits[implausible] = -torch.inf
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
        guided, guided_margin = greedy(model, prompt, GUIDANCE_SCALE)
        logits = model(torch.tensor([prompt + tokens])).logits[0]
        std = logits.std().item()
        print(f"{name}: logit standard deviation {std:.2f}, smallest greedy margin {margin:.4f}, "
              f"{len(set(tokens))} distinct tokens")
        assert std > 1.0, "the logits are too small for a meaningful test"
        assert len(set(tokens)) > 20, "the greedy text has too few distinct tokens"
        assert min(margin, guided_margin) > SMALLEST_MARGIN, "a greedy margin is too small; try another seed"
        # Run the same weights with other configurations that the crate supports. Using one of them by
        # mistake must change the logits far more than the tests tolerate.
        variants = {}
        for key, value in [("activation_function", "gelu"), ("layer_norm_epsilon", 1e-6),
                           ("scale_attn_weights", False),
                           ("scale_attn_by_inverse_layer_idx", True)]:
            variant = GPT2LMHeadModel(GPT2Config(**(config.to_dict() | {key: value}))).eval()
            variant.load_state_dict(model.state_dict())
            variants[key] = variant(torch.tensor([prompt])).logits[0]
            moved = (variants[key] - logits[:len(prompt)]).abs().max().item()
            print(f"  {key} = {value}: logits change by up to {moved:.4f}")
            assert moved > 1e-3, f"{key} has too little effect"

    tensors = {key: tensor.contiguous() for key, tensor in model.state_dict().items()}
    if config.tie_word_embeddings:
        tensors.pop("lm_head.weight", None)
    save_file({key: tensor.clone() for key, tensor in tensors.items()}, folder / "model.safetensors",
              metadata={"format": "pt"})
    torch.save(model.state_dict(), folder / "pytorch_model.bin")
    kept = ["model_type", "vocab_size", "n_positions", "n_embd", "n_layer", "n_head", "n_inner",
            "activation_function", "layer_norm_epsilon", "bos_token_id", "eos_token_id",
            "tie_word_embeddings"]
    kept = {key: config.to_dict()[key] for key in kept}
    (folder / "config.json").write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")
    tokenizer.save(str(folder / "tokenizer.json"))
    golden = {"prompt": torch.tensor(prompt), "greedy": torch.tensor(tokens),
              "guided": torch.tensor(guided), "logits": logits}
    save_file(golden | variants, folder / "golden.safetensors")


# Strings for the unusual checkpoint.
ODD_TEXTS = [
    "", "Hello", " Hello", "the <speaker1> says", "Kubernetes", "Kubernetes!", "aKubernetes b", "a  <pad>b",
    "<s>one</s> two", "<|endoftext|>", "two words of it", "twowords", "a <mask> b", "a<mask>b", "über naïve 東",
]


def write_odd_checkpoint() -> None:
    """Writes a checkpoint with added tokens in three files, a begin token that differs from its two end
    tokens, general names for its sizes, and an output layer of its own although the configuration ties it."""
    folder = FIXTURES / "odd"
    folder.mkdir(parents=True, exist_ok=True)
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocab = {"<s>": 0, "</s>": 1, "<pad>": 2, "<mask>": 262} | {c: i + 3 for i, c in enumerate(alphabet)}
    vocab |= {"Ġw": 259, "or": 260, "Ġwor": 261}
    added = {"<speaker1>": 263, "Kubernetes": 264, "two words": 265}
    special = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "</s>", "pad_token": {"content": "<pad>"},
               "mask_token": {"content": "<mask>", "lstrip": True, "rstrip": False, "single_word": False}}

    def write(name: str, value) -> None:
        (folder / name).write_text(json.dumps(value, ensure_ascii=False) + "\n", encoding="utf-8")

    write("vocab.json", vocab)
    (folder / "merges.txt").write_text("#version: 0.2\nĠ w\no r\nĠw or\n", encoding="utf-8")
    write("added_tokens.json", added)
    write("special_tokens_map.json", special)
    write("tokenizer_config.json", {"tokenizer_class": "GPT2Tokenizer", "add_prefix_space": True,
                                    "model_max_length": 64})
    sizes = {"max_position_embeddings": 64, "hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    write("config.json", {"model_type": "gpt2", "vocab_size": 266, "bos_token_id": 1, "eos_token_id": 1} | sizes)
    write("generation_config.json", {"bos_token_id": 0, "eos_token_id": [1, 264], "max_length": 64})

    # Saved without the ties, so that both tensors are in the file.
    model = GPT2LMHeadModel(GPT2Config.from_pretrained(folder, tie_word_embeddings=False)).eval()
    scale_weights(model, seed=3)
    tensors = {key: tensor.clone().contiguous() for key, tensor in model.state_dict().items()}
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})

    loaded = GPT2LMHeadModel.from_pretrained(folder).eval()
    tokenizer = GPT2Tokenizer.from_pretrained(folder)
    cases = [{"text": text, "ids": tokenizer(text)["input_ids"]} for text in ODD_TEXTS]
    write("golden.json", {"bos": loaded.generation_config.bos_token_id,
                          "eos": loaded.generation_config.eos_token_id, "texts": cases})
    prompt = [loaded.generation_config.bos_token_id, *tokenizer("the <speaker1> says Kubernetes")["input_ids"]]
    with torch.no_grad():
        logits = loaded(torch.tensor([prompt])).logits[0]
        own = model(torch.tensor([prompt])).logits[0]
    print(f"odd: {len(cases)} strings; the output layer is its own: {torch.allclose(logits, own)}")
    save_file({"prompt": torch.tensor(prompt), "logits": logits}, folder / "golden.safetensors")


END = "<|endoftext|>"
TEMPLATE = {"type": "TemplateProcessing", "pair": [{"Sequence": {"id": "A", "type_id": 0}}],
            "special_tokens": {END: {"id": END, "ids": [256], "tokens": [END]}}}
TEXT_PIECE, END_PIECE = {"Sequence": {"id": "A", "type_id": 0}}, {"SpecialToken": {"id": END, "type_id": 0}}
BEFORE = TEMPLATE | {"single": [END_PIECE, TEXT_PIECE]}
AFTER = TEMPLATE | {"single": [TEXT_PIECE, END_PIECE]}
BYTES = {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": False, "use_regex": True}

# What a folder's tokenizer_config.json and tokenizer.json say about tokens around a prompt.
PROMPTS = [
    ("odd", {}, None),
    ("odd", {"add_bos_token": True}, None),
    ("odd", {"add_eos_token": True}, None),
    ("odd", {"add_bos_token": True, "add_eos_token": True}, None),
    ("deep", {}, None),
    ("deep", {"add_bos_token": True}, None),
    ("deep", {}, BEFORE),
    ("deep", {"add_bos_token": False}, BEFORE),
    ("deep", {}, AFTER),
    ("deep", {}, BYTES),
    ("deep", {}, {"type": "Sequence", "processors": [BYTES, BEFORE]}),
    ("deep", {}, {"type": "RobertaProcessing", "sep": [END, 256], "cls": [END, 256], "trim_offsets": True,
                  "add_prefix_space": True}),
]


def write_prompts() -> None:
    """Writes the token ids of a prompt under tokenizers that add tokens to it."""
    text, cases = "hello the", []
    for name, config, processor in PROMPTS:
        with tempfile.TemporaryDirectory() as folder:
            shutil.copytree(FIXTURES / name, folder, dirs_exist_ok=True)
            file = pathlib.Path(folder) / "tokenizer_config.json"
            config = (json.loads(file.read_text()) if file.exists() else {}) | config
            file.write_text(json.dumps(config))
            if processor:
                file = pathlib.Path(folder) / "tokenizer.json"
                file.write_text(json.dumps(json.loads(file.read_text()) | {"post_processor": processor}))
            ids = AutoTokenizer.from_pretrained(folder)(text).input_ids
        cases.append({"folder": name, "tokenizer_config": config, "post_processor": processor, "ids": ids})
    lines = ",\n".join(json.dumps(case) for case in cases)
    golden = f'{{"text": {json.dumps(text)}, "cases": [\n{lines}\n]}}\n'
    (FIXTURES / "prompts.json").write_text(golden, encoding="utf-8")
    print(f"prompts: {len(cases)} tokenizers")


def write_token_ids() -> None:
    """Writes the token ids of the strings in golden.json under GPT-2's real vocabulary."""
    folder = FIXTURES / "gpt2-tokenizer"
    tokenizer = GPT2Tokenizer.from_pretrained(str(folder))
    texts = [case["text"] for case in json.loads((folder / "golden.json").read_text(encoding="utf-8"))]
    cases = [json.dumps({"text": text, "ids": tokenizer(text)["input_ids"]}) for text in texts]
    (folder / "golden.json").write_text("[\n" + ",\n".join(cases) + "\n]\n", encoding="utf-8")
    print(f"gpt2-tokenizer: {len(cases)} strings")


if __name__ == "__main__":
    numpy.random.seed(0)
    torch.manual_seed(0)
    torch.set_num_threads(1)
    for name, spec in CHECKPOINTS.items():
        write_checkpoint(name, **spec)
    write_odd_checkpoint()
    write_prompts()
    write_token_ids()
