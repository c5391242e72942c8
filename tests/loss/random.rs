//! Random well-typed graphs over the whole op set, from a seed. Arguments are chosen so that derivatives exist and
//! values stay moderate: a logarithm's is positive, an exponential's is bounded.

use crate::draw::Draw;
use trainyard_plugin::graph::{Type, check};
use trainyard_plugin::{Graph, Node, Output};

pub struct Random {
    draw: Draw,
    nodes: Vec<Node>,
    types: Vec<Type>,
}

/// A graph of about `n_steps` random operations.
pub fn graph(seed: u64, n_steps: usize) -> Graph {
    let mut random = Random { draw: Draw::new(seed, "graph"), nodes: Vec::new(), types: Vec::new() };
    for name in ["logits", "target", "weight", "target_bytes", "position", "step"] {
        let x = random.push(&format!("input.{name}"), &[], &[]);
        if matches!(name, "target_bytes" | "position" | "step") {
            let small = random.constant(0.1);
            random.push("mul", &[x, small], &[]);
        }
    }
    for _ in 0..n_steps {
        random.step();
    }
    let outputs =
        (0..2).map(|i| Output { name: format!("out{i}"), sum: random.total(), weight: random.total() }).collect();
    Graph { op_set: 1, nodes: random.nodes, outputs }
}

/// Every op alone: value and gradient of a sum over it, for each type of argument that it takes.
pub fn single_op_graphs(seed: u64, name: &str) -> Vec<Graph> {
    [Type::Scalar, Type::Sequence, Type::Row, Type::Vocab].into_iter().filter_map(|ty| single(seed, name, ty)).collect()
}

impl Random {
    fn push(&mut self, op: &str, inputs: &[u32], attributes: &[f64]) -> u32 {
        self.nodes.push(Node { op: op.into(), inputs: inputs.into(), attributes: attributes.into() });
        // Outputs must be scalars, which node 0 is not: only the types are of interest.
        self.types = check_types(&self.nodes);
        self.types.len() as u32 - 1
    }

    fn constant(&mut self, value: f64) -> u32 {
        self.push("constant", &[], &[value])
    }

    /// A node of one of these types, more often a late one.
    fn pick(&mut self, types: &[Type]) -> Option<u32> {
        let ids: Vec<u32> =
            (0..self.types.len() as u32).filter(|&id| types.contains(&self.types[id as usize])).collect();
        let late = self.draw.uniform().sqrt();
        (!ids.is_empty()).then(|| ids[(late * ids.len() as f64) as usize])
    }

    fn step(&mut self) {
        match self.draw.below(8) {
            0 | 1 => {
                let name = self.draw.choose(&UNARY);
                if let Some(x) = self.pick(&NUMBERS) {
                    self.unary(name, x);
                }
            }
            2..=4 => {
                let name = self.draw.choose(&BINARY);
                if let (Some(x), Some(y)) = (self.pick(&NUMBERS), self.pick(&NUMBERS)) {
                    self.binary(name, x, y);
                }
            }
            5 => {
                let picks = (self.pick(&NUMBERS), self.pick(&NUMBERS), self.pick(&NUMBERS));
                if let (Some(x), Some(y), Some(z)) = picks {
                    self.select(x, y, z);
                }
            }
            6 => {
                let name = self.draw.choose(&VOCAB);
                if let Some(x) = self.pick(&[Type::Vocab]) {
                    self.along_vocab(name, x);
                }
            }
            _ => {
                let name =
                    self.draw.choose(&["sum_rows", "sum_sequence", "expand_sequence", "sum_sequences", "constant"]);
                self.across_rows(name);
            }
        }
    }

    fn unary(&mut self, name: &str, x: u32) -> u32 {
        let bounded = |random: &mut Self, x| random.push("tanh", &[x], &[]);
        let positive = |random: &mut Self, x| {
            let (sigmoid, low) = (random.push("sigmoid", &[x], &[]), random.constant(0.1));
            random.push("add", &[sigmoid, low], &[])
        };
        let (x, attributes) = match name {
            "exp" | "expm1" | "square" => (bounded(self, x), vec![]),
            "log" | "log1p" | "sqrt" | "reciprocal" => (positive(self, x), vec![]),
            "powf" => (positive(self, x), vec![self.draw.choose(&[0.0, 1.0, 2.0, 3.0, 0.5, 1.5, -1.0])]),
            "clamp" => (x, vec![-0.61, 0.83]),
            _ => (x, vec![]),
        };
        self.push(name, &[x], &attributes)
    }

