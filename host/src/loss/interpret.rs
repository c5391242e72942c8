//! Runs a [`RowProgram`] on one row after the other.

use super::ir::Input;
use super::kernels::{self, Operand};
use super::math;
use super::row_program::{Finish, Item, Load, Map, MapOp, NumberOp, PIECE, Place, Reduction, RowProgram, Step, Sweep};
use super::run::{Given, Values};
use crate::ops::Float;
use std::mem::take;
use std::ops::Range;

/// The memory of one thread.
pub(super) struct Worker<'a, T> {
    program: &'a RowProgram,
    values: &'a Values<T>,
    given: &'a Given<'a>,
    vocab: usize,
    registers: Vec<T>,
    pieces: Vec<Vec<T>>,
    /// Number 0 stays empty: it is the row of logits.
    buffers: Vec<Vec<T>>,
    /// States of the reductions of the current sweep.
    states: Vec<State<T>>,
}

/// A reduction so far.
#[derive(Debug, Clone, Copy)]
struct State<T> {
    sum: f64,
    max: T,
    index: usize,
}

impl<'a, T: Float> Worker<'a, T> {
    pub fn new(program: &'a RowProgram, values: &'a Values<T>, given: &'a Given<'a>, vocab: usize) -> Self {
        let mut registers = vec![T::ZERO; program.n_registers];
        for &(register, id) in &program.fixed {
            registers[register] = T::of(values.scalar(id));
        }
        let buffer = |i: usize| vec![T::ZERO; if i == 0 { 0 } else { vocab }];
        Self {
            program,
            values,
            given,
            vocab,
            registers,
            pieces: vec![vec![T::ZERO; PIECE.min(vocab)]; program.n_pieces],
            buffers: (0..program.n_buffers).map(buffer).collect(),
            states: Vec::new(),
        }
    }

    /// `logits` `[vocab]` of row `row` become their gradient if the program has one; `exports` is filled.
    pub fn run(&mut self, row: usize, logits: &mut [T], exports: &mut [T]) {
        let program = self.program;
        for &(register, load) in &program.loads {
            self.registers[register] = self.load(load, row);
        }
        for &(buffer, input) in &program.wide_loads {
            self.load_wide(input, row, buffer);
        }
        for step in &program.steps {
            match step {
                Step::Number(register, op) => self.registers[*register] = self.number(*op, logits),
                Step::Sweep(sweep) => self.sweep(sweep, logits),
            }
        }
        for &(index, value) in &program.scatter {
            logits[self.registers[index].f64() as usize] += self.registers[value];
        }
        for (export, &(_, register)) in exports.iter_mut().zip(&program.exports) {
            *export = self.registers[register];
        }
    }

    fn load(&self, load: Load, row: usize) -> T {
        let Given { rows, .. } = self.given;
        match load {
            // Checked before the run: the rows carry it.
            Load::Input(Input::Row(input)) => T::of(rows.columns.get(input).at(row)),
            // These are no row values.
            Load::Input(Input::Logits | Input::HeldLogits | Input::Step | Input::Scale) => T::ZERO,
            Load::Saved(id) => self.values.rows(id)[row],
            Load::Sequence(id) => T::of(self.values.sequences(id)[rows.group[row] as usize]),
        }
    }

    /// Fills a buffer with a row of a vocabulary-wide input.
    fn load_wide(&mut self, input: Input, row: usize, buffer: usize) {
        let (given, first) = (self.given, row * self.vocab);
        let to = self.buffers[buffer].iter_mut().enumerate();
        match input {
            Input::Row(input) => {
                let values = given.rows.columns.get(input);
                to.for_each(|(i, to)| *to = T::of(values.at(first + i)));
            }
            // Of the others only these are wide and no logits.
            _ => to.for_each(|(i, to)| *to = T::of(given.held.get(first + i).copied().unwrap_or(f64::NAN))),
        }
    }

    fn number(&self, op: NumberOp, logits: &[T]) -> T {
        let at = |register: usize| self.registers[register];
        match op {
            NumberOp::Unary(op, x) => math::unary(op, at(x)),
            NumberOp::Binary(op, x, y) => math::binary(op, at(x), at(y)),
            NumberOp::Select(x, y, z) => math::select(at(x), at(y), at(z)),
            NumberOp::Gather(from, index) => {
                let index = at(index).f64() as usize;
                match self.operand(from, logits, index..index + 1) {
                    Operand::Piece(values) => values[0],
                    Operand::Same(value) => value,
                }
            }
        }
    }

