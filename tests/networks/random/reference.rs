//! A network layer by layer, in plain candle operations whose gradients are autograd's.

use super::batch::Batch;
use crate::ops::recurrent;
use candle_core::{D, DType, Device, Result, Tensor, Var};
use std::collections::BTreeMap;
use trainyard::ops::recurrent::Kind;
use trainyard_plugin::network::{Attributes, Layer, Network, Space, Type, check};

type Vars = BTreeMap<String, Var>;

#[derive(Clone)]
enum Value {
    Index(Vec<u32>),
    /// `[n, columns]`
    Matrix(Tensor, Space),
    /// `[buckets, heads]`, whether both directions have buckets, the largest distance.
    Bias(Tensor, bool, f64),
}

impl Value {
    fn matrix(&self) -> &Tensor {
        let Self::Matrix(tensor, _) = self else { panic!("no matrix") };
        tensor
    }
}

/// `[n, vocab]`
pub fn logits(network: &Network, vars: &Vars, batch: &Batch) -> Result<Tensor> {
    let types = check(network).unwrap();
    let mut values: Vec<Value> = Vec::new();
    for (layer, ty) in network.layers.iter().zip(types) {
        let inputs: Vec<_> = layer.inputs.iter().map(|&input| values[input as usize].clone()).collect();
        let names = layer.parameters.iter().map(|&parameter| &network.parameters[parameter as usize].name);
        let parameters: Vec<_> = names.map(|name| &vars[name]).collect();
        let site = Site { layer, inputs, parameters, batch, attributes: Attributes(&layer.attributes) };
        let value = site.value()?;
        values.push(match (value, ty) {
            (Some(value), _) => value,
            (None, Type::Matrix { space, .. }) => Value::Matrix(site.matrix()?, space),
            (None, other) => panic!("{}: {other}", layer.op),
        });
    }
    let head = network.heads.iter().find(|head| head.name == "logits").unwrap();
    Ok(values[head.value as usize].matrix().clone())
}

/// One layer and what it is given.
struct Site<'a> {
    layer: &'a Layer,
    inputs: Vec<Value>,
    parameters: Vec<&'a Var>,
    batch: &'a Batch,
    attributes: Attributes<'a>,
}

