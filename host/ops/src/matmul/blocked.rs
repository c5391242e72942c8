//! Products in blocks that fit the caches (Goto & van de Geijn 2008, with the names of BLIS): columns of b are packed
//! once and shared, blocks of rows of a are packed by the thread that multiplies them. The inner dimension is cut at
//! fixed places and its blocks follow one another, so no result depends on the number of threads.

use super::kernel::{self, COLUMNS, Format, ROWS, Tile};
use super::pack::{Block, pack_columns};
use super::{Matrix, Threads, Write};
use crate::Engine;
use crate::pool::Scratch;
use std::ptr;

/// Steps multiplied before a tile goes back to memory: a packed panel of b, 32 KiB, stays near the core.
const STEPS: usize = 256;

/// The part of b that is packed at a time, in 32-bit values: 4 MiB, so that it stays in the shared cache.
const PACKED: usize = 1 << 20;

/// Most tiles that a thread packs at a time: their rows of a stay in its second-level cache.
const TILES: usize = 8;

/// The same where lines of a are columns: the more tiles, the longer the pieces of a line that are read, each from
/// another page of memory. They take up to half of the cache.
const TILES_OF_COLUMNS: usize = 32;

/// Blocks of rows per thread, at least: when one thread is held up, others take its share.
const BLOCKS_PER_THREAD: usize = 4;

/// Panels packed by one task.
const PANELS: usize = 8;

/// Steps from `first` on of a b `[k, n]`, in blocks of at most STEPS steps: `[block, panel, steps, COLUMNS]`.
#[derive(Clone, Copy)]
struct Packed<'a> {
    data: &'a [u32],
    first: usize,
    n_panels: usize,
}

impl<'a> Packed<'a> {
    fn blocks(self) -> impl Iterator<Item = &'a [u32]> {
        self.data.chunks(self.n_panels * COLUMNS * STEPS)
    }
}

/// A b that is multiplied several times, packed once.
pub struct Prepared<'e> {
    packed: Scratch<'e, u32>,
    format: Format,
    columns: usize,
}

impl<'e> Prepared<'e> {
    /// `format.is_supported()` must hold.
    pub fn new(engine: &'e Engine, format: Format, b: Matrix<'_, f32>, threads: Threads) -> Self {
        let (n_steps, n_panels) = (b.rows.div_ceil(format.elements()), b.columns.div_ceil(COLUMNS));
        let mut packed = engine.pool.take::<u32>(n_panels * COLUMNS * n_steps);
        pack(engine, format, b, 0, &mut packed, threads);
        Self { packed, format, columns: b.columns }
    }

    /// out = a b, begun from `write`, with as many rows of b as a has columns, and its first `columns` columns. `out`
    /// holds rows `out_row` elements apart.
    #[expect(clippy::too_many_arguments, reason = "a product is its factors, its result and how it is made")]
    pub fn multiply(
        &self,
        engine: &Engine,
        out: &mut [f32],
        out_row: usize,
        a: Matrix<'_, f32>,
        columns: usize,
        write: Write<'_, f32>,
        threads: Threads,
    ) {
        let packed = Packed { data: &self.packed, first: 0, n_panels: self.columns.div_ceil(COLUMNS) };
        let format = self.format;
        Product { engine, format, a, columns, packed, write }.run(out, out_row, threads);
    }
}

/// Packs steps from `first` on, as many as `packed` holds.
fn pack(engine: &Engine, format: Format, b: Matrix<'_, f32>, first: usize, packed: &mut [u32], threads: Threads) {
    assert!(format.is_supported(), "{format:?} products need instructions that this CPU lacks");
    let n_panels = b.columns.div_ceil(COLUMNS);
    let blocks = packed.chunks_mut(n_panels * COLUMNS * STEPS).enumerate();
    let groups = blocks.flat_map(|(i, packed)| {
        let steps = packed.len() / (n_panels * COLUMNS);
        let row = (first + i * STEPS) * format.elements();
        let groups = packed.chunks_mut(PANELS * steps * COLUMNS).enumerate();
        groups.map(move |(j, panels)| (row, j * PANELS * COLUMNS, steps, panels))
    });
    let pack_group = |(row, column, steps, panels): (usize, usize, usize, &mut [u32])| {
        // SAFETY: asserted above.
        unsafe { pack_columns(format, b, row, column, steps, panels) };
    };
    match threads {
        Threads::One => groups.for_each(pack_group),
        Threads::All => engine.for_each(groups, pack_group),
    }
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
    let (n_steps, n_panels) = (a.columns.div_ceil(format.elements()), b.columns.div_ceil(COLUMNS));
    let packed_steps = (PACKED / (n_panels * COLUMNS) / STEPS * STEPS).max(STEPS).min(n_steps);
    let mut scratch = engine.pool.take::<u32>(n_panels * COLUMNS * packed_steps);
    for first in (0..n_steps).step_by(packed_steps) {
        let steps = packed_steps.min(n_steps - first);
        let data = &mut scratch[..n_panels * COLUMNS * steps];
        pack(engine, format, b, first, data, threads);
        let packed = Packed { data, first, n_panels };
        let write = if first == 0 { write } else { Write::Add };
        Product { engine, format, a, columns: b.columns, packed, write }.run(out, out_row, threads);
    }
}

