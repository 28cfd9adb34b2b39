//! AMX: products of tiles, sixteen rows of 64 bytes each. Linux only, because a process has to ask its
//! operating system for the tile registers.

use std::arch::asm;
use std::arch::x86_64::__cpuid_count;
use std::sync::LazyLock;

use half::bf16;

use super::{LANES, Lanes, Pairs};

/// Number of rows in a tile.
const ROWS: usize = 16;

/// Number of bf16 numbers in a row of a tile.
const NUMBERS: usize = 32;

/// Proof that this process may use AMX and its bf16 products.
#[derive(Clone, Copy)]
pub struct Amx(());

impl Amx {
    /// Returns the proof if the CPU supports AMX and the operating system permits it.
    pub fn get() -> Option<Self> {
        static IS_AVAILABLE: LazyLock<bool> = LazyLock::new(|| is_supported() && request());
        IS_AVAILABLE.then_some(Self(()))
    }

    /// Multiplies `x` (rows, K) by `weights` (K / 2, 2 · LANES, 2), starting from `bias` (2 · LANES), and
    /// writes the sums to columns `first..` of `results` (rows, width). K is a multiple of 32.
    ///
    /// A row's sums do not depend on the other rows.
    pub fn multiply_bf16<const WIDTH: usize>(
        self,
        x: &[bf16],
        weights: &[[Pairs; 2]],
        bias: &[Lanes<f32>; 2],
        results: &mut [[f32; WIDTH]],
        first: usize,
    ) {
        let k = 2 * weights.len();
        assert!(k > 0 && k.is_multiple_of(NUMBERS) && first + 2 * LANES <= WIDTH);
        assert_eq!(x.len(), results.len() * k);
        for (x, results) in x.chunks(2 * ROWS * k).zip(results.chunks_mut(2 * ROWS)) {
            let upper = results.len().min(ROWS);
            let lower = results.len() - upper;
            // Tiles 0 and 1 hold the sums of the upper rows, 2 and 3 those of the lower rows; 4 and 5 hold
            // inputs; 6 and 7 hold weights.
            let rows = [upper, upper, lower, lower, upper, lower, ROWS, ROWS];
            let config = Config::new(rows.map(|rows| rows as u8));
            let (x, to) = (x.as_ptr(), results.as_mut_ptr().cast::<f32>());
            // SAFETY: `self` proves that the instructions are available. Tiles have as many rows as `x`
            // and `results`, whose sizes are asserted above, as is that of `weights`.
            unsafe {
                asm!(
                    "ldtilecfg [{stride}]",
                    // A stride of zero repeats the bias in every row.
                    "xor {stride:e}, {stride:e}",
                    "tileloadd tmm0, [{bias} + {stride}*1]",
                    "tileloadd tmm1, [{bias} + {stride}*1 + 64]",
                    "test {lower:e}, {lower:e}",
                    "jz 30f",
                    "tileloadd tmm2, [{bias} + {stride}*1]",
                    "tileloadd tmm3, [{bias} + {stride}*1 + 64]",
                    "mov {stride:e}, {weights_stride}",
                    "20:",
                    "tileloadd tmm6, [{weights} + {stride}*1]",
                    "tileloadd tmm4, [{x} + {x_stride}*1]",
                    "tdpbf16ps tmm0, tmm4, tmm6",
                    "tileloadd tmm7, [{weights} + {stride}*1 + 64]",
                    "tdpbf16ps tmm1, tmm4, tmm7",
                    "tileloadd tmm5, [{x_lower} + {x_stride}*1]",
                    "tdpbf16ps tmm2, tmm5, tmm6",
                    "tdpbf16ps tmm3, tmm5, tmm7",
                    "add {x}, 64",
                    "add {x_lower}, 64",
                    "add {weights}, {step}",
                    "dec {count:e}",
                    "jnz 20b",
                    "mov {stride:e}, {to_stride}",
                    "tilestored [{to_lower} + {stride}*1], tmm2",
                    "tilestored [{to_lower} + {stride}*1 + 64], tmm3",
                    "jmp 40f",
                    "30:",
                    "mov {stride:e}, {weights_stride}",
                    "31:",
                    "tileloadd tmm6, [{weights} + {stride}*1]",
                    "tileloadd tmm4, [{x} + {x_stride}*1]",
                    "tdpbf16ps tmm0, tmm4, tmm6",
                    "tileloadd tmm7, [{weights} + {stride}*1 + 64]",
                    "tdpbf16ps tmm1, tmm4, tmm7",
                    "add {x}, 64",
                    "add {weights}, {step}",
                    "dec {count:e}",
                    "jnz 31b",
                    "40:",
                    "mov {stride:e}, {to_stride}",
                    "tilestored [{to} + {stride}*1], tmm0",
                    "tilestored [{to} + {stride}*1 + 64], tmm1",
                    "tilerelease",
                    stride = inout(reg) &raw const config => _,
                    bias = in(reg) bias.as_ptr(),
                    lower = in(reg) lower,
                    x = inout(reg) x => _,
                    x_lower = inout(reg) x.wrapping_add(upper * k) => _,
                    x_stride = in(reg) k * size_of::<bf16>(),
                    weights = inout(reg) weights.as_ptr() => _,
                    weights_stride = const size_of::<[Pairs; 2]>(),
                    step = const ROWS * size_of::<[Pairs; 2]>(),
                    count = inout(reg) k / NUMBERS => _,
                    to = in(reg) to.wrapping_add(first),
                    to_lower = in(reg) to.wrapping_add(upper * WIDTH + first),
                    to_stride = const WIDTH * size_of::<f32>(),
                    out("tmm0") _, out("tmm1") _, out("tmm2") _, out("tmm3") _,
                    out("tmm4") _, out("tmm5") _, out("tmm6") _, out("tmm7") _,
                    options(nostack),
                );
            }
        }
    }
}

/// The operand of `ldtilecfg`: numbers of rows and bytes per row of the eight tiles.
#[repr(C, align(64))]
struct Config {
    palette: u8,
    start_row: u8,
    reserved: [u8; 14],
    bytes: [u16; 16],
    rows: [u8; 16],
}

impl Config {
    fn new(rows: [u8; 8]) -> Self {
        let mut config =
            Self { palette: 1, start_row: 0, reserved: [0; 14], bytes: [0; 16], rows: [0; 16] };
        for (tile, rows) in rows.into_iter().enumerate().filter(|(_, rows)| *rows > 0) {
            config.rows[tile] = rows;
            config.bytes[tile] = 64;
        }
        config
    }
}

/// Whether the CPU has AMX tiles and their bf16 products.
fn is_supported() -> bool {
    const BF16_AND_TILE: u32 = 1 << 22 | 1 << 24;
    __cpuid_count(0, 0).eax >= 7 && __cpuid_count(7, 0).edx & BF16_AND_TILE == BF16_AND_TILE
}

/// Asks the kernel for the tile registers, for all threads of this process.
fn request() -> bool {
    const ARCH_REQ_XCOMP_PERM: libc::c_long = 0x1023;
    const XFEATURE_XTILEDATA: libc::c_long = 18;
    // SAFETY: this call has no pointers. An older kernel returns an error.
    unsafe { libc::syscall(libc::SYS_arch_prctl, ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA) == 0 }
}
