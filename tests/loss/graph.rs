//! A graph in plain candle operations with autograd, with the logits in memory: slow, obvious, and not ours.

use crate::{device, reference};
use candle_core::{D, DType, Device, Result, Tensor, Var};
use trainyard::base::random::Stream;
use trainyard::loss::{HeadGradient, OutputLayer, Program, Ratio, Totals};
use trainyard::model::{Head, Param};
use trainyard::ops::linear::Transform;
use trainyard::ops::{Engine, Float, Precision};
use trainyard::rows::{Columns, PlacedRows, Rows};
use trainyard_plugin::Graph;

/// A model's last layer and a batch, random.
#[derive(Clone)]
pub struct Case {
    pub rows: usize,
    pub width: usize,
    pub vocab: usize,
    pub hidden: Vec<f64>,
    pub head: Vec<f64>,
    /// `[vocab]`; empty for none.
    pub bias: Vec<f64>,
    pub transform: Transform,
    pub target: Vec<u32>,
    pub weight: Vec<f32>,
    pub target_bytes: Vec<f32>,
    pub position: Vec<u32>,
    pub group: Vec<u32>,
    /// Inputs that the data does not have.
    pub others: Columns,
}

/// Outputs and gradients of one run.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    pub ratios: Vec<(f64, f64)>,
    pub hidden: Vec<f64>,
    pub head: Vec<f64>,
    pub bias: Vec<f64>,
}

pub const STEP: u64 = 5;
/// The scale of gradients, and the head's gradient from before: neither must be lost.
pub const SCALE: f64 = 0.75;
const BEFORE: f64 = 0.125;

impl Case {
    pub fn new(seed: u64, rows: usize, width: usize, vocab: usize, rows_per_sequence: usize) -> Self {
        let (hidden, head) = (Stream::new(seed, "hidden"), Stream::new(seed, "head"));
        let uniform = |name: &str, i: usize| Stream::new(seed, name).uniform(i as u64);
        Self {
            rows,
            width,
            vocab,
            hidden: hidden.normals(rows * width).collect(),
            head: head.normals(vocab * width).map(|x| x * 0.7).collect(),
            bias: Vec::new(),
            transform: Transform::NONE,
            target: (0..rows).map(|i| (uniform("target", i) * vocab as f64) as u32).collect(),
            weight: (0..rows).map(|i| if uniform("weight", i) < 0.2 { 0.0 } else { 1.0 }).collect(),
            target_bytes: (0..rows).map(|i| (uniform("bytes", i) * 6.0).floor() as f32).collect(),
            position: (0..rows).map(|i| (i % rows_per_sequence) as u32).collect(),
            group: (0..rows).map(|i| (i / rows_per_sequence) as u32).collect(),
            others: Columns {
                teacher_logits: (0..rows * vocab).map(|i| 4.0 * uniform("teacher", i) as f32 - 2.0).collect(),
                reference_logp: (0..rows).map(|i| -6.0 * uniform("reference", i) as f32).collect(),
                old_logp: (0..rows).map(|i| -6.0 * uniform("old", i) as f32).collect(),
                advantage: (0..rows).map(|i| 4.0 * uniform("advantage", i) as f32 - 2.0).collect(),
                targets: (0..rows * vocab).map(|i| uniform("targets", i).round() as f32).collect(),
                ..Columns::default()
            },
        }
    }

    /// The same with groups of these many rows.
    pub fn in_groups_of(mut self, lengths: &[usize]) -> Self {
        assert_eq!(lengths.iter().sum::<usize>(), self.rows);
        let groups = || lengths.iter().enumerate();
        self.group = groups().flat_map(|(group, &n)| vec![group as u32; n]).collect();
        self.position = groups().flat_map(|(_, &n)| 0..n as u32).collect();
        self
    }

    /// The same with a bias, and logits that are scaled and capped.
    pub fn with_head(self, transform: Transform) -> Self {
        let bias = Stream::new(11, "bias").normals(self.vocab).collect();
        Self { bias, transform, ..self }
    }

    pub fn batch(&self) -> Rows {
        Rows {
            inputs: vec![0; self.rows],
            document_position: self.position.clone(),
            group: self.group.clone(),
            columns: Columns {
                target: self.target.clone(),
                weight: self.weight.clone(),
                target_bytes: self.target_bytes.clone(),
                position: self.position.clone(),
                ..self.others.clone()
            },
            sequences: 1,
            context: self.rows,
            ..Rows::default()
        }
    }

