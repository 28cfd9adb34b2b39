//! The memory of a generation on a GPU: keys and values, what passes compute in, and what the device
//! is told.

use std::collections::{HashMap, VecDeque};

use bytemuck::{Pod, bytes_of};

use super::Sizes;
use super::weights::TILE_ROWS;
use crate::error::Result;
use crate::gpu::arguments::Place;
use crate::gpu::sampling::{Asked, Chosen, Rules};
use crate::gpu::{Buffer, Gpu, HostBuffer, Mark, Recording};
use crate::kv_cache::Token;
use crate::sampling::Choice;

/// Rows whose logits are computed together at most: of a large vocabulary, they are most of a pass's memory.
const LOGITS_TOGETHER: usize = 512;

/// Prompt tokens that there is room for beside one token of each text.
pub const PROMPT_TOKENS: usize = 2048;

/// Passes that may be under way together.
const LANES: usize = 2;

/// Keys and values of every block, allocated once and written in place, and the memory of passes.
pub struct Cache {
    /// In the order in which they were submitted. Waited for before any memory is freed.
    pub under_way: VecDeque<UnderWay>,
    /// Those that no pass uses.
    pub lanes: Vec<Lane>,
    /// The launches of passes in which every text has one token, by how many there are.
    pub recordings: HashMap<usize, Recording>,
    pub texts: Texts,
    pub scratch: Scratch,
}

/// What a pass is told and tells, on the host.
pub struct Lane {
    pub told: HostBuffer,
    pub chosen: HostBuffer,
}

/// A pass that was submitted.
pub struct UnderWay {
    pub mark: Mark,
    pub lane: Lane,
    /// Tokens that it chooses.
    pub choices: usize,
}

/// What is remembered of the texts.
pub struct Texts {
    /// Of each block keys and values, both (S, H, T, D).
    pub layers: Vec<(Buffer, Buffer)>,
    /// All tokens so far (S, T).
    pub history: Buffer,
}

/// What a pass reads and writes.
pub struct Scratch {
    /// Rows that there is room for, those of them that may be wanted, and how many logits of those
    /// there is room for at once.
    rows: usize,
    wanted: usize,
    pub logits_rows: usize,
    /// The residual stream (N, C).
    pub x: Buffer,
    /// Queries (N, H, D).
    pub q: Buffer,
    /// What a product reads: (N, C), in the end (W, C).
    pub a: Buffer,
    /// The MLP's hidden layer (N, I).
    pub hidden: Buffer,
    /// (W, V).
    pub logits: Buffer,
    /// What the pass is told.
    pub told: Buffer,
    /// What it chooses (W).
    pub chosen: Buffer,
}

impl Cache {
    /// Room for `slots` texts.
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

    /// Bytes of the device that [`Cache::new`] takes.
    pub fn bytes(sizes: &Sizes, slots: usize) -> usize {
        let text = 2 * sizes.layers * sizes.text_bytes() + sizes.positions * size_of::<u32>();
        let scratch = Scratch::parts(sizes, slots + PROMPT_TOKENS, slots);
        slots * text + scratch.iter().sum::<usize>()
    }
}

/// How a pass's tokens and choices lie in one piece of memory.
#[derive(Debug, Clone, Copy)]
pub struct Layout {
    /// N.
    pub tokens: usize,
    /// W.
    pub wanted: usize,
    /// Those of them that the device chooses from: all or none.
    pub asked: usize,
}

/// Where on the device a pass finds what it is told.
#[derive(Debug, Clone, Copy)]
pub struct Told {
    /// (N).
    pub places: u64,
    /// (N).
    pub ids: u64,
    /// (W).
    pub wanted: u64,
    /// (W).
    pub asked: u64,
    /// (W).
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

    /// What is asked, and then by which rules.
    fn choices(self) -> usize {
        (self.rows() + self.wanted * size_of::<u32>()).next_multiple_of(align_of::<Rules>())
    }

    fn rules(self) -> usize {
        self.choices() + self.asked * size_of::<Asked>()
    }

    /// Where everything is in memory that begins at `address`.
    pub fn told(self, address: u64) -> Told {
        Told {
            places: address,
            ids: address + self.ids() as u64,
            wanted: address + self.rows() as u64,
            asked: address + self.choices() as u64,
            rules: address + self.rules() as u64,
        }
    }

    /// Writes a pass down. Rows that it has too few of are rows that only fill up.
    pub fn write(self, to: &mut [u8], tokens: &[Token], wanted: &[u32], choices: &[Choice]) {
        let place =
            |token: &Token| Place { slot: token.slot as i32, position: token.position as u32 };
        let places = tokens.iter().map(place).chain(std::iter::repeat(Place::NONE));
        write(&mut to[..self.ids()], places);
        let ids = tokens.iter().map(|token| token.id).chain(std::iter::repeat(0));
        write(&mut to[self.ids()..self.rows()], ids);
        let last = wanted.len() as u32..;
        write(&mut to[self.rows()..][..4 * self.wanted], wanted.iter().copied().chain(last));
        let asked = choices.iter().map(|it| Asked::new(it.slot, it.position, it.draw));
        write(&mut to[self.choices()..self.rules()], asked.chain(std::iter::repeat(Asked::NONE)));
        let rules = choices.iter().map(|it| Rules::new(&it.settings, it.prompt_tokens, it.eos));
        write(&mut to[self.rules()..self.bytes()], rules.chain(std::iter::repeat(Rules::NONE)));
    }
}

/// Writes as many as there is room for.
fn write<T: Pod>(to: &mut [u8], from: impl Iterator<Item = T>) {
    let each = to.chunks_exact_mut(size_of::<T>());
    each.zip(from).for_each(|(to, from)| to.copy_from_slice(bytes_of(&from)));
}

impl Cache {
    /// Makes room for a pass, and tells the device its tokens and those whose logits are wanted.
    pub fn tell(
        &mut self,
        gpu: &Gpu,
        sizes: &Sizes,
        tokens: &[Token],
        wanted: &[u32],
    ) -> Result<Told> {
        let (rows, room) = (tokens.len().max(wanted.len()), self.scratch.rows);
        if rows > room {
            // Recordings have the old addresses.
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
    /// Bytes of a text's keys, or values, in one block.
    fn text_bytes(&self) -> usize {
        self.heads * self.positions * self.head_stride * self.number
    }
}

impl Scratch {
    /// Room for so many rows, and for the logits after so many of them.
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

    /// Bytes of each of its buffers.
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

/// Rows whose logits there is room for where so many are wanted.
fn logits_rows(wanted: usize) -> usize {
    wanted.next_multiple_of(TILE_ROWS).clamp(TILE_ROWS, LOGITS_TOGETHER)
}
