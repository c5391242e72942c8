//! Orders what one pass computes for a row: which sweep, which register, piece or buffer.

use super::gradient::Gradient;
use super::ir::{Id, Input, Ir, Op};
use super::row_program::{
    BUFFERS_MAX, Finish, Item, LOGITS, Load, Map, MapOp, NumberOp, Place, Reduction, RowProgram, Step, Sweep,
};
use crate::{Error, Result};
use trainyard_plugin::graph::Type;

/// What one pass must deliver.
#[derive(Debug, Default)]
pub(super) struct Demand {
    /// Row and index nodes.
    pub exports: Vec<Id>,
    pub gradient: Option<Gradient>,
}

/// Compiles pass `pass`. `stages[id]` is the pass in which node `id` can be computed first.
pub(super) fn schedule(ir: &Ir, stages: &[usize], pass: usize, demand: &Demand) -> Result<RowProgram> {
    let mut schedule = Schedule::new(ir, stages, pass, demand);
    schedule.find_levels();
    schedule.sink();
    schedule.allocate_registers();
    schedule.emit(demand)?;
    Ok(schedule.program)
}

struct Schedule<'a> {
    ir: &'a Ir,
    /// What the pass computes or loads, in order.
    needed: Vec<Id>,
    /// What is not computed in this pass, but loaded.
    is_loaded: Vec<bool>,
    /// Numbers: the sweep before which they are ready. Wide values: the first sweep that could compute them.
    level: Vec<usize>,
    /// Wide values: the sweep that computes them, and the last one that reads them.
    sweep: Vec<usize>,
    last_use: Vec<usize>,
    place: Vec<Option<Place>>,
    n_sweeps: usize,
    /// The gradient's wide part.
    dense: Option<Id>,
    has_gradient: bool,
    free_buffers: Vec<usize>,
    program: RowProgram,
}

impl<'a> Schedule<'a> {
    fn new(ir: &'a Ir, stages: &[usize], pass: usize, demand: &Demand) -> Self {
        let n = ir.len();
        let is_loaded = |id: Id| match (ir.node(id).op, ir.ty(id)) {
            (_, Type::Scalar | Type::Sequence) | (Op::Input(_), _) => true,
            (Op::ExpandSequence, _) => false,
            (_, Type::Vocab) => false,
            _ => stages[id] < pass,
        };
        let is_loaded: Vec<_> = (0..n).map(is_loaded).collect();
        let mut marked = vec![false; n];
        let gradient = demand.gradient.iter().flat_map(|gradient| gradient.roots());
        demand.exports.iter().copied().chain(gradient).for_each(|id| marked[id] = true);
        for id in (0..n).rev().filter(|&id| !is_loaded[id]) {
            if marked[id] {
                ir.node(id).inputs.iter().for_each(|&input| marked[input] = true);
            }
        }
        Self {
            ir,
            // A sequence's value reaches a row through `ExpandSequence` only, which loads it.
            needed: (0..n).filter(|&id| marked[id] && ir.ty(id) != Type::Sequence).collect(),
            is_loaded,
            level: vec![0; n],
            sweep: vec![usize::MAX; n],
            last_use: vec![0; n],
            place: vec![None; n],
            n_sweeps: 0,
            dense: demand.gradient.as_ref().and_then(|gradient| gradient.dense),
            has_gradient: demand.gradient.is_some(),
            free_buffers: Vec::new(),
            program: RowProgram::default(),
        }
    }

    fn is_wide(&self, id: Id) -> bool {
        self.ir.ty(id) == Type::Vocab
    }

    /// The wide value that a reduction reads.
    fn reduced(&self, id: Id) -> Option<(Reduction, Id)> {
        let reduction = match self.ir.node(id).op {
            Op::SumVocab => Reduction::Sum,
            Op::MaxVocab => Reduction::Max,
            Op::Argmax => Reduction::Argmax,
            _ => return None,
        };
        (!self.is_loaded[id]).then(|| (reduction, self.ir.node(id).inputs[0]))
    }

    fn find_levels(&mut self) {
        for &id in self.needed.iter().filter(|&&id| !self.is_loaded[id]) {
            let inputs = self.ir.node(id).inputs.iter().map(|&input| self.level[input]).max();
            self.level[id] = inputs.unwrap_or(0) + usize::from(self.reduced(id).is_some());
        }
        // The gradient overwrites the logits, so it comes after everything that reads them.
        let reads = self.needed.iter().filter(|&&id| !self.is_loaded[id]).filter_map(|&id| match self.reduced(id) {
            Some((_, wide)) => Some(self.level[wide] + 1),
            None => (self.ir.node(id).op == Op::Gather).then(|| self.level[id] + 1),
        });
        let last_read = reads.max().unwrap_or(0);
        let gradient = self.dense.map_or(0, |dense| self.level[dense]) + 1;
        self.n_sweeps = if self.has_gradient { last_read.max(gradient) } else { last_read };
    }

