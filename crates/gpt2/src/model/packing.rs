//! Converts a checkpoint's tensors to the layout of the kernels. Converting GPT-2's weights takes
//! longer than opening them, so the result is cached in a file, which is memory-mapped on the next
//! start.
//!
//! The file consists of a header (see `header`) and the blocks of all linear layers in network order.
//! All other tensors are small and are read from the checkpoint.

use std::fs::File;
use std::io::Write as _;
use std::marker::PhantomData;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use candle_core::{CpuStorage, DType, Device, Storage, Tensor};
use memmap2::Mmap;
use rayon::prelude::*;

use crate::dtype::Dtype;
use crate::error::Result;
use crate::weights::{Checkpoint, Weights};
use kernels::format::{Format, GROUP, PANEL};
use kernels::linear::{Linear, Matrix, pack_panel};
use kernels::owned_or_mapped::OwnedOrMapped;
use kernels::simd::Level;

/// Minimum duration of a conversion whose result is worth caching.
const WORTH_CACHING: Duration = Duration::from_millis(100);

/// Format version; incremented when the layout of blocks changes, or which tensors they hold.
const VERSION: u8 = 2;

/// Size of the header in bytes; a whole cache line, so blocks are aligned.
const HEADER: usize = 64;

/// Builds a network's layers from a checkpoint or the cache file.
pub struct Packing<'a, F: Format> {
    weights: Weights<'a>,
    dtype: Dtype,
    level: Level,
    path: Option<PathBuf>,
    /// The mapped cache file, and the offset of the next layer in it.
    cached: Option<(Arc<Mmap>, usize)>,
    /// Minimum duration of a conversion whose result is cached; differs from [`WORTH_CACHING`] only in
    /// tests.
    worth_caching: Duration,
    begun: Instant,
    format: PhantomData<F>,
}

impl<'a, F: Format> Packing<'a, F> {
    /// Prepares to build the layers of `checkpoint`, and maps the cache file if it is usable. The
    /// extension of `path` is replaced with the name of the number format.
    pub fn new(
        checkpoint: &'a Checkpoint,
        dtype: Dtype,
        level: Level,
        path: Option<&Path>,
    ) -> Result<Self> {
        let path = path.map(|path| path.with_extension(dtype.name()));
        let layers = checkpoint.config().linear_layers();
        let blocks: usize = layers.map(|(k, n)| Linear::<F>::blocks(k, n)).sum();
        let bytes = blocks * size_of::<F::Block>();
        Ok(Self {
            weights: checkpoint.weights(&Device::Cpu, DType::F32)?,
            dtype,
            level,
            cached: path
                .as_deref()
                .and_then(|path| open(path, dtype, bytes))
                .map(|file| (file, HEADER)),
            path,
            worth_caching: WORTH_CACHING,
            begun: Instant::now(),
            format: PhantomData,
        })
    }

    /// Loads a small tensor as f32.
    pub fn vector(&self, shape: &[usize], name: &str) -> Result<Vec<f32>> {
        Ok(self.weights.get(shape, name)?.flatten_all()?.to_vec1()?)
    }

    /// Builds a linear layer, whose weight in GPT-2's checkpoints is (inputs, outputs).
    pub fn linear(&mut self, inputs: usize, outputs: usize, name: &str) -> Result<Linear<F>> {
        let bias = self.vector(&[outputs], &format!("{name}.bias"))?;
        let name = format!("{name}.weight");
        let weights = self.weights.clone();
        let blocks = self.blocks(inputs, outputs, || {
            Ok(TensorMatrix {
                tensor: weights.get(&[inputs, outputs], &name)?,
                is_transposed: false,
            })
        })?;
        Ok(Linear::new(inputs, outputs, blocks, &bias))
    }

    /// Builds the output layer, which has no bias and whose weight is an embedding (outputs, inputs).
    pub fn head(&mut self, inputs: usize, outputs: usize, name: &str) -> Result<Linear<F>> {
        let weights = match name {
            "lm_head.weight" => self.weights.outside(),
            _ => self.weights.clone(),
        };
        let blocks = self.blocks(inputs, outputs, || {
            Ok(TensorMatrix { tensor: weights.get(&[outputs, inputs], name)?, is_transposed: true })
        })?;
        Ok(Linear::new(inputs, outputs, blocks, &[]))
    }

