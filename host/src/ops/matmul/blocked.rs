//! Products in blocks that fit the caches (Goto & van de Geijn 2008, with the names of BLIS): columns of b are packed
//! once and shared, blocks of rows of a are packed by the thread that multiplies them. The inner dimension is cut at
//! fixed places and its blocks follow one another, so no result depends on the number of threads.

use super::kernel::{self, COLUMNS, Format, ROWS, Tile};
use super::pack::{Block, pack_columns};
use super::{Matrix, Threads, Write};
use crate::ops::Engine;
use rayon::prelude::*;
use std::ptr;

/// Steps multiplied before a tile goes back to memory: a packed panel of b, 32 KiB, stays near the core.
const STEPS: usize = 256;

/// The part of b that is packed at a time, in 32-bit values: 4 MiB, so that it stays in the shared cache.
const PACKED: usize = 1 << 20;

/// Most tiles that a thread packs at a time: their rows of a stay in its second-level cache.
const TILES: usize = 8;

/// Packed columns of a b `[k, n]`, steps `first` to `first + steps`: `[panel, steps, COLUMNS]`.
struct Packed<'a> {
    panels: &'a [u32],
    first: usize,
    steps: usize,
}

/// out = a b, begun from `write`. `out` holds rows `out_row` elements apart. `format.is_supported()` must hold.
#[expect(clippy::too_many_arguments, reason = "a product is its factors, its result and how it is made")]
pub fn multiply(
    engine: &Engine,
    format: Format,
    out: &mut [f32],
    out_row: usize,
    a: Matrix<'_, f32>,
    b: Matrix<'_, f32>,
    write: Write<'_, f32>,
    threads: Threads,
) {
    assert!(format.is_supported(), "{format:?} products need instructions that this CPU lacks");
    let (n_steps, n_panels) = (a.columns.div_ceil(format.elements()), b.columns.div_ceil(COLUMNS));
    let packed_steps = (PACKED / (n_panels * COLUMNS) / STEPS * STEPS).max(STEPS).min(n_steps);
    let mut scratch = engine.pool.take::<u32>(n_panels * COLUMNS * packed_steps);
    for first in (0..n_steps).step_by(packed_steps) {
        let steps = packed_steps.min(n_steps - first);
        let panels = &mut scratch[..n_panels * COLUMNS * steps];
        let pack = |(i, panel): (usize, &mut [u32])| {
            // SAFETY: asserted above.
            unsafe { pack_columns(format, b, first * format.elements(), i * COLUMNS, panel) };
        };
        match threads {
            Threads::One => panels.chunks_exact_mut(steps * COLUMNS).enumerate().for_each(pack),
            Threads::All => panels.par_chunks_exact_mut(steps * COLUMNS).enumerate().for_each(pack),
        }
        let packed = Packed { panels, first, steps };
        let write = if first == 0 { write } else { Write::Add };
        multiply_packed(engine, format, out, out_row, a, b.columns, &packed, write, threads);
    }
}

#[expect(clippy::too_many_arguments, reason = "a product is its factors, its result and how it is made")]
fn multiply_packed(
    engine: &Engine,
    format: Format,
    out: &mut [f32],
    out_row: usize,
    a: Matrix<'_, f32>,
    columns: usize,
    packed: &Packed<'_>,
    write: Write<'_, f32>,
    threads: Threads,
) {
    let work = |(out, rows): (&mut [f32], RowBlock)| {
        let task = Task { engine, format, a, columns, packed, write, rows };
        task.run(out, out_row);
    };
    let blocks = row_blocks(out, out_row, a.rows);
    match threads {
        Threads::One => blocks.into_iter().for_each(work),
        Threads::All => blocks.into_par_iter().for_each(work),
    }
}

/// Tiles `tiles` of all `n_tiles` that `rows` rows are cut into as evenly as possible.
struct RowBlock {
    rows: usize,
    n_tiles: usize,
    tiles: std::ops::Range<usize>,
}

impl RowBlock {
    /// First row of a tile.
    fn row(&self, tile: usize) -> usize {
        tile * self.rows / self.n_tiles
    }
}