    /// Computes wide values in the latest sweep that they are first used in: then few must be kept.
    fn sink(&mut self) {
        let use_in = |schedule: &mut Self, id: Id, sweep: usize| {
            schedule.sweep[id] = schedule.sweep[id].min(sweep);
            schedule.last_use[id] = schedule.last_use[id].max(sweep);
        };
        if let Some(dense) = self.dense {
            use_in(self, dense, self.n_sweeps - 1);
        }
        for &id in self.needed.clone().iter().rev() {
            if let Some((_, wide)) = self.reduced(id) {
                use_in(self, wide, self.level[wide]);
            } else if self.is_wide(id) && !self.is_loaded[id] {
                let sweep = self.sweep[id];
                for &input in &self.ir.node(id).inputs {
                    use_in(self, input, sweep);
                }
            }
        }
    }

    fn allocate_registers(&mut self) {
        self.program.n_buffers = 1;
        for &id in &self.needed {
            let node = self.ir.node(id);
            if self.is_wide(id) {
                if let Op::Input(input) = node.op {
                    let is_logits = input == Input::Logits;
                    self.program.n_buffers += usize::from(!is_logits);
                    self.place[id] = Some(if is_logits { LOGITS } else { Place::Buffer(self.program.n_buffers - 1) });
                    if !is_logits {
                        self.program.wide_loads.push((self.program.n_buffers - 1, input));
                    }
                    // Sweeps run over the logits, also where they read another input alone.
                    self.program.needs_logits = true;
                }
                continue;
            }
            let register = self.program.n_registers;
            self.program.n_registers += 1;
            self.place[id] = Some(Place::Register(register));
            match (node.op, node.ty) {
                (_, Type::Scalar) => self.program.fixed.push((register, id)),
                (Op::Input(input), _) => self.program.loads.push((register, Load::Input(input))),
                _ if self.is_loaded[id] => self.program.loads.push((register, Load::Saved(id))),
                (Op::ExpandSequence, _) => {
                    self.program.loads.push((register, Load::Sequence(node.inputs[0])));
                }
                _ => {}
            }
        }
        self.program.needs_logits |= self.has_gradient;
    }

    fn emit(&mut self, demand: &Demand) -> Result<()> {
        for sweep in 0..self.n_sweeps {
            self.emit_numbers(|level| level == sweep);
            let step = self.emit_sweep(sweep)?;
            if !step.items.is_empty() || step.finish.is_some() {
                self.program.steps.push(Step::Sweep(step));
            }
        }
        let n_sweeps = self.n_sweeps;
        self.emit_numbers(|level| level >= n_sweeps);
        self.program.exports = demand.exports.iter().map(|&id| (id, self.register(id))).collect();
        if let Some(gradient) = &demand.gradient {
            let at = gradient.at.iter().map(|&(index, value)| (self.register(index), self.register(value)));
            self.program.scatter = at.collect();
            self.program.has_gradient = true;
        }
        Ok(())
    }

    fn emit_numbers(&mut self, is_due: impl Fn(usize) -> bool) {
        for &id in &self.needed {
            let is_computed = !self.is_wide(id) && !self.is_loaded[id] && is_due(self.level[id]);
            if !is_computed || self.reduced(id).is_some() {
                continue;
            }
            let node = self.ir.node(id);
            let at = |i: usize| self.register(node.inputs[i]);
            let op = match node.op {
                Op::Unary(op) => NumberOp::Unary(op, at(0)),
                Op::Binary(op) => NumberOp::Binary(op, at(0), at(1)),
                Op::IndexEqual => NumberOp::Binary(super::ir::Binary::Equal, at(0), at(1)),
                Op::Select => NumberOp::Select(at(0), at(1), at(2)),
                Op::Gather => NumberOp::Gather(self.place_of(node.inputs[0]), at(1)),
                // Loaded.
                _ => continue,
            };
            let register = self.register(id);
            self.program.steps.push(Step::Number(register, op));
        }
    }

