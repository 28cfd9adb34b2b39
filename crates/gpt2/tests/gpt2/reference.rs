//! Compares the network with the reference implementation, Hugging Face's transformers.

use gpt2::{Checkpoint, Device, Dtype, Gpt2, InputToken, KvCache};

use crate::fixture::{
    DEEP, DTYPES, Golden, WIDE, bits, distance, folder, forward, load, logits, model, model_in,
    tokens,
};

const TOLERANCE: f32 = 1e-4;

#[test]
fn logits_match_the_reference_in_every_format() {
    for name in [DEEP, WIDE] {
        let golden = Golden::read(name);
        let spread = golden.logits.abs().unwrap().max_all().unwrap().to_scalar::<f32>().unwrap();
        for (dtype, tolerance) in DTYPES {
            let distance =
                distance(&logits(&model_in(name, dtype), &golden.text()), &golden.logits);
            assert!(distance < tolerance * spread, "{name} in {dtype:?}: {distance} of {spread}");
        }
    }
}

#[test]
fn the_network_on_candle_matches_the_reference() {
    for name in [DEEP, WIDE] {
        let golden = Golden::read(name);
        let checkpoint = Checkpoint::from_dir(&folder(name)).unwrap();
        let model = Gpt2::load_tensors(&checkpoint, &Device::Cpu, Dtype::F32).unwrap();
        let distance = distance(&logits(&model, &golden.text()), &golden.logits);
        assert!(distance < TOLERANCE, "{name}: {distance}");

        // Prompts of different lengths in one pass, then one token each.
        let (mut cache, mut cpu_cache) =
            (model.new_cache(3).unwrap(), load(&checkpoint).new_cache(3).unwrap());
        for start in [0, 9] {
            let ids = |slot: usize| match start {
                0 => &golden.prompt[..9 - 2 * slot],
                _ => &golden.greedy[slot..slot + 1],
            };
            let at = |slot: usize| if start == 0 { 0 } else { 9 - 2 * slot };
            let pass: Vec<_> = (0..3).flat_map(|slot| tokens(slot, at(slot), ids(slot))).collect();
            let all: Vec<u32> = (0..pass.len() as u32).collect();
            let theirs = forward(&model, &mut cache, &pass, &all);
            let ours = forward(&load(&checkpoint), &mut cpu_cache, &pass, &all);
            assert!(self::distance(&ours, &theirs) < TOLERANCE);
        }
    }
}

#[test]
fn other_configurations_match_the_reference() {
    for name in [DEEP, WIDE] {
        let golden = Golden::read(name);
        let read = |file| std::fs::read(folder(name).join(file)).unwrap();
        let weights: &'static [u8] = Vec::leak(read("model.safetensors"));
        for (key, value, expected) in golden.variants {
            let mut config: serde_json::Value =
                serde_json::from_slice(&read("config.json")).unwrap();
            config[key] = serde_json::from_str(value).unwrap();
            let config = config.to_string().into_bytes();
            let checkpoint = Checkpoint::from_bytes(&config, &read("tokenizer.json"), weights);
            let ours = logits(&load(&checkpoint.unwrap()), &golden.prompt);
            let distance = distance(&ours, &expected);
            assert!(distance < TOLERANCE, "{name} with {key} = {value}: {distance}");
        }
    }
}

#[test]
fn decoding_with_the_cache_is_bit_identical_to_one_pass() {
    for (name, dtype) in
        [DEEP, WIDE].into_iter().flat_map(|name| DTYPES.map(|(dtype, _)| (name, dtype)))
    {
        let text = Golden::read(name).text();
        let model = model_in(name, dtype);
        let whole = bits(&logits(&model, &text));
        for pieces in [1, 7, 64] {
            let mut cache = model.new_cache(1).unwrap();
            let mut cached = Vec::new();
            for (piece, ids) in text.chunks(pieces).enumerate() {
                let new = tokens(0, piece * pieces, ids);
                let all: Vec<u32> = (0..ids.len() as u32).collect();
                cached.extend(bits(&forward(&model, &mut cache, &new, &all)));
            }
            assert!(cached == whole, "{name} in {dtype:?} by pieces of {pieces}");
        }
    }
}

