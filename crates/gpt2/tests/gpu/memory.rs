//! Tests that neither a GPU's limited memory nor its own sampler changes the generated texts.

use gpt2::{Checkpoint, Device, Dtype, Gpt2};

use crate::fixture::{DEEP, folder};
use crate::generation::{LoadedModel, Outcome, outcome, varied};

fn on(device: &Device, dtype: Dtype) -> LoadedModel {
    let checkpoint = Checkpoint::from_dir(&folder(DEEP)).unwrap();
    LoadedModel { model: Gpt2::load(&checkpoint, device, dtype).unwrap(), checkpoint }
}

fn texts(device: &Device, batch_size: usize) -> Vec<Outcome> {
    outcome(&on(device, Dtype::F32).write(varied(), batch_size))
}

#[test]
fn texts_match_the_cpu() {
    let words = |outcome: Vec<Outcome>| -> Vec<_> {
        outcome
            .into_iter()
            .map(|(id, tokens, text, _, reason)| (id, tokens, text, reason))
            .collect()
    };
    // Logits differ in their last digits, but no draw here is close enough to a boundary to matter.
    assert_eq!(words(texts(&Device::emulated(1 << 30), 8)), words(texts(&Device::Cpu, 8)));
}

#[test]
fn the_batch_is_halved_until_it_fits_into_memory() {
    let writer = on(&Device::emulated(12 << 20), Dtype::F32);
    let slots = writer.model.slots_in_memory().unwrap();
    assert!((1..64).contains(&slots), "{slots} slots");
    assert!(writer.model.new_cache(64).is_err());
    let halved = outcome(&writer.write(varied(), 64));
    assert_eq!(halved, texts(&Device::emulated(1 << 30), 64));
    // A run frees its memory.
    assert_eq!(writer.model.slots_in_memory(), Some(slots));
}

#[test]
fn too_little_memory_is_an_error_with_the_size() {
    let checkpoint = Checkpoint::from_dir(&folder(DEEP)).unwrap();
    let refused = Gpt2::load(&checkpoint, &Device::emulated(50_000), Dtype::F32).err().unwrap();
    assert_eq!(refused.to_string(), "cannot allocate 32768 bytes of GPU memory");
    let model = Gpt2::load(&checkpoint, &Device::emulated(1 << 20), Dtype::F32).unwrap();
    let refused = model.new_cache(1).err().unwrap();
    assert!(refused.to_string().ends_with("bytes of GPU memory"), "{refused}");
}

#[test]
fn an_unsupported_number_format_is_an_error() {
    let checkpoint = Checkpoint::from_dir(&folder(DEEP)).unwrap();
    let int8 = Gpt2::load(&checkpoint, &Device::emulated(1 << 30), Dtype::Int8).err().unwrap();
    assert_eq!(int8.to_string(), "int8 is not supported on the GPU; use f32, f16 or bf16");
}