/// Cuts the result into blocks of rows: some for every thread of a large machine, not more than `TILES` tiles each.
fn row_blocks(mut out: &mut [f32], out_row: usize, rows: usize) -> Vec<(&mut [f32], RowBlock)> {
    let n_tiles = rows.div_ceil(ROWS);
    let per_block = (n_tiles / 16).clamp(1, TILES);
    let mut blocks = Vec::with_capacity(n_tiles.div_ceil(per_block));
    for first in (0..n_tiles).step_by(per_block) {
        let block = RowBlock { rows, n_tiles, tiles: first..(first + per_block).min(n_tiles) };
        let n = (block.row(block.tiles.end) - block.row(first)) * out_row;
        let (mine, rest) = out.split_at_mut(n.min(out.len()));
        out = rest;
        blocks.push((mine, block));
    }
    blocks
}

/// One block of rows of the result.
struct Task<'a> {
    engine: &'a Engine,
    format: Format,
    a: Matrix<'a, f32>,
    columns: usize,
    packed: &'a Packed<'a>,
    write: Write<'a, f32>,
    rows: RowBlock,
}

impl Task<'_> {
    fn run(&self, out: &mut [f32], out_row: usize) {
        let Packed { first, steps, .. } = *self.packed;
        let elements = self.format.elements();
        for begin in (0..steps).step_by(STEPS) {
            let n_steps = STEPS.min(steps - begin);
            let inner = (first + begin) * elements;
            let n_inner = (n_steps * elements).min(self.a.columns - inner);
            let block = Block { inner, n_inner, steps: n_steps };
            let tile_len = block.tile_len(&self.a);
            let mut tiles = self.engine.pool.take::<u32>(self.rows.tiles.len() * tile_len);
            for (tile, packed) in self.rows.tiles.clone().zip(tiles.chunks_exact_mut(tile_len)) {
                let (row, end) = (self.rows.row(tile), self.rows.row(tile + 1));
                // SAFETY: `multiply` asserted that the format is supported.
                unsafe { block.pack(self.format, self.a, row, end - row, packed) };
            }
            let write = if begin == 0 { self.write } else { Write::Add };
            self.multiply(out, out_row, &tiles, &block, begin, write);
        }
    }

    /// All tiles of the block: a panel of b stays near the core while the tiles of a pass by.
    fn multiply(
        &self,
        out: &mut [f32],
        out_row: usize,
        tiles: &[u32],
        block: &Block,
        begin: usize,
        write: Write<'_, f32>,
    ) {
        let first_row = self.rows.row(self.rows.tiles.start);
        let (a_row, a_step) = block.strides(&self.a);
        let tile_len = block.tile_len(&self.a);
        let n_rows = self.rows.row(self.rows.tiles.end) - first_row;
        assert!((n_rows - 1) * out_row + self.columns <= out.len(), "result outside its slice");
        for (p, panel) in self.packed.panels.chunks_exact(self.packed.steps * COLUMNS).enumerate() {
            let column = p * COLUMNS;
            let columns = COLUMNS.min(self.columns - column);
            let b = &panel[begin * COLUMNS..][..block.steps * COLUMNS];
            for (tile, a) in self.rows.tiles.clone().zip(tiles.chunks_exact(tile_len)) {
                let row = self.rows.row(tile) - first_row;
                let rows = self.rows.row(tile + 1) - self.rows.row(tile);
                let out = &mut out[row * out_row + column..][..(rows - 1) * out_row + columns];
                let (start, bias) = match write {
                    Write::Overwrite => (ptr::null(), ptr::null()),
                    Write::Add => (out.as_ptr(), ptr::null()),
                    Write::Sum { residual, bias } => (
                        residual.map_or(ptr::null(), |x| x[(first_row + row) * out_row + column..].as_ptr()),
                        bias.map_or(ptr::null(), |bias| bias[column..].as_ptr()),
                    ),
                };
                let tile = Tile {
                    steps: block.steps,
                    a: a.as_ptr(),
                    a_row,
                    a_step,
                    b: b.as_ptr(),
                    out: out.as_mut_ptr(),
                    out_row,
                    start,
                    start_row: out_row,
                    bias,
                    columns,
                };
                // SAFETY: `multiply` asserted that the format is supported. `a` holds the tile's rows and steps, `b`
                // the steps of a panel, `out` all rows and columns of the tile; `matmul` checked that residual and
                // bias are as large as the result.
                unsafe { kernel::multiply(self.format, rows, &tile) };
            }
        }
    }
}
