//! The loss compiler compared with the same losses in plain candle operations with autograd: forward and backward in
//! f32, from hidden states and output layer to the gradients of both. The two take turns.
//!
//! ```sh
//! cargo bench -p trainyard-tests --bench loss_candle
//! ```
#![allow(clippy::unwrap_used, missing_docs, reason = "a benchmark fails by panicking")]

use candle_core::{D, Device, Result, Tensor, Var};
use std::time::Instant;
use trainyard::base::random::Stream;
use trainyard::loss::{HeadGradient, OutputLayer, Program};
use trainyard::ops::{Engine, Precision};
use trainyard::rows::{Columns, Rows};
use trainyard_plugin::{Builder, Expr, Graph};

const ROWS: usize = 4096;
const WIDTH: usize = 256;
const VOCAB: usize = 8192;
const ROUNDS: usize = 7;
const SMOOTHING: f64 = 0.1;

/// The loss from logits `[rows, vocab]` and target `[rows, 1]`.
type InCandle = fn(&Tensor, &Tensor) -> Result<Tensor>;

/// A loss in both forms.
struct Case {
    name: &'static str,
    graph: Graph,
    candle: InCandle,
}

fn cases() -> [Case; 3] {
    fn graph(formula: impl for<'g> Fn(&'g Builder, Expr<'g>) -> Expr<'g>) -> Graph {
        let g = Builder::new();
        g.mean(formula(&g, g.logits().log_softmax()))
    }
    [
        Case {
            name: "focal",
            graph: graph(|g, logp| {
                let logp = logp.gather(g.target());
                -(1.0 - logp.exp()).square() * logp
            }),
            candle: |logits, target| {
                let logp = log_softmax(logits)?.gather(target, 1)?;
                focus(&logp)?.mul(&logp)?.mean_all()?.neg()
            },
        },
        Case {
            name: "label smoothing",
            graph: graph(|g, logp| -((1.0 - SMOOTHING) * logp.gather(g.target()) + SMOOTHING * logp.mean_vocab())),
            candle: |logits, target| {
                let logp = log_softmax(logits)?;
                smooth(&logp, &logp.gather(target, 1)?)?.mean_all()?.neg()
            },
        },
        Case {
            name: "focal + label smoothing",
            graph: graph(|g, logp| {
                let target = logp.gather(g.target());
                let smoothed = (1.0 - SMOOTHING) * target + SMOOTHING * logp.mean_vocab();
                -(1.0 - target.exp()).square() * smoothed
            }),
            candle: |logits, target| {
                let logp = log_softmax(logits)?;
                let target = logp.gather(target, 1)?;
                focus(&target)?.mul(&smooth(&logp, &target)?)?.mean_all()?.neg()
            },
        },
    ]
}

fn log_softmax(logits: &Tensor) -> Result<Tensor> {
    let shifted = logits.broadcast_sub(&logits.detach().max_keepdim(D::Minus1)?)?;
    shifted.broadcast_sub(&shifted.exp()?.sum_keepdim(D::Minus1)?.log()?)
}

/// (1 - p)²
fn focus(logp: &Tensor) -> Result<Tensor> {
    (1.0 - logp.exp()?)?.sqr()
}

fn smooth(logp: &Tensor, target: &Tensor) -> Result<Tensor> {
    (target * (1.0 - SMOOTHING))? + (logp.mean_keepdim(D::Minus1)? * SMOOTHING)?
}

/// Random operands.
struct Operands {
    /// `[rows, width]`
    hidden: Vec<f32>,
    /// `[vocab, width]`
    head: Vec<f32>,
    /// `[rows]`
    target: Vec<u32>,
}

/// The loss, and the gradients of `hidden` and `head`.
struct Outcome {
    loss: f64,
    hidden: Vec<f32>,
    head: Vec<f32>,
}

impl Operands {
    fn new() -> Self {
        let normals = |name: &str, n: usize, deviation: f64| -> Vec<f32> {
            Stream::new(1, name).normals(n).map(|x| (x * deviation) as f32).collect()
        };
        let target = Stream::new(1, "target");
        Self {
            hidden: normals("hidden", ROWS * WIDTH, 1.0),
            head: normals("head", VOCAB * WIDTH, 1.0 / (WIDTH as f64).sqrt()),
            target: (0..ROWS as u64).map(|row| (target.uniform(row) * VOCAB as f64) as u32).collect(),
        }
    }

