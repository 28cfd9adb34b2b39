//! GPU memory for generation: the KV cache, the scratch memory of a pass, and its inputs.

use std::collections::{HashMap, VecDeque};

use bytemuck::{Pod, bytes_of};

use super::Sizes;
use super::weights::TILE_ROWS;
use crate::error::Result;
use crate::gpu::arguments::Place;
use crate::gpu::sampling::{Asked, Chosen, Rules};
use crate::gpu::{Buffer, Gpu, HostBuffer, Mark, Recording};
use crate::model::InputToken;
use kernels::sampling::Choice;

/// Maximum number of logits rows computed together. With a large vocabulary, logits dominate a pass's
/// memory.
const LOGITS_TOGETHER: usize = 512;

/// Maximum number of prompt tokens in a pass, in addition to one token per text.
pub const PROMPT_TOKENS: usize = 2048;

/// Maximum number of passes in flight.
const LANES: usize = 2;

/// The KV cache and the scratch memory of passes.
pub struct Cache {
    /// Passes in flight, in submission order. The first field, so that dropping the cache waits for them
    /// before it frees any memory.
    pub under_way: VecDeque<UnderWay>,
    /// Lanes that no pass uses.
    pub lanes: Vec<Lane>,
    /// Recorded launches of decoding passes (one token per text), by number of tokens.
    pub recordings: HashMap<usize, Recording>,
    pub texts: Texts,
    pub scratch: Scratch,
}

/// Host buffers for a pass's inputs and results.
pub struct Lane {
    pub told: HostBuffer,
    pub chosen: HostBuffer,
}

/// A pass that was submitted.
pub struct UnderWay {
    pub mark: Mark,
    pub lane: Lane,
    /// Number of tokens that it samples.
    pub choices: usize,
}

/// State of the texts in the batch.
pub struct Texts {
    /// Keys and values per block, each (S, H, T, D).
    pub layers: Vec<(Buffer, Buffer)>,
    /// All token ids so far (S, T).
    pub history: Buffer,
}

/// Inputs, outputs and intermediate results of a pass.
pub struct Scratch {
    /// Capacity in token rows.
    rows: usize,
    /// Capacity in rows whose tokens are sampled.
    wanted: usize,
    /// Number of logits rows computed together.
    pub logits_rows: usize,
    /// The residual stream (N, C).
    pub x: Buffer,
    /// Queries (N, H, D).
    pub q: Buffer,
    /// Input of the next matrix product: (N, C), or (W, C) for the logits.
    pub a: Buffer,
    /// The MLP's hidden layer (N, I).
    pub hidden: Buffer,
    /// Logits (W, V).
    pub logits: Buffer,
    /// Inputs of the pass, in a [`Layout`].
    pub told: Buffer,
    /// Sampled tokens (W).
    pub chosen: Buffer,
}

impl Cache {
    /// Allocates a cache with `slots` batch slots.
    pub fn new(gpu: &Gpu, sizes: &Sizes, slots: usize) -> Result<Self> {
        let layer = || {
            let half = || gpu.buffer(sizes.text_bytes() * slots);
            Ok((half()?, half()?))
        };
        let texts = Texts {
            layers: (0..sizes.layers).map(|_| layer()).collect::<Result<_>>()?,
            history: gpu.buffer(slots * sizes.positions * size_of::<u32>())?,
        };
        let scratch = Scratch::new(gpu, sizes, slots + PROMPT_TOKENS, slots)?;
        let lane = || {
            Ok(Lane {
                told: gpu.host_buffer(scratch.told.bytes())?,
                chosen: gpu.host_buffer(scratch.chosen.bytes())?,
            })
        };
        let lanes = (0..LANES).map(|_| lane()).collect::<Result<_>>()?;
        let (under_way, recordings) = (VecDeque::new(), HashMap::new());
        Ok(Self { under_way, lanes, recordings, texts, scratch })
    }

    /// Device memory that [`Cache::new`] allocates, in bytes.
    pub fn bytes(sizes: &Sizes, slots: usize) -> usize {
        let text = 2 * sizes.layers * sizes.text_bytes() + sizes.positions * size_of::<u32>();
        let scratch = Scratch::parts(sizes, slots + PROMPT_TOKENS, slots);
        slots * text + scratch.iter().sum::<usize>()
    }
}

/// Layout of a pass's inputs in one buffer.
#[derive(Debug, Clone, Copy)]
pub struct Layout {
    /// Number of tokens (N).
    pub tokens: usize,
    /// Number of rows whose logits are wanted (W).
    pub wanted: usize,
    /// Number of rows that the device samples: W or 0.
    pub asked: usize,
}

/// Device addresses of a pass's inputs.
#[derive(Debug, Clone, Copy)]
pub struct Told {
    /// Slots and positions (N).
    pub places: u64,
    /// Token ids (N).
    pub ids: u64,
    /// Indices of the wanted rows (W).
    pub wanted: u64,
    /// Tokens to sample (W).
    pub asked: u64,
    /// Sampling settings (W).
    pub rules: u64,
}

impl Layout {
    pub fn bytes(self) -> usize {
        self.choices() + self.asked * (size_of::<Asked>() + size_of::<Rules>())
    }