impl Site<'_> {
    /// What is no matrix.
    fn value(&self) -> Result<Option<Value>> {
        let batch = self.batch;
        let number = |key| self.attributes.number(key).unwrap();
        Ok(Some(match self.layer.op.as_str() {
            "input.ids" => Value::Index(batch.ids.clone()),
            "input.positions" => Value::Index(batch.positions.clone()),
            "input.token_types" => Value::Index(batch.types.clone()),
            "input.source_ids" => Value::Index(batch.source_ids.clone()),
            "input.source_positions" => Value::Index(batch.source_positions.clone()),
            "relative_bias" => Value::Bias(
                self.parameters[0].as_tensor().clone(),
                self.attributes.flag("bidirectional"),
                number("max_distance"),
            ),
            _ => return Ok(None),
        }))
    }

    fn matrix(&self) -> Result<Tensor> {
        let attributes = self.attributes;
        if self.layer.op == "bag" {
            return self.bag(attributes.integer("columns").unwrap() as usize);
        }
        if let Value::Index(index) = &self.inputs[0] {
            let offset = attributes.integer("offset").unwrap_or(0);
            return self.parameters[0].index_select(&whole(index.iter().map(|row| row + offset))?, 0);
        }
        let x = self.inputs[0].matrix();
        let number = |key| attributes.number(key).unwrap();
        match self.layer.op.as_str() {
            "linear" => self.linear(x),
            "layer_norm" | "rms_norm" => self.norm(x, number("epsilon")),
            "rnn" | "gru" | "lstm" => self.recurrent(x),
            "conv" => self.conv(x),
            "rotary" => self.rotary(x),
            "attention" => self.attention(x),
            "shift" => self.before(x, attributes.integer("by").unwrap_or(1) as usize),
            "pool" => self.pool(x),
            "expand" => self.expand(x),
            "gelu" if attributes.text("form") == Some("tanh") => {
                let inner = ((x + (x.powf(3.0)? * 0.044715)?)? * (2.0 / std::f64::consts::PI).sqrt())?;
                (x * 0.5)? * (inner.tanh()? + 1.0)?
            }
            "gelu" => (x * 0.5)? * ((x / std::f64::consts::SQRT_2)?.erf()? + 1.0)?,
            "relu" => recurrent::relu(x),
            "silu" => x * recurrent::sigmoid(x)?,
            "tanh" => x.tanh(),
            "sigmoid" => recurrent::sigmoid(x),
            "add" => x + self.inputs[1].matrix(),
            "mul" => x * self.inputs[1].matrix(),
            "scale" => x * number("factor"),
            "soft_cap" => (x / number("cap"))?.tanh()? * number("cap"),
            "dropout" => Ok(x.clone()),
            "concat" => Tensor::cat(&self.inputs.iter().map(Value::matrix).collect::<Vec<_>>(), 1),
            "slice" => {
                let [first, width] = ["first", "width"].map(|key| attributes.integer(key).unwrap() as usize);
                x.narrow(1, first, width)?.contiguous()
            }
            other => panic!("no reference of {other}"),
        }
    }

    fn linear(&self, x: &Tensor) -> Result<Tensor> {
        let weight = self.parameters[0].as_tensor();
        let weight = if self.attributes.text("layout") == Some("in-out") { weight.clone() } else { weight.t()? };
        let product = x.matmul(&weight)?;
        self.parameters.get(1).map_or(Ok(product.clone()), |bias| product.broadcast_add(bias))
    }

    fn norm(&self, x: &Tensor, epsilon: f64) -> Result<Tensor> {
        let (rows, columns) = x.dims2()?;
        let width = self.parameters.first().map_or(Ok(columns), |weight| weight.dim(0))?;
        let x = x.reshape((rows * columns / width, width))?;
        let x = match self.layer.op.as_str() {
            "layer_norm" => x.broadcast_sub(&x.mean_keepdim(1)?)?,
            _ => x,
        };
        let normed = x.broadcast_div(&(x.sqr()?.mean_keepdim(1)? + epsilon)?.sqrt()?)?;
        let offset = self.attributes.number("offset").unwrap_or(0.0);
        let normed = match self.parameters.first() {
            Some(weight) => normed.broadcast_mul(&(weight.as_tensor() + offset)?)?,
            None => normed,
        };
        let normed = self.parameters.get(1).map_or(Ok(normed.clone()), |bias| normed.broadcast_add(bias))?;
        normed.reshape((rows, columns))
    }

    /// Position of each row in its document.
    fn positions(&self, input: usize) -> &[u32] {
        match self.inputs[input] {
            Value::Matrix(_, Space::Row) => &self.batch.positions,
            Value::Matrix(_, Space::Source) => &self.batch.source_positions,
            _ => panic!("no positions"),
        }
    }

    /// `[rows, C]`: the row `by` before each, 0 before the document's first.
    fn before(&self, x: &Tensor, by: usize) -> Result<Tensor> {
        let positions = self.positions(0);
        let found = positions.iter().enumerate();
        let from = found.map(|(row, &position)| (position as usize >= by).then(|| row - by.min(row)));
        let n = positions.len();
        chosen(from, n)?.matmul(x)
    }

    fn conv(&self, x: &Tensor) -> Result<Tensor> {
        let (_, taps) = self.parameters[0].dims2()?;
        let mut sum = x.zeros_like()?;
        for tap in 0..taps {
            let weight = self.parameters[0].narrow(1, tap, 1)?.t()?;
            sum = (sum + self.before(x, taps - 1 - tap)?.broadcast_mul(&weight)?)?;
        }
        self.parameters.get(1).map_or(Ok(sum.clone()), |bias| sum.broadcast_add(bias))
    }

    fn recurrent(&self, x: &Tensor) -> Result<Tensor> {
        let kind = match self.layer.op.as_str() {
            "gru" => Kind::Gru,
            "lstm" => Kind::Lstm,
            _ if self.attributes.text("activation") == Some("relu") => Kind::Relu,
            _ => Kind::Tanh,
        };
        let positions = self.positions(0);
        let (n, reverse) = (positions.len(), self.attributes.flag("reverse"));
        let before = |row: usize| match reverse {
            false => (positions[row] > 0).then(|| row - 1),
            true => (row + 1 < n && positions[row + 1] > 0).then_some(row + 1),
        };
        let nothing = Var::zeros(self.parameters[1].dim(0)?, DType::F64, &Device::Cpu)?;
        let weight = |index: usize| (*self.parameters.get(index).unwrap_or(&&nothing)).clone();
        recurrent::reference(kind, x, &[0, 1, 2, 3].map(weight), &(0..n).map(before).collect::<Vec<_>>())
    }

    fn rotary(&self, x: &Tensor) -> Result<Tensor> {
        let integer = |key| self.attributes.integer(key).map(|value| value as usize);
        let head = integer("head_width").unwrap();
        let (turned, interleaved) = (integer("rotary_width").unwrap_or(head), self.attributes.flag("interleaved"));
        let factor = self.attributes.number("factor").unwrap_or(1.0);
        let frequency = |pair: usize| match self.attributes.numbers("frequencies") {
            Some(list) => list[pair],
            None => self.attributes.number("theta").unwrap().powf(-2.0 * pair as f64 / turned as f64),
        };
        let (mut partners, mut cosines, mut sines) = (Vec::new(), Vec::new(), Vec::new());
        for &position in self.positions(0) {
            for column in 0..x.dim(1)? {
                let (base, i) = (column - column % head, column % head);
                let (pair, partner, sign) = match interleaved {
                    _ if i >= turned => (None, i, 0.0),
                    true => (Some(i / 2), i ^ 1, if i % 2 == 0 { -1.0 } else { 1.0 }),
                    false if i < turned / 2 => (Some(i), i + turned / 2, -1.0),
                    false => (Some(i - turned / 2), i - turned / 2, 1.0),
                };
                let angle = pair.map(|pair| f64::from(position) * frequency(pair));
                partners.push((base + partner) as u32);
                cosines.push(angle.map_or(1.0, |angle| factor * angle.cos()));
                sines.push(angle.map_or(0.0, |angle| sign * factor * angle.sin()));
            }
        }
        let shape = x.dims2()?;
        partners.truncate(shape.1);
        let turned = x.contiguous()?.index_select(&whole(partners.into_iter())?, 1)?;
        let [cosines, sines] = [cosines, sines].map(|values| Tensor::from_vec(values, shape, &Device::Cpu));
        (x * cosines?)? + (turned * sines?)?
    }

    /// Whether query row `i` sees key row `j`.
    fn sees(&self, (i, j): (usize, usize)) -> bool {
        let batch = self.batch;
        let queries = self.positions(0);
        match (&self.inputs[0], &self.inputs[1]) {
            (Value::Matrix(_, Space::Row), Value::Matrix(_, Space::Source)) => {
                let (sequence, row) = (j / batch.source_length, j % batch.source_length);
                sequence == i / batch.length && row < batch.valid[sequence] as usize
            }
            _ => {
                // a document's first row
                let first = |row: usize| row - queries[row] as usize;
                let near = match self.attributes.text("span") {
                    Some("full") => true,
                    Some("window") => j <= i && i - j < self.attributes.integer("window").unwrap() as usize,
                    _ => j <= i,
                };
                first(i) == first(j) && near
            }
        }
    }

    fn attention(&self, queries: &Tensor) -> Result<Tensor> {
        let integer = |key| self.attributes.integer(key).map(|value| value as usize);
        let heads = integer("heads").unwrap();
        let kv_heads = integer("kv_heads").unwrap_or(heads);
        let (keys, values) = (self.inputs[1].matrix(), self.inputs[2].matrix());
        let (n, m, d) = (queries.dim(0)?, keys.dim(0)?, queries.dim(1)? / heads);
        let pairs = || (0..n).flat_map(|i| (0..m).map(move |j| (i, j)));
        let hidden = pairs().map(|pair| if self.sees(pair) { 0.0 } else { -1e30 }).collect();
        let hidden = Tensor::from_vec::<_, f64>(hidden, (n, m), &Device::Cpu)?;
        let scale = self.attributes.number("scale").unwrap_or(1.0 / (d as f64).sqrt());
        let mut outs = Vec::new();
        for head in 0..heads {
            let shared = head / (heads / kv_heads);
            let q = queries.narrow(1, head * d, d)?;
            let (k, v) = (keys.narrow(1, shared * d, d)?, values.narrow(1, shared * d, d)?);
            let mut scores = (q.matmul(&k.t()?)? * scale)?;
            if let Some(cap) = self.attributes.number("soft_cap") {
                scores = ((scores / cap)?.tanh()? * cap)?;
            }
            if let Some(Value::Bias(table, both, most)) = self.inputs.get(3) {
                let buckets = table.dim(0)?;
                let rows = pairs().map(|(i, j)| bucket(j as f64 - i as f64, buckets as f64, *both, *most) as u32);
                scores = (scores
                    + table.narrow(1, head, 1)?.contiguous()?.index_select(&whole(rows)?, 0)?.reshape((n, m))?)?;
            }
            let scores = (scores + &hidden)?;
            let weights = scores.broadcast_sub(&scores.max_keepdim(D::Minus1)?.detach())?.exp()?;
            outs.push(weights.broadcast_div(&weights.sum_keepdim(D::Minus1)?)?.matmul(&v)?);
        }
        Tensor::cat(&outs, 1)
    }

    fn ranges(&self) -> Vec<(usize, usize)> {
        match self.inputs[0] {
            Value::Matrix(_, Space::Source) => self.batch.source_ranges(),
            _ => self.batch.ranges(),
        }
    }

    fn pool(&self, x: &Tensor) -> Result<Tensor> {
        let n = x.dim(0)?;
        let weights = self.ranges().into_iter().flat_map(|(first, count)| {
            let weight = |row: usize| match self.attributes.text("kind") {
                Some("first") => f64::from(row == first),
                Some("last") => f64::from(row == first + count - 1),
                _ => f64::from((first..first + count).contains(&row)) / count as f64,
            };
            (0..n).map(weight).collect::<Vec<f64>>()
        });
        Tensor::from_vec(weights.collect(), (self.batch.sequences(), n), &Device::Cpu)?.matmul(x)
    }

    fn bag(&self, columns: usize) -> Result<Tensor> {
        let Value::Index(index) = &self.inputs[0] else { panic!("no index") };
        let ranges = self.batch.ranges();
        let mut sums = vec![0.0; ranges.len() * columns];
        for (sequence, (first, count)) in ranges.iter().enumerate() {
            for row in *first..first + count {
                let weight = self.batch.weights.get(row).copied().map_or(1.0, f64::from);
                sums[sequence * columns + index[row] as usize] += weight;
            }
        }
        Tensor::from_vec(sums, (ranges.len(), columns), &Device::Cpu)
    }

    fn expand(&self, x: &Tensor) -> Result<Tensor> {
        let ranges = self.batch.ranges();
        let from = |row: usize| ranges.iter().position(|(first, count)| (*first..first + count).contains(&row));
        chosen((0..self.batch.ids.len()).map(from), ranges.len())?.matmul(x)
    }
}

