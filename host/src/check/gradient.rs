//! The gradient of a described network against finite differences of what it computes.

use super::input::Dice;
use super::{Defect, Found};
use crate::model::{Model, Param, Purpose, Spec};
use crate::ops::{Column, Device, Engine, Precision, Tensor};
use crate::rows::{Source, Tokens};
use candle_core::Tensor as Cpu;
use trainyard_plugin::network::{Network, count};

/// Tokens of the vocabulary, sequences, tokens of each, tokens of each source.
pub const VOCAB: u32 = 29;
const SEQUENCES: usize = 2;
pub const LENGTH: usize = 7;
const SOURCE_LENGTH: usize = 5;
/// Numbers that are compared, of different parameters as far as there are so many.
const COMPARED: usize = 40;
/// Shift of the finite difference, and largest difference from it, relative to the largest gradient of the parameter
/// and to the largest of all.
const SHIFT: f64 = 1e-5;
const TOLERANCE: f64 = 1e-5;
const FLOOR: f64 = 1e-3;
/// Noise on the parameters, so that none is where an activation has a corner.
const NOISE: f64 = 0.05;
/// Most parameters of a network that is tried: a plugin's defaults make a small one.
pub const PARAMETERS_MAX: u64 = 1 << 24;

/// A batch, and the numbers that the hidden states are multiplied with.
struct Case {
    ids: Vec<u32>,
    positions: Vec<u32>,
    types: Vec<u32>,
    source: Option<(Vec<u32>, Vec<u32>, Vec<u32>)>,
    engine: Engine,
}

/// Compares gradients of a sum over the last hidden states, with random weights, with slopes, in f64.
///
/// # Errors
/// A gradient that differs; a network that cannot be run.
pub fn check(network: &Network, seed: u64) -> Found<String> {
    let mut model = Model::new(&Spec::new(network, LENGTH, Purpose::Training), engine(), seed)?;
    let mut dice = Dice::new(seed, 0x6d6f_6465);
    for (name, param) in model.params().iter() {
        let moved: Vec<f64> = param.value.to_vec()?.into_iter().map(|x| x + NOISE * (dice.uniform() - 0.5)).collect();
        model.params().set(name, &cpu(moved, param.value.dims())?)?;
    }
    let case = Case::new(network, &mut dice);
    let hidden = case.hidden(&mut model)?;
    let weights: Vec<f64> = hidden.iter().map(|_| 2.0 * dice.uniform() - 1.0).collect();
    let gradient = case.gradient(&mut model, &weights)?;
    let largest = gradient.iter().flat_map(|(_, gradient)| gradient).fold(0.0_f64, |most, x| most.max(x.abs()));
    let (mut n_compared, mut worst) = (0, 0.0_f64);
    for index in 0..if gradient.is_empty() { 0 } else { COMPARED } {
        // spread over all parameters, in the order of their names
        let (name, gradient) = &gradient[index * gradient.len() / COMPARED];
        let own = gradient.iter().fold(0.0_f64, |most, x| most.max(x.abs()));
        let scale = own.max(FLOOR * largest).max(f64::MIN_POSITIVE);
        let at = dice.below(gradient.len());
        let slope = case.slope(&mut model, name, at, &weights)?;
        let far = (slope - gradient[at]).abs() / scale;
        if far.is_nan() || far > TOLERANCE {
            return Err(Defect(format!(
                "by number {at} of {name} the gradient is {:.6e}, the slope is {slope:.6e}: the network is not smooth there",
                gradient[at]
            )));
        }
        (n_compared, worst) = (n_compared + 1, worst.max(far));
    }
    let n = count(network);
    Ok(format!("{n_compared} numbers of {n} parameters equal finite differences, the worst to {worst:.0e}"))
}

fn engine() -> Engine {
    Engine::on(Device::Cpu, Precision::F64)
}

impl Case {
    fn new(network: &Network, dice: &mut Dice) -> Self {
        let ids = |n: usize, dice: &mut Dice| (0..n).map(|_| dice.below(VOCAB as usize) as u32).collect::<Vec<_>>();
        let places = |length: usize| (0..SEQUENCES * length).map(|row| (row % length) as u32).collect::<Vec<_>>();
        let n = SEQUENCES * LENGTH;
        let reads_source = network.layers.iter().any(|layer| layer.op == "input.source_ids");
        let source = reads_source.then(|| {
            let valid = vec![SOURCE_LENGTH as u32; SEQUENCES];
            (ids(SEQUENCES * SOURCE_LENGTH, dice), places(SOURCE_LENGTH), valid)
        });
        Self { ids: ids(n, dice), positions: places(LENGTH), types: vec![0; n], source, engine: engine() }
    }

    fn tokens(&self) -> Found<Tokens<'_>> {
        let tokens = Tokens::new(&self.engine, &self.ids, &self.positions, LENGTH)?;
        let source = match &self.source {
            None => None,
            Some((ids, positions, valid)) => Some(Source {
                ids: Column::new(&self.engine, ids)?,
                positions: Column::new(&self.engine, positions)?,
                valid: Column::new(&self.engine, valid)?,
                length: SOURCE_LENGTH,
            }),
        };
        Ok(Tokens { types: Some(Column::new(&self.engine, &self.types)?), source, ..tokens })
    }

    /// The last hidden states, one row after the other.
    fn hidden(&self, model: &mut Model) -> Found<Vec<f64>> {
        Ok(model.forward(&self.tokens()?, None)?.to_vec()?)
    }

    fn sum(&self, model: &mut Model, weights: &[f64]) -> Found<f64> {
        Ok(self.hidden(model)?.iter().zip(weights).map(|(x, weight)| x * weight).sum())
    }

    /// The gradient of the sum by each parameter.
    fn gradient(&self, model: &mut Model, weights: &[f64]) -> Found<Vec<(String, Vec<f64>)>> {
        let tokens = self.tokens()?;
        let hidden = model.forward(&tokens, None)?;
        let given = Tensor::copied(&cpu(weights.to_vec(), hidden.dims())?, hidden.dtype(), &hidden.device())?;
        model.backward(&tokens, None, &given)?;
        let gradient = |(name, param): (&str, &Param)| -> Found<Option<(String, Vec<f64>)>> {
            let values = param.grad.as_ref().map(Tensor::to_vec).transpose()?;
            Ok(values.map(|values| (name.to_owned(), values)))
        };
        model.params().iter().filter_map(|param| gradient(param).transpose()).collect()
    }

    fn slope(&self, model: &mut Model, name: &str, at: usize, weights: &[f64]) -> Found<f64> {
        let found = model.params().iter().find(|(known, _)| *known == name);
        let Some((values, dims)) = found.map(|(_, param)| (param.value.to_vec(), param.value.dims().to_vec())) else {
            return Err(Defect(format!("{name} is no parameter")));
        };
        let values = values?;
        let mut sums = [0.0; 2];
        for (sum, shift) in sums.iter_mut().zip([SHIFT, -SHIFT]) {
            let mut moved = values.clone();
            moved[at] += shift;
            model.params().set(name, &cpu(moved, &dims)?)?;
            *sum = self.sum(model, weights)?;
        }
        model.params().set(name, &cpu(values, &dims)?)?;
        Ok((sums[0] - sums[1]) / (2.0 * SHIFT))
    }
}

fn cpu(values: Vec<f64>, dims: &[usize]) -> Found<Cpu> {
    Cpu::from_vec(values, dims, &candle_core::Device::Cpu).map_err(|error| Defect(error.to_string()))
}