    /// Returns a layer's blocks, taken from the cache file if there is one and packed otherwise.
    fn blocks(
        &mut self,
        inputs: usize,
        outputs: usize,
        weight: impl FnOnce() -> Result<TensorMatrix>,
    ) -> Result<OwnedOrMapped<F::Block>> {
        let count = Linear::<F>::blocks(inputs, outputs);
        if let Some((file, used)) = &mut self.cached {
            let part = *used..*used + count * size_of::<F::Block>();
            *used = part.end;
            return Ok(OwnedOrMapped::Mapped(Arc::<Mmap>::clone(file), part));
        }
        // Checks the weight's shape, before memory is allocated for it.
        let weight = weight()?;
        let mut blocks = bytemuck::zeroed_vec(count);
        pack::<F>(self.level, (inputs, outputs), &weight, &mut blocks);
        Ok(OwnedOrMapped::Owned(blocks))
    }

    /// Writes the cache file if there is none and the conversion was slow. Errors are ignored, because
    /// the file is optional.
    pub fn write_cache<'b>(&self, layers: impl Iterator<Item = &'b Linear<F>>) {
        if self.cached.is_some() || self.begun.elapsed() < self.worth_caching {
            return;
        }
        if let Some(path) = &self.path {
            let _ =
                write(path, self.dtype, layers.map(|layer| bytemuck::cast_slice(layer.packed())));
        }
    }
}

/// Returns the header of a cache file; `hash` is the hash of all blocks.
fn header(dtype: Dtype, hash: blake3::Hash) -> [u8; HEADER] {
    let mut header = [0; HEADER];
    header[..8].copy_from_slice(b"gpt2pack");
    header[8] = VERSION;
    header[16..16 + dtype.name().len()].copy_from_slice(dtype.name().as_bytes());
    header[32..].copy_from_slice(hash.as_bytes());
    header
}

/// Maps the cache file if it is intact and contains `bytes` bytes of blocks.
fn open(path: &Path, dtype: Dtype, bytes: usize) -> Option<Arc<Mmap>> {
    let file = File::open(path).ok()?;
    // SAFETY: the file must not change while it is mapped. Cache files are never modified: each is
    // written under a temporary name, then renamed.
    let file = unsafe { Mmap::map(&file) }.ok()?;
    let (start, blocks) = file.split_at_checked(HEADER)?;
    let is_whole = blocks.len() == bytes && start == header(dtype, blake3::hash(blocks));
    is_whole.then(|| Arc::new(file))
}

/// Writes a temporary file in the same directory, then renames it to `path`.
fn write<'b>(
    path: &Path,
    dtype: Dtype,
    layers: impl Iterator<Item = &'b [u8]>,
) -> std::io::Result<()> {
    let dir = path.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(dir)?;
    let mut builder = tempfile::Builder::new();
    // Temporary files are private by default, but a cache may be shared.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    let mut file = builder.tempfile_in(dir)?;
    let mut hasher = blake3::Hasher::new();
    file.write_all(&[0; HEADER])?;
    for blocks in layers {
        hasher.update(blocks);
        file.write_all(blocks)?;
    }
    std::io::Seek::rewind(&mut file)?;
    file.write_all(&header(dtype, hasher.finalize()))?;
    file.persist(path)?;
    Ok(())
}

/// Packs a weight (K, N) into `blocks`. Panels are packed in parallel.
pub fn pack<F: Format>(
    level: Level,
    (inputs, outputs): (usize, usize),
    weight: &(impl Matrix + Sync),
    blocks: &mut [F::Block],
) {
    let groups = inputs.div_ceil(GROUP);
    blocks.par_chunks_exact_mut(groups).enumerate().for_each(|(panel, blocks)| {
        pack_panel::<F>(level, (inputs, outputs), weight, panel, blocks);
    });
}

/// A weight matrix in f32, on the CPU.
struct TensorMatrix {
    tensor: Tensor,
    /// Whether the matrix is stored as (outputs, inputs).
    is_transposed: bool,
}

