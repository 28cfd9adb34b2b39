//! An open checkpoint: the configuration, tokenizer and tensors of a GPT-2 model.
//!
//! Weights are memory-mapped (safetensors) or read tensor by tensor (pickle). Opening is cheap, and
//! every tensor is converted once, directly to the model's device and number format.

use std::io::Read;
use std::path::{Path, PathBuf};

use candle_core::safetensors::{MmapedSafetensors, SliceSafetensors};
use candle_core::{DType, Device, Tensor, pickle::PthTensors};
use rayon::prelude::*;

use crate::checkpoint_files::{CheckpointFiles, LFS_POINTER, missing, read, shown};
use crate::config::Config;
use crate::error::{Error, Result};
use crate::tokenizer::Tokenizer;
use crate::tokenizer::added_tokens::AddedTokens;

/// An open checkpoint: configuration, tokenizer and tensors.
pub struct Checkpoint {
    config: Config,
    tokenizer: Tokenizer,
    tensors: Tensors,
}

impl Checkpoint {
    /// Opens a directory in Hugging Face layout (see [`CheckpointFiles::find`]).
    ///
    /// # Errors
    /// Returns an error if a file is missing or invalid, or the tokenizer does not match the model.
    pub fn from_dir(dir: &Path) -> Result<Self> {
        Self::from_files(&CheckpointFiles::find(dir)?)
    }

    /// Opens a checkpoint whose files may be in different directories.
    ///
    /// # Errors
    /// See [`Checkpoint::from_dir`].
    pub fn from_files(files: &CheckpointFiles) -> Result<Self> {
        let mut config = Config::from_json(&read(&files.config)?, &shown(&files.config))?;
        if let Some(file) = &files.generation {
            config = config.with_generation_config(&read(file)?, &shown(file))?;
        }
        let mut added = AddedTokens::default();
        for file in &files.added_tokens {
            let name = file.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            added
                .read(name, &read(file)?)
                .map_err(|source| Error::Json { origin: shown(file), source })?;
        }
        let tokenizer = match files.tokenizer.as_slice() {
            [vocab, merges] => Tokenizer::from_vocab_and_merges(
                &read(vocab)?,
                &read(merges)?,
                &added,
                &shown(vocab),
            )?,
            [json, ..] => Tokenizer::from_json(&read(json)?, &shown(json))?,
            [] => return missing(&files.config, "tokenizer files"),
        };
        Self::new(config, tokenizer, Tensors::open(&files.weights)?)
    }

    /// Opens a checkpoint embedded in the program, from the contents of config.json, tokenizer.json and
    /// model.safetensors.
    ///
    /// # Errors
    /// See [`Checkpoint::from_dir`].
    pub fn from_bytes(config: &[u8], tokenizer: &[u8], weights: &'static [u8]) -> Result<Self> {
        let config = Config::from_json(config, "the embedded config.json")?;
        let tokenizer = Tokenizer::from_json(tokenizer, "the embedded tokenizer.json")?;
        let origin = "the embedded model.safetensors";
        let slice = SliceSafetensors::new(weights).map_err(unreadable(origin))?;
        Self::new(
            config,
            tokenizer,
            Tensors { origin: origin.into(), files: TensorFiles::Slice(slice) },
        )
    }

    fn new(config: Config, tokenizer: Tokenizer, tensors: Tensors) -> Result<Self> {
        if let Some(token) = tokenizer.largest_id()
            && token as usize >= config.vocab_size
        {
            let (origin, vocab_size) = (tensors.origin, config.vocab_size);
            let content = tokenizer.content(token).unwrap_or_default();
            return Err(Error::Vocabulary { origin, content, token, vocab_size });
        }
        let tie_word_embeddings = config.tie_word_embeddings && !tensors.has_own_lm_head()?;
        let config = Config { tie_word_embeddings, ..config };
        Ok(Self { config, tokenizer, tensors })
    }

    pub fn config(&self) -> &Config {
        &self.config
    }

    pub fn tokenizer(&self) -> &Tokenizer {
        &self.tokenizer
    }

