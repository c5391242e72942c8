//! Random well-typed networks over the whole op set. Values stay moderate: what grows is kept within a tanh.

use super::batch::Batch;
use crate::draw::Draw;
use trainyard_plugin::network::{
    Attention, Init, Linear, Net, Network, Pool, Recurrent, Rotary, Space, Span, Type, Value,
};
use trainyard_plugin::{Setting, Value as Constant};

/// What a network is being made of.
struct Random<'g> {
    draw: Draw,
    net: &'g Net,
    /// Values that may be read, and how often they were.
    values: Vec<(Value<'g>, usize)>,
    /// Names that were given.
    names: usize,
}

/// The network of a seed.
pub fn network(seed: u64) -> Network {
    let net = Net::new();
    let draw = Draw::new(seed, "network");
    let mut random = Random { draw, net: &net, values: Vec::new(), names: 0 };
    random.inputs();
    let steps = random.draw.between(3, 14);
    let mut done = 0;
    while done < steps {
        let n = random.draw.between(1, 4);
        match random.draw.below(3) {
            0 => (0..n).for_each(|_| random.step()),
            1 => net.scope(&format!("scope{done}"), || (0..n).for_each(|_| random.step())),
            _ => net.block(&format!("block{done}"), || (0..n).for_each(|_| random.step())),
        }
        done += n;
    }
    random.head();
    net.network().unwrap_or_else(|error| panic!("network {seed}: {error}"))
}

impl<'g> Random<'g> {
    fn name(&mut self, what: &str) -> String {
        self.names += 1;
        format!("{what}{}", self.names)
    }

    fn add(&mut self, value: Value<'g>) {
        self.values.push((value, 0));
    }

    fn space(value: Value<'g>) -> Space {
        match value.type_of() {
            Type::Matrix { space, .. } => space,
            other => panic!("{other} is no matrix"),
        }
    }

