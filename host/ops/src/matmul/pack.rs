//! Copies factors into the order in which tiles read them, 32 bits a step, rounded to bfloat16 where that is the
//! format.

use super::Matrix;
use super::kernel::{COLUMNS, Format, ROWS};
use std::arch::x86_64::*;

/// Distance of steps in a packed tile of a.
pub const A_STEP: usize = 16;

/// How a source is read: where its elements lie side by side, that is a line.
#[derive(Clone, Copy)]
struct Lines<'a> {
    data: &'a [f32],
    /// Distance of lines.
    stride: usize,
    /// Inner elements: the lines of an interleaved source, the length of those of a transposed one.
    inner: usize,
}

/// Where parts of a line go: target t gets `width` values from `start` on, (start, width) = `place(t)`, at most `step`
/// values a step.
struct Targets<F> {
    n: usize,
    place: F,
    /// Distance of targets.
    len: usize,
    /// Distance of steps within a target: 16 or 32.
    step: usize,
}

/// Panels `[panels, steps, COLUMNS]` of `b` `[k, n]` from its row `row` and its column `column` on; 0 beyond its end.
///
/// # Safety
/// `format.is_supported()`.
pub unsafe fn pack_columns(
    format: Format,
    b: Matrix<'_, f32>,
    row: usize,
    column: usize,
    steps: usize,
    panels: &mut [u32],
) {
    let inner = (steps * format.elements()).min(b.rows - row);
    let panel_len = steps * COLUMNS;
    let n_panels = panels.len() / panel_len;
    // SAFETY: the caller's promise.
    unsafe {
        if b.column_stride == 1 {
            let lines = Lines { data: &b.data[row * b.row_stride + column..], stride: b.row_stride, inner };
            let place = |panel: usize| (panel * COLUMNS, COLUMNS.min(b.columns - column - panel * COLUMNS));
            let targets = Targets { n: n_panels, place, len: panel_len, step: COLUMNS };
            interleave(format, lines, steps, targets, panels);
        } else {
            for (panel, packed) in panels.chunks_exact_mut(panel_len).enumerate() {
                let column = column + panel * COLUMNS;
                let data = &b.data[row + column * b.column_stride..];
                let lines = Lines { data, stride: b.column_stride, inner };
                transpose(format, lines, COLUMNS.min(b.columns - column), packed);
            }
        }
    }
}

/// Inner elements of a block of `a` `[m, k]`.
pub struct Block {
    /// The first one.
    pub inner: usize,
    /// Their number.
    pub n_inner: usize,
    /// Steps that they take.
    pub steps: usize,
}

impl Block {
    /// Rows are packed one by one where their elements lie side by side, or step by step in tiles; the distances of
    /// rows and of steps in a packed tile.
    pub fn strides(&self, a: &Matrix<'_, f32>) -> (usize, usize) {
        // A line more than needed: rows a power of two apart would fall on the same cache sets.
        if a.column_stride == 1 { (self.steps.next_multiple_of(16) + 16, 1) } else { (1, A_STEP) }
    }

    /// Values of a packed tile.
    pub fn tile_len(&self, a: &Matrix<'_, f32>) -> usize {
        if a.column_stride == 1 { ROWS * self.strides(a).0 } else { self.steps.next_multiple_of(16) * A_STEP }
    }

    /// Packs the rows of `n_tiles` tiles; `row(t)` is the first row of tile t, `row(t + 1)` one past its last.
    ///
    /// # Safety
    /// `format.is_supported()`.
    pub unsafe fn pack(
        &self,
        format: Format,
        a: Matrix<'_, f32>,
        n_tiles: usize,
        row: impl Fn(usize) -> usize,
        tiles: &mut [u32],
    ) {
        let tile_len = self.tile_len(&a);
        let start = row(0) * a.row_stride + self.inner * a.column_stride;
        // SAFETY: the caller's promise.
        unsafe {
            if a.column_stride == 1 {
                let stride = self.strides(&a).0;
                for (tile, packed) in tiles.chunks_exact_mut(tile_len).take(n_tiles).enumerate() {
                    for (row, packed) in (row(tile)..row(tile + 1)).zip(packed.chunks_exact_mut(stride)) {
                        let values = &a.data[row * a.row_stride + self.inner..];
                        pack_row(format, values, self.n_inner, a.row_stride, packed);
                    }
                }
            } else {
                let lines = Lines { data: &a.data[start..], stride: a.column_stride, inner: self.n_inner };
                let place = |tile: usize| (row(tile) - row(0), row(tile + 1) - row(tile));
                interleave(
                    format,
                    lines,
                    self.steps,
                    Targets { n: n_tiles, place, len: tile_len, step: A_STEP },
                    tiles,
                );
            }
        }
    }
}

