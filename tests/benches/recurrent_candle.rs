//! A recurrent layer compared with the same layer in plain candle operations with autograd: forward and backward in f32
//! on two threads. The two take turns.
//!
//! ```sh
//! cargo bench -p trainyard-tests --bench recurrent_candle
//! ```
#![allow(clippy::unwrap_used, missing_docs, reason = "a benchmark fails by panicking")]

use candle_core::{DType, Device, Result, Tensor, Var};
use std::time::Instant;
use trainyard::base::random::Stream;
use trainyard::ops::recurrent::{self, Gradients, Kind, Recurrence, Weights};
use trainyard::ops::{self, Column, Engine, Gradient, Precision};

const SEQUENCES: usize = 16;
const LENGTH: usize = 128;
const WIDTH: usize = 256;
const ROWS: usize = SEQUENCES * LENGTH;
const ROUNDS: usize = 7;
const THREADS: usize = 2;

fn random(name: &str, shape: &[usize], deviation: f64) -> Tensor {
    let n = shape.iter().product();
    let values: Vec<f32> = Stream::new(1, name).normals(n).map(|x| (x * deviation) as f32).collect();
    Tensor::from_vec(values, shape, &Device::Cpu).unwrap()
}

/// x, the gradient of the result, and w_ih, w_hh, b_ih, b_hh.
struct Operands {
    kind: Kind,
    x: Tensor,
    dout: Tensor,
    weights: [Tensor; 4],
}

impl Operands {
    fn new(kind: Kind) -> Self {
        let (gates, deviation) = (kind.gates() * WIDTH, 1.0 / (WIDTH as f64).sqrt());
        let shapes: [&[usize]; 4] = [&[gates, WIDTH], &[gates, WIDTH], &[gates], &[gates]];
        let names = ["w_ih", "w_hh", "b_ih", "b_hh"];
        let weights = std::array::from_fn(|i| random(names[i], shapes[i], deviation));
        Self { kind, x: random("x", &[ROWS, WIDTH], 1.0), dout: random("dout", &[ROWS, WIDTH], 0.01), weights }
    }

    /// Milliseconds, and the gradients of x and w_hh.
    fn ours(&self, engine: &Engine) -> (f64, [Tensor; 2]) {
        let on = |tensor: &Tensor| ops::Tensor::from(tensor.force_contiguous().unwrap());
        let zeros = |shape: &[usize]| ops::Tensor::zeros(shape, DType::F32, &ops::Device::Cpu).unwrap();
        let (x, dout, weights) = (on(&self.x), on(&self.dout), self.weights.each_ref().map(on));
        let (out, dx, kept) = (zeros(&[ROWS, WIDTH]), zeros(&[ROWS, WIDTH]), zeros(&[ROWS, self.kind.kept() * WIDTH]));
        let sums = weights.each_ref().map(|weight| weight.zeros_like().unwrap());
        let [w_ih, w_hh, b_ih, b_hh] = &weights;
        let weights = Weights { w_ih, w_hh, b_ih: Some(b_ih), b_hh: Some(b_hh) };
        let [w_ih, w_hh, b_ih, b_hh] = &sums;
        let gradients = Gradients { w_ih: Some(w_ih), w_hh: Some(w_hh), b_ih: Some(b_ih), b_hh: Some(b_hh) };
        let offsets: Vec<u32> = (0..ROWS).map(|row| (row % LENGTH) as u32).collect();
        let offsets = Column::from(&offsets[..]);
        let recurrence = Recurrence { kind: self.kind, length: LENGTH, reverse: false };
        let begun = Instant::now();
        recurrent::forward(engine, recurrence, &x, weights, &offsets, &out, &kept).unwrap();
        let to = Some(Gradient::overwrite(&dx));
        recurrent::backward(engine, recurrence, &dout, &x, weights, &offsets, &out, &kept, to, gradients).unwrap();
        let milliseconds = 1e3 * begun.elapsed().as_secs_f64();
        (milliseconds, [dx.to_cpu().unwrap(), w_hh.to_cpu().unwrap()])
    }

