//! GPU memory for generation: the KV cache, the scratch memory of a pass, and its inputs.

use std::collections::{HashMap, VecDeque};

use bytemuck::{Pod, bytes_of};

use super::NetworkSizes;
use super::weights::TILE_ROWS;
use crate::error::Result;
use crate::gpu::arguments::SlotPosition;
use crate::gpu::sampling::{SampleRequest, SamplingRules};
use crate::gpu::{Buffer, Gpu, HostBuffer, Mark, Recording};
use crate::model::InputToken;
use kernels::sampling::{SampleParams, SampledToken};

/// Maximum number of logits rows computed together. With a large vocabulary, logits dominate a pass's
/// memory.
const LOGITS_TOGETHER: usize = 512;

/// Maximum number of prompt tokens in a pass, in addition to one token per text.
pub const PROMPT_TOKENS: usize = 2048;

/// Maximum number of passes in flight.
const PASSES_IN_FLIGHT: usize = 2;

/// The KV cache and the scratch memory of passes.
pub struct Cache {
    /// Passes in flight, in submission order. This is the first field, so that dropping the cache waits
    /// for the passes before it frees any memory.
    pub in_flight: VecDeque<SubmittedPass>,
    /// Host buffers not used by any pass in flight.
    pub free_staging: Vec<Staging>,
    /// Recorded launches of decoding passes (one token per text), by number of tokens.
    pub recordings: HashMap<usize, Recording>,
    pub batch: BatchState,
    pub scratch: Scratch,
}

/// Host buffers for a pass's inputs and results.
pub struct Staging {
    pub inputs: HostBuffer,
    pub sampled: HostBuffer,
}

pub struct SubmittedPass {
    pub mark: Mark,
    pub staging: Staging,
    /// Number of tokens that the pass samples.
    pub samples: usize,
}

/// State of the texts in the batch.
pub struct BatchState {
    /// Keys and values per block, each (S, H, T, D).
    pub layers: Vec<(Buffer, Buffer)>,
    /// All token ids so far (S, T).
    pub history: Buffer,
}

/// Inputs, outputs and intermediate results of a pass.
pub struct Scratch {
    /// Capacity in rows, each of which holds one token.
    rows: usize,
    /// Maximum number of rows whose next tokens can be sampled.
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
    /// Inputs of the pass, laid out as a [`Layout`] describes.
    pub inputs: Buffer,
    /// Sampled tokens (W).
    pub sampled: Buffer,
}

impl Cache {
    /// Allocates a cache with `slots` batch slots.
    pub fn new(gpu: &Gpu, sizes: &NetworkSizes, slots: usize) -> Result<Self> {
        let layer = || {
            let half = || gpu.buffer(sizes.text_bytes() * slots);
            Ok((half()?, half()?))
        };
        let batch = BatchState {
            layers: (0..sizes.layers).map(|_| layer()).collect::<Result<_>>()?,
            history: gpu.buffer(slots * sizes.positions * size_of::<u32>())?,
        };
        let scratch = Scratch::new(gpu, sizes, slots + PROMPT_TOKENS, slots)?;
        let staging = || {
            Ok(Staging {
                inputs: gpu.host_buffer(scratch.inputs.bytes())?,
                sampled: gpu.host_buffer(scratch.sampled.bytes())?,
            })
        };
        let free_staging = (0..PASSES_IN_FLIGHT).map(|_| staging()).collect::<Result<_>>()?;
        let (in_flight, recordings) = (VecDeque::new(), HashMap::new());
        Ok(Self { in_flight, free_staging, recordings, batch, scratch })
    }

    /// Returns the size, in bytes, of the device memory that [`Cache::new`] allocates.
    pub fn bytes(sizes: &NetworkSizes, slots: usize) -> usize {
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
    /// Number of sampling requests: W, or 0 if no tokens are sampled.
    pub requests: usize,
}

/// Device addresses of a pass's inputs.
#[derive(Debug, Clone, Copy)]
pub struct InputAddresses {
    /// Slots and positions (N).
    pub slot_positions: u64,
    /// Token ids (N).
    pub ids: u64,
    /// Indices of the wanted rows (W).
    pub wanted: u64,
    /// Sampling requests (W).
    pub requests: u64,
    /// Sampling settings (W).
    pub rules: u64,
}

impl Layout {
    pub fn bytes(self) -> usize {
        self.requests_at()
            + self.requests * (size_of::<SampleRequest>() + size_of::<SamplingRules>())
    }

    fn ids_at(self) -> usize {
        self.tokens * size_of::<SlotPosition>()
    }

    fn wanted_at(self) -> usize {
        self.ids_at() + self.tokens * size_of::<u32>()
    }

    /// Returns the offset of the [`SampleRequest`]s, which are followed by the [`SamplingRules`].
    fn requests_at(self) -> usize {
        (self.wanted_at() + self.wanted * size_of::<u32>())
            .next_multiple_of(align_of::<SamplingRules>())
    }

    fn rules_at(self) -> usize {
        self.requests_at() + self.requests * size_of::<SampleRequest>()
    }

