//! Small random batches that hold every input of the op set, to try programs on.

use super::{HELD_LOGITS, Head, HeadGradient, LossBatch, Other, Program, Ratio};
use crate::Result;
use crate::base::random::Stream;
use crate::ops::{Engine, Float, Precision};

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
    /// `[rows]`
    pub target: Vec<u32>,
    /// `[rows]`
    pub weight: Vec<f32>,
    target_bytes: Vec<f32>,
    position: Vec<u32>,
    group: Vec<u32>,
    step: u64,
    /// `[rows, vocab]`
    teacher_logits: Vec<f64>,
    /// `[rows]`
    reference_logp: Vec<f64>,
    old_logp: Vec<f64>,
    advantage: Vec<f64>,
}

impl Probe {
    /// Batch `number` of those of a seed, with logits of up to 2 · `scale`. The last row of each window is padding,
    /// where there are several.
    pub fn new(seed: u64, number: usize, [windows, length, vocab]: [usize; 3], scale: f64) -> Self {
        let rows = windows * length;
        let uniforms = |name: &str, n: usize| -> Vec<f64> {
            let stream = Stream::new(seed, &format!("probe {number} {name}"));
            (0..n as u64).map(|i| stream.uniform(i)).collect()
        };
        let is_padding = |row: usize| length > 1 && row % length == length - 1;
        let (mut position, mut group) = (vec![0; rows], vec![0; rows]);
        for (row, cut) in uniforms("cuts", rows).into_iter().enumerate().skip(1) {
            let begins = row % length == 0 || (cut < CUTS && !is_padding(row));
            (position[row], group[row]) =
                if begins { (0, group[row - 1] + 1) } else { (position[row - 1] + 1, group[row - 1]) };
        }
        let logits: Vec<f64> = uniforms("logits", rows * vocab).iter().map(|x| scale * 4.0 * (x - 0.5)).collect();
        Self {
            windows,
            vocab,
            held: logits.clone(),
            logits,
            target: uniforms("target", rows).iter().map(|x| (x * vocab as f64) as u32).collect(),
            weight: (0..rows).map(|row| if is_padding(row) { 0.0 } else { 1.0 }).collect(),
            target_bytes: uniforms("bytes", rows).iter().map(|x| 1.0 + (x * 9.0).floor() as f32).collect(),
            position,
            group,
            step: STEPS[number % STEPS.len()],
            teacher_logits: uniforms("teacher", rows * vocab).iter().map(|x| 4.0 * (x - 0.5)).collect(),
            reference_logp: uniforms("reference", rows).iter().map(|x| -0.01 - 6.0 * x).collect(),
            old_logp: uniforms("old", rows).iter().map(|x| -0.01 - 6.0 * x).collect(),
            advantage: uniforms("advantage", rows).iter().map(|x| 4.0 * (x - 0.5)).collect(),
        }
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.target.len()
    }

    /// The outputs, and the gradient of the first sum by the logits (`[rows, vocab]`) if it is asked for.
    ///
    /// # Errors
    /// An input that the op set does not have.
    pub fn run<T: Float>(&self, program: &Program, with_gradient: bool) -> Result<(Vec<Ratio>, Vec<f64>)> {
        let (rows, vocab) = (self.rows(), self.vocab);
        let hidden: Vec<T> = self.logits.iter().map(|&x| T::of(x)).collect();
        let mut unit = vec![T::ZERO; vocab * vocab];
        unit.iter_mut().step_by(vocab + 1).for_each(|x| *x = T::ONE);
        let head = Head { hidden: &hidden, weight: &unit, rows, width: vocab, vocab };
        let (mut dlogits, mut dunit) = (vec![T::ZERO; rows * vocab], vec![T::ZERO; vocab * vocab]);
        let gradient = HeadGradient { hidden: &mut dlogits, weight: &mut dunit, scale: T::ONE };
        let others = self.others();
        let engine = Engine::new(Precision::F64);
        let ratios = program.run(&engine, &head, &self.batch(&others), with_gradient.then_some(gradient))?;
        Ok((ratios, dlogits.iter().map(|x| x.f64()).collect()))
    }

    /// What belongs to the rows.
    pub fn batch<'a>(&'a self, others: &'a [Other<'a>]) -> LossBatch<'a> {
        LossBatch {
            target: &self.target,
            weight: &self.weight,
            target_bytes: &self.target_bytes,
            position: &self.position,
            group: &self.group,
            step: self.step,
            others,
        }
    }

    /// The inputs that batches of a run do not carry.
    pub fn others(&self) -> [Other<'_>; 5] {
        [
            Other { name: HELD_LOGITS, values: &self.held },
            Other { name: "input.teacher_logits", values: &self.teacher_logits },
            Other { name: "input.reference_logp", values: &self.reference_logp },
            Other { name: "input.old_logp", values: &self.old_logp },
            Other { name: "input.advantage", values: &self.advantage },
        ]
    }

    /// Its windows `first..first + n`.
    pub fn part(&self, first: usize, n: usize) -> Self {
        let length = self.rows() / self.windows;
        let rows = first * length..(first + n) * length;
        let wide = rows.start * self.vocab..rows.end * self.vocab;
        let first_group = self.group[rows.start];
        Self {
            windows: n,
            logits: self.logits[wide.clone()].to_vec(),
            held: self.held[wide.clone()].to_vec(),
            teacher_logits: self.teacher_logits[wide].to_vec(),
            target: self.target[rows.clone()].to_vec(),
            weight: self.weight[rows.clone()].to_vec(),
            target_bytes: self.target_bytes[rows.clone()].to_vec(),
            position: self.position[rows.clone()].to_vec(),
            group: self.group[rows.clone()].iter().map(|group| group - first_group).collect(),
            reference_logp: self.reference_logp[rows.clone()].to_vec(),
            old_logp: self.old_logp[rows.clone()].to_vec(),
            advantage: self.advantage[rows].to_vec(),
            ..*self
        }
    }
}