    /// Runs `program` with numbers of type `T`.
    pub fn run<T: Float>(&self, program: &Program) -> trainyard::Result<Outcome> {
        let convert = |x: &[f64]| x.iter().map(|&x| T::of(x)).collect::<Vec<_>>();
        let (hidden, weight, bias) = (convert(&self.hidden), convert(&self.head), convert(&self.bias));
        let head = OutputLayer {
            bias: (!bias.is_empty()).then_some(bias.as_slice()),
            transform: self.transform,
            ..OutputLayer::new(&hidden, &weight, [self.rows, self.width, self.vocab])
        };
        let (mut dhidden, mut dweight) = (vec![T::of(9.0); hidden.len()], vec![T::of(BEFORE); weight.len()]);
        let mut dbias = vec![T::of(BEFORE); bias.len()];
        let gradient = HeadGradient {
            bias: (!bias.is_empty()).then_some(dbias.as_mut_slice()),
            ..HeadGradient::new(&mut dhidden, &mut dweight, T::of(SCALE))
        };
        if !device::is_cpu() {
            return self.run_on_gpu(program, if T::DTYPE == DType::F64 { Precision::F64 } else { Precision::F32 });
        }
        let engine = Engine::new(Precision::F32);
        let ratios = program.run(&engine, &head, &self.batch(), STEP, Some(gradient))?;
        let forward = program.run(&engine, &head, &self.batch(), STEP, None)?;
        assert_eq!(bits(&ratios), bits(&forward), "outputs differ with and without gradient");
        let back = |x: &[T]| x.iter().map(|x| x.f64()).collect();
        Ok(Outcome {
            ratios: ratios.iter().map(|ratio| (ratio.sum, ratio.weight)).collect(),
            hidden: back(&dhidden),
            head: back(&dweight),
            bias: back(&dbias),
        })
    }

    /// The same on a GPU, whose gradients are those of the sum itself.
    pub fn run_on_gpu(&self, program: &Program, precision: Precision) -> trainyard::Result<Outcome> {
        let engine = device::engine(precision);
        let (dtype, activations) = (precision.dtype(), engine.activations());
        let place = |x: &[f64], rows: usize, dtype: DType| {
            let tensor = Tensor::from_slice(x, (rows, self.width), &Device::Cpu).unwrap();
            device::on(&tensor.to_dtype(dtype).unwrap())
        };
        let hidden = place(&self.hidden, self.rows, activations);
        let dhidden = hidden.zeros_like()?;
        let weight = Param {
            value: place(&self.head, self.vocab, dtype),
            grad: Some(place(&vec![BEFORE; self.head.len()], self.vocab, dtype)),
            blocks: None,
            shadow: (activations != dtype).then(|| place(&self.head, self.vocab, activations)),
        };
        let vector = |x: &[f64]| device::on(&Tensor::new(x, &Device::Cpu).unwrap().to_dtype(dtype).unwrap());
        let bias = (!self.bias.is_empty()).then(|| Param {
            value: vector(&self.bias),
            grad: Some(vector(&vec![BEFORE; self.bias.len()])),
            blocks: None,
            shadow: None,
        });
        let Transform { scale, soft_cap } = self.transform;
        let head = Head { weight: &weight, bias: bias.as_ref(), scale, soft_cap, crf: None };
        let batch = self.batch();
        program.check(&batch, self.vocab)?;
        let placed = PlacedRows::new(&engine, &batch, program.inputs())?;
        let n = program.outputs().len();
        let (mut totals, mut forward) = (Totals::new(&engine, n)?, Totals::new(&engine, n)?);
        program.backward(&engine, &hidden, head, &placed, STEP, &dhidden, &mut totals)?;
        program.forward(&engine, &hidden, head, &placed, STEP, &mut forward)?;
        let scaled = |param: &Param| -> trainyard::Result<Vec<f64>> {
            let grad = param.grad.as_ref().unwrap().to_vec()?;
            Ok(grad.into_iter().map(|x| (x - BEFORE) * SCALE + BEFORE).collect())
        };
        let ratios = totals.read()?;
        assert_eq!(bits(&ratios), bits(&forward.read()?), "outputs differ with and without gradient");
        Ok(Outcome {
            ratios: ratios.iter().map(|ratio| (ratio.sum, ratio.weight)).collect(),
            hidden: dhidden.to_vec()?.into_iter().map(|x| x * SCALE).collect(),
            head: scaled(&weight)?,
            bias: bias.as_ref().map_or(Ok(Vec::new()), scaled)?,
        })
    }

