//! Checks that logits are close to the reference's and bit-identical for any number of tokens per pass.

use gpt2::{Dtype, Error, Gpt2, InputToken};

use super::{CheckResult, Subject};

/// Numbers of tokens per pass to compare. A linear layer's tile has 16, 64 or 128 rows, so these numbers
/// cover every tile size, with and without padding rows.
const TOGETHER: [usize; 7] = [1, 16, 17, 64, 65, 200, 512];

/// Number of texts processed together in one pass, large enough that the kernels use their large
/// tiles.
const SIDE_BY_SIDE: usize = 8;

/// Returns the maximum allowed error of a logit, relative to the largest logit. The same limit applies
/// to the relative error of all logits, measured with the Euclidean norm.
fn tolerance(dtype: Dtype) -> f64 {
    match dtype {
        Dtype::F32 => 1e-4,
        Dtype::F16 => 0.005,
        _ => 0.03,
    }
}

/// Compares the logits after every token of a text with those of the reference.
pub fn logits(subject: &Subject) -> CheckResult {
    let text = text(subject);
    let ours = of_one_text(subject.model, &text, text.len())?;
    let theirs = of_one_text(subject.reference, &text, text.len())?;
    let (mut errors, mut all, mut farthest, mut largest) = (0.0, 0.0, 0.0_f64, 0.0_f64);
    for (ours, theirs) in ours.iter().zip(&theirs) {
        let (ours, theirs) = (f64::from(*ours), f64::from(*theirs));
        let error = (ours - theirs).abs();
        errors += error * error;
        all += theirs * theirs;
        // `max` would ignore NaN.
        farthest = if error.is_nan() || error > farthest { error } else { farthest };
        largest = largest.max(theirs.abs());
    }
    let (relative, share) = ((errors / all).sqrt(), farthest / largest);
    let allowed = tolerance(subject.model.dtype());
    let figure = format!(
        "relative error {relative:.2e}, largest {farthest:.2e} of {largest:.1} ({share:.2e}) over {} \
         tokens, allowed {allowed}",
        text.len()
    );
    Ok((ours.len() == theirs.len() && relative <= allowed && share <= allowed, figure))
}

/// Checks that the logits are bit-identical for several numbers of tokens per pass, and in a batch
/// with other texts.
pub fn tiles(subject: &Subject) -> CheckResult {
    let text = text(subject);
    let alone = of_one_text(subject.model, &text, 1)?;
    let mut same = vec!["1".to_owned()];
    let mut different = Vec::new();
    let mut compare = |rows: usize, logits: &[f32]| {
        let is_same = bits(logits).eq(bits(&alone));
        if is_same { &mut same } else { &mut different }.push(rows.to_string());
    };
    for together in TOGETHER.into_iter().filter(|rows| (2..=text.len()).contains(rows)) {
        compare(together, &of_one_text(subject.model, &text, together)?);
    }
    compare(SIDE_BY_SIDE * text.len(), &beside_others(subject.model, &text)?);
    let mut figure = format!("bit-identical with {} rows", same.join(", "));
    if !different.is_empty() {
        figure += &format!("; not bit-identical with {}", different.join(", "));
    }
    Ok((different.is_empty(), figure))
}

/// Returns the tokens of the text whose logits are compared.
fn text(subject: &Subject) -> Vec<u32> {
    let tokens = subject.sizes.logits.min(subject.model.config().n_positions);
    subject.prose.iter().copied().cycle().take(tokens).collect()
}

/// Returns the logits (N, V) after each token of a text, processing `together` tokens per pass.
pub fn of_one_text(model: &Gpt2, text: &[u32], together: usize) -> Result<Vec<f32>, Error> {
    let mut cache = model.new_cache(1)?;
    let (mut logits, mut all) = (Vec::new(), Vec::new());
    for (number, ids) in text.chunks(together).enumerate() {
        let wanted: Vec<u32> = (0..ids.len() as u32).collect();
        model.forward(&mut cache, &tokens(0, number * together, ids), &wanted, &mut logits)?;
        all.extend_from_slice(&logits);
    }
    Ok(all)
}

/// Returns the logits of the first of several texts processed in one pass.
fn beside_others(model: &Gpt2, text: &[u32]) -> Result<Vec<f32>, Error> {
    let mut cache = model.new_cache(SIDE_BY_SIDE)?;
    let mut pass = tokens(0, 0, text);
    for slot in 1..SIDE_BY_SIDE {
        let mut other = text.to_vec();
        other.rotate_left(slot % text.len());
        pass.extend(tokens(slot, 0, &other));
    }
    let wanted: Vec<u32> = (0..text.len() as u32).collect();
    let mut logits = Vec::new();
    model.forward(&mut cache, &pass, &wanted, &mut logits)?;
    Ok(logits)
}

fn tokens(slot: usize, start: usize, ids: &[u32]) -> Vec<InputToken> {
    let places = start..;
    places.zip(ids).map(|(position, id)| InputToken { slot, position, id: *id }).collect()
}

fn bits(logits: &[f32]) -> impl Iterator<Item = u32> {
    logits.iter().map(|logit| logit.to_bits())
}
