//! The innermost loop for CPUs with AVX-512: a tile of up to 14 rows and 32 columns of the result stays in registers
//! while factors are multiplied step by step. A step is 32 bits of each factor: one `f32`, or two bfloat16 whose
//! products are added at once (the VDPBF16PS instruction).
//!
//! The layout of registers is that of Goto & van de Geijn, "Anatomy of high-performance matrix multiplication" (2008):
//! 28 sums, 2 vectors of b, 1 value of a for all lanes.

use std::arch::x86_64::*;

/// Most rows of a tile.
pub const ROWS: usize = 14;

/// Columns of a tile: two vectors.
pub const COLUMNS: usize = 32;

/// Inner elements of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// One `f32` a step.
    F32,
    /// Two bfloat16 a step, the first in the lower half.
    Bf16,
}

impl Format {
    /// Inner elements of a step.
    pub fn elements(self) -> usize {
        match self {
            Self::F32 => 1,
            Self::Bf16 => 2,
        }
    }

    /// Whether this CPU has the instructions.
    pub fn is_supported(self) -> bool {
        let common = is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512bw");
        common && (self == Self::F32 || is_x86_feature_detected!("avx512bf16"))
    }
}

/// Factors and result of a tile.
#[derive(Clone, Copy)]
pub struct Tile {
    /// Steps along the inner dimension.
    pub steps: usize,
    /// Row i, step s is at `a[i * a_row + s * a_step]`.
    pub a: *const u32,
    pub a_row: usize,
    pub a_step: usize,
    /// `[steps, COLUMNS]`
    pub b: *const u32,
    /// Rows `out_row` elements apart.
    pub out: *mut f32,
    pub out_row: usize,
    /// Added to the sums; null stands for 0. Rows `start_row` elements apart.
    pub start: *const f32,
    pub start_row: usize,
    /// `[columns]`, added to every row; null for none.
    pub bias: *const f32,
    /// 1 to COLUMNS.
    pub columns: usize,
}

macro_rules! tile_kernel {
    ($name:ident, $features:literal, $multiply_add:expr) => {
        /// # Safety
        /// The CPU has the features; all pointers are valid for `R` rows and the columns, steps and strides of `tile`.
        #[target_feature(enable = $features)]
        unsafe fn $name<const R: usize>(tile: &Tile) {
            let Tile { steps, a, a_row, a_step, b, out, out_row, start, start_row, bias, columns } = *tile;
            let masks = [mask(columns), mask(columns.saturating_sub(16))];
            let mut sums = [[_mm512_setzero_ps(); 2]; R];
            // SAFETY: the caller vouches for the pointers; masked lanes are not accessed.
            unsafe {
                // On its way while the factors are multiplied.
                let old = if start.is_null() { out.cast_const() } else { start };
                let old_row = if start.is_null() { out_row } else { start_row };
                for i in 0..R {
                    _mm_prefetch::<_MM_HINT_T0>(old.wrapping_add(i * old_row).cast());
                    _mm_prefetch::<_MM_HINT_T0>(old.wrapping_add(i * old_row + 16).cast());
                }
                for step in 0..steps {
                    let b = b.add(step * COLUMNS).cast::<f32>();
                    let b = [_mm512_loadu_ps(b), _mm512_loadu_ps(b.add(16))];
                    let a = a.add(step * a_step);
                    for (i, sums) in sums.iter_mut().enumerate() {
                        let a = _mm512_set1_epi32(*a.add(i * a_row) as i32);
                        sums[0] = $multiply_add(a, b[0], sums[0]);
                        sums[1] = $multiply_add(a, b[1], sums[1]);
                    }
                }
                for (i, sums) in sums.iter().enumerate() {
                    for (half, &sum) in sums.iter().enumerate() {
                        let (mask, mut sum) = (masks[half], sum);
                        for (summand, row) in [(bias, 0), (start, start_row)] {
                            if !summand.is_null() {
                                let summand = summand.wrapping_add(i * row + half * 16);
                                sum = _mm512_add_ps(sum, _mm512_maskz_loadu_ps(mask, summand));
                            }
                        }
                        _mm512_mask_storeu_ps(out.wrapping_add(i * out_row + half * 16), mask, sum);
                    }
                }
            }
        }
    };
}

tile_kernel!(tile_f32, "avx512f", |a, b, sum| _mm512_fmadd_ps(_mm512_castsi512_ps(a), b, sum));
// SAFETY of the transmutations: vectors of the same size without invalid values.
tile_kernel!(tile_bf16, "avx512f,avx512bf16", |a, b, sum| _mm512_dpbf16_ps(
    sum,
    std::mem::transmute::<__m512i, __m512bh>(a),
    std::mem::transmute::<__m512, __m512bh>(b)
));

/// The lowest `n` of 16 lanes.
#[inline(always)]
fn mask(n: usize) -> __mmask16 {
    if n >= 16 { u16::MAX } else { (1 << n) - 1 }
}

/// Computes a tile of `rows` rows, 1 to ROWS.
///
/// # Safety
/// `format.is_supported()`; all pointers of `tile` are valid for its rows, columns, steps and strides.
pub unsafe fn multiply(format: Format, rows: usize, tile: &Tile) {
    macro_rules! dispatch {
        ($kernel:ident, $($rows:literal)*) => {
            match rows {
                // SAFETY: the caller's promise.
                $($rows => unsafe { $kernel::<$rows>(tile) },)*
                _ => unreachable!("a tile has 1 to {ROWS} rows"),
            }
        };
    }
    match format {
        Format::F32 => dispatch!(tile_f32, 1 2 3 4 5 6 7 8 9 10 11 12 13 14),
        Format::Bf16 => dispatch!(tile_bf16, 1 2 3 4 5 6 7 8 9 10 11 12 13 14),
    }
}