    /// The same with candle.
    pub fn reference(&self, graph: &Graph) -> Result<Outcome> {
        let hidden = Var::from_slice(&self.hidden, (self.rows, self.width), &Device::Cpu)?;
        let head = Var::from_slice(&self.head, (self.vocab, self.width), &Device::Cpu)?;
        let bias = Var::from_slice(&self.bias, self.bias.len(), &Device::Cpu)?;
        let logits = hidden.matmul(&head.t()?)?;
        let logits = if self.bias.is_empty() { logits } else { logits.broadcast_add(&bias)? };
        let logits = (logits * self.transform.scale)?;
        let logits = self.transform.soft_cap.map_or(Ok(logits.clone()), |cap| reference::soft_cap(&logits, cap))?;
        let mut values: Vec<Tensor> = Vec::new();
        for node in &graph.nodes {
            let inputs: Vec<_> = node.inputs.iter().map(|&i| &values[i as usize]).collect();
            values.push(match node.op.strip_prefix("input.") {
                Some(name) => self.input(name, &logits)?,
                None => self.operation(&node.op, &inputs, &node.attributes)?,
            });
        }
        let scalar = |id: u32| values[id as usize].flatten_all()?.get(0)?.to_scalar::<f64>();
        let ratios = graph.outputs.iter().map(|output| Ok((scalar(output.sum)?, scalar(output.weight)?)));
        let root = (&values[graph.outputs[0].sum as usize] * SCALE)?.sum_all()?;
        let gradients = root.backward()?;
        let gradient = |var: &Var, before: f64| match gradients.get(var) {
            Some(gradient) => (gradient + before)?.flatten_all()?.to_vec1::<f64>(),
            None => Ok(vec![before; var.elem_count()]),
        };
        Ok(Outcome {
            ratios: ratios.collect::<Result<_>>()?,
            hidden: gradient(&hidden, 0.0)?,
            head: gradient(&head, BEFORE)?,
            bias: gradient(&bias, BEFORE)?,
        })
    }

    /// Shapes: vocab `[rows, vocab]`, row and index `[rows, 1]`, sequence `[sequences, 1]`, scalar `[1, 1]`.
    fn input(&self, name: &str, logits: &Tensor) -> Result<Tensor> {
        let column = |values: Vec<f64>| Tensor::from_vec(values, (self.rows, 1), &Device::Cpu);
        match name {
            "logits" => Ok(logits.clone()),
            "target" => column(self.target.iter().map(|&x| x.into()).collect()),
            "weight" => column(self.weight.iter().map(|&x| x.into()).collect()),
            "target_bytes" => column(self.target_bytes.iter().map(|&x| x.into()).collect()),
            "position" => column(self.position.iter().map(|&x| x.into()).collect()),
            "reference_logp" => column(self.others.reference_logp.iter().map(|&x| x.into()).collect()),
            "old_logp" => column(self.others.old_logp.iter().map(|&x| x.into()).collect()),
            "advantage" => column(self.others.advantage.iter().map(|&x| x.into()).collect()),
            "teacher_logits" | "targets" => {
                let values = if name == "targets" { &self.others.targets } else { &self.others.teacher_logits };
                let values: Vec<f64> = values.iter().map(|&x| x.into()).collect();
                Tensor::from_vec(values, (self.rows, self.vocab), &Device::Cpu)
            }
            "step" => constant(STEP as f64),
            other => panic!("no reference for input {other}"),
        }
    }

    /// `[groups, rows]`: 1 where the row is of the group.
    fn membership(&self) -> Result<Tensor> {
        let n = self.group.iter().max().map_or(0, |last| last + 1);
        let row = |group: u32| self.group.iter().map(move |&other| f64::from(u8::from(other == group)));
        Tensor::from_vec((0..n).flat_map(row).collect(), (n as usize, self.rows), &Device::Cpu)
    }

    fn operation(&self, name: &str, inputs: &[&Tensor], a: &[f64]) -> Result<Tensor> {
        match (name, inputs) {
            ("constant", []) => constant(a[0]),
            ("sum_rows" | "sum_sequences", [x]) => x.sum_keepdim(0),
            ("sum_sequence", [x]) => self.membership()?.matmul(x),
            ("expand_sequence", [x]) => self.membership()?.t()?.contiguous()?.matmul(x),
            (_, &[x]) => one_input(name, x, a),
            ("gather", &[x, index]) => x.gather(&index.to_dtype(DType::U32)?, 1),
            ("index_equal", &[x, y]) => x.eq(y)?.to_dtype(DType::F64),
            (_, inputs) => elementwise(name, inputs),
        }
    }
}