#[test]
fn logits_do_not_depend_on_the_batch() {
    let golden = Golden::read(WIDE);
    for (dtype, _) in DTYPES {
        let model = model_in(WIDE, dtype);
        let alone = bits(&logits(&model, &golden.prompt));
        for neighbours in [1, 4, 15, 40] {
            let mut cache = model.new_cache(neighbours + 1).unwrap();
            let slot = neighbours / 2;
            let mut new = Vec::new();
            for other in (0..=neighbours).filter(|other| *other != slot) {
                new.extend(tokens(other, 0, &golden.greedy[other..2 * other + 1]));
            }
            let start = new.len() as u32;
            new.extend(tokens(slot, 0, &golden.prompt));
            let wanted: Vec<u32> = (start..new.len() as u32).collect();
            let together = forward(&model, &mut cache, &new, &wanted);
            assert!(bits(&together) == alone, "{neighbours} neighbours in {dtype:?}");
        }
    }
}

#[test]
fn a_reused_slot_gives_the_same_bits() {
    let golden = Golden::read(DEEP);
    for (dtype, _) in DTYPES {
        let model = model_in(DEEP, dtype);
        let mut cache = model.new_cache(1).unwrap();
        forward(&model, &mut cache, &tokens(0, 0, &golden.greedy), &[0]);
        let all: Vec<u32> = (0..golden.prompt.len() as u32).collect();
        let again = forward(&model, &mut cache, &tokens(0, 0, &golden.prompt), &all);
        assert!(bits(&again) == bits(&logits(&model, &golden.prompt)), "{dtype:?}");
    }
}

#[test]
fn a_pass_without_wanted_logits_is_allowed() {
    let golden = Golden::read(DEEP);
    let model = model(DEEP);
    let mut cache = model.new_cache(1).unwrap();
    let none = forward(&model, &mut cache, &tokens(0, 0, &golden.prompt), &[]);
    assert_eq!(none.dims(), [0, model.config().vocab_size]);
}

#[test]
fn invalid_inputs_are_errors() {
    let model = model(DEEP);
    let mut cache = model.new_cache(1).unwrap();
    let mut refuse = |slot, start, id| {
        let tokens = tokens(slot, start, &[id]);
        model.forward(&mut cache, &tokens, &[0], &mut Vec::new()).unwrap_err().to_string()
    };
    assert_eq!(
        refuse(0, 0, 257),
        "token 257 is outside the vocabulary, expected an id below 257 (`vocab_size`)"
    );
    assert_eq!(
        refuse(0, 256, 1),
        "position 256 does not exist, expected one below 256 (`n_positions`)"
    );
    assert_eq!(refuse(1, 0, 1), "the cache has no slot 1, expected one below 1");
    let checkpoint = Checkpoint::from_dir(&folder(DEEP)).unwrap();
    let f16 = Gpt2::load(&checkpoint, &Device::Cpu, Dtype::F16).err().unwrap();
    assert_eq!(f16.to_string(), "f16 is not supported on the CPU; use f32, bf16 or int8");
    let tokens = tokens(0, 0, &[1, 2]);
    let refuse = |cache: &mut KvCache, tokens: &[InputToken], wanted: &[u32]| {
        model.forward(cache, tokens, wanted, &mut Vec::new()).unwrap_err().to_string()
    };
    assert_eq!(
        refuse(&mut cache, &[tokens[1], tokens[0], tokens[1]], &[]),
        "position 1 of slot 0 appears twice in one pass"
    );
    assert_eq!(
        refuse(&mut cache, &tokens, &[2]),
        "logits requested for token 2 in a pass of 2 tokens"
    );
    for mut foreign in [
        model_in(DEEP, Dtype::Bf16).new_cache(1).unwrap(),
        model_in(WIDE, Dtype::F32).new_cache(1).unwrap(),
    ] {
        assert_eq!(
            refuse(&mut foreign, &tokens, &[0]),
            "the cache belongs to a model with different sizes or a different number format"
        );
    }
}