    fn binary(&mut self, name: &str, x: u32, y: u32) -> Option<u32> {
        broadcast(&[self.types[x as usize], self.types[y as usize]])?;
        let y = match name {
            "mul" => self.push("tanh", &[y], &[]),
            "div" => {
                let (positive, low) = (self.push("softplus", &[y], &[]), self.constant(0.7));
                self.push("add", &[positive, low], &[])
            }
            // Two forms of the same expression differ by rounding: a comparison must not see it.
            "less" | "less_equal" => {
                let distance = self.constant(0.012_345);
                self.push("add", &[y, distance], &[])
            }
            _ => y,
        };
        Some(self.push(name, &[x, y], &[]))
    }

    fn select(&mut self, x: u32, y: u32, z: u32) -> Option<u32> {
        broadcast(&[self.types[x as usize], self.types[y as usize], self.types[z as usize]])?;
        let limit = self.constant(0.123_45);
        let condition = self.push("less", &[x, limit], &[]);
        Some(self.push("select", &[condition, y, z], &[]))
    }

    fn along_vocab(&mut self, name: &str, x: u32) {
        match name {
            "gather" => {
                if let Some(index) = self.pick(&[Type::Index]) {
                    self.push("gather", &[x, index], &[]);
                }
            }
            "index_equal" => {
                if let (Some(x), Some(y)) = (self.pick(&[Type::Index]), self.pick(&[Type::Index])) {
                    self.push("index_equal", &[x, y], &[]);
                }
            }
            "equal" => {
                // Equal numbers are found where they are the same by construction.
                let max = self.push("max_vocab", &[x], &[]);
                self.push("equal", &[x, max], &[]);
            }
            _ => {
                let result = self.push(name, &[x], &[]);
                if name == "sum_vocab" {
                    self.shrink(result, 0.05);
                }
            }
        }
    }

    fn across_rows(&mut self, name: &str) {
        let ty = match name {
            "sum_rows" | "sum_sequence" => Type::Row,
            "expand_sequence" | "sum_sequences" => Type::Sequence,
            _ => {
                let value = self.draw.uniform() * 2.0 - 1.0;
                self.constant(value);
                return;
            }
        };
        if let Some(x) = self.pick(&[ty]) {
            let result = self.push(name, &[x], &[]);
            self.shrink(result, 0.1);
        }
    }

    fn shrink(&mut self, x: u32, factor: f64) -> u32 {
        let factor = self.constant(factor);
        self.push("mul", &[x, factor], &[])
    }

    /// A scalar that depends on a late node of every type.
    fn total(&mut self) -> u32 {
        let mut total = self.constant(0.0);
        for ty in NUMBERS {
            if let Some(x) = self.pick(&[ty]) {
                let scalar = self.sum_all(x);
                total = self.push("add", &[total, scalar], &[]);
            }
        }
        total
    }

    fn sum_all(&mut self, x: u32) -> u32 {
        match self.types[x as usize] {
            Type::Vocab => {
                let rows = self.push("sum_vocab", &[x], &[]);
                self.push("sum_rows", &[rows], &[])
            }
            Type::Row => self.push("sum_rows", &[x], &[]),
            Type::Sequence => self.push("sum_sequences", &[x], &[]),
            Type::Scalar | Type::Index => x,
        }
    }
}

const NUMBERS: [Type; 4] = [Type::Scalar, Type::Sequence, Type::Row, Type::Vocab];
const UNARY: [&str; 18] = [
    "neg",
    "abs",
    "exp",
    "log",
    "log1p",
    "expm1",
    "sqrt",
    "square",
    "reciprocal",
    "relu",
    "sigmoid",
    "log_sigmoid",
    "softplus",
    "tanh",
    "powf",
    "clamp",
    "stop_gradient",
    "neg",
];
const BINARY: [&str; 8] = ["add", "sub", "mul", "div", "minimum", "maximum", "less", "less_equal"];
const VOCAB: [&str; 10] = [
    "log_softmax",
    "softmax",
    "log_sum_exp",
    "sum_vocab",
    "mean_vocab",
    "max_vocab",
    "argmax",
    "gather",
    "index_equal",
    "equal",
];