fn bits(ratios: &[Ratio]) -> Vec<(u64, u64)> {
    ratios.iter().map(|ratio| (ratio.sum.to_bits(), ratio.weight.to_bits())).collect()
}

fn constant(value: f64) -> Result<Tensor> {
    Tensor::from_vec(vec![value], (1, 1), &Device::Cpu)
}

fn one_input(name: &str, x: &Tensor, a: &[f64]) -> Result<Tensor> {
    let log_sum_exp = |x: &Tensor| {
        let max = x.detach().max_keepdim(D::Minus1)?;
        x.broadcast_sub(&max)?.exp()?.sum_keepdim(D::Minus1)?.log()?.broadcast_add(&max)
    };
    let where_above = |limit: f64, yes: &Tensor, no: &Tensor| x.gt(limit)?.where_cond(yes, no);
    let limit = |limit: f64| x.ones_like()? * limit;
    match name {
        "neg" => x.neg(),
        "abs" => where_above(0.0, x, &x.neg()?),
        "exp" => x.exp(),
        "log" => x.log(),
        "log1p" => (x + 1.0)?.log(),
        "expm1" => x.exp()? - 1.0,
        "sqrt" => x.sqrt(),
        "square" => x.sqr(),
        "reciprocal" => x.recip(),
        "relu" => where_above(0.0, x, &x.zeros_like()?),
        "sigmoid" => (x.neg()?.exp()? + 1.0)?.recip(),
        "log_sigmoid" => (x.neg()?.exp()? + 1.0)?.log()?.neg(),
        "softplus" => (x.exp()? + 1.0)?.log(),
        "tanh" => x.tanh(),
        "powf" if a[0] == 0.0 => x.ones_like(),
        "powf" => x.powf(a[0]),
        "clamp" => {
            let below = x.lt(a[0])?.where_cond(&limit(a[0])?, x)?;
            x.gt(a[1])?.where_cond(&limit(a[1])?, &below)
        }
        "stop_gradient" => Ok(x.detach()),
        "log_softmax" => x.broadcast_sub(&log_sum_exp(x)?),
        "softmax" => x.broadcast_sub(&log_sum_exp(x)?)?.exp(),
        "log_sum_exp" => log_sum_exp(x),
        "sum_vocab" => x.sum_keepdim(1),
        "mean_vocab" => x.sum_keepdim(1)? / x.dim(1)? as f64,
        "max_vocab" => x.gather(&argmax(x)?.to_dtype(DType::U32)?, 1),
        "argmax" => argmax(x),
        other => panic!("no reference for op {other}"),
    }
}

fn argmax(x: &Tensor) -> Result<Tensor> {
    let first_largest = |row: &Vec<f64>| (0..row.len()).rev().max_by(|&i, &j| row[i].total_cmp(&row[j]));
    let indices: Vec<_> = x.to_vec2::<f64>()?.iter().map(|row| first_largest(row).unwrap() as f64).collect();
    Tensor::from_vec(indices, (x.dim(0)?, 1), &Device::Cpu)
}

fn elementwise(name: &str, inputs: &[&Tensor]) -> Result<Tensor> {
    let dim = |i: usize| inputs.iter().map(|x| x.dims()[i]).max().unwrap();
    let shape = (dim(0), dim(1));
    let wide = inputs.iter().map(|x| x.broadcast_as(shape)?.contiguous()).collect::<Result<Vec<_>>>()?;
    let truth = |x: Tensor| x.to_dtype(DType::F64);
    match (name, wide.as_slice()) {
        ("add", [x, y]) => x + y,
        ("sub", [x, y]) => x - y,
        ("mul", [x, y]) => x * y,
        ("div", [x, y]) => x / y,
        ("minimum", [x, y]) => x.le(y)?.where_cond(x, y),
        ("maximum", [x, y]) => x.ge(y)?.where_cond(x, y),
        ("less", [x, y]) => truth(x.lt(y)?),
        ("less_equal", [x, y]) => truth(x.le(y)?),
        ("equal", [x, y]) => truth(x.eq(y)?),
        ("select", [x, y, z]) => x.ne(0.0)?.where_cond(y, z),
        (other, _) => panic!("no reference for op {other}"),
    }
}