    fn sweep(&mut self, sweep: &Sweep, logits: &mut [T]) {
        self.states.clear();
        self.states.resize(sweep.items.len(), State { sum: 0.0, max: T::LOWEST, index: 0 });
        for start in (0..logits.len()).step_by(PIECE) {
            let piece = start..logits.len().min(start + PIECE);
            for (i, item) in sweep.items.iter().enumerate() {
                match item {
                    Item::Map(map) => self.map(map, logits, piece.clone()),
                    Item::Reduce { reduction, of, .. } => {
                        self.states[i] = self.reduce(self.states[i], *reduction, *of, logits, piece.clone());
                    }
                }
            }
            match &sweep.finish {
                Some(Finish::Map(map)) => self.map(map, logits, piece),
                Some(Finish::Copy(from)) => match self.operand(*from, &[], piece.clone()) {
                    Operand::Piece(values) => logits[piece].copy_from_slice(values),
                    Operand::Same(value) => logits[piece].fill(value),
                },
                Some(Finish::Zero) => logits[piece].fill(T::ZERO),
                None => {}
            }
        }
        for (state, item) in self.states.iter().zip(&sweep.items) {
            if let Item::Reduce { reduction, register, .. } = item {
                self.registers[*register] = match reduction {
                    Reduction::Sum => T::of(state.sum),
                    Reduction::Max => state.max,
                    Reduction::Argmax => T::of(state.index as f64),
                };
            }
        }
    }

    fn operand<'s>(&'s self, place: Place, logits: &'s [T], piece: Range<usize>) -> Operand<'s, T> {
        match place {
            Place::Register(register) => Operand::Same(self.registers[register]),
            Place::Piece(i) => Operand::Piece(&self.pieces[i][..piece.len()]),
            Place::Buffer(0) => Operand::Piece(&logits[piece]),
            Place::Buffer(i) => Operand::Piece(&self.buffers[i][piece]),
        }
    }

    /// The result is taken out of the worker while it is written; the schedule never reads it in the same operation.
    fn map(&mut self, map: &Map, logits: &mut [T], piece: Range<usize>) {
        match map.out {
            Place::Piece(i) => {
                let mut out = take(&mut self.pieces[i]);
                self.apply(map.op, logits, piece.clone(), &mut out[..piece.len()]);
                self.pieces[i] = out;
            }
            Place::Buffer(0) => self.apply(map.op, &[], piece.clone(), &mut logits[piece]),
            Place::Buffer(i) => {
                let mut out = take(&mut self.buffers[i]);
                self.apply(map.op, logits, piece.clone(), &mut out[piece]);
                self.buffers[i] = out;
            }
            // Vocabulary-wide results are never put into a register.
            Place::Register(_) => {}
        }
    }

    fn apply(&self, op: MapOp, logits: &[T], piece: Range<usize>, out: &mut [T]) {
        let at = |place: Place| self.operand(place, logits, piece.clone());
        match op {
            MapOp::Unary(op, x) => match at(x) {
                Operand::Piece(x) => kernels::unary(op, x, out),
                Operand::Same(x) => out.fill(math::unary(op, x)),
            },
            MapOp::Binary(op, x, y) => kernels::binary(op, at(x), at(y), out),
            MapOp::Select(x, y, z) => kernels::select(at(x), at(y), at(z), out),
        }
    }

    fn reduce(&self, state: State<T>, reduction: Reduction, of: Place, logits: &[T], piece: Range<usize>) -> State<T> {
        let start = piece.start;
        let Operand::Piece(values) = self.operand(of, logits, piece) else { return state };
        match reduction {
            // Pieces are added up in 64 bits: a vocabulary of any size costs no digits.
            Reduction::Sum => State { sum: state.sum + kernels::sum(values).f64(), ..state },
            Reduction::Max => State { max: Float::max(state.max, kernels::max(values)), ..state },
            Reduction::Argmax => {
                let max = kernels::max(values);
                let index = values.iter().position(|&value| value == max);
                match index {
                    Some(index) if max > state.max => State { max, index: start + index, ..state },
                    _ => state,
                }
            }
        }
    }
}
