//! A checkpoint: the files of one GPT-2 in Hugging Face layout, opened but not computed with.
//!
//! Weights are memory-mapped (safetensors) or read tensor by tensor (pickle), so that opening is
//! cheap and every tensor is converted once, straight to the model's device and dtype.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use candle_core::safetensors::{MmapedSafetensors, SliceSafetensors};
use candle_core::{DType, Device, Tensor, pickle::PthTensors};
use serde::Deserialize;

use crate::config::Config;
use crate::error::{Error, Result};
use crate::tokenizer::Tokenizer;

/// The files of a checkpoint directory that matter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckpointFiles {
    pub config: PathBuf,
    /// `tokenizer.json`, or `vocab.json` and `merges.txt`.
    pub tokenizer: Vec<PathBuf>,
    /// One file, or the shards in the order of their names.
    pub weights: Vec<PathBuf>,
}

impl CheckpointFiles {
    /// Finds them in a directory, of several layouts the first of: `model.safetensors`, its sharded
    /// form, `pytorch_model.bin`, its sharded form; `tokenizer.json`, `vocab.json` + `merges.txt`.
    ///
    /// # Errors
    /// When one is missing, or an index names a shard that is.
    pub fn find(dir: &Path) -> Result<Self> {
        let config = existing(dir, "config.json")?;
        let tokenizer = match existing(dir, "tokenizer.json") {
            Ok(tokenizer) => vec![tokenizer],
            Err(_) => match (existing(dir, "vocab.json"), existing(dir, "merges.txt")) {
                (Ok(vocab), Ok(merges)) => vec![vocab, merges],
                _ => return missing(dir, "tokenizer.json, and no vocab.json with merges.txt"),
            },
        };
        for name in ["model.safetensors", "pytorch_model.bin"] {
            if let Ok(weights) = existing(dir, name) {
                return Ok(Self { config, tokenizer, weights: vec![weights] });
            }
            if let Ok(index) = existing(dir, &format!("{name}.index.json")) {
                return Ok(Self { config, tokenizer, weights: shards(dir, &index)? });
            }
        }
        missing(dir, "model.safetensors, and no pytorch_model.bin")
    }

    /// The weights' identity: BLAKE3 over what config.json and the weights' files hold.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub fn weights_hash(&self) -> Result<Hashes> {
        hash_files(std::iter::once(&self.config).chain(&self.weights))
    }

    /// The tokenizer's identity: BLAKE3 over what its files hold.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub fn tokenizer_hash(&self) -> Result<Hashes> {
        hash_files(&self.tokenizer)
    }
}

/// BLAKE3, in hex, of files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hashes {
    /// Of their contents in the order given, each preceded by its length in bytes (u64, little
    /// endian), so that bytes cannot move from one file to the next unnoticed.
    pub together: String,
    /// Of each file's contents, with its length.
    pub each: Vec<(PathBuf, u64, String)>,
}

/// Hashes files, reading each once: weights are large.
fn hash_files<'a>(paths: impl IntoIterator<Item = &'a PathBuf>) -> Result<Hashes> {
    let mut together = blake3::Hasher::new();
    let mut each = Vec::new();
    let mut piece = vec![0; 1 << 20];
    for path in paths {
        let mut file = File::open(path).map_err(Error::read(path))?;
        let length = file.metadata().map_err(Error::read(path))?.len();
        together.update(&length.to_le_bytes());
        let mut alone = blake3::Hasher::new();
        loop {
            let read = file.read(&mut piece).map_err(Error::read(path))?;
            if read == 0 {
                break;
            }
            together.update(&piece[..read]);
            alone.update(&piece[..read]);
        }
        each.push((path.clone(), length, alone.finalize().to_hex().to_string()));
    }
    Ok(Hashes { together: together.finalize().to_hex().to_string(), each })
}

/// One GPT-2, opened: its configuration, tokenizer and tensors.
pub struct Checkpoint {
    config: Config,
    tokenizer: Tokenizer,
    tensors: Tensors,
}