    /// Returns the addresses of all inputs in a buffer at `address`.
    pub fn addresses(self, address: u64) -> InputAddresses {
        InputAddresses {
            slot_positions: address,
            ids: address + self.ids_at() as u64,
            wanted: address + self.wanted_at() as u64,
            requests: address + self.requests_at() as u64,
            rules: address + self.rules_at() as u64,
        }
    }

    /// Writes a pass's inputs, padded with empty rows.
    pub fn write(
        self,
        to: &mut [u8],
        tokens: &[InputToken],
        wanted: &[u32],
        params: &[SampleParams],
    ) {
        let slot_position = |token: &InputToken| SlotPosition {
            slot: token.slot as i32,
            position: token.position as u32,
        };
        let slot_positions =
            tokens.iter().map(slot_position).chain(std::iter::repeat(SlotPosition::NONE));
        write(&mut to[..self.ids_at()], slot_positions);
        let ids = tokens.iter().map(|token| token.id).chain(std::iter::repeat(0));
        write(&mut to[self.ids_at()..self.wanted_at()], ids);
        let last = wanted.len() as u32..;
        write(&mut to[self.wanted_at()..][..4 * self.wanted], wanted.iter().copied().chain(last));
        let requests = params.iter().flat_map(|it| {
            let request = SampleRequest::new(it.slot, it.position, it.draw, it.unconditional);
            [Some(request), it.unconditional.map(|_| SampleRequest::NONE)].into_iter().flatten()
        });
        write(
            &mut to[self.requests_at()..self.rules_at()],
            requests.chain(std::iter::repeat(SampleRequest::NONE)),
        );
        let rules = params.iter().flat_map(|it| {
            let rules = SamplingRules::new(&it.generation, it.prompt_tokens, it.eos);
            [Some(rules), it.unconditional.map(|_| SamplingRules::NONE)].into_iter().flatten()
        });
        write(
            &mut to[self.rules_at()..self.bytes()],
            rules.chain(std::iter::repeat(SamplingRules::NONE)),
        );
    }
}

/// Writes values until `to` is full.
fn write<T: Pod>(to: &mut [u8], from: impl Iterator<Item = T>) {
    let each = to.chunks_exact_mut(size_of::<T>());
    each.zip(from).for_each(|(to, from)| to.copy_from_slice(bytes_of(&from)));
}

impl Cache {
    /// Ensures that the scratch memory is large enough for a pass, and uploads the tokens and the
    /// indices of the wanted rows.
    pub fn upload(
        &mut self,
        gpu: &Gpu,
        sizes: &NetworkSizes,
        tokens: &[InputToken],
        wanted: &[u32],
    ) -> Result<InputAddresses> {
        let (rows, room) = (tokens.len().max(wanted.len()), self.scratch.rows);
        if rows > room {
            // Recordings contain the old addresses.
            self.recordings.clear();
            self.scratch = Scratch::new(gpu, sizes, rows, self.scratch.wanted)?;
        }
        let layout = Layout { tokens: tokens.len(), wanted: wanted.len(), requests: 0 };
        let mut bytes = vec![0; layout.bytes()];
        layout.write(&mut bytes, tokens, wanted, &[]);
        self.scratch.inputs.write(0, &bytes)?;
        Ok(layout.addresses(self.scratch.inputs.address()))
    }
}

impl NetworkSizes {
    /// Size in bytes of a text's keys (or values) in one block.
    fn text_bytes(&self) -> usize {
        self.heads * self.positions * self.head_stride * self.number
    }
}

impl Scratch {
    /// Allocates scratch memory for `rows` rows; tokens can be sampled from up to `wanted` of them.
    fn new(gpu: &Gpu, sizes: &NetworkSizes, rows: usize, wanted: usize) -> Result<Self> {
        let [x, q, a, hidden, logits, inputs, sampled] = Self::parts(sizes, rows, wanted);
        Ok(Self {
            rows: rows.next_multiple_of(TILE_ROWS),
            wanted,
            logits_rows: logits_rows(wanted),
            x: gpu.buffer(x)?,
            q: gpu.buffer(q)?,
            a: gpu.buffer(a)?,
            hidden: gpu.buffer(hidden)?,
            logits: gpu.buffer(logits)?,
            inputs: gpu.buffer(inputs)?,
            sampled: gpu.buffer(sampled)?,
        })
    }

    /// Size of each buffer in bytes.
    fn parts(sizes: &NetworkSizes, rows: usize, wanted: usize) -> [usize; 7] {
        let rows = rows.next_multiple_of(TILE_ROWS);
        let logits = logits_rows(wanted);
        let wanted = wanted.next_multiple_of(TILE_ROWS);
        [
            rows * sizes.stride() * size_of::<f32>(),
            rows * sizes.heads * sizes.head_stride * size_of::<f32>(),
            rows * sizes.stride() * sizes.number,
            rows * sizes.inner_stride() * sizes.number,
            logits * sizes.logits_stride() * size_of::<f32>(),
            Layout { tokens: rows, wanted: rows, requests: wanted }.bytes(),
            wanted * size_of::<SampledToken>(),
        ]
    }
}

/// Number of logits rows to allocate for `wanted` wanted rows.
fn logits_rows(wanted: usize) -> usize {
    wanted.next_multiple_of(TILE_ROWS).clamp(TILE_ROWS, LOGITS_TOGETHER)
}