    fn emit_sweep(&mut self, sweep: usize) -> Result<Sweep> {
        let mut pieces = Pieces::default();
        let mut result = Sweep::default();
        let is_last = sweep + 1 == self.n_sweeps;
        let finishing = self.dense.filter(|&dense| is_last && self.can_finish(dense, sweep));
        let due: Vec<Id> = self.needed.iter().copied().filter(|&id| self.is_due(id, sweep)).collect();
        let uses = self.uses_in(&due);
        for (position, &id) in due.iter().enumerate() {
            if let Some((reduction, wide)) = self.reduced(id) {
                let (of, register) = (self.place_of(wide), self.register(id));
                result.items.push(Item::Reduce { reduction, of, register });
            } else if Some(id) == finishing {
                // Computed last, straight into the row of logits.
            } else {
                let out = match self.last_use[id] > sweep {
                    true => self.take_buffer()?,
                    false => pieces.take(),
                };
                result.items.push(Item::Map(Map { op: self.map_op(id), out }));
                self.place[id] = Some(out);
            }
            for &used in uses.iter().filter(|&&(_, last)| last == position).map(|(id, _)| id) {
                // What the finish reads stays to the end.
                let is_read_last = Some(used) == self.dense
                    || finishing.is_some_and(|finishing| self.ir.node(finishing).inputs.contains(&used));
                if let (Some(Place::Piece(piece)), false) = (self.place[used], is_read_last) {
                    pieces.free.push(piece);
                }
            }
        }
        if self.has_gradient && is_last {
            result.finish = self.finish(finishing);
        }
        self.program.n_pieces = self.program.n_pieces.max(pieces.n);
        self.free_buffers(sweep);
        Ok(result)
    }

    fn is_due(&self, id: Id, sweep: usize) -> bool {
        match self.reduced(id) {
            Some((_, wide)) => self.level[wide] == sweep,
            None => self.is_wide(id) && !self.is_loaded[id] && self.sweep[id] == sweep,
        }
    }

    /// For each wide value that items of a sweep read, the position of the last one that does.
    fn uses_in(&self, due: &[Id]) -> Vec<(Id, usize)> {
        let mut last = std::collections::BTreeMap::new();
        for (position, &id) in due.iter().enumerate() {
            last.extend(self.ir.node(id).inputs.iter().filter(|&&input| self.is_wide(input)).map(|&i| (i, position)));
        }
        last.into_iter().collect()
    }

    /// Whether the gradient's operation can write into the row of logits as the last item of its sweep.
    fn can_finish(&self, dense: Id, sweep: usize) -> bool {
        let is_read = self.needed.iter().any(|&id| self.is_due(id, sweep) && self.ir.node(id).inputs.contains(&dense));
        let reads_logits = self.ir.node(dense).inputs.iter().any(|&input| self.place[input] == Some(LOGITS));
        self.is_due(dense, sweep) && !is_read && !reads_logits
    }

    fn finish(&self, finishing: Option<Id>) -> Option<Finish> {
        match (finishing, self.dense) {
            (Some(id), _) => Some(Finish::Map(Map { op: self.map_op(id), out: LOGITS })),
            (None, Some(dense)) if self.place_of(dense) == LOGITS => None,
            (None, Some(dense)) => Some(Finish::Copy(self.place_of(dense))),
            (None, None) => Some(Finish::Zero),
        }
    }

    fn map_op(&self, id: Id) -> MapOp {
        let node = self.ir.node(id);
        let at = |i: usize| self.place_of(node.inputs[i]);
        match node.op {
            Op::Unary(op) => MapOp::Unary(op, at(0)),
            Op::Binary(op) => MapOp::Binary(op, at(0), at(1)),
            _ => MapOp::Select(at(0), at(1), at(2)),
        }
    }

    fn take_buffer(&mut self) -> Result<Place> {
        if let Some(free) = self.free_buffers.pop() {
            return Ok(Place::Buffer(free));
        }
        self.program.n_buffers += 1;
        if self.program.n_buffers > BUFFERS_MAX {
            return Err(Error::plugin(format!(
                "the graph keeps more than {BUFFERS_MAX} vocabulary-wide values per row; use fewer reductions over the \
                 vocabulary that depend on each other"
            )));
        }
        Ok(Place::Buffer(self.program.n_buffers - 1))
    }

    /// Buffers that no later sweep reads. Not reused in the same sweep: it would read and write one row.
    fn free_buffers(&mut self, sweep: usize) {
        for &id in &self.needed {
            match self.place[id] {
                Some(Place::Buffer(buffer)) if self.last_use[id] == sweep && !self.is_loaded[id] => {
                    self.free_buffers.push(buffer);
                }
                _ => {}
            }
        }
    }

    fn place_of(&self, id: Id) -> Place {
        // Inputs come before their users, so they have a place by then.
        self.place[id].expect("a node is placed before it is used")
    }

    fn register(&self, id: Id) -> usize {
        match self.place_of(id) {
            Place::Register(register) => register,
            // Types were checked: only numbers are asked for.
            Place::Piece(_) | Place::Buffer(_) => unreachable!("a wide value where a number is expected"),
        }
    }
}

/// The pieces of one sweep.
#[derive(Debug, Default)]
struct Pieces {
    free: Vec<usize>,
    n: usize,
}

impl Pieces {
    fn take(&mut self) -> Place {
        Place::Piece(self.free.pop().unwrap_or_else(|| {
            self.n += 1;
            self.n - 1
        }))
    }
}