    /// Milliseconds and outcome.
    fn compiled(&self, engine: &Engine, program: &Program) -> (f64, Outcome) {
        let (mut dhidden, mut dhead) = (vec![0.0; ROWS * WIDTH], vec![0.0; VOCAB * WIDTH]);
        let head = OutputLayer::new(&self.hidden, &self.head, [ROWS, WIDTH, VOCAB]);
        let mut rows = Rows::windows(self.target.clone(), ROWS);
        let (target, weight, target_bytes) = (self.target.clone(), vec![1.0; ROWS], vec![1.0; ROWS]);
        rows.columns = Columns { target, weight, target_bytes, ..rows.columns };
        // The program's gradient is that of the sum over rows.
        let gradient = HeadGradient::new(&mut dhidden, &mut dhead, 1.0 / ROWS as f32);
        let begun = Instant::now();
        let ratios = program.run(engine, &head, &rows, 0, Some(gradient)).unwrap();
        let milliseconds = 1e3 * begun.elapsed().as_secs_f64();
        (milliseconds, Outcome { loss: ratios[0].value(), hidden: dhidden, head: dhead })
    }

    /// Milliseconds and outcome.
    fn candle(&self, loss: InCandle) -> Result<(f64, Outcome)> {
        let hidden = Var::from_slice(&self.hidden, (ROWS, WIDTH), &Device::Cpu)?;
        let head = Var::from_slice(&self.head, (VOCAB, WIDTH), &Device::Cpu)?;
        let target = Tensor::from_slice(&self.target, (ROWS, 1), &Device::Cpu)?;
        let begun = Instant::now();
        let loss = loss(&hidden.matmul(&head.t()?)?, &target)?;
        let gradients = loss.backward()?;
        let milliseconds = 1e3 * begun.elapsed().as_secs_f64();
        let values = |var: &Var| gradients.get(var).unwrap().flatten_all()?.to_vec1::<f32>();
        let outcome = Outcome { loss: loss.to_scalar::<f32>()?.into(), hidden: values(&hidden)?, head: values(&head)? };
        Ok((milliseconds, outcome))
    }
}

/// The largest difference, relative to the largest expected number.
fn distance(got: &[f32], expected: &[f32]) -> f32 {
    let largest = expected.iter().fold(0.0_f32, |largest, x| largest.max(x.abs()));
    got.iter().zip(expected).fold(0.0_f32, |far, (a, b)| far.max((a - b).abs())) / largest
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn main() {
    let (operands, engine) = (Operands::new(), Engine::new(Precision::F32));
    println!("forward and backward of {ROWS} rows, width {WIDTH}, vocabulary {VOCAB}, f32, {ROUNDS} rounds\n");
    println!("| loss | compiled ms | plain candle ms | candle / compiled, median | range |");
    println!("|---|---|---|---|---|");
    for Case { name, graph, candle } in cases() {
        let program = Program::compile(&[&graph]).unwrap();
        let (ours, theirs) = (operands.compiled(&engine, &program).1, operands.candle(candle).unwrap().1);
        assert!((ours.loss - theirs.loss).abs() < 1e-4 * theirs.loss, "{name}: {} and {}", ours.loss, theirs.loss);
        let far = distance(&ours.hidden, &theirs.hidden).max(distance(&ours.head, &theirs.head));
        assert!(far < 1e-3, "{name}: gradients differ by {far:e}");
        let round = |_| (operands.compiled(&engine, &program).0, operands.candle(candle).unwrap().0);
        let (ours, theirs): (Vec<f64>, Vec<f64>) = (0..ROUNDS).map(round).unzip();
        let mut ratios: Vec<f64> = ours.iter().zip(&theirs).map(|(ours, theirs)| theirs / ours).collect();
        ratios.sort_by(f64::total_cmp);
        let (low, middle, high) = (ratios[0], ratios[ROUNDS / 2], ratios[ROUNDS - 1]);
        let (ours, theirs) = (median(ours), median(theirs));
        println!("| {name} | {ours:.0} | {theirs:.0} | {middle:.1} | {low:.1} to {high:.1} |");
    }
}