/// Some steps of a product.
#[derive(Clone, Copy)]
struct Product<'a> {
    engine: &'a Engine,
    format: Format,
    a: Matrix<'a, f32>,
    columns: usize,
    packed: Packed<'a>,
    write: Write<'a, f32>,
}

impl Product<'_> {
    fn run(&self, out: &mut [f32], out_row: usize, threads: Threads) {
        let work = |(out, rows): (&mut [f32], RowBlock)| Task { product: *self, rows }.run(out, out_row);
        let blocks = row_blocks(out, out_row, self.a.rows, self.tiles(), threads);
        match threads {
            Threads::One => blocks.into_iter().for_each(work),
            Threads::All => self.engine.for_each(blocks.into_iter(), work),
        }
    }

    /// Most tiles that a thread packs at a time.
    fn tiles(&self) -> usize {
        if self.a.column_stride == 1 {
            return TILES;
        }
        let steps = self.a.columns.div_ceil(self.format.elements()).min(STEPS);
        let tile_bytes = size_of::<u32>() * Block { inner: 0, n_inner: 0, steps }.tile_len(&self.a);
        (self.engine.cache / 2 / tile_bytes.max(1)).clamp(TILES, TILES_OF_COLUMNS)
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

/// Cuts the result into blocks of rows: several for every thread, not more than `most` tiles each.
fn row_blocks(
    mut out: &mut [f32],
    out_row: usize,
    rows: usize,
    most: usize,
    threads: Threads,
) -> Vec<(&mut [f32], RowBlock)> {
    let n_tiles = rows.div_ceil(ROWS);
    let n_least = match threads {
        Threads::One => 1,
        Threads::All => BLOCKS_PER_THREAD * rayon::current_num_threads(),
    };
    let n_blocks = n_tiles.div_ceil(most).max(n_least).min(n_tiles);
    let mut blocks = Vec::with_capacity(n_blocks);
    for i in 0..n_blocks {
        let block = RowBlock { rows, n_tiles, tiles: i * n_tiles / n_blocks..(i + 1) * n_tiles / n_blocks };
        let n = (block.row(block.tiles.end) - block.row(block.tiles.start)) * out_row;
        let (mine, rest) = out.split_at_mut(n.min(out.len()));
        out = rest;
        blocks.push((mine, block));
    }
    blocks
}

/// One block of rows of the result.
struct Task<'a> {
    product: Product<'a>,
    rows: RowBlock,
}

impl Task<'_> {
    fn run(&self, out: &mut [f32], out_row: usize) {
        let Product { engine, format, a, packed, write, .. } = self.product;
        let (n_tiles, first_tile) = (self.rows.tiles.len(), self.rows.tiles.start);
        let n_steps = a.columns.div_ceil(format.elements());
        for (i, panels) in packed.blocks().enumerate() {
            let panel_len = panels.len() / packed.n_panels;
            let first_step = packed.first + i * STEPS;
            // Fewer than the packed ones where a corner of b is multiplied.
            let steps = (panel_len / COLUMNS).min(n_steps.saturating_sub(first_step));
            if steps == 0 {
                break;
            }
            let inner = first_step * format.elements();
            let block = Block { inner, n_inner: (steps * format.elements()).min(a.columns - inner), steps };
            let mut tiles = engine.pool.take::<u32>(n_tiles * block.tile_len(&a));
            // SAFETY: `pack`, which packed b, asserted that the format is supported.
            unsafe { block.pack(format, a, n_tiles, |tile| self.rows.row(first_tile + tile), &mut tiles) };
            let write = if i == 0 { write } else { Write::Add };
            self.multiply(out, out_row, &tiles, &block, panels.chunks_exact(panel_len), write);
        }
    }

    /// All tiles of the block: a panel of b stays near the core while the tiles of a pass by.
    fn multiply(
        &self,
        out: &mut [f32],
        out_row: usize,
        tiles: &[u32],
        block: &Block,
        panels: std::slice::ChunksExact<'_, u32>,
        write: Write<'_, f32>,
    ) {
        let first_row = self.rows.row(self.rows.tiles.start);
        let (a_row, a_step) = block.strides(&self.product.a);
        let tile_len = block.tile_len(&self.product.a);
        let n_rows = self.rows.row(self.rows.tiles.end) - first_row;
        assert!((n_rows - 1) * out_row + self.product.columns <= out.len(), "result outside its slice");
        for (column, panel) in (0..self.product.columns).step_by(COLUMNS).zip(panels) {
            let columns = COLUMNS.min(self.product.columns - column);
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
                    b: panel.as_ptr(),
                    out: out.as_mut_ptr(),
                    out_row,
                    start,
                    start_row: out_row,
                    bias,
                    columns,
                };
                // SAFETY: `pack` asserted that the format is supported. `a` holds the tile's rows and steps,
                // the panel its steps, `out` all rows and columns of the tile; `matmul` checked that residual and bias
                // are as large as the result.
                unsafe { kernel::multiply(self.product.format, rows, &tile) };
            }
        }
    }
}
