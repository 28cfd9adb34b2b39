//! Tests that every checkpoint layout gives the same logits, and that errors say what is wrong.

use std::collections::HashMap;
use std::path::Path;

use crate::fixture::{
    DEEP, DTYPES, Golden, WIDE, bits, device, distance, folder, load, logits, model,
};
use candle_core::{DType, Device as On, Tensor, safetensors};
use gpt2::{Checkpoint, CheckpointFiles, Device, Dtype, Error, Gpt2, Tokenizer};
use serde_json::Value;
use tempfile::TempDir;

type Named = HashMap<String, Tensor>;

fn tensors(name: &str) -> Named {
    safetensors::load(folder(name).join("model.safetensors"), &On::Cpu).unwrap()
}

/// Copies a fixture's configuration and tokenizer to a temporary directory.
fn without_weights(name: &str) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    for file in ["config.json", "tokenizer.json"] {
        std::fs::copy(folder(name).join(file), dir.path().join(file)).unwrap();
    }
    dir
}

/// Copies a fixture to a temporary directory, with its tensors changed by `alter`.
fn altered(name: &str, alter: impl FnOnce(Named) -> Named) -> TempDir {
    let dir = without_weights(name);
    safetensors::save(&alter(tensors(name)), dir.path().join("model.safetensors")).unwrap();
    dir
}

fn logits_of(dir: &Path, name: &str) -> Vec<u32> {
    bits(&logits(&load(&Checkpoint::from_dir(dir).unwrap()), &Golden::read(name).prompt))
}

fn expected(name: &str) -> Vec<u32> {
    bits(&logits(&model(name), &Golden::read(name).prompt))
}

fn load_error(dir: &Path) -> Error {
    let loaded = Checkpoint::from_dir(dir)
        .and_then(|checkpoint| Gpt2::load(&checkpoint, &Device::Cpu, Dtype::F32));
    loaded.err().unwrap()
}

fn refusal(dir: &TempDir) -> String {
    load_error(dir.path()).to_string().replace(&dir.path().display().to_string(), "DIR")
}

/// Returns the error and its cause.
fn causes(dir: &TempDir) -> String {
    let error = load_error(dir.path());
    format!("{}: {}", refusal(dir), std::error::Error::source(&error).unwrap())
}

/// Copies a fixture's checkpoint to a temporary directory, without the pickled weights.
fn copy(name: &str) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    for entry in std::fs::read_dir(folder(name)).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|end| end != "bin") {
            std::fs::copy(&path, dir.path().join(path.file_name().unwrap())).unwrap();
        }
    }
    dir
}

/// Changes a JSON file of a checkpoint.
fn edit(dir: &TempDir, file: &str, change: impl FnOnce(&mut Value)) {
    let path = dir.path().join(file);
    let mut json = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    change(&mut json);
    std::fs::write(path, json.to_string()).unwrap();
}

#[test]
fn the_transformer_prefix_is_optional() {
    for name in [DEEP, WIDE] {
        let dir = altered(name, |tensors| {
            let bare = |key: &str| key.strip_prefix("transformer.").unwrap_or(key).to_string();
            tensors.into_iter().map(|(key, tensor)| (bare(&key), tensor)).collect()
        });
        assert!(logits_of(dir.path(), name) == expected(name), "{name}");
    }
}

#[test]
fn mask_tensors_are_ignored() {
    let dir = altered(DEEP, |mut tensors| {
        let mask = Tensor::ones((1, 1, 256, 256), DType::U8, &On::Cpu).unwrap();
        tensors.insert("transformer.h.0.attn.bias".into(), mask);
        let masked = Tensor::new(-1e4f32, &On::Cpu).unwrap();
        tensors.insert("transformer.h.0.attn.masked_bias".into(), masked);
        tensors
    });
    assert!(logits_of(dir.path(), DEEP) == expected(DEEP));
}

#[test]
fn weights_may_be_sharded() {
    let dir = without_weights(WIDE);
    let mut shards = [Named::new(), Named::new(), Named::new()];
    let mut weight_map = HashMap::new();
    for (i, (key, tensor)) in tensors(WIDE).into_iter().enumerate() {
        weight_map.insert(key.clone(), format!("model-{}-of-3.safetensors", i % 3));
        shards[i % 3].insert(key, tensor);
    }
    for (i, shard) in shards.iter().enumerate() {
        safetensors::save(shard, dir.path().join(format!("model-{i}-of-3.safetensors"))).unwrap();
    }
    let index = serde_json::json!({"metadata": {}, "weight_map": weight_map}).to_string();
    std::fs::write(dir.path().join("model.safetensors.index.json"), index).unwrap();
    assert!(logits_of(dir.path(), WIDE) == expected(WIDE));

    std::fs::remove_file(dir.path().join("model-1-of-3.safetensors")).unwrap();
    assert_eq!(refusal(&dir), "DIR contains no model-1-of-3.safetensors");
}