/// The row of T5's table for a distance (transformers' `_relative_position_bucket`).
fn bucket(distance: f64, buckets: f64, both: bool, most: f64) -> f64 {
    let (n, first) =
        if both { (buckets / 2.0, if distance > 0.0 { buckets / 2.0 } else { 0.0 }) } else { (buckets, 0.0) };
    let distance = if both { distance.abs() } else { (-distance).max(0.0) };
    let exact = (n / 2.0).floor();
    if distance < exact {
        return first + distance;
    }
    let beyond = (distance / exact).ln() / (most / exact).ln() * (n - exact);
    first + (exact + beyond.floor()).min(n - 1.0)
}

fn whole(numbers: impl Iterator<Item = u32>) -> Result<Tensor> {
    let numbers: Vec<u32> = numbers.collect();
    let n = numbers.len();
    Tensor::from_vec(numbers, n, &Device::Cpu)
}

/// `[rows, n]`: 1 where a row is taken from.
fn chosen(from: impl Iterator<Item = Option<usize>>, n: usize) -> Result<Tensor> {
    let from: Vec<_> = from.collect();
    let values = from.iter().flat_map(|from| (0..n).map(move |row| f64::from(*from == Some(row)))).collect();
    Tensor::from_vec::<_, f64>(values, (from.len(), n), &Device::Cpu)
}