    /// A value of one of these spaces, more often a late one.
    fn pick(&mut self, spaces: &[Space]) -> Option<Value<'g>> {
        let found: Vec<_> =
            (0..self.values.len()).filter(|&i| spaces.contains(&Self::space(self.values[i].0))).collect();
        let late = self.draw.uniform().sqrt();
        let index = *found.get((late * found.len() as f64) as usize)?;
        self.values[index].1 += 1;
        Some(self.values[index].0)
    }

    /// Embeddings of all that may be read.
    fn inputs(&mut self) {
        let (net, width) = (self.net, self.draw.choose(&[4, 6, 8, 12]));
        let mut x = net.embedding("embed", net.ids(), Batch::VOCAB, width);
        if self.draw.once_in(2) {
            let offset = self.draw.between(0, 2);
            let shape = [Batch::CONTEXT as u32 + offset, width];
            x = x + net.embedding_with("places", net.positions(), shape, offset, Init::Normal(0.02));
        }
        if self.draw.once_in(3) {
            x = x + net.embedding("types", net.token_types(), Batch::TYPES, width);
        }
        self.add(x);
        if self.draw.once_in(4) {
            // an input that is asked for is in the network
            let (index, n) = match self.draw.once_in(2) {
                true => (net.ids(), Batch::VOCAB),
                false => (net.positions(), Batch::CONTEXT as u32),
            };
            let columns = n + self.draw.between(0, 1);
            self.add(net.bag(index, columns));
        }
        if self.draw.once_in(3) {
            let name = if self.draw.once_in(2) { "embed" } else { "source" };
            let mut x = net.embedding(name, net.source_ids(), Batch::VOCAB, width);
            if self.draw.once_in(2) {
                x = x + net.embedding("source_places", net.source_positions(), Batch::CONTEXT as u32, width);
            }
            self.add(x);
        }
    }

    fn linear(&mut self, x: Value<'g>, columns: u32) -> Value<'g> {
        let layout = Linear::biased(self.draw.once_in(2));
        let layout = if self.draw.once_in(4) { layout.in_out() } else { layout };
        // one of the same shape may be the same layer
        let name = match self.draw.once_in(5) {
            true => format!("shared{}x{columns}{}{}", x.columns(), layout.bias, layout.in_out),
            false => self.name("linear"),
        };
        self.net.linear(&name, x, columns, layout)
    }

    /// `x` with this number of columns.
    fn fitted(&mut self, x: Value<'g>, columns: u32) -> Value<'g> {
        if x.columns() == columns { x } else { self.linear(x, columns) }
    }

    fn step(&mut self) {
        let all = [Space::Row, Space::Source, Space::Sequence];
        let Some(x) = self.pick(&all) else { return };
        let in_order = Self::space(x) != Space::Sequence;
        let value = match self.draw.below(16) {
            0..=2 => {
                let columns = self.draw.choose(&[3, 4, 6, 8, 12]);
                self.linear(x, columns)
            }
            3 => self.norm(x),
            4 => self.activation(x),
            5 | 6 => self.pair(x),
            7 => self.gated(x),
            8 => self.columns(x),
            9 | 10 if in_order => self.attention(x),
            11 if in_order => self.recurrent(x),
            12 if in_order => self.neighbours(x),
            13 if in_order => self.pool(x),
            13 => x.expand(),
            14 => self.simple(x),
            _ => self.branch(x),
        };
        self.add(value);
    }

    fn norm(&mut self, x: Value<'g>) -> Value<'g> {
        let name = self.name("norm");
        let divisors: Vec<u32> = (1..=x.columns()).filter(|n| x.columns().is_multiple_of(*n)).collect();
        let width = self.draw.choose(&divisors);
        match self.draw.below(5) {
            0 => self.net.layer_norm(&name, x, 1e-5),
            1 => self.net.rms_norm(&name, x, 1e-3),
            2 => self.net.rms_norm_with(&name, x, 1e-3, width, 1.0),
            3 => self.net.push("rms_norm", "", &[x], &[], vec![number("epsilon", 1e-2)]),
            _ => {
                let weight = self.net.parameter(&format!("{name}.weight"), &[x.columns()], Init::Ones);
                self.net.push("layer_norm", "", &[x], &[weight], vec![number("epsilon", 1e-2)])
            }
        }
    }

    fn activation(&mut self, x: Value<'g>) -> Value<'g> {
        match self.draw.below(6) {
            0 => x.gelu(),
            1 => x.gelu_tanh(),
            2 => x.relu(),
            3 => x.silu(),
            4 => x.tanh(),
            _ => x.sigmoid(),
        }
    }

    /// Two values of one space and width.
    fn pair(&mut self, x: Value<'g>) -> Value<'g> {
        let Some(other) = self.pick(&[Self::space(x)]) else { return x.tanh() };
        let other = self.fitted(other, x.columns());
        if self.draw.once_in(2) { x + other } else { x * other.tanh() }
    }

    fn gated(&mut self, x: Value<'g>) -> Value<'g> {
        let columns = self.draw.choose(&[4, 5, 8]);
        let gate = self.linear(x, columns);
        let (gate, up) = (self.activation(gate), self.linear(x, columns));
        if self.draw.once_in(2) { gate * up } else { up * gate }
    }

    fn columns(&mut self, x: Value<'g>) -> Value<'g> {
        if self.draw.once_in(2) {
            let width = self.draw.between(1, x.columns());
            let first = self.draw.between(0, x.columns() - width);
            return x.slice(first, width);
        }
        let Some(other) = self.pick(&[Self::space(x)]) else { return x.tanh() };
        let parts = if self.draw.once_in(3) { vec![x, other, x] } else { vec![x, other] };
        let wide = self.net.concat(&parts);
        // so that nothing grows without end
        if wide.columns() > 16 { wide.slice(wide.columns() % 5, 12) } else { wide }
    }

    fn rotary(&mut self, x: Value<'g>, head_width: u32) -> Value<'g> {
        if !head_width.is_multiple_of(2) || self.draw.once_in(2) {
            return x;
        }
        let rotary = Rotary::new(head_width, 10.0);
        let rotary =
            if self.draw.once_in(3) { rotary.partial(self.draw.between(1, head_width / 2) * 2) } else { rotary };
        let rotary = if self.draw.once_in(3) { rotary.linear(2.0) } else { rotary };
        let interleaved = self.draw.once_in(3);
        let factor = self.draw.choose(&[1.0, 1.0, 1.3]);
        x.rotary(&Rotary { interleaved, factor, ..rotary })
    }

    fn attention(&mut self, x: Value<'g>) -> Value<'g> {
        let keys = match self.draw.below(3) {
            0 if Self::space(x) == Space::Row => self.pick(&[Space::Source]),
            1 => self.pick(&[Self::space(x)]),
            _ => None,
        };
        let keys = keys.unwrap_or(x);
        let same_space = Self::space(keys) == Self::space(x);
        let (kv_heads, shared, d) = (self.draw.between(1, 2), self.draw.between(1, 2), self.draw.between(1, 4));
        let heads = kv_heads * shared;
        let [q, k, v] = [(x, heads), (keys, kv_heads), (keys, kv_heads)].map(|(x, n)| self.linear(x, n * d));
        let (q, k) = (self.rotary(q, d), self.rotary(k, d));
        let span = match self.draw.below(3) {
            _ if !same_space => Span::Full,
            0 => Span::Causal,
            1 => Span::Full,
            _ => Span::Window(self.draw.between(1, 5)),
        };
        let bias = (same_space && self.draw.once_in(4)).then(|| {
            let name = self.name("bias");
            self.net.relative_bias(&name, heads, self.draw.choose(&[4, 8]), 12, span == Span::Full)
        });
        let options = Attention { kv_heads, span, bias, ..Attention::causal(heads) };
        let scale = self.draw.once_in(3).then_some(0.7);
        let soft_cap = self.draw.once_in(4).then_some(1.5);
        let dropout = self.draw.choose(&[0.0, 0.0, 0.2]);
        q.attend(k, v, &Attention { scale, soft_cap, dropout, ..options })
    }

    fn recurrent(&mut self, x: Value<'g>) -> Value<'g> {
        let (name, state, reverse) = (self.name("cell"), self.draw.between(1, 6), self.draw.once_in(3));
        if self.draw.once_in(4) {
            let shapes: [(&str, &[u32]); 3] =
                [("weight_ih", &[state, x.columns()]), ("weight_hh", &[state, state]), ("bias", &[state])];
            let n = 2 + self.draw.below(2);
            let parameters: Vec<_> = shapes[..n]
                .iter()
                .map(|(part, shape)| self.net.parameter(&format!("{name}.{part}"), shape, Init::Zeros))
                .collect();
            let reverse = Setting { key: "reverse".into(), value: Constant::Boolean(reverse) };
            let relu = Setting { key: "activation".into(), value: Constant::Text("relu".into()) };
            return self.net.push("rnn", "", &[x], &parameters, vec![reverse, relu]).tanh();
        }
        let kind = self.draw.choose(&[Recurrent::Rnn, Recurrent::Gru, Recurrent::Lstm]);
        self.net.recurrent(kind, &name, x, state, "l0", reverse)
    }

    fn neighbours(&mut self, x: Value<'g>) -> Value<'g> {
        match self.draw.once_in(2) {
            true => x.shift(self.draw.between(1, 4)),
            false => {
                let (name, taps, bias) = (self.name("conv"), self.draw.between(1, 4), self.draw.once_in(2));
                self.net.conv(&name, x, taps, bias)
            }
        }
    }

    fn pool(&mut self, x: Value<'g>) -> Value<'g> {
        let pooled = x.pool(self.draw.choose(&[Pool::First, Pool::Last, Pool::Mean]));
        if self.draw.once_in(2) { pooled.expand() } else { pooled }
    }

    fn simple(&mut self, x: Value<'g>) -> Value<'g> {
        match self.draw.below(3) {
            0 => x.scale(self.draw.choose(&[0.5, -1.5, 0.0])),
            1 => x.soft_cap(self.draw.choose(&[0.8, 3.0])),
            _ => x.dropout(0.3),
        }
    }

    /// A residual: what transformers are full of.
    fn branch(&mut self, x: Value<'g>) -> Value<'g> {
        let name = self.name("norm");
        let columns = self.draw.choose(&[4, 8]);
        let normed = if self.draw.once_in(2) { self.net.layer_norm(&name, x, 1e-5) } else { x };
        let inner = self.linear(normed, columns);
        let inner = self.activation(inner);
        let out = self.linear(inner, x.columns());
        let out = if self.draw.once_in(2) { out.dropout(0.1) } else { out };
        if self.draw.once_in(2) { x + out } else { out + x }
    }

    /// One value that all lead to, and logits of it.
    fn head(&mut self) {
        let unread: Vec<_> = self.values.iter().filter(|(_, reads)| *reads == 0).map(|(value, _)| *value).collect();
        let width = self.draw.choose(&[4, 6, 8]);
        let mut sum: Option<Value<'g>> = None;
        for x in unread {
            let x = match Self::space(x) {
                Space::Row => x,
                Space::Sequence => x.expand(),
                Space::Source => x.pool(Pool::Mean).expand(),
            };
            let x = self.fitted(x, width);
            sum = Some(sum.map_or(x, |sum| sum + x));
        }
        let Some(mut x) = sum else { panic!("the last value is read by nothing") };
        if self.draw.once_in(2) {
            x = self.net.rms_norm("last", x, 1e-5);
        }
        if self.draw.once_in(6) {
            x = x.pool(self.draw.choose(&[Pool::First, Pool::Mean]));
        }
        let table = self.values[0].0.columns();
        let logits = match self.draw.below(3) {
            0 if table == x.columns() => self.net.tied("embed", x),
            1 => self.net.linear("logits", x, Batch::VOCAB, Linear::BIAS),
            _ => self.net.linear("logits", x, Batch::VOCAB, Linear::PLAIN),
        };
        let logits = if self.draw.once_in(4) { logits.scale(0.6) } else { logits };
        self.net.head("logits", if self.draw.once_in(4) { logits.soft_cap(2.0) } else { logits });
    }
}

fn number(key: &str, value: f64) -> Setting {
    Setting { key: key.into(), value: Constant::Number(value) }
}
