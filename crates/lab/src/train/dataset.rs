//! Training text: tokenised documents, the held-out set and the order of the documents.
//!
//! A separator token precedes every document, and another one follows the last document. An epoch
//! concatenates all documents in random order and cuts the result into windows. The windows of a step
//! depend only on the random seed, the step number, the context length and the batch sizes, so a run can
//! be resumed without saving its position in the text.

use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use super::TrainingSettings;
use super::error::{Error, Result};
use super::trainer::{Batch, stream_key};

/// Training and held-out documents, without separators.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Split {
    /// Training set.
    pub training: Vec<Vec<u32>>,
    /// Held-out set, without duplicates.
    pub held_out: Vec<Vec<u32>>,
}

/// Holds out about `share` of the documents, chosen by a hash of the random seed and the text. Adding a
/// document therefore does not reshuffle the others, and all copies of a document are in the same set.
/// If there is only one document, its end is held out.
pub fn split(documents: Vec<Vec<u32>>, share: f64, seed: u64) -> Split {
    let place = |document: &[u32]| {
        let mut hasher = blake3::Hasher::new_derive_key("venti 2026-11-23 held out");
        hasher.update(&seed.to_le_bytes());
        hasher.update(bytemuck::cast_slice(document));
        let first = hasher.finalize().as_bytes()[..8].try_into().map_or(0, u64::from_le_bytes);
        first as f64 / u64::MAX as f64
    };
    if share <= 0.0 || documents.is_empty() {
        return Split { training: documents, held_out: Vec::new() };
    }
    let placed: Vec<(f64, Vec<u32>)> =
        documents.into_iter().map(|document| (place(&document), document)).collect();
    let places = || placed.iter().map(|(place, _)| *place);
    let (least, most) = (places().fold(1.0, f64::min), places().fold(0.0, f64::max));
    if least == most {
        // There is only a single document, or copies of it.
        let (_, document) = &placed[0];
        let kept = (document.len() as f64 * (1.0 - share)) as usize;
        let (training, end) = document.split_at(kept);
        let held_out = if end.is_empty() { Vec::new() } else { vec![end.to_vec()] };
        return Split { training: vec![training.to_vec(); placed.len()], held_out };
    }
    let is_held_out = |place: f64| place < most && (place < share || place == least);
    let (held_out, training): (Vec<_>, Vec<_>) =
        placed.into_iter().partition(|(place, _)| is_held_out(*place));
    let mut held_out: Vec<Vec<u32>> = held_out.into_iter().map(|(_, document)| document).collect();
    held_out.sort();
    held_out.dedup();
    Split { training: training.into_iter().map(|(_, document)| document).collect(), held_out }
}

/// Cuts documents into windows of at most `context` + 1 tokens that overlap by one token, for
/// [`Trainer::loss`](super::Trainer::loss).
pub fn windows(documents: &[Vec<u32>], separator: u32, context: usize) -> Vec<Vec<u32>> {
    let mut windows = Vec::new();
    for document in documents {
        let whole: Vec<u32> = [&[separator], document.as_slice(), &[separator]].concat();
        let last = whole.len() - 1;
        let starts = (0..last).step_by(context);
        windows.extend(starts.map(|start| whole[start..=last.min(start + context)].to_vec()));
    }
    // Sort by length, because windows of the same length can share a batch.
    windows.sort_by_key(|window| std::cmp::Reverse(window.len()));
    windows
}

/// The training documents, and the tokens of the most recent epoch.
#[derive(Debug)]
pub struct Dataset {
    documents: Vec<Vec<u32>>,
    separator: u32,
    /// Number of tokens per epoch, including the final separator.
    tokens: usize,
    epoch: Option<(u64, Vec<u32>)>,
}

impl Dataset {
    /// Creates a dataset from documents that fill at least one row of `context` tokens.
    ///
    /// # Errors
    /// Returns [`Error::TextTooShort`] if the documents are too short for one row.
    pub fn new(documents: Vec<Vec<u32>>, separator: u32, context: usize) -> Result<Self> {
        let tokens = documents.iter().map(|document| document.len() + 1).sum::<usize>() + 1;
        if tokens <= context {
            return Err(Error::TextTooShort { tokens: tokens - 1, context });
        }
        Ok(Self { documents, separator, tokens, epoch: None })
    }

    /// Returns the number of tokens to predict per epoch.
    pub fn tokens(&self) -> usize {
        self.tokens - 1
    }

    /// Returns the number of rows per epoch. An incomplete last row is dropped; each epoch drops
    /// different tokens.
    pub fn rows(&self, context: usize) -> usize {
        self.tokens() / context
    }

    /// Returns the batches of step `step`, counted from 0.
    pub fn batches(&mut self, settings: &TrainingSettings, step: usize) -> Vec<Batch> {
        let TrainingSettings { batch_size, accumulation, context, .. } = *settings;
        let first = step * accumulation;
        let batch = |batch: usize| {
            let rows = (first + batch) * batch_size..(first + batch + 1) * batch_size;
            let tokens = rows.flat_map(|row| self.row(settings, row, context)).collect();
            Batch { tokens, rows: batch_size }
        };
        (0..accumulation).map(batch).collect()
    }