impl Matrix for TensorMatrix {
    fn read(&self, rows: Range<usize>, columns: Range<usize>, to: &mut [[f32; PANEL]; GROUP]) {
        let (storage, layout) = self.tensor.storage_and_layout();
        let (Storage::Cpu(CpuStorage::F32(numbers)), Some((start, _))) =
            (&*storage, layout.contiguous_offsets())
        else {
            unreachable!("`Weights` gives contiguous f32 tensors on the CPU");
        };
        let numbers = &numbers[start..];
        let (_, width) = layout.shape().dims2().unwrap_or((0, 0));
        if self.is_transposed {
            for (j, column) in columns.enumerate() {
                let column = &numbers[column * width..][rows.clone()];
                column.iter().zip(to.iter_mut()).for_each(|(number, to)| to[j] = *number);
            }
        } else {
            for (row, to) in rows.zip(to) {
                let row = &numbers[row * width..][columns.clone()];
                to[..row.len()].copy_from_slice(row);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::InputToken;
    use crate::model::cpu::{Cache, Network};
    use kernels::format::{Bf16, F32, Int8};

    fn checkpoint(name: &str) -> Checkpoint {
        let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
        Checkpoint::from_dir(&fixtures.join(name)).unwrap()
    }

    /// Loads a fixture through the cache file, which is written even after a fast conversion. Returns
    /// the bits of some logits and whether the file was used.
    fn load<F: Format>(name: &str, dtype: Dtype, path: Option<&Path>) -> (Vec<u32>, bool) {
        let (checkpoint, level) = (checkpoint(name), Level::best());
        let mut packing = Packing::<F>::new(&checkpoint, dtype, level, path).unwrap();
        packing.worth_caching = Duration::ZERO;
        let network = Network::new(checkpoint.config(), &mut packing, level).unwrap();
        packing.write_cache(network.layers());
        let mut cache = Cache::new::<F>(checkpoint.config(), 1).unwrap();
        let tokens: Vec<InputToken> =
            (0..20).map(|i| InputToken { slot: 0, position: i, id: 5 * i as u32 }).collect();
        let mut logits = Vec::new();
        network.forward(&mut cache, &tokens, &[3, 19], &mut logits);
        (logits.into_iter().map(f32::to_bits).collect(), packing.cached.is_some())
    }

    fn files(dir: &Path) -> Vec<String> {
        let entries = std::fs::read_dir(dir).unwrap();
        let mut names: Vec<_> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    fn is_kept_and_used<F: Format>(dtype: Dtype) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("deeper/weights");
        let (expected, mapped) = load::<F>("wide", dtype, None);
        assert!(!mapped);
        assert_eq!(load::<F>("wide", dtype, Some(&path)), (expected.clone(), false));
        assert_eq!(files(&dir.path().join("deeper")), [format!("weights.{}", dtype.name())]);
        assert_eq!(load::<F>("wide", dtype, Some(&path)), (expected, true));
    }

    #[test]
    fn the_cached_file_gives_the_same_bits() {
        is_kept_and_used::<F32>(Dtype::F32);
        is_kept_and_used::<Bf16>(Dtype::Bf16);
        is_kept_and_used::<Int8>(Dtype::Int8);
    }

    #[test]
    fn a_damaged_file_is_rewritten() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("weights");
        let (expected, _) = load::<Int8>("deep", Dtype::Int8, Some(&path));
        let file = path.with_extension("int8");
        let whole = std::fs::read(&file).unwrap();
        let flipped = |at: usize| {
            let mut bytes = whole.clone();
            bytes[at] ^= 1;
            bytes
        };
        let (bf16, _) = (dir.path().join("other"), load::<Bf16>("deep", Dtype::Bf16, None));
        load::<Bf16>("deep", Dtype::Bf16, Some(&bf16));
        for broken in [
            Vec::new(),
            whole[..40].to_vec(),
            whole[..whole.len() - 1].to_vec(),
            flipped(3),
            flipped(8),
            flipped(40),
            flipped(HEADER + 100),
            flipped(whole.len() - 1),
            std::fs::read(bf16.with_extension("bf16")).unwrap(),
        ] {
            std::fs::write(&file, broken).unwrap();
            assert_eq!(load::<Int8>("deep", Dtype::Int8, Some(&path)), (expected.clone(), false));
            assert!(std::fs::read(&file).unwrap() == whole);
        }
    }

    #[test]
    fn another_models_file_is_not_used() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("weights");
        for (written, read) in [("deep", "wide"), ("wide", "deep")] {
            load::<Int8>(written, Dtype::Int8, Some(&path));
            let (expected, _) = load::<Int8>(read, Dtype::Int8, None);
            assert_eq!(load::<Int8>(read, Dtype::Int8, Some(&path)).0, expected);
        }
    }

    #[test]
    fn an_unwritable_path_is_ignored() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("a-file");
        std::fs::write(&file, b"").unwrap();
        let (expected, _) = load::<F32>("deep", Dtype::F32, None);
        let path = file.join("weights");
        assert_eq!(load::<F32>("deep", Dtype::F32, Some(&path)), (expected, false));
        assert_eq!(files(dir.path()), ["a-file"]);
    }

    #[test]
    fn a_fast_conversion_is_not_cached() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("weights");
        let (checkpoint, level) = (checkpoint("deep"), Level::best());
        let mut packing = Packing::<F32>::new(&checkpoint, Dtype::F32, level, Some(&path)).unwrap();
        packing.worth_caching = Duration::MAX;
        let network = Network::new(checkpoint.config(), &mut packing, level).unwrap();
        packing.write_cache(network.layers());
        assert!(files(dir.path()).is_empty());
    }
}