fn check_types(nodes: &[Node]) -> Vec<Type> {
    let zero = Node { op: "constant".into(), inputs: vec![], attributes: vec![0.0] };
    let mut nodes = nodes.to_vec();
    nodes.push(zero);
    let last = nodes.len() as u32 - 1;
    let graph = Graph { op_set: 1, nodes, outputs: vec![Output { name: "x".into(), sum: last, weight: last }] };
    let mut types = check(&graph).unwrap_or_else(|error| panic!("the generator made an ill-typed graph: {error}"));
    types.pop();
    types
}

/// Whether the types can be combined.
fn broadcast(types: &[Type]) -> Option<()> {
    let has = |ty: Type| types.contains(&ty);
    (!(has(Type::Sequence) && (has(Type::Row) || has(Type::Vocab)))).then_some(())
}

/// A value of type `ty` that depends on the logits, differently for each `which`.
fn value(random: &mut Random, ty: Type, which: usize) -> u32 {
    let (logits, factor) = (random.push("input.logits", &[], &[]), random.constant(0.3 + which as f64 * 0.17));
    let wide = random.push("mul", &[logits, factor], &[]);
    if ty == Type::Vocab {
        return wide;
    }
    let row = random.push("log_sum_exp", &[wide], &[]);
    let centre = random.constant(3.0);
    let row = random.push("sub", &[row, centre], &[]);
    match ty {
        Type::Sequence => {
            let sum = random.push("sum_sequence", &[row], &[]);
            random.shrink(sum, 0.3)
        }
        Type::Scalar => {
            let sum = random.push("sum_rows", &[row], &[]);
            random.shrink(sum, 0.1)
        }
        _ => row,
    }
}

fn single(seed: u64, name: &str, ty: Type) -> Option<Graph> {
    let mut random = Random { draw: Draw::new(seed, "single"), nodes: Vec::new(), types: Vec::new() };
    let x = value(&mut random, ty, 0);
    let result = if UNARY.contains(&name) {
        random.unary(name, x)
    } else if BINARY.contains(&name) || name == "equal" {
        // The second argument is one step narrower where that broadcasts.
        let narrow = if ty == Type::Vocab { Type::Row } else { Type::Scalar };
        let y = value(&mut random, narrow, 1);
        random.binary(name, x, y)?
    } else {
        let index = random.push("input.target", &[], &[]);
        match (name, ty) {
            ("select", _) => {
                let (y, z) = (value(&mut random, ty, 1), value(&mut random, ty, 2));
                random.select(x, y, z)?
            }
            ("gather", Type::Vocab) => random.push(name, &[x, index], &[]),
            ("argmax" | "index_equal", Type::Vocab) => {
                let largest = random.push("argmax", &[x], &[]);
                random.push("index_equal", &[largest, index], &[])
            }
            (name, Type::Vocab) if VOCAB.contains(&name) => random.push(name, &[x], &[]),
            ("sum_rows" | "sum_sequence", Type::Row) | ("expand_sequence" | "sum_sequences", Type::Sequence) => {
                random.push(name, &[x], &[])
            }
            (name, Type::Row) if name.starts_with("input.") => random.push(name, &[], &[]),
            ("constant", Type::Scalar) => random.constant(0.4),
            _ => return None,
        }
    };
    if random.types[result as usize] == Type::Index {
        return None;
    }
    // A weight of its own for every element, so that no two gradients are mixed up.
    let squared = random.unary("square", result);
    let mixed = random.binary("add", squared, result)?;
    let sum = random.sum_all(mixed);
    let weight = random.constant(2.0);
    Some(Graph { op_set: 1, nodes: random.nodes, outputs: vec![Output { name: name.into(), sum, weight }] })
}
