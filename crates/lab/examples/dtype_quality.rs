//! Measures how a reduced number format affects a model's predictions. Prints the perplexity of a text
//! in each number format and the KL divergence from f32.
//!
//! ```text
//! cargo run --release -p lab --example dtype_quality -- MODEL_DIR TEXT_FILE
//! ```
//!
//! TEXT_FILE contains documents, separated by lines that consist of `<|endoftext|>`.

use gpt2::{Checkpoint, Device, Dtype, Gpt2};
use lab::corpus::Corpus;
use lab::eval::precision::compare;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut args = std::env::args().skip(1);
    let (Some(model), Some(text)) = (args.next(), args.next()) else {
        return Err("expected a model folder and a text file".into());
    };
    let checkpoint = Checkpoint::from_dir(model.as_ref())?;
    let corpus = Corpus::read(&[text.into()])?;
    let encoded = corpus.documents.iter().map(|text| checkpoint.tokenizer().encode(text));
    let texts = encoded.collect::<Result<Vec<_>, _>>()?;
    let reference = Gpt2::load(&checkpoint, &Device::Cpu, Dtype::F32)?;
    println!("dtype  tokens  perplexity  to f32    mean KL    same choice");
    for dtype in [Dtype::F32, Dtype::Bf16, Dtype::Int8] {
        let model = Gpt2::load(&checkpoint, &Device::Cpu, dtype)?;
        let it = compare(&reference, &model, &texts)?;
        let ratio = 100.0 * (it.perplexity / it.reference_perplexity - 1.0);
        let same = 100.0 * it.same_choice;
        println!(
            "{:<5} {:>7} {:>11.4} {ratio:>+7.3} %  {:.2e}  {same:>8.2} %",
            dtype.name(),
            it.tokens,
            it.perplexity,
            it.mean_kl,
        );
    }
    Ok(())
}