/// Packs the `n` values that `values` begins with; their successor in the next rows is `stride` values further.
///
/// # Safety
/// `format.is_supported()`.
unsafe fn pack_row(format: Format, values: &[f32], n: usize, stride: usize, packed: &mut [u32]) {
    // SAFETY: the caller's promise.
    unsafe {
        match format {
            Format::F32 => pack_row_f32(values, n, stride, packed),
            Format::Bf16 => pack_row_bf16(values, n, stride, packed),
        }
    }
}

macro_rules! pack_row_kernel {
    ($name:ident, $features:literal, $elements:literal, $load:expr) => {
        /// # Safety
        /// The CPU has the features.
        #[target_feature(enable = $features)]
        unsafe fn $name(values: &[f32], n: usize, stride: usize, packed: &mut [u32]) {
            assert!(values.len() >= n && packed.len() >= n.div_ceil(16 * $elements) * 16, "a row is too short");
            for start in (0..n).step_by(16 * $elements) {
                let source = values.as_ptr().wrapping_add(start);
                for i in 0..$elements {
                    _mm_prefetch::<_MM_HINT_T0>(source.wrapping_add(stride * ROWS_AHEAD + i * 16).cast());
                }
                // SAFETY: lanes beyond the row are masked; the assertion covers the stores.
                unsafe {
                    let vector = $load(source, n - start);
                    _mm512_storeu_si512(packed.as_mut_ptr().add(start / $elements).cast(), vector);
                }
            }
        }
    };
}

/// Rows between a row and the one that is fetched meanwhile.
const ROWS_AHEAD: usize = 2;

pack_row_kernel!(pack_row_f32, "avx512f", 1, |values, n| _mm512_castps_si512(_mm512_maskz_loadu_ps(mask(n), values)));
pack_row_kernel!(pack_row_bf16, "avx512f,avx512bw,avx512bf16", 2, |values, n| load_pairs(values, n));

/// Lines become steps (two lines a step in bfloat16); 0 beyond the width of a target and beyond the last line.
///
/// # Safety
/// `format.is_supported()`.
unsafe fn interleave<F: Fn(usize) -> (usize, usize)>(
    format: Format,
    lines: Lines<'_>,
    steps: usize,
    targets: Targets<F>,
    packed: &mut [u32],
) {
    // SAFETY: the caller's promise.
    unsafe {
        match format {
            Format::F32 => interleave_f32(lines, steps, targets, packed),
            Format::Bf16 => interleave_bf16(lines, steps, targets, packed),
        }
    }
}

/// Steps between a line and the one that is fetched meanwhile.
const AHEAD: usize = 8;

macro_rules! interleave_kernel {
    ($name:ident, $features:literal, $elements:literal, |$first:ident, $second:ident| $vector:expr) => {
        /// # Safety
        /// The CPU has the features.
        #[target_feature(enable = $features)]
        unsafe fn $name<F: Fn(usize) -> (usize, usize)>(
            lines: Lines<'_>,
            steps: usize,
            targets: Targets<F>,
            packed: &mut [u32],
        ) {
            // A whole line after the other, so that memory is read in order.
            for step in 0..steps {
                for target in 0..targets.n {
                    let (start, width) = (targets.place)(target);
                    let packed = &mut packed[target * targets.len + step * targets.step..][..targets.step];
                    let line = |i: usize| -> &[f32] {
                        let line = step * $elements + i;
                        if line < lines.inner { &lines.data[line * lines.stride + start..][..width] } else { &[] }
                    };
                    // Lines are far apart: the CPU does not foresee the next one.
                    for i in 0..$elements {
                        let ahead = ((step + AHEAD) * $elements + i) * lines.stride + start;
                        _mm_prefetch::<_MM_HINT_T0>(lines.data.as_ptr().wrapping_add(ahead).cast());
                        if targets.step > 16 {
                            _mm_prefetch::<_MM_HINT_T0>(lines.data.as_ptr().wrapping_add(ahead + 16).cast());
                        }
                    }
                    for (half, packed) in packed.chunks_exact_mut(16).enumerate() {
                        // SAFETY: masks keep loads inside the lines; `packed` holds 16 values.
                        unsafe {
                            let ($first, $second) = (load(line(0), half * 16), load(line($elements - 1), half * 16));
                            _mm512_storeu_si512(packed.as_mut_ptr().cast(), $vector);
                        }
                    }
                }
            }
        }
    };
}

interleave_kernel!(interleave_f32, "avx512f", 1, |line, _same| _mm512_castps_si512(line));
interleave_kernel!(interleave_bf16, "avx512f,avx512bw,avx512bf16", 2, |first, second| {
    let both = std::mem::transmute::<__m512bh, __m512i>(_mm512_cvtne2ps_pbh(second, first));
    _mm512_permutexvar_epi16(_mm512_loadu_si512(PAIRS.as_ptr().cast()), both)
});

/// Lane 2i is value i of a first vector, lane 2i + 1 that of a second one.
static PAIRS: [u16; 32] = {
    let mut order = [0; 32];
    let mut lane = 0;
    while lane < 32 {
        order[lane] = (lane / 2 + lane % 2 * 16) as u16;
        lane += 1;
    }
    order
};

