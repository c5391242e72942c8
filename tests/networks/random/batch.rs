//! Random batches: packed documents, and a source with padding.

use crate::draw::Draw;
use candle_core::{D, Device, Result, Tensor};
use trainyard::ops::{Column, Engine};
use trainyard::rows::{Columns, Rows, Source, Tokens};

#[derive(Clone)]
pub struct Batch {
    pub ids: Vec<u32>,
    /// Count from 0 in each document.
    pub positions: Vec<u32>,
    pub types: Vec<u32>,
    /// What each token counts for; 1 each where there are none.
    pub weights: Vec<f32>,
    /// Rows per sequence.
    pub length: usize,
    pub source_ids: Vec<u32>,
    /// Count from 0 in each sequence, and again in its padding.
    pub source_positions: Vec<u32>,
    pub valid: Vec<u32>,
    pub source_length: usize,
    pub seed: u64,
}

impl Batch {
    pub const VOCAB: u32 = 13;
    pub const CONTEXT: usize = 9;
    pub const TYPES: u32 = 3;

    pub fn new(seed: u64) -> Self {
        let mut draw = Draw::new(seed, "batch");
        let (sequences, length, source_length) = (draw.between(1, 3), draw.between(1, 9), draw.between(1, 7));
        let (mut positions, mut source_positions, mut valid) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..sequences {
            let mut left = length;
            while left > 0 {
                let document = if draw.once_in(3) { left } else { draw.between(1, left) };
                positions.extend(0..document);
                left -= document;
            }
            let there = draw.between(1, source_length);
            source_positions.extend((0..there).chain(std::iter::repeat_n(0, (source_length - there) as usize)));
            valid.push(there);
        }
        let mut numbers = |n: usize, end: u32| (0..n).map(|_| draw.between(0, end - 1)).collect();
        let ids = numbers(positions.len(), Self::VOCAB);
        let types = numbers(positions.len(), Self::TYPES);
        let source_ids = numbers(source_positions.len(), Self::VOCAB);
        Self {
            ids,
            types,
            source_ids,
            weights: (0..if draw.once_in(2) { positions.len() } else { 0 })
                .map(|_| draw.choose(&[0.25, -1.5, 0.0, 3.0]))
                .collect(),
            positions,
            source_positions,
            valid,
            length: length as usize,
            source_length: source_length as usize,
            seed,
        }
    }

    pub fn sequences(&self) -> usize {
        self.valid.len()
    }

    /// First row and number of rows of each sequence's first document: the others are its padding for a pool.
    pub fn ranges(&self) -> Vec<(usize, usize)> {
        let rows = |sequence: usize| {
            let first = sequence * self.length;
            let positions = &self.positions[first..first + self.length];
            let n = positions.iter().skip(1).position(|&position| position == 0).map_or(self.length, |row| row + 1);
            (first, n)
        };
        (0..self.sequences()).map(rows).collect()
    }

    /// The same of the sources.
    pub fn source_ranges(&self) -> Vec<(usize, usize)> {
        self.valid.iter().enumerate().map(|(i, &valid)| (i * self.source_length, valid as usize)).collect()
    }

    /// The first document as a batch of its own.
    pub fn first_document(&self) -> Self {
        let (n, source) = (self.ranges()[0].1, self.valid[0] as usize);
        Self {
            ids: self.ids[..n].into(),
            positions: self.positions[..n].into(),
            types: self.types[..n].into(),
            weights: self.weights.get(..n).unwrap_or_default().into(),
            length: n,
            source_ids: self.source_ids[..source].into(),
            source_positions: self.source_positions[..source].into(),
            valid: vec![source as u32],
            source_length: source,
            seed: self.seed,
        }
    }

    pub fn tokens<'a>(&'a self, engine: &Engine) -> Tokens<'a> {
        let column = |values: &'a [u32]| Column::new(engine, values).unwrap();
        let source = Source {
            ids: column(&self.source_ids),
            positions: column(&self.source_positions),
            valid: column(&self.valid),
            length: self.source_length,
        };
        let tokens = Tokens::new(engine, &self.ids, &self.positions, self.length).unwrap();
        let weights = (!self.weights.is_empty()).then(|| Column::new(engine, &self.weights[..]).unwrap());
        Tokens { types: Some(column(&self.types)), weights, source: Some(source), ..tokens }
    }

    /// `n` rows of logits with targets and weights.
    pub fn rows(&self, n: usize) -> Rows {
        let mut draw = Draw::new(self.seed, "targets");
        let rows = Rows::windows(vec![0; n], n);
        let target = (0..n).map(|_| draw.between(0, Self::VOCAB - 1)).collect();
        let weight = (0..n).map(|i| if i == 0 { 1.0 } else { draw.choose(&[0.0, 0.5, 1.0]) }).collect();
        Rows { columns: Columns { target, weight, ..rows.columns }, ..rows }
    }

    /// Sum of the weighted cross-entropies of `logits` `[n, vocab]`.
    pub fn loss(&self, logits: &Tensor) -> Result<Tensor> {
        let rows = self.rows(logits.dim(0)?);
        let n = rows.columns.target.len();
        let target = Tensor::from_vec(rows.columns.target, (n, 1), &Device::Cpu)?;
        let weight = rows.columns.weight.into_iter().map(f64::from).collect();
        let weight = Tensor::from_vec::<_, f64>(weight, n, &Device::Cpu)?;
        let largest = logits.max_keepdim(D::Minus1)?.detach();
        let partition = (logits.broadcast_sub(&largest)?.exp()?.sum(D::Minus1)?.log()? + largest.squeeze(1)?)?;
        let losses = (partition - logits.gather(&target, 1)?.squeeze(1)?)?;
        (losses * weight)?.sum_all()
    }
}