    fn row(&mut self, settings: &TrainingSettings, row: usize, context: usize) -> Vec<u32> {
        let (rows, wanted) = (self.rows(context), row / self.rows(context));
        if self.epoch.as_ref().is_none_or(|(epoch, _)| *epoch != wanted as u64) {
            self.epoch = Some((wanted as u64, self.in_order(settings, wanted as u64)));
        }
        let start = row % rows * context;
        self.epoch.as_ref().map_or_else(Vec::new, |(_, all)| all[start..=start + context].to_vec())
    }

    /// Concatenates all documents in the random order of the given epoch (Fisher-Yates shuffle,
    /// Durstenfeld 1964).
    fn in_order(&self, settings: &TrainingSettings, epoch: u64) -> Vec<u32> {
        let mut rng = ChaCha20Rng::from_seed(stream_key(settings, "order", epoch));
        let mut order: Vec<usize> = (0..self.documents.len()).collect();
        for last in (1..order.len()).rev() {
            // The modulo bias is negligible: `last` is tiny compared with 2^64.
            order.swap(last, (rng.next_u64() % (last as u64 + 1)) as usize);
        }
        let mut all = Vec::with_capacity(self.tokens);
        for document in order {
            all.push(self.separator);
            all.extend(&self.documents[document]);
        }
        all.push(self.separator);
        all
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::*;

    fn documents(count: u32) -> Vec<Vec<u32>> {
        (0..count).map(|i| (0..5 + i % 9).map(|j| 1 + i * 20 + j).collect()).collect()
    }

    #[test]
    fn the_text_of_a_document_decides_whether_it_is_held_out() {
        let some = split(documents(200), 0.1, 3);
        assert!((10..35).contains(&some.held_out.len()), "{}", some.held_out.len());
        assert_eq!(some.training.len() + some.held_out.len(), 200);
        let more = split([documents(200), vec![vec![9, 9, 9]]].concat(), 0.1, 3);
        assert!(some.held_out.iter().all(|document| more.held_out.contains(document)));
        assert_ne!(split(documents(200), 0.1, 4).held_out, some.held_out);
        // All copies of a document are in the same set, and a held-out document is kept only once.
        let twice = split([documents(200), documents(200)].concat(), 0.1, 3);
        assert_eq!(twice.held_out, some.held_out);
        assert!(twice.training.iter().all(|document| !some.held_out.contains(document)));
    }

    #[test]
    fn neither_set_is_empty_unless_the_share_is_zero() {
        for share in [1e-9, 0.999] {
            let few = split(documents(2), share, 0);
            assert_eq!((few.training.len(), few.held_out.len()), (1, 1));
        }
        let none = split(documents(5), 0.0, 0);
        assert_eq!((none.training.len(), none.held_out.len()), (5, 0));
        let one = split(vec![(0..100).collect()], 0.1, 0);
        assert_eq!((one.training.concat().len(), one.held_out.concat().len()), (90, 10));
        assert_eq!(split(Vec::new(), 0.1, 0), Split::default());
    }

    #[test]
    fn windows_predict_every_token_once() {
        let documents = documents(9);
        let windows = windows(&documents, 0, 4);
        assert!(windows.iter().all(|window| (2..=5).contains(&window.len())));
        let predicted: usize = windows.iter().map(|window| window.len() - 1).sum();
        assert_eq!(predicted, documents.iter().map(|document| document.len() + 1).sum::<usize>());
    }

    #[test]
    fn too_short_a_text_is_an_error_with_its_length() {
        assert!(Dataset::new(vec![vec![1; 8]], 0, 9).is_ok());
        let error = Dataset::new(vec![vec![1; 8]], 0, 10).unwrap_err();
        assert!(matches!(error, Error::TextTooShort { tokens: 9, context: 10 }), "{error}");
        assert!(Dataset::new(Vec::new(), 0, 1).is_err());
    }

    proptest! {
        #[test]
        fn an_epoch_is_the_whole_text_in_its_own_order(
            count in 3u32..30, batch_size in 1usize..4, accumulation in 1usize..3, context in 3usize..12,
        ) {
            let settings = TrainingSettings { batch_size, accumulation, context, ..TrainingSettings::default() };
            let mut dataset = Dataset::new(documents(count), 0, context).unwrap();
            let together = batch_size * accumulation;
            let steps = dataset.rows(context).div_ceil(together) * 3;
            let all: Vec<Vec<Batch>> = (0..steps).map(|step| dataset.batches(&settings, step)).collect();
            for batch in all.iter().flatten() {
                prop_assert_eq!(batch.tokens.len(), batch_size * (context + 1));
            }
            // Any step can be computed without the steps before it.
            let mut again = Dataset::new(documents(count), 0, context).unwrap();
            prop_assert_eq!(&again.batches(&settings, steps - 1), &all[steps - 1]);
            let rows: Vec<&[u32]> =
                all.iter().flatten().flat_map(|batch| batch.tokens.chunks(context + 1)).collect();
            let epoch = |n: usize| {
                let rows = &rows[n * dataset.rows(context)..(n + 1) * dataset.rows(context)];
                rows.iter().flat_map(|row| &row[..context]).copied().collect::<Vec<u32>>()
            };
            let seen: HashSet<u32> = epoch(0).into_iter().filter(|token| *token != 0).collect();
            let whole = documents(count).concat().len();
            prop_assert!(seen.len() + context + 1 > whole.min(epoch(0).len()), "{} of {whole}", seen.len());
            prop_assert!(rows.windows(2).take(dataset.rows(context) - 1).all(|w| w[0][context] == w[1][0]));
            prop_assert!(count < 10 || epoch(0) != epoch(1));
        }
    }
}