impl Checkpoint {
    /// Opens a directory in Hugging Face layout (see [`CheckpointFiles::find`]).
    ///
    /// # Errors
    /// When a file is missing or not what it should be, or tokenizer and model do not match.
    pub fn from_dir(dir: &Path) -> Result<Self> {
        Self::from_files(&CheckpointFiles::find(dir)?)
    }

    /// Opens the files of a checkpoint, wherever each lies.
    ///
    /// # Errors
    /// As [`Checkpoint::from_dir`].
    pub fn from_files(files: &CheckpointFiles) -> Result<Self> {
        let config = Config::from_json(&read(&files.config)?, &shown(&files.config))?;
        let tokenizer = match files.tokenizer.as_slice() {
            [vocab, merges] => {
                Tokenizer::from_vocab_and_merges(&read(vocab)?, &read(merges)?, &shown(vocab))?
            }
            [json, ..] => Tokenizer::from_json(&read(json)?, &shown(json))?,
            [] => return missing(&files.config, "tokenizer beside it"),
        };
        Self::new(config, tokenizer, Tensors::open(&files.weights)?)
    }

    /// Opens a checkpoint that lies in memory: the contents of config.json, tokenizer.json and
    /// model.safetensors, as of a model embedded in the program.
    ///
    /// # Errors
    /// As [`Checkpoint::from_dir`].
    pub fn from_bytes(config: &[u8], tokenizer: &[u8], weights: &'static [u8]) -> Result<Self> {
        let config = Config::from_json(config, "the embedded config.json")?;
        let tokenizer = Tokenizer::from_json(tokenizer, "the embedded tokenizer.json")?;
        let origin = "the embedded model.safetensors";
        let slice = SliceSafetensors::new(weights).map_err(unreadable(origin))?;
        Self::new(config, tokenizer, Tensors { origin: origin.into(), files: Files::Slice(slice) })
    }

    fn new(config: Config, tokenizer: Tokenizer, tensors: Tensors) -> Result<Self> {
        if let Some(token) = tokenizer.largest_id()
            && token as usize >= config.vocab_size
        {
            let (origin, vocab_size) = (tensors.origin, config.vocab_size);
            return Err(Error::Vocabulary { origin, token, vocab_size });
        }
        Ok(Self { config, tokenizer, tensors })
    }

    /// Sizes and choices of the model.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// The model's tokenizer.
    pub fn tokenizer(&self) -> &Tokenizer {
        &self.tokenizer
    }

    /// The tensors at the root of the model: `wte.weight` is `wte.weight` whether or not the
    /// checkpoint writes `transformer.wte.weight`.
    pub(crate) fn weights(&self, device: &Device, dtype: DType) -> Result<Weights<'_>> {
        let names = self.tensors.names();
        let prefixed = names.iter().any(|name| name == "transformer.wte.weight");
        let prefix = if prefixed { "transformer." } else { "" };
        let n_layer = self.config.n_layer;
        for name in &names {
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

/// The tensors below one place of a checkpoint, as they will be computed with.
#[derive(Clone)]
pub(crate) struct Weights<'a> {
    tensors: &'a Tensors,
    path: String,
    device: Device,
    dtype: DType,
}

impl Weights<'_> {
    /// One place further down: `weights.pp("h.0").pp("ln_1")`.
    pub fn pp(&self, place: &str) -> Self {
        Self { path: format!("{}{place}.", self.path), ..self.clone() }
    }

    /// The model's root without the checkpoint's prefix, where `lm_head` lives.
    pub fn outside(&self) -> Self {
        Self { path: String::new(), ..self.clone() }
    }

    /// The tensor of this name here, which must have this shape.
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
        Ok(tensor.to_dtype(self.dtype)?.to_device(&self.device)?.contiguous()?)
    }
}

/// Named tensors in one or several files.
struct Tensors {
    /// What to call them in errors.
    origin: String,
    files: Files,
}