    fn ids(self) -> usize {
        self.tokens * size_of::<Place>()
    }

    fn rows(self) -> usize {
        self.ids() + self.tokens * size_of::<u32>()
    }

    /// Offset of [`Asked`], followed by [`Rules`].
    fn choices(self) -> usize {
        (self.rows() + self.wanted * size_of::<u32>()).next_multiple_of(align_of::<Rules>())
    }

    fn rules(self) -> usize {
        self.choices() + self.asked * size_of::<Asked>()
    }

    /// Addresses of all inputs in a buffer at `address`.
    pub fn told(self, address: u64) -> Told {
        Told {
            places: address,
            ids: address + self.ids() as u64,
            wanted: address + self.rows() as u64,
            asked: address + self.choices() as u64,
            rules: address + self.rules() as u64,
        }
    }

    /// Writes a pass's inputs, padded with empty rows.
    pub fn write(self, to: &mut [u8], tokens: &[InputToken], wanted: &[u32], choices: &[Choice]) {
        let place =
            |token: &InputToken| Place { slot: token.slot as i32, position: token.position as u32 };
        let places = tokens.iter().map(place).chain(std::iter::repeat(Place::NONE));
        write(&mut to[..self.ids()], places);
        let ids = tokens.iter().map(|token| token.id).chain(std::iter::repeat(0));
        write(&mut to[self.ids()..self.rows()], ids);
        let last = wanted.len() as u32..;
        write(&mut to[self.rows()..][..4 * self.wanted], wanted.iter().copied().chain(last));
        let asked = choices.iter().map(|it| Asked::new(it.slot, it.position, it.draw));
        write(&mut to[self.choices()..self.rules()], asked.chain(std::iter::repeat(Asked::NONE)));
        let rules = choices.iter().map(|it| Rules::new(&it.generation, it.prompt_tokens, it.eos));
        write(&mut to[self.rules()..self.bytes()], rules.chain(std::iter::repeat(Rules::NONE)));
    }
}

/// Writes values until `to` is full.
fn write<T: Pod>(to: &mut [u8], from: impl Iterator<Item = T>) {
    let each = to.chunks_exact_mut(size_of::<T>());
    each.zip(from).for_each(|(to, from)| to.copy_from_slice(bytes_of(&from)));
}

impl Cache {
    /// Ensures the scratch memory is large enough for a pass, and uploads its tokens and wanted rows.
    pub fn tell(
        &mut self,
        gpu: &Gpu,
        sizes: &Sizes,
        tokens: &[InputToken],
        wanted: &[u32],
    ) -> Result<Told> {
        let (rows, room) = (tokens.len().max(wanted.len()), self.scratch.rows);
        if rows > room {
            // Recordings contain the old addresses.
            self.recordings.clear();
            self.scratch = Scratch::new(gpu, sizes, rows, self.scratch.wanted)?;
        }
        let layout = Layout { tokens: tokens.len(), wanted: wanted.len(), asked: 0 };
        let mut bytes = vec![0; layout.bytes()];
        layout.write(&mut bytes, tokens, wanted, &[]);
        self.scratch.told.write(0, &bytes)?;
        Ok(layout.told(self.scratch.told.address()))
    }
}

impl Sizes {
    /// Size in bytes of a text's keys (or values) in one block.
    fn text_bytes(&self) -> usize {
        self.heads * self.positions * self.head_stride * self.number
    }
}

impl Scratch {
    /// Allocates scratch memory for `rows` rows, `wanted` of which may be sampled.
    fn new(gpu: &Gpu, sizes: &Sizes, rows: usize, wanted: usize) -> Result<Self> {
        let [x, q, a, hidden, logits, told, chosen] = Self::parts(sizes, rows, wanted);
        Ok(Self {
            rows: rows.next_multiple_of(TILE_ROWS),
            wanted,
            logits_rows: logits_rows(wanted),
            x: gpu.buffer(x)?,
            q: gpu.buffer(q)?,
            a: gpu.buffer(a)?,
            hidden: gpu.buffer(hidden)?,
            logits: gpu.buffer(logits)?,
            told: gpu.buffer(told)?,
            chosen: gpu.buffer(chosen)?,
        })
    }

    /// Size of each buffer in bytes.
    fn parts(sizes: &Sizes, rows: usize, wanted: usize) -> [usize; 7] {
        let rows = rows.next_multiple_of(TILE_ROWS);
        let logits = logits_rows(wanted);
        let wanted = wanted.next_multiple_of(TILE_ROWS);
        [
            rows * sizes.stride() * size_of::<f32>(),
            rows * sizes.heads * sizes.head_stride * size_of::<f32>(),
            rows * sizes.stride() * sizes.number,
            rows * sizes.inner_stride() * sizes.number,
            logits * sizes.logits_stride() * size_of::<f32>(),
            Layout { tokens: rows, wanted: rows, asked: wanted }.bytes(),
            wanted * size_of::<Chosen>(),
        ]
    }
}

/// Number of logits rows to allocate for `wanted` wanted rows.
fn logits_rows(wanted: usize) -> usize {
    wanted.next_multiple_of(TILE_ROWS).clamp(TILE_ROWS, LOGITS_TOGETHER)
}
