//! What the sweeps of a pass compute, as a graph of values.
//!
//! The interpreter keeps in memory what several sweeps use. A GPU computes faster than it reads: here a later sweep
//! computes a value again from the logits, unless that is long.

use crate::loss::ir::{Binary, Unary};
use crate::loss::row_program::{Finish, Item, LOGITS, Map, MapOp, NumberOp, Place, Reduction, RowProgram, Step};
use crate::ops::linear::Transform;

/// Number of the value that is the row of logits.
pub(super) const LOGITS_VALUE: usize = 0;

/// A value that takes more work than this is stored for later sweeps. An addition is 1; a value stored and loaded moves
/// 8 bytes, in which time a multiprocessor computes about 30 additions per element.
const COST_MAX: usize = 30;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operand {
    Zero,
    Register(usize),
    Value(usize),
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Apply {
    Unary(Unary),
    Binary(Binary),
    Select,
}

/// A vocabulary-wide value.
#[derive(Debug)]
pub(super) struct Value {
    /// None: the logits.
    pub apply: Option<(Apply, Vec<Operand>)>,
    /// The sweep that computes it first.
    sweep: usize,
    cost: usize,
    is_stored: bool,
    /// Its row of stored values.
    pub slot: Option<usize>,
}

/// The largest element of a value and the sum of e^(element - largest), in one sweep.
#[derive(Debug, Clone, Copy)]
pub(super) struct Softmax {
    pub of: Operand,
    /// Registers.
    pub max: usize,
    pub sum: usize,
}

#[derive(Debug, Default)]
pub(super) struct FlowSweep {
    pub reductions: Vec<(Reduction, Operand, usize)>,
    pub softmaxes: Vec<Softmax>,
    pub gradient: Option<Operand>,
    /// Stored values and the logits that it loads, in order.
    pub loads: Vec<usize>,
    /// What it computes, in order.
    pub computes: Vec<usize>,
    /// What it stores for later sweeps.
    pub stores: Vec<usize>,
}

#[derive(Debug)]
pub(super) enum FlowStep {
    Number(usize, NumberOp),
    /// The logit at the index in a register.
    Gather(usize, usize),
    Sweep(usize),
}

#[derive(Debug)]
pub(super) struct Flow {
    pub values: Vec<Value>,
    pub sweeps: Vec<FlowSweep>,
    pub steps: Vec<FlowStep>,
    /// Rows of stored values that a row of logits needs.
    pub n_slots: usize,
    places: Vec<(Place, usize)>,
}

impl Flow {
    pub fn new(program: &RowProgram) -> Self {
        let logits = Value { apply: None, sweep: 0, cost: 1, is_stored: true, slot: None };
        let mut flow = Self {
            values: vec![logits],
            sweeps: Vec::new(),
            steps: Vec::new(),
            n_slots: 0,
            places: vec![(LOGITS, LOGITS_VALUE)],
        };
        for step in &program.steps {
            flow.step(step);
        }
        // A gradient that is the logits themselves needs no sweep of the interpreter.
        if program.has_gradient && !flow.sweeps.iter().any(|sweep| sweep.gradient.is_some()) {
            flow.steps.push(FlowStep::Sweep(flow.sweeps.len()));
            let gradient = Some(Operand::Value(LOGITS_VALUE));
            flow.sweeps.push(FlowSweep { gradient, ..FlowSweep::default() });
        }
        flow.find_softmaxes();
        flow.store();
        for sweep in 0..flow.sweeps.len() {
            flow.demand(sweep);
        }
        flow.allocate();
        flow
    }

    /// The same for logits that `transform` makes from what is loaded: under a soft cap the way of a gradient back
    /// leads through the logit itself.
    pub fn under(mut self, transform: Transform) -> Self {
        if transform.soft_cap.is_none() {
            return self;
        }
        let is_left_out = |sweep: &&mut FlowSweep| {
            let depends = sweep.gradient.is_some_and(|gradient| gradient != Operand::Zero);
            depends && !sweep.loads.contains(&LOGITS_VALUE)
        };
        self.sweeps.iter_mut().filter(is_left_out).for_each(|sweep| sweep.loads.insert(0, LOGITS_VALUE));
        self
    }

    fn step(&mut self, step: &Step) {
        match step {
            // The compiler pushes every `gather` to the logits.
            &Step::Number(register, NumberOp::Gather(_, index)) => self.steps.push(FlowStep::Gather(register, index)),
            &Step::Number(register, op) => self.steps.push(FlowStep::Number(register, op)),
            Step::Sweep(sweep) => {
                let number = self.sweeps.len();
                self.steps.push(FlowStep::Sweep(number));
                self.sweeps.push(FlowSweep::default());
                for item in &sweep.items {
                    match item {
                        Item::Map(map) => {
                            let value = self.map(map, number);
                            self.places.retain(|&(place, _)| place != map.out);
                            self.places.push((map.out, value));
                        }
                        &Item::Reduce { reduction, of, register } => {
                            let of = self.operand(of);
                            self.sweeps[number].reductions.push((reduction, of, register));
                        }
                    }
                }
                self.sweeps[number].gradient = sweep.finish.as_ref().map(|finish| match finish {
                    Finish::Map(map) => Operand::Value(self.map(map, number)),
                    Finish::Copy(place) => self.operand(*place),
                    Finish::Zero => Operand::Zero,
                });
            }
        }
    }

    fn operand(&self, place: Place) -> Operand {
        if let Place::Register(register) = place {
            return Operand::Register(register);
        }
        // The schedule writes a place before it reads it; an input that no batch carries is refused before a run.
        let found = self.places.iter().find(|&&(other, _)| other == place);
        found.map_or(Operand::Zero, |&(_, value)| Operand::Value(value))
    }

    fn map(&mut self, map: &Map, sweep: usize) -> usize {
        let (apply, places) = match map.op {
            MapOp::Unary(op, x) => (Apply::Unary(op), vec![x]),
            MapOp::Binary(op, x, y) => (Apply::Binary(op), vec![x, y]),
            MapOp::Select(x, y, z) => (Apply::Select, vec![x, y, z]),
        };
        let inputs = places.into_iter().map(|place| self.operand(place)).collect();
        self.values.push(Value { apply: Some((apply, inputs)), sweep, cost: 0, is_stored: false, slot: None });
        self.values.len() - 1
    }

    /// Sums of exponentials move to the sweep that finds the maximum. Whether they do depends on nothing else: a loss
    /// is the same bits with and without its gradient.
    fn find_softmaxes(&mut self) {
        for later in 1..self.sweeps.len() {
            for reduction in std::mem::take(&mut self.sweeps[later].reductions) {
                let found = self.maximum_before(later, reduction);
                let Some((sweep, softmax)) = found else {
                    self.sweeps[later].reductions.push(reduction);
                    continue;
                };
                self.sweeps[sweep].reductions.retain(|&(_, _, register)| register != softmax.max);
                self.sweeps[sweep].softmaxes.push(softmax);
            }
        }
    }

    fn maximum_before(&self, later: usize, reduction: (Reduction, Operand, usize)) -> Option<(usize, Softmax)> {
        let (Reduction::Sum, Operand::Value(exponentials), sum) = reduction else { return None };
        let (Apply::Binary(Binary::ExpSub), inputs) = self.values[exponentials].apply.as_ref()? else { return None };
        let [of, Operand::Register(max)] = inputs[..] else { return None };
        let sweep = (0..later).find(|&sweep| self.sweeps[sweep].reductions.contains(&(Reduction::Max, of, max)))?;
        Some((sweep, Softmax { of, max, sum }))
    }

    /// Decides what is stored: what a later sweep uses and what takes long.
    fn store(&mut self) {
        let mut last_use: Vec<usize> = self.values.iter().map(|value| value.sweep).collect();
        let mut is_used = |operand: Operand, sweep: usize| {
            if let Operand::Value(value) = operand {
                last_use[value] = last_use[value].max(sweep);
            }
        };
        for value in &self.values {
            value.inputs().iter().for_each(|&input| is_used(input, value.sweep));
        }
        for (number, sweep) in self.sweeps.iter().enumerate() {
            sweep.reduced().for_each(|of| is_used(of, number));
            sweep.gradient.iter().for_each(|&of| is_used(of, number));
        }
        for (id, last_use) in last_use.into_iter().enumerate().skip(1) {
            let inputs = self.values[id].inputs().iter().map(|&input| match input {
                Operand::Value(input) if self.values[input].is_stored => 1,
                Operand::Value(input) => self.values[input].cost,
                Operand::Zero | Operand::Register(_) => 0,
            });
            let cost = inputs.fold(self.values[id].own_cost(), usize::saturating_add);
            self.values[id].cost = cost;
            self.values[id].is_stored = cost > COST_MAX && last_use > self.values[id].sweep;
        }
    }

    /// Lists what a sweep loads and computes, from what it must deliver.
    fn demand(&mut self, number: usize) {
        let stores: Vec<usize> =
            (1..self.values.len()).filter(|&id| self.values[id].is_stored && self.values[id].sweep == number).collect();
        let sweep = &self.sweeps[number];
        let roots = sweep.reduced().chain(sweep.gradient);
        let roots: Vec<_> = roots.chain(stores.iter().map(|&id| Operand::Value(id))).collect();
        let (loads, computes) = self.closure(&roots, number);
        let sweep = &mut self.sweeps[number];
        (sweep.loads, sweep.computes, sweep.stores) = (loads, computes, stores);
    }

    /// What `roots` need in a sweep: values to load, values to compute.
    pub fn closure(&self, roots: &[Operand], sweep: usize) -> (Vec<usize>, Vec<usize>) {
        let mut is_needed = vec![false; self.values.len()];
        for root in roots {
            if let Operand::Value(value) = *root {
                is_needed[value] = true;
            }
        }
        let (mut loads, mut computes) = (Vec::new(), Vec::new());
        for id in (0..self.values.len()).rev() {
            if !is_needed[id] {
                continue;
            }
            let value = &self.values[id];
            if id == LOGITS_VALUE || (value.is_stored && value.sweep < sweep) {
                loads.push(id);
            } else {
                computes.push(id);
                for input in value.inputs() {
                    if let Operand::Value(input) = *input {
                        is_needed[input] = true;
                    }
                }
            }
        }
        loads.reverse();
        computes.reverse();
        (loads, computes)
    }

    /// Gives each stored value a row, which another may have after its last use.
    fn allocate(&mut self) {
        let mut free_from: Vec<usize> = Vec::new();
        for number in 0..self.sweeps.len() {
            for id in self.sweeps[number].stores.clone() {
                let last = (number..self.sweeps.len()).filter(|&s| self.sweeps[s].loads.contains(&id)).max();
                let free = (0..free_from.len()).find(|&slot| free_from[slot] <= number);
                let slot = free.unwrap_or(free_from.len());
                free_from.resize(free_from.len().max(slot + 1), 0);
                // Not in the sweep that reads it last: threads are not in step.
                free_from[slot] = last.unwrap_or(number) + 1;
                self.values[id].slot = Some(slot);
            }
        }
        self.n_slots = free_from.len();
    }
}

impl FlowSweep {
    /// What reductions read.
    fn reduced(&self) -> impl Iterator<Item = Operand> {
        let softmaxes = self.softmaxes.iter().map(|softmax| softmax.of);
        self.reductions.iter().map(|&(_, of, _)| of).chain(softmaxes)
    }

    /// Whether nothing is left to be done.
    pub fn is_empty(&self) -> bool {
        self.reduced().next().is_none() && self.gradient.is_none() && self.stores.is_empty()
    }
}

impl Value {
    pub fn inputs(&self) -> &[Operand] {
        self.apply.as_ref().map_or(&[], |(_, inputs)| inputs)
    }

    fn own_cost(&self) -> usize {
        match &self.apply {
            Some((Apply::Unary(op), _)) => match op {
                Unary::Powf(_) => 40,
                Unary::LogSigmoid | Unary::Softplus | Unary::Sigmoid => 24,
                Unary::Exp | Unary::Log | Unary::Log1p | Unary::Expm1 | Unary::Tanh => 12,
                Unary::Sqrt | Unary::Reciprocal => 8,
                _ => 1,
            },
            Some((Apply::Binary(Binary::ExpSub), _)) => 12,
            Some((Apply::Binary(Binary::Div), _)) => 8,
            _ => 1,
        }
    }
}