/// 16 values of `line` from `start` on, 0 beyond its end.
#[inline]
#[target_feature(enable = "avx512f")]
unsafe fn load(line: &[f32], start: usize) -> __m512 {
    let n = line.len().saturating_sub(start);
    // SAFETY: lanes beyond the line are masked.
    unsafe { _mm512_maskz_loadu_ps(mask(n), line.as_ptr().wrapping_add(start)) }
}

/// 32 values, of which the first `n` exist, as 16 pairs of bfloat16.
#[inline]
#[target_feature(enable = "avx512f,avx512bf16")]
unsafe fn load_pairs(values: *const f32, n: usize) -> __m512i {
    // SAFETY: lanes beyond `n` are masked.
    unsafe {
        let low = _mm512_maskz_loadu_ps(mask(n), values);
        let high = _mm512_maskz_loadu_ps(mask(n.saturating_sub(16)), values.wrapping_add(16));
        std::mem::transmute(_mm512_cvtne2ps_pbh(high, low))
    }
}

#[inline(always)]
fn mask(n: usize) -> __mmask16 {
    if n >= 16 { u16::MAX } else { (1 << n) - 1 }
}

/// Columns that lie in lines become a panel: blocks of 16 columns and 16 steps are transposed in registers.
///
/// # Safety
/// `format.is_supported()`.
unsafe fn transpose(format: Format, lines: Lines<'_>, columns: usize, panel: &mut [u32]) {
    // SAFETY: the caller's promise.
    unsafe {
        match format {
            Format::F32 => transpose_f32(lines, columns, panel),
            Format::Bf16 => transpose_bf16(lines, columns, panel),
        }
    }
}

macro_rules! transpose_kernel {
    ($name:ident, $features:literal, $elements:literal, $load:expr) => {
        /// # Safety
        /// The CPU has the features.
        #[target_feature(enable = $features)]
        unsafe fn $name(lines: Lines<'_>, columns: usize, panel: &mut [u32]) {
            let inner = lines.inner;
            for (block, packed) in panel.chunks_mut(16 * COLUMNS).enumerate() {
                let start = block * 16 * $elements;
                for half in 0..2 {
                    let mut vectors = [_mm512_setzero_si512(); 16];
                    for (i, vector) in vectors.iter_mut().enumerate() {
                        let column = half * 16 + i;
                        if column < columns && start < inner {
                            let line = &lines.data[column * lines.stride..][..inner];
                            // SAFETY: the loads are masked by the elements that are left.
                            *vector = unsafe { $load(line.as_ptr().add(start), inner - start) };
                        }
                    }
                    transpose_16(&mut vectors);
                    for (packed, vector) in packed.chunks_exact_mut(COLUMNS).zip(vectors) {
                        // SAFETY: 16 values from `half` · 16 on lie inside the 32 of the step.
                        unsafe { _mm512_storeu_si512(packed.as_mut_ptr().add(half * 16).cast(), vector) };
                    }
                }
            }
        }
    };
}

transpose_kernel!(transpose_f32, "avx512f", 1, |values, n| _mm512_castps_si512(_mm512_maskz_loadu_ps(mask(n), values)));
transpose_kernel!(transpose_bf16, "avx512f,avx512bw,avx512bf16", 2, |values, n| load_pairs(values, n));

/// Transposes a 16 × 16 matrix of 32-bit values.
#[inline]
#[target_feature(enable = "avx512f")]
fn transpose_16(rows: &mut [__m512i; 16]) {
    let mut pairs = *rows;
    for i in (0..16).step_by(2) {
        pairs[i] = _mm512_unpacklo_epi32(rows[i], rows[i + 1]);
        pairs[i + 1] = _mm512_unpackhi_epi32(rows[i], rows[i + 1]);
    }
    for i in (0..16).step_by(4) {
        rows[i] = _mm512_unpacklo_epi64(pairs[i], pairs[i + 2]);
        rows[i + 1] = _mm512_unpackhi_epi64(pairs[i], pairs[i + 2]);
        rows[i + 2] = _mm512_unpacklo_epi64(pairs[i + 1], pairs[i + 3]);
        rows[i + 3] = _mm512_unpackhi_epi64(pairs[i + 1], pairs[i + 3]);
    }
    let quarters = *rows;
    let mut halves = quarters;
    for i in 0..4 {
        for group in [0, 8] {
            halves[group + i] = _mm512_shuffle_i32x4::<0x88>(quarters[group + i], quarters[group + i + 4]);
            halves[group + i + 4] = _mm512_shuffle_i32x4::<0xdd>(quarters[group + i], quarters[group + i + 4]);
        }
    }
    for i in 0..8 {
        rows[i] = _mm512_shuffle_i32x4::<0x88>(halves[i], halves[i + 8]);
        rows[i + 8] = _mm512_shuffle_i32x4::<0xdd>(halves[i], halves[i + 8]);
    }
}