    /// Returns the tensors at the model's root. A `transformer.` prefix in the checkpoint is skipped, so
    /// the token embedding is always `wte.weight`.
    pub fn weights(&self, device: &Device, dtype: DType) -> Result<Weights<'_>> {
        let prefix = self.tensors.prefix();
        let n_layer = self.config.n_layer;
        for name in &self.tensors.names() {
            let layer = name.strip_prefix(prefix).and_then(|name| name.strip_prefix("h."));
            let layer = layer.and_then(|rest| rest.split('.').next()?.parse::<usize>().ok());
            if layer.is_some_and(|layer| layer >= n_layer) {
                let (origin, name) = (self.tensors.origin.clone(), name.clone());
                return Err(Error::ExtraLayer { origin, name, n_layer });
            }
        }
        let path = prefix.to_string();
        Ok(Weights { tensors: &self.tensors, path, device: device.clone(), dtype })
    }
}

/// The tensors below one path prefix of a checkpoint, with their target device and number format.
#[derive(Clone)]
pub struct Weights<'a> {
    tensors: &'a Tensors,
    path: String,
    device: Device,
    dtype: DType,
}

impl Weights<'_> {
    /// Extends the path prefix: `weights.pp("h.0").pp("ln_1")`.
    pub fn pp(&self, place: &str) -> Self {
        Self { path: format!("{}{place}.", self.path), ..self.clone() }
    }

    /// Returns the tensors at the checkpoint's root, outside the `transformer.` prefix, where `lm_head`
    /// is.
    pub fn outside(&self) -> Self {
        Self { path: String::new(), ..self.clone() }
    }

    /// Loads a tensor, which must have the `expected` shape.
    pub fn get(&self, expected: &[usize], name: &str) -> Result<Tensor> {
        let name = format!("{}{name}", self.path);
        let origin = || self.tensors.origin.clone();
        let Some((dtype, got)) = self.tensors.kind(&name) else {
            return Err(Error::MissingTensor { origin: origin(), name, expected: expected.into() });
        };
        if !matches!(dtype.as_str(), "F64" | "F32" | "F16" | "BF16") {
            return Err(Error::TensorType { origin: origin(), name, got: dtype });
        }
        if got != expected {
            let expected = expected.into();
            return Err(Error::TensorShape { origin: origin(), name, expected, got });
        }
        let tensor = self.tensors.load(&name)?;
        if !is_finite(&tensor)? {
            return Err(Error::NotFinite { origin: origin(), name });
        }
        Ok(tensor.to_dtype(self.dtype)?.to_device(&self.device)?.contiguous()?)
    }
}

/// Whether no number of a tensor is NaN or infinite.
fn is_finite(tensor: &Tensor) -> Result<bool> {
    let numbers = tensor.flatten_all()?.to_dtype(DType::F32)?.to_vec1::<f32>()?;
    Ok(numbers.par_chunks(1 << 16).all(|part| part.iter().all(|number| number.is_finite())))
}

/// Named tensors in one or more files.
struct Tensors {
    /// Name of the source to show in error messages.
    origin: String,
    files: TensorFiles,
}

enum TensorFiles {
    Mapped(MmapedSafetensors),
    Slice(SliceSafetensors<'static>),
    Pickled(Vec<PthTensors>),
}

impl Tensors {
    fn open(paths: &[PathBuf]) -> Result<Self> {
        let origin = match paths {
            [path] => shown(path),
            // Errors name the directory that holds the shards.
            [path, ..] => path.parent().map_or_else(|| shown(path), shown),
            [] => return missing(Path::new("the checkpoint"), "weights"),
        };
        for path in paths {
            if let Some((what, hint)) = foreign_format(path)? {
                return Err(Error::WeightsFormat { origin: shown(path), what, hint });
            }
        }
        let pickled = paths.iter().any(|path| path.extension().is_some_and(|end| end == "bin"));
        let files = if pickled {
            let open =
                |path: &PathBuf| PthTensors::new(path, None).map_err(unreadable(&shown(path)));
            TensorFiles::Pickled(paths.iter().map(open).collect::<Result<_>>()?)
        } else {
            // SAFETY: the file must not change while it is mapped. Checkpoints are written once, by
            // rename, and are opened read-only here.
            let mapped = unsafe { MmapedSafetensors::multi(paths) };
            TensorFiles::Mapped(mapped.map_err(unreadable(&origin))?)
        };
        Ok(Self { origin, files })
    }

    fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = match &self.files {
            TensorFiles::Mapped(files) => {
                files.tensors().into_iter().map(|(name, _)| name).collect()
            }
            TensorFiles::Slice(file) => file.tensors().into_iter().map(|(name, _)| name).collect(),
            TensorFiles::Pickled(files) => {
                files.iter().flat_map(|file| file.tensor_infos().keys().cloned()).collect()
            }
        };
        names.sort_unstable();
        names
    }

    /// Prefix of the names of all tensors except the output layer's: `transformer.` or none.
    fn prefix(&self) -> &'static str {
        let prefix = "transformer.";
        if self.kind(&format!("{prefix}wte.weight")).is_some() { prefix } else { "" }
    }

    /// Whether the output layer differs from the token embeddings. As in transformers, it is then used
    /// even if the configuration ties the two. Most checkpoints of tied models have no `lm_head.weight`,
    /// or a copy of the embeddings.
    fn has_own_lm_head(&self) -> Result<bool> {
        let (lm_head, wte) = ("lm_head.weight", format!("{}wte.weight", self.prefix()));
        let kind = self.kind(lm_head);
        if kind.is_none() || self.kind(&wte).is_none() {
            return Ok(false);
        }
        if kind != self.kind(&wte) {
            return Ok(true);
        }
        let numbers = |name| -> Result<Vec<f32>> {
            Ok(self.load(name)?.flatten_all()?.to_dtype(DType::F32)?.to_vec1()?)
        };
        Ok(numbers(lm_head)? != numbers(&wte)?)
    }

    /// Number format and shape of a tensor, if it exists.
    fn kind(&self, name: &str) -> Option<(String, Vec<usize>)> {
        let of_view = |view: safetensors::tensor::TensorView<'_>| {
            (format!("{:?}", view.dtype()), view.shape().to_vec())
        };
        match &self.files {
            TensorFiles::Mapped(files) => files.get(name).ok().map(of_view),
            TensorFiles::Slice(file) => file.get(name).ok().map(of_view),
            TensorFiles::Pickled(files) => {
                let info = files.iter().find_map(|file| file.tensor_infos().get(name))?;
                Some((format!("{:?}", info.dtype), info.layout.dims().to_vec()))
            }
        }
    }

    /// Loads an existing tensor onto the CPU in its stored number format.
    fn load(&self, name: &str) -> Result<Tensor> {
        if let TensorFiles::Pickled(files) = &self.files
            && let Some(info) = files.iter().find_map(|file| file.tensor_infos().get(name))
            && !info.layout.is_contiguous()
        {
            return Err(Error::Strided { origin: self.origin.clone(), name: name.to_owned() });
        }
        let tensor = match &self.files {
            TensorFiles::Mapped(files) => files.load(name, &Device::Cpu),
            TensorFiles::Slice(file) => file.load(name, &Device::Cpu),
            TensorFiles::Pickled(files) => files
                .iter()
                .find_map(|file| file.get(name).transpose())
                .unwrap_or_else(|| Err(candle_core::Error::CannotFindTensor { path: name.into() })),
        };
        tensor.map_err(unreadable(&self.origin))
    }
}

/// Recognises files that are not weights, or not in a form that can be read. Returns what is wrong, and
/// what to do.
fn foreign_format(path: &Path) -> Result<Option<(&'static str, &'static str)>> {
    let mut start = Vec::new();
    let file = std::fs::File::open(path).map_err(Error::read(path))?;
    file.take(64).read_to_end(&mut start).map_err(Error::read(path))?;
    if start.starts_with(LFS_POINTER) {
        let what = "is a Git LFS pointer, not the weights";
        return Ok(Some((what, "run `git lfs pull` in its folder")));
    }
    if start.is_empty() {
        return Ok(Some(("is empty", "copy or download it again")));
    }
    let is_pickled = path.extension().is_some_and(|end| end == "bin");
    Ok((is_pickled && !start.starts_with(b"PK")).then_some((
        "was not saved by torch 1.6 or later",
        "convert it in Python: torch.save(torch.load(FILE, map_location=\"cpu\"), FILE)",
    )))
}

fn unreadable(origin: &str) -> impl FnOnce(candle_core::Error) -> Error {
    let origin = origin.to_string();
    move |source| Error::Weights { origin, source }
}