#[test]
fn weights_may_be_pickled() {
    for name in [DEEP, WIDE] {
        let dir = without_weights(name);
        let file = "pytorch_model.bin";
        std::fs::copy(folder(name).join(file), dir.path().join(file)).unwrap();
        assert!(logits_of(dir.path(), name) == expected(name), "{name}");
    }
}

#[test]
fn half_precision_weights_keep_their_values() {
    for dtype in [DType::F16, DType::BF16] {
        let convert = |to: &[DType]| {
            altered(WIDE, |tensors| {
                let convert = |tensor: Tensor| {
                    to.iter().fold(tensor, |tensor, dtype| tensor.to_dtype(*dtype).unwrap())
                };
                tensors.into_iter().map(|(key, tensor)| (key, convert(tensor))).collect()
            })
        };
        let (half, rounded) = (convert(&[dtype]), convert(&[dtype, DType::F32]));
        let half = logits_of(half.path(), WIDE);
        assert!(half == logits_of(rounded.path(), WIDE), "{dtype:?}");
        assert!(half != expected(WIDE), "{dtype:?}");
    }
}

#[test]
fn the_tokenizer_may_be_vocab_and_merges() {
    let dir = altered(DEEP, |tensors| tensors);
    let json: Value =
        serde_json::from_slice(&std::fs::read(dir.path().join("tokenizer.json")).unwrap()).unwrap();
    std::fs::remove_file(dir.path().join("tokenizer.json")).unwrap();
    assert_eq!(refusal(&dir), "DIR contains no tokenizer.json and no vocab.json with merges.txt");
    let mut vocab = json["model"]["vocab"].clone();
    vocab["<|endoftext|>"] = 256.into();
    std::fs::write(dir.path().join("vocab.json"), vocab.to_string()).unwrap();
    std::fs::write(dir.path().join("merges.txt"), "#version: 0.2\n").unwrap();
    let text = "héllo\n<|endoftext|>";
    let [ours, theirs] = [dir.path(), &folder(DEEP)]
        .map(|dir| Checkpoint::from_dir(dir).unwrap().tokenizer().encode(text).unwrap());
    assert_eq!(ours, theirs);
}

#[test]
fn a_checkpoint_may_be_in_memory() {
    let read = |file| std::fs::read(folder(WIDE).join(file)).unwrap();
    let weights: &'static [u8] = Vec::leak(read("model.safetensors"));
    let checkpoint =
        Checkpoint::from_bytes(&read("config.json"), &read("tokenizer.json"), weights).unwrap();
    assert!(bits(&logits(&load(&checkpoint), &Golden::read(WIDE).prompt)) == expected(WIDE));

    let cut =
        Checkpoint::from_bytes(&read("config.json"), &read("tokenizer.json"), &weights[..999]);
    assert_eq!(
        cut.err().unwrap().to_string(),
        "the embedded model.safetensors is not a readable weights file"
    );
}

#[test]
fn a_missing_tensor_is_named() {
    let without = |key: &'static str| {
        altered(WIDE, |mut tensors| {
            tensors.remove(key).unwrap();
            tensors
        })
    };
    assert_eq!(
        refusal(&without("transformer.h.1.mlp.c_fc.bias")),
        "DIR/model.safetensors has no tensor `transformer.h.1.mlp.c_fc.bias`, \
         expected one of shape [112]"
    );
    assert_eq!(
        refusal(&without("lm_head.weight")),
        "DIR/model.safetensors has no tensor `lm_head.weight`, expected one of shape [257, 48]"
    );
}

#[test]
fn a_tensor_with_the_wrong_shape_or_type_is_named() {
    let with = |tensor: Tensor| {
        altered(DEEP, |mut tensors| {
            tensors.insert("transformer.h.2.attn.c_attn.weight".into(), tensor);
            tensors
        })
    };
    assert_eq!(
        refusal(&with(Tensor::zeros((96, 32), DType::F32, &On::Cpu).unwrap())),
        "DIR/model.safetensors: tensor `transformer.h.2.attn.c_attn.weight` has shape [96, 32], \
         expected [32, 96] as in config.json"
    );
    assert_eq!(
        refusal(&with(Tensor::zeros((32, 96), DType::U8, &On::Cpu).unwrap())),
        "DIR/model.safetensors: tensor `transformer.h.2.attn.c_attn.weight` holds U8, \
         expected f32, f16, bf16 or f64"
    );
}

