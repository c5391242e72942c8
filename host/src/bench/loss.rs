//! Times the loss compiler beside the matrix products that no loss can do without.

use super::report::{LossBench, LossTime, Spread};
use super::{check_above_zero, compile};
use crate::Result;
use crate::base::random::Stream;
use crate::feed::SUPPLIED;
use crate::loss::{HeadGradient, OutputLayer, Program};
use crate::ops::{Engine, Factor, Float, Matrix, Precision, Threads, Write, matmul};
use crate::plugin::{Plugin, PluginConfig};
use crate::rows::{Columns, Rows};
use crate::run::on_threads;
use std::time::Instant;
use trainyard_plugin::Kind;

/// What to time.
#[derive(Debug, Clone, PartialEq)]
pub struct LossOptions {
    /// Predicted tokens.
    pub rows: usize,
    /// Size of a hidden state.
    pub width: usize,
    /// Tokens in the vocabulary.
    pub vocab: usize,
    /// Compute the gradients of hidden states and output layer too.
    pub backward: bool,
    /// Numbers to compute with.
    pub precision: Precision,
    /// Measurements of each loss, after one that does not count.
    pub rounds: u64,
    /// Threads; 0 takes all cores.
    pub threads: usize,
}

/// Rows whose logits exist at the same time while the products are timed alone.
const CHUNK: usize = 512;

/// Times each loss on random hidden states, output layer and targets, in turns with the matrix products alone: hidden ·
/// headᵀ, and with gradients also dlogits · head and dlogitsᵀ · hidden.
///
/// # Errors
/// A size of 0, or of a plugin: one that is no loss, or a graph that breaks a rule.
pub fn loss(plugins: &[PluginConfig], options: &LossOptions) -> Result<LossBench> {
    let LossOptions { rows, width, vocab, rounds, .. } = *options;
    let sizes = [("--rows", rows), ("--width", width), ("--vocab", vocab)];
    check_above_zero(&sizes.map(|(name, size)| (name, size as u64)))?;
    check_above_zero(&[("--rounds", rounds)])?;
    let mut programs = Vec::new();
    for config in plugins {
        let plugin = Plugin::open(config, Kind::Loss)?;
        programs.push((plugin.culprit().to_owned(), compile(&plugin, SUPPLIED)?));
    }
    let (threads, losses) = on_threads(options.threads, "--threads", || {
        let losses = match options.precision {
            Precision::F64 => time::<f64>(options, &programs),
            Precision::F32 | Precision::Bf16 => time::<f32>(options, &programs),
        };
        Ok((rayon::current_num_threads(), losses?))
    })?;
    let LossOptions { backward, precision, .. } = *options;
    Ok(LossBench { rows, width, vocab, backward, precision, threads, rounds, losses })
}

fn time<T: Float>(options: &LossOptions, programs: &[(String, Program)]) -> Result<Vec<LossTime>> {
    let mut case = Case::<T>::new(options);
    programs.iter().map(|(plugin, program)| case.time(plugin, program, options.rounds)).collect()
}

/// Random operands, and where the results go.
struct Case<T> {
    engine: Engine,
    /// One window.
    rows: Rows,
    width: usize,
    vocab: usize,
    backward: bool,
    /// `[rows, width]`
    hidden: Vec<T>,
    /// `[vocab, width]`
    weight: Vec<T>,
    /// `[CHUNK, vocab]`
    logits: Vec<T>,
    /// `[rows, width]`
    dhidden: Vec<T>,
    /// `[vocab, width]`
    dweight: Vec<T>,
}

impl<T: Float> Case<T> {
    /// Hidden states of deviation 1, and an output layer that makes logits of deviation 1 of them.
    fn new(options: &LossOptions) -> Self {
        let LossOptions { rows, width, vocab, backward, precision, .. } = *options;
        let normals = |name: &str, n: usize, deviation: f64| -> Vec<T> {
            Stream::new(1, name).normals(n).map(|x| T::of(x * deviation)).collect()
        };
        let targets = Stream::new(1, "target");
        let target: Vec<u32> = (0..rows as u64).map(|row| (targets.uniform(row) * vocab as f64) as u32).collect();
        let mut window = Rows::windows(target.clone(), rows);
        let (weight, target_bytes) = (vec![1.0; rows], vec![1.0; rows]);
        window.columns = Columns { target, weight, target_bytes, ..window.columns };
        Self {
            engine: Engine::new(precision),
            rows: window,
            width,
            vocab,
            backward,
            hidden: normals("hidden", rows * width, 1.0),
            weight: normals("head", vocab * width, 1.0 / (width as f64).sqrt()),
            logits: vec![T::ZERO; CHUNK.min(rows) * vocab],
            dhidden: vec![T::ZERO; rows * width],
            dweight: vec![T::ZERO; vocab * width],
        }
    }

    /// `program` and the products take turns.
    fn time(&mut self, plugin: &str, program: &Program, rounds: u64) -> Result<LossTime> {
        let mut value = self.run(program)?; // allocates
        let (mut losses, mut products) = (Vec::new(), Vec::new());
        for _ in 0..rounds {
            let begun = Instant::now();
            value = self.run(program)?;
            losses.push(1e3 * begun.elapsed().as_secs_f64());
            let begun = Instant::now();
            self.products();
            products.push(1e3 * begun.elapsed().as_secs_f64());
        }
        let ratio = Spread::of(losses.iter().zip(&products).map(|(loss, products)| loss / products).collect());
        let (milliseconds, products) = (Spread::of(losses), Spread::of(products));
        Ok(LossTime { plugin: plugin.to_owned(), value, milliseconds, products, ratio })
    }

    /// Returns the loss.
    fn run(&mut self, program: &Program) -> Result<f64> {
        let Self { width, vocab, .. } = *self;
        let head = OutputLayer::new(&self.hidden, &self.weight, [self.rows.len(), width, vocab]);
        let gradient = HeadGradient::new(&mut self.dhidden, &mut self.dweight, T::ONE);
        let ratios = program.run(&self.engine, &head, &self.rows, 0, self.backward.then_some(gradient))?;
        Ok(ratios[0].value())
    }

    /// The products of a loss, chunk by chunk, with nothing between them.
    fn products(&mut self) {
        let Self { width, vocab, .. } = *self;
        let rows = self.rows.len();
        let weight = Matrix::new(&self.weight, vocab, width);
        let (for_logits, for_hidden) =
            (Factor::new(&self.engine, weight.t(), Threads::All), Factor::new(&self.engine, weight, Threads::All));
        for start in (0..rows).step_by(CHUNK) {
            let n = CHUNK.min(rows - start);
            let hidden = Matrix::new(&self.hidden[start * width..], n, width);
            for_logits.multiply(&mut self.logits, vocab, hidden, vocab, Write::Overwrite, Threads::All);
            if self.backward {
                let dlogits = Matrix::new(&self.logits, n, vocab);
                for_hidden.multiply(
                    &mut self.dhidden[start * width..],
                    width,
                    dlogits,
                    width,
                    Write::Overwrite,
                    Threads::All,
                );
                matmul(&self.engine, &mut self.dweight, width, dlogits.t(), hidden, Write::Add, Threads::All);
            }
        }
    }
}
