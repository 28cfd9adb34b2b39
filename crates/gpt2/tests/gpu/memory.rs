//! What a GPU's own memory, and its own sampling, change about texts: nothing.

use gpt2::{Checkpoint, Device, Dtype, Gpt2};

use crate::fixture::{DEEP, folder};
use crate::generation::{Outcome, Writer, outcome, varied};

fn on(device: &Device, dtype: Dtype) -> Writer {
    let checkpoint = Checkpoint::from_dir(&folder(DEEP)).unwrap();
    Writer { model: Gpt2::load(&checkpoint, device, dtype).unwrap(), checkpoint }
}

fn texts(device: &Device, batch_size: usize) -> Vec<Outcome> {
    outcome(&on(device, Dtype::F32).write(varied(), batch_size))
}

#[test]
fn texts_are_those_of_the_cpu() {
    let words = |outcome: Vec<Outcome>| -> Vec<_> {
        outcome
            .into_iter()
            .map(|(id, tokens, text, _, reason)| (id, tokens, text, reason))
            .collect()
    };
    // Logits differ in their last digits; no draw of these is so near to a boundary.
    assert_eq!(words(texts(&Device::emulated(1 << 30), 8)), words(texts(&Device::Cpu, 8)));
}

#[test]
fn a_batch_that_memory_is_too_short_for_is_halved() {
    let writer = on(&Device::emulated(12 << 20), Dtype::F32);
    let slots = writer.model.slots_in_memory().unwrap();
    assert!((1..64).contains(&slots), "{slots} slots");
    assert!(writer.model.new_cache(64).is_err());
    let halved = outcome(&writer.write(varied(), 64));
    assert_eq!(halved, texts(&Device::emulated(1 << 30), 64));
    // A run gives back what it took.
    assert_eq!(writer.model.slots_in_memory(), Some(slots));
}

#[test]
fn memory_that_is_too_short_for_a_model_is_named() {
    let checkpoint = Checkpoint::from_dir(&folder(DEEP)).unwrap();
    let refused = Gpt2::load(&checkpoint, &Device::emulated(50_000), Dtype::F32).err().unwrap();
    assert_eq!(refused.to_string(), "the GPU has no 32768 bytes of memory left");
    let model = Gpt2::load(&checkpoint, &Device::emulated(1 << 20), Dtype::F32).unwrap();
    let refused = model.new_cache(1).err().unwrap();
    assert!(refused.to_string().ends_with("bytes of memory left"), "{refused}");
}

#[test]
fn what_a_gpu_does_not_compute_in_is_refused() {
    let checkpoint = Checkpoint::from_dir(&folder(DEEP)).unwrap();
    let int8 = Gpt2::load(&checkpoint, &Device::emulated(1 << 30), Dtype::Int8).err().unwrap();
    assert_eq!(int8.to_string(), "int8 is not computed on the GPU, expected f32, f16 or bf16");
}