#[test]
fn an_extra_layer_is_named() {
    let dir = altered(DEEP, |mut tensors| {
        let tensor = tensors["transformer.h.2.ln_1.bias"].clone();
        tensors.insert("transformer.h.3.ln_1.bias".into(), tensor);
        tensors
    });
    assert_eq!(
        refusal(&dir),
        "DIR/model.safetensors has a tensor `transformer.h.3.ln_1.bias`, \
         but `n_layer` is 3 in config.json"
    );
}

#[test]
fn missing_and_invalid_files_are_named() {
    let dir = without_weights(DEEP);
    assert_eq!(refusal(&dir), "DIR contains no model.safetensors and no pytorch_model.bin");
    std::fs::write(dir.path().join("model.safetensors"), "not weights").unwrap();
    assert_eq!(refusal(&dir), "DIR/model.safetensors is not a readable weights file");
    std::fs::write(dir.path().join("config.json"), "{").unwrap();
    assert_eq!(refusal(&dir), "DIR/config.json is not valid");
    std::fs::remove_file(dir.path().join("config.json")).unwrap();
    assert_eq!(refusal(&dir), "DIR contains no config.json");
}

#[test]
fn a_tokenizer_with_too_many_tokens_is_an_error() {
    let dir = altered(DEEP, |tensors| tensors);
    let config = std::fs::read_to_string(dir.path().join("config.json")).unwrap();
    let config = config
        .replace("\"vocab_size\": 257", "\"vocab_size\": 100")
        .replace("os_token_id\": 256", "os_token_id\": 0");
    std::fs::write(dir.path().join("config.json"), config).unwrap();
    assert_eq!(
        refusal(&dir),
        "DIR/model.safetensors: the tokenizer has the token `<|endoftext|>` with id 256, but the \
         model has only 100 tokens (`vocab_size`)"
    );
}

#[test]
fn hashes_depend_on_the_contents() {
    let original = CheckpointFiles::find(&folder(DEEP)).unwrap();
    let copy = altered(DEEP, |tensors| tensors);
    let copy = CheckpointFiles::find(copy.path()).unwrap().tokenizer_hash().unwrap();
    assert_eq!(copy.together, original.tokenizer_hash().unwrap().together);

    let other = altered(DEEP, |mut tensors| {
        let bias = tensors["transformer.ln_f.bias"].clone();
        tensors.insert("transformer.ln_f.bias".into(), (bias + 1e-3).unwrap());
        tensors
    });
    let hash = |dir: &Path| CheckpointFiles::find(dir).unwrap().weights_hash().unwrap().together;
    assert_ne!(hash(other.path()), hash(&folder(DEEP)));
    assert_eq!(hash(other.path()), hash(other.path()));

    // The configuration is part of the hash.
    let before = hash(other.path());
    let config = std::fs::read_to_string(other.path().join("config.json")).unwrap();
    let config = config.replace("gelu_new", "gelu");
    std::fs::write(other.path().join("config.json"), config).unwrap();
    assert_ne!(hash(other.path()), before);
}

#[test]
fn a_prompt_gets_the_tokens_that_the_reference_adds() {
    #[derive(serde::Deserialize)]
    struct Golden {
        text: String,
        cases: Vec<Case>,
    }
    #[derive(serde::Deserialize)]
    struct Case {
        folder: String,
        tokenizer_config: Value,
        post_processor: Value,
        ids: Vec<u32>,
    }
    let Golden { text, cases } =
        serde_json::from_slice(&std::fs::read(folder("prompts.json")).unwrap()).unwrap();
    assert!(cases.len() >= 12);
    for Case { folder: name, tokenizer_config, post_processor, ids } in cases {
        let dir = copy(&name);
        let case = format!("{name}, {tokenizer_config}, {post_processor}");
        let config = tokenizer_config.to_string();
        std::fs::write(dir.path().join("tokenizer_config.json"), config).unwrap();
        if !post_processor.is_null() {
            edit(&dir, "tokenizer.json", |json| json["post_processor"] = post_processor);
        }
        let checkpoint = Checkpoint::from_dir(dir.path()).unwrap();
        assert_eq!(checkpoint.tokenizer().encode_prompt(&text).unwrap(), ids, "{case}");
        // A part of a text gets none.
        let part = checkpoint.tokenizer().encode(&text).unwrap();
        let at = ids.windows(part.len()).position(|ids| ids == part).unwrap();
        // A document begins with one token, and goes on.
        let begin = checkpoint.config().bos_token_id.unwrap();
        assert!(ids[..at].iter().all(|id| *id == begin), "{case}");
        let document = [&[begin][..], &part].concat();
        let tokenized = generator::Tokenizer::tokenize_document(&checkpoint, &text).unwrap();
        assert_eq!(tokenized, document, "{case}");
    }
}

