//! Small random batches that hold every input of the op set, to try programs on.

use super::run::Given;
use super::{HeadGradient, OutputLayer, Program, Ratio};
use crate::Result;
use crate::base::random::Stream;
use crate::ops::{Engine, Float, Precision};
use crate::rows::{Columns, Extent, InputSet, RowInput, Rows};

/// Share of the rows at which another group begins.
const CUTS: f64 = 0.3;

/// Optimizer steps, one after the other.
const STEPS: [u64; 4] = [0, 3, 1, 1000];

/// A batch whose logits are given: the hidden states are the logits, and the output layer is the unit matrix.
#[derive(Debug, Clone)]
pub(crate) struct Probe {
    /// Windows of rows, each of one or more groups.
    pub windows: usize,
    /// Size of the vocabulary.
    pub vocab: usize,
    /// `[rows, vocab]`
    pub logits: Vec<f64>,
    /// `[rows, vocab]`: what stopped values are computed from, in a program that asks for them.
    pub held: Vec<f64>,
    /// Random rows with every row input.
    pub rows: Rows,
    step: u64,
}

/// Row inputs whose random numbers must fit each other; of all others any numbers will do.
const FITTED: InputSet = InputSet::of(&[RowInput::Target, RowInput::Weight, RowInput::TargetBytes, RowInput::Position]);

impl Probe {
    /// Batch `number` of those of a seed, with logits of up to 2 · `scale`. The last row of each window is padding,
    /// where there are several.
    pub fn new(seed: u64, number: usize, [windows, length, vocab]: [usize; 3], scale: f64) -> Self {
        let n = windows * length;
        let uniforms = |name: &str, n: usize| -> Vec<f64> {
            let stream = Stream::new(seed, &format!("probe {number} {name}"));
            (0..n as u64).map(|i| stream.uniform(i)).collect()
        };
        let is_padding = |row: usize| length > 1 && row % length == length - 1;
        let (mut position, mut group) = (vec![0; n], vec![0; n]);
        for (row, cut) in uniforms("cuts", n).into_iter().enumerate().skip(1) {
            let begins = row % length == 0 || (cut < CUTS && !is_padding(row));
            (position[row], group[row]) =
                if begins { (0, group[row - 1] + 1) } else { (position[row - 1] + 1, group[row - 1]) };
        }
        let logits: Vec<f64> = uniforms("logits", n * vocab).iter().map(|x| scale * 4.0 * (x - 0.5)).collect();
        let mut columns = Columns {
            target: uniforms("target", n).iter().map(|x| (x * vocab as f64) as u32).collect(),
            weight: (0..n).map(|row| if is_padding(row) { 0.0 } else { 1.0 }).collect(),
            target_bytes: uniforms("bytes", n).iter().map(|x| 1.0 + (x * 9.0).floor() as f32).collect(),
            position: position.clone(),
            ..Columns::default()
        };
        for input in InputSet::ALL.iter().filter(|&input| !FITTED.contains(input)) {
            let (extent, [low, high]) = (input.info().extent, input.info().typical);
            let numbers = uniforms(input.name(), extent.len(n, vocab)).into_iter();
            match extent {
                Extent::Index => columns.set(input, numbers.map(|x| x * vocab as f64)),
                _ => columns.set(input, numbers.map(|x| low + x * (high - low))),
            }
        }
        let inputs = columns.target.clone();
        let (document_position, context, next) = (position, length, Default::default());
        let rows =
            Rows { inputs, document_position, group, columns, sequences: windows, context, next, ..Rows::default() };
        Self { windows, vocab, held: logits.clone(), logits, rows, step: STEPS[number % STEPS.len()] }
    }

    /// Number of rows.
    pub fn n_rows(&self) -> usize {
        self.rows.len()
    }

    /// The outputs, and the gradient of the first sum by the logits (`[rows, vocab]`) if it is asked for.
    ///
    /// # Errors
    /// None for a program that was compiled: the probe has every input.
    pub fn run<T: Float>(&self, program: &Program, with_gradient: bool) -> Result<(Vec<Ratio>, Vec<f64>)> {
        let (rows, vocab) = (self.n_rows(), self.vocab);
        let hidden: Vec<T> = self.logits.iter().map(|&x| T::of(x)).collect();
        let mut unit = vec![T::ZERO; vocab * vocab];
        unit.iter_mut().step_by(vocab + 1).for_each(|x| *x = T::ONE);
        let head = OutputLayer::new(&hidden, &unit, [rows, vocab, vocab]);
        let (mut dlogits, mut dunit) = (vec![T::ZERO; rows * vocab], vec![T::ZERO; vocab * vocab]);
        let gradient = HeadGradient::new(&mut dlogits, &mut dunit, T::ONE);
        let engine = Engine::new(Precision::F64);
        let given = Given { rows: &self.rows, step: self.step, held: &self.held };
        let ratios = program.run_given(&engine, &head, &given, with_gradient.then_some(gradient))?;
        Ok((ratios, dlogits.iter().map(|x| x.f64()).collect()))
    }

    /// Its windows `first..first + n`.
    pub fn part(&self, first: usize, n: usize) -> Self {
        let length = self.n_rows() / self.windows;
        let rows = first * length..(first + n) * length;
        let wide = rows.start * self.vocab..rows.end * self.vocab;
        Self {
            windows: n,
            logits: self.logits[wide.clone()].to_vec(),
            held: self.held[wide].to_vec(),
            rows: self.rows.slice(rows, self.vocab),
            ..*self
        }
    }
}