    /// Milliseconds, and the gradients of x and w_hh.
    fn candle(&self) -> Result<(f64, [Tensor; 2])> {
        let x = Var::from_tensor(&self.x)?;
        let weights = self.weights.each_ref().map(|weight| Var::from_tensor(weight).unwrap());
        let [w_ih, w_hh, b_ih, b_hh] = &weights;
        let begun = Instant::now();
        let a = x.matmul(&w_ih.t()?)?.broadcast_add(b_ih)?.reshape((SEQUENCES, LENGTH, ()))?;
        let zeros = Tensor::zeros((SEQUENCES, WIDTH), DType::F32, &Device::Cpu)?;
        let (mut h, mut c, mut outs) = (zeros.clone(), zeros, Vec::with_capacity(LENGTH));
        for t in 0..LENGTH {
            let a = a.narrow(1, t, 1)?.squeeze(1)?.chunk(self.kind.gates(), 1)?;
            let u = h.matmul(&w_hh.t()?)?.broadcast_add(b_hh)?.chunk(self.kind.gates(), 1)?;
            let sum = |i: usize| &a[i] + &u[i];
            h = match self.kind {
                Kind::Lstm => {
                    c = ((sigmoid(&sum(1)?)? * &c)? + (sigmoid(&sum(0)?)? * sum(2)?.tanh()?)?)?;
                    (sigmoid(&sum(3)?)? * c.tanh()?)?
                }
                _ => {
                    let (r, z) = (sigmoid(&sum(0)?)?, sigmoid(&sum(1)?)?);
                    let n = (&a[2] + (r * &u[2])?)?.tanh()?;
                    (&n + (z * (&h - &n)?)?)?
                }
            };
            outs.push(h.unsqueeze(1)?);
        }
        let out = Tensor::cat(&outs, 1)?.reshape((ROWS, WIDTH))?;
        let gradients = (out * &self.dout)?.sum_all()?.backward()?;
        let milliseconds = 1e3 * begun.elapsed().as_secs_f64();
        Ok((milliseconds, [&x, w_hh].map(|var| gradients.get(var).unwrap().clone())))
    }
}

fn sigmoid(x: &Tensor) -> Result<Tensor> {
    (x.neg()?.exp()? + 1.0)?.recip()
}

/// The largest difference, relative to the largest expected number.
fn distance(got: &Tensor, expected: &Tensor) -> Result<f32> {
    let largest = |x: &Tensor| x.abs()?.flatten_all()?.max(0)?.to_scalar::<f32>();
    Ok(largest(&(got - expected)?)? / largest(expected)?)
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn main() {
    rayon::ThreadPoolBuilder::new().num_threads(THREADS).build_global().unwrap();
    let engine = Engine::new(Precision::F32);
    println!("forward and backward of {SEQUENCES} x {LENGTH} rows, width {WIDTH}, f32, {THREADS} threads\n");
    println!("| layer | ms | tokens/s | plain candle ms | candle / ours, median |");
    println!("|---|---|---|---|---|");
    for kind in [Kind::Lstm, Kind::Gru] {
        let operands = Operands::new(kind);
        let ((_, ours), (_, theirs)) = (operands.ours(&engine), operands.candle().unwrap());
        for (ours, theirs) in ours.iter().zip(&theirs) {
            let far = distance(ours, theirs).unwrap();
            assert!(far < 1e-4, "{kind:?}: gradients differ by {far:e}");
        }
        let round = |_| (operands.ours(&engine).0, operands.candle().unwrap().0);
        let (ours, theirs): (Vec<f64>, Vec<f64>) = (0..ROUNDS).map(round).unzip();
        let ratio = median(ours.iter().zip(&theirs).map(|(ours, theirs)| theirs / ours).collect());
        let (ours, theirs) = (median(ours), median(theirs));
        let speed = 1e3 * ROWS as f64 / ours;
        println!("| {kind:?} | {ours:.1} | {speed:.0} | {theirs:.1} | {ratio:.1} |");
    }
}