#[test]
fn an_added_token_outside_the_vocabulary_is_named() {
    let dir = copy("odd");
    let missing = r#"{"add_bos_token": true, "bos_token": "<begin>"}"#;
    std::fs::write(dir.path().join("tokenizer_config.json"), missing).unwrap();
    std::fs::remove_file(dir.path().join("special_tokens_map.json")).unwrap();
    assert_eq!(
        causes(&dir),
        "DIR/vocab.json is not a usable tokenizer: tokenizer_config.json adds the token `<begin>`, \
         which is not in vocab.json"
    );

    let dir = copy("odd");
    std::fs::write(dir.path().join("added_tokens.json"), r#"{"<far>": 999}"#).unwrap();
    assert_eq!(
        refusal(&dir),
        "DIR/model.safetensors: the tokenizer has the token `<far>` with id 999, but the model has \
         only 266 tokens (`vocab_size`)"
    );

    let dir = copy(DEEP);
    edit(&dir, "tokenizer.json", |json| json["model"]["vocab"]["far"] = 3_000_000_000_u32.into());
    assert_eq!(
        causes(&dir),
        "DIR/tokenizer.json is not a usable tokenizer: the token `far` has the id 3000000000, which \
         is above 16777216"
    );
}

/// transformers builds GPT-2's tokenizer without dropout, whatever tokenizer.json says.
#[test]
fn a_tokenizer_has_no_dropout() {
    let dir = copy(DEEP);
    edit(&dir, "tokenizer.json", |json| {
        json["model"]["vocab"]["th"] = 257.into();
        json["model"]["merges"] = serde_json::json!([["t", "h"]]);
        json["model"]["dropout"] = 0.9.into();
    });
    edit(&dir, "config.json", |json| json["vocab_size"] = 258.into());
    let json = std::fs::read(dir.path().join("tokenizer.json")).unwrap();
    let tokenizer = Tokenizer::from_json(&json, "tokenizer.json").unwrap();
    for _ in 0..20 {
        assert_eq!(tokenizer.encode("th").unwrap(), [257]);
    }
}

#[test]
fn text_files_may_begin_with_a_byte_order_mark_and_have_crlf() {
    let dir = copy("odd");
    for file in ["config.json", "vocab.json", "merges.txt", "added_tokens.json"] {
        let path = dir.path().join(file);
        let text = std::fs::read_to_string(&path).unwrap().replace('\n', "\r\n");
        std::fs::write(&path, format!("\u{feff}{text}")).unwrap();
    }
    let [ours, theirs] = [dir.path(), &folder("odd")]
        .map(|dir| Checkpoint::from_dir(dir).unwrap().tokenizer().encode("two words, or").unwrap());
    assert_eq!(ours, theirs);

    std::fs::write(dir.path().join("merges.txt"), b"\xff \xfe\n").unwrap();
    assert_eq!(
        causes(&dir),
        "DIR/vocab.json is not a usable tokenizer: merges.txt: invalid utf-8 sequence of 1 bytes \
         from index 0"
    );
}

#[test]
fn an_index_names_shards_in_its_folder() {
    let dir = copy(DEEP);
    let other = copy(DEEP);
    std::fs::remove_file(dir.path().join("model.safetensors")).unwrap();
    let refused = |shard: &Path| {
        let index = serde_json::json!({"weight_map": {"wte.weight": shard}}).to_string();
        std::fs::write(dir.path().join("model.safetensors.index.json"), index).unwrap();
        refusal(&dir)
    };
    let there = other.path().join("model.safetensors");
    let above = Path::new("..").join(there.strip_prefix(other.path().parent().unwrap()).unwrap());
    for shard in [there.as_path(), &above] {
        assert_eq!(
            refused(shard),
            format!(
                "DIR/model.safetensors.index.json names the shard {shard:?} outside its folder"
            )
        );
    }
    let empty = r#"{"weight_map": {}}"#;
    std::fs::write(dir.path().join("model.safetensors.index.json"), empty).unwrap();
    assert_eq!(refusal(&dir), "DIR/model.safetensors.index.json names no shards");
}

#[test]
fn a_size_that_the_weights_do_not_have_is_an_error() {
    for size in [258, 1_u64 << 40] {
        let dir = copy(DEEP);
        edit(&dir, "config.json", |json| json["vocab_size"] = size.into());
        assert_eq!(
            refusal(&dir),
            format!(
                "DIR/model.safetensors: tensor `transformer.wte.weight` has shape [257, 32], \
                 expected [{size}, 32] as in config.json"
            )
        );
    }
}

/// Each damaged file is named, with a hint.
#[test]
fn a_damaged_checkpoint_has_a_hint() {
    let refused = |file: &str, length: usize| {
        let dir = without_weights(DEEP);
        let bytes = std::fs::read(folder(DEEP).join(file)).unwrap();
        std::fs::write(dir.path().join(file), &bytes[..length]).unwrap();
        let error = load_error(dir.path());
        let hint = miette::Diagnostic::help(&error).unwrap().to_string();
        (error.to_string().replace(&dir.path().display().to_string(), "DIR"), hint)
    };
    for file in ["model.safetensors", "pytorch_model.bin"] {
        let (message, hint) = refused(file, 0);
        assert_eq!(message, format!("DIR/{file} is empty"));
        assert_eq!(hint, "copy or download it again");
        for length in [4, 30_000] {
            let (message, hint) = refused(file, length);
            assert_eq!(message, format!("DIR/{file} is not a readable weights file"), "{length}");
            assert!(hint.starts_with("copy or download the file again"), "{hint}");
        }
    }
    let missing = Path::new("no/such/folder");
    let error = load_error(missing);
    assert_eq!(error.to_string(), "there is no folder no/such/folder");
    assert!(miette::Diagnostic::help(&error).is_some());
}

/// A checkpoint whose files are unusual: added tokens in several files, a begin token that is not an end
/// token, two end tokens, general names for the sizes, and an output layer of its own although the
/// configuration ties it to the embeddings.
#[test]
fn an_unusual_checkpoint_is_read_as_by_transformers() {
    #[derive(serde::Deserialize)]
    struct Golden {
        bos: u32,
        eos: Vec<u32>,
        texts: Vec<Case>,
    }
    #[derive(serde::Deserialize)]
    struct Case {
        text: String,
        ids: Vec<u32>,
    }
    let folder = folder("odd");
    let checkpoint = Checkpoint::from_dir(&folder).unwrap();
    let golden: Golden =
        serde_json::from_slice(&std::fs::read(folder.join("golden.json")).unwrap()).unwrap();
    let config = checkpoint.config();
    assert_eq!(config.bos_token_id, Some(golden.bos));
    assert_eq!(config.eos_token_ids.as_slice(), golden.eos);
    assert!(!config.tie_word_embeddings);
    assert!(golden.texts.len() >= 15);
    for Case { text, ids } in golden.texts {
        assert_eq!(checkpoint.tokenizer().encode(&text).unwrap(), ids, "{text:?}");
    }
    // Added words are text; special tokens are not.
    assert_eq!(checkpoint.tokenizer().decode(&[263, 264, 1, 265]), "<speaker1>Kubernetestwo words");
    assert_eq!(checkpoint.tokenizer().special_token(0), Some("<s>"));
    assert_eq!(checkpoint.tokenizer().special_token(264), None);

    let tensors = safetensors::load(folder.join("golden.safetensors"), &On::Cpu).unwrap();
    let prompt: Vec<u32> =
        tensors["prompt"].to_vec1::<i64>().unwrap().into_iter().map(|id| id as u32).collect();
    let document = "the <speaker1> says Kubernetes";
    assert_eq!(generator::Tokenizer::tokenize_document(&checkpoint, document).unwrap(), prompt);
    let spread = distance(&tensors["logits"], &tensors["logits"].zeros_like().unwrap());
    for (dtype, tolerance) in DTYPES {
        let model = Gpt2::load(&checkpoint, &device(), dtype).unwrap();
        let off = distance(&logits(&model, &prompt), &tensors["logits"]);
        assert!(off < tolerance * spread, "{dtype:?}: {off} of {spread}");
    }
}