enum Files {
    Mapped(MmapedSafetensors),
    Slice(SliceSafetensors<'static>),
    Pickled(Vec<PthTensors>),
}

impl Tensors {
    fn open(paths: &[PathBuf]) -> Result<Self> {
        let origin = match paths {
            [path] => shown(path),
            // The shards share a directory, which names them better than the first of them.
            [path, ..] => path.parent().map_or_else(|| shown(path), shown),
            [] => return missing(Path::new("the checkpoint"), "weights"),
        };
        let pickled = paths.iter().any(|path| path.extension().is_some_and(|end| end == "bin"));
        let files = if pickled {
            let open =
                |path: &PathBuf| PthTensors::new(path, None).map_err(unreadable(&shown(path)));
            Files::Pickled(paths.iter().map(open).collect::<Result<_>>()?)
        } else {
            // SAFETY: a mapped file must not be changed while it is mapped. Checkpoints are written
            // once, by rename, and are opened read-only here.
            let mapped = unsafe { MmapedSafetensors::multi(paths) };
            Files::Mapped(mapped.map_err(unreadable(&origin))?)
        };
        Ok(Self { origin, files })
    }

    fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = match &self.files {
            Files::Mapped(files) => files.tensors().into_iter().map(|(name, _)| name).collect(),
            Files::Slice(file) => file.tensors().into_iter().map(|(name, _)| name).collect(),
            Files::Pickled(files) => {
                files.iter().flat_map(|file| file.tensor_infos().keys().cloned()).collect()
            }
        };
        names.sort_unstable();
        names
    }

    /// Number format and shape of a tensor, if there is one of this name.
    fn kind(&self, name: &str) -> Option<(String, Vec<usize>)> {
        let of_view = |view: safetensors::tensor::TensorView<'_>| {
            (format!("{:?}", view.dtype()), view.shape().to_vec())
        };
        match &self.files {
            Files::Mapped(files) => files.get(name).ok().map(of_view),
            Files::Slice(file) => file.get(name).ok().map(of_view),
            Files::Pickled(files) => {
                let info = files.iter().find_map(|file| file.tensor_infos().get(name))?;
                Some((format!("{:?}", info.dtype), info.layout.dims().to_vec()))
            }
        }
    }

    /// A tensor that [`Tensors::kind`] knows, in its own number format, on the CPU.
    fn load(&self, name: &str) -> Result<Tensor> {
        let tensor = match &self.files {
            Files::Mapped(files) => files.load(name, &Device::Cpu),
            Files::Slice(file) => file.load(name, &Device::Cpu),
            Files::Pickled(files) => files
                .iter()
                .find_map(|file| file.get(name).transpose())
                .unwrap_or_else(|| Err(candle_core::Error::CannotFindTensor { path: name.into() })),
        };
        tensor.map_err(unreadable(&self.origin))
    }
}

/// The index of a sharded checkpoint: which file holds which tensor.
#[derive(Deserialize)]
struct ShardIndex {
    weight_map: std::collections::BTreeMap<String, String>,
}

fn shards(dir: &Path, index: &Path) -> Result<Vec<PathBuf>> {
    let index: ShardIndex = serde_json::from_slice(&read(index)?)
        .map_err(|source| Error::Json { origin: shown(index), source })?;
    let names: std::collections::BTreeSet<_> = index.weight_map.into_values().collect();
    names.iter().map(|name| existing(dir, name)).collect()
}

fn existing(dir: &Path, name: &str) -> Result<PathBuf> {
    let path = dir.join(name);
    if path.is_file() { Ok(path) } else { missing(dir, name) }
}

fn missing<T>(dir: &Path, expected: &str) -> Result<T> {
    Err(Error::MissingFile { dir: dir.into(), expected: expected.into() })
}

fn read(path: &Path) -> Result<Vec<u8>> {
    std::fs::read(path).map_err(Error::read(path))
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}

fn unreadable(origin: &str) -> impl FnOnce(candle_core::Error) -> Error {
    let origin = origin.to_string();
    move |source| Error::Weights { origin, source }
}
