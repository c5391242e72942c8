//! Random well-typed networks: values and gradients of the compiler's plan against candle's autograd over the layers
//! one by one, both in float64. Recomputation changes no bit, and reading token by token no result.

mod batch;
mod generate;
mod reference;

use super::{Weights, logits, model, train};
use crate::device;
use batch::Batch;
use candle_core::{Device, Tensor, Var};
use std::collections::BTreeMap;
use trainyard::base::random::Stream;
use trainyard::loss::Totals;
use trainyard::model::{Decoder, Dropout, Model, Purpose};
use trainyard::ops::{Engine, Precision};
use trainyard::rows::Tokens;
use trainyard_plugin::network::{Network, Parameter};

/// Differences that the order of additions makes, relative to the largest number.
const LIMIT: f64 = 1e-9;

/// Weights large enough that a wrong one shows.
fn weights(network: &Network) -> Weights {
    let draw = |parameter: &Parameter| {
        let shape: Vec<usize> = parameter.shape.iter().map(|&size| size as usize).collect();
        let n = shape.iter().product();
        let values: Vec<f64> = Stream::new(11, &parameter.name).normals(n).map(|x| 0.5 * x).collect();
        (parameter.name.clone(), Tensor::from_vec(values, shape, &Device::Cpu).unwrap())
    };
    network.parameters.iter().map(draw).collect()
}

fn engine() -> Engine {
    device::engine(Precision::F64)
}

fn planned(network: &Network, purpose: Purpose, weights: &Weights) -> Model {
    model(network, (Batch::CONTEXT, purpose, Precision::F64), weights)
}

type Gradients = BTreeMap<String, Vec<f64>>;

/// The sum of the losses, and the gradients of that.
fn trained(model: &mut Model, batch: &Batch, tokens: &Tokens<'_>, dropout: Option<Dropout>) -> (f64, Gradients) {
    let mut totals = Totals::new(&engine(), 1).unwrap();
    let rows = train(model, tokens, |n| batch.rows(n), dropout, &mut totals);
    let gradient = |param: &trainyard::model::Param| device::values(param.grad.as_ref().unwrap());
    let gradients = model.params().iter().map(|(name, param)| (name.to_owned(), gradient(param))).collect();
    let weight: f64 = rows.columns.weight.iter().copied().map(f64::from).sum();
    (totals.read().unwrap()[0].value() * weight, gradients)
}

fn assert_near(what: &str, got: &[f64], expected: &[f64]) {
    assert_eq!(got.len(), expected.len(), "{what}");
    let largest = expected.iter().fold(1.0, |a: f64, b| a.max(b.abs()));
    for (i, (got, expected)) in got.iter().zip(expected).enumerate() {
        let error = (got - expected).abs();
        assert!(error <= LIMIT * largest, "{what}[{i}]: got {got}, expected {expected}");
    }
}

/// Shows the network of a test that fails.
struct Shown<'a>(u64, &'a Network);

impl Drop for Shown<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("network {}:{}", self.0, written(self.1));
        }
    }
}

/// A network that a person can read.
fn written(network: &Network) -> String {
    let line = |(id, layer): (usize, &trainyard_plugin::network::Layer)| {
        let parameters: Vec<_> =
            layer.parameters.iter().map(|&parameter| &network.parameters[parameter as usize]).collect();
        let parameters: Vec<_> = parameters.iter().map(|parameter| (&parameter.name, &parameter.shape)).collect();
        let attributes: Vec<_> =
            layer.attributes.iter().map(|setting| format!("{}={:?}", setting.key, setting.value)).collect();
        format!("{id}: {} {:?} {parameters:?} {attributes:?} in {:?}\n", layer.op, layer.inputs, layer.scope)
    };
    let lines: String = network.layers.iter().enumerate().map(line).collect();
    format!("\n{lines}heads {:?}", network.heads)
}

fn check(seed: u64) {
    let network = generate::network(seed);
    let _shown = Shown(seed, &network);
    let (weights, batch) = (weights(&network), Batch::new(seed));
    let vars: BTreeMap<String, Var> =
        weights.iter().map(|(name, value)| (name.clone(), Var::from_tensor(value).unwrap())).collect();
    let expected = reference::logits(&network, &vars, &batch).unwrap();
    let loss = batch.loss(&expected).unwrap();
    let expected_gradients = loss.backward().unwrap();
    let flat = |tensor: &Tensor| tensor.flatten_all().unwrap().to_vec1::<f64>().unwrap();
    let (what, engine) = (format!("network {seed}"), engine());
    let tokens = batch.tokens(&engine);
    let mut kept = planned(&network, Purpose::Training, &weights);
    assert_near(&format!("{what}: logits"), &logits(&mut kept, &tokens), &flat(&expected));
    let (total, gradients) = trained(&mut kept, &batch, &tokens, None);
    assert_near(&format!("{what}: loss"), &[total], &flat(&loss));
    for (name, got) in &gradients {
        let expected = expected_gradients.get(&vars[name]).map_or_else(|| vec![0.0; got.len()], flat);
        assert_near(&format!("{what}: gradient of {name}"), got, &expected);
    }
    let dropout = Some(Dropout { stream: Stream::new(seed, "dropout"), first_sequence: 3 });
    let kept = trained(&mut planned(&network, Purpose::Training, &weights), &batch, &tokens, dropout);
    let again = trained(&mut planned(&network, Purpose::Recomputing, &weights), &batch, &tokens, dropout);
    assert!(kept.0.to_bits() == again.0.to_bits(), "{what}: recomputation changes the loss");
    for (name, gradient) in &kept.1 {
        assert!(*gradient == again.1[name], "{what}: recomputation changes the gradient of {name}");
    }
    decoded(&what, &network, &weights, &batch);
}

/// Token by token, and some tokens at once, as all at once, where the network can be read so.
fn decoded(what: &str, network: &Network, weights: &Weights, batch: &Batch) {
    let mut model = planned(network, Purpose::Inference, weights);
    let reads_source = network.layers.iter().any(|layer| layer.op == "input.source_ids");
    let alone = batch.first_document();
    let source = if reads_source { &alone.source_ids[..] } else { &[] };
    if Decoder::new(&model, source).is_err() {
        return;
    }
    let (engine, n) = (engine(), alone.ids.len());
    let expected = logits(&mut model, &Batch { types: vec![0; n], ..alone.clone() }.tokens(&engine));
    let mut decoder = Decoder::new(&model, source).unwrap();
    let got: Vec<f64> = alone.ids.iter().flat_map(|&id| decoder.read(&[id]).unwrap()).collect();
    assert_near(&format!("{what}: read token by token"), &got, &expected);
    let mut decoder = Decoder::new(&model, source).unwrap();
    let (first, rest) = alone.ids.split_at(n.div_ceil(2));
    let ends = [first, rest].into_iter().filter(|ids| !ids.is_empty());
    let got: Vec<f64> = ends.flat_map(|ids| decoder.read(ids).unwrap()).collect();
    let rows = [first.len(), n].into_iter().take(if rest.is_empty() { 1 } else { 2 });
    let width = model.vocab();
    let expected: Vec<f64> = rows.flat_map(|row| &expected[(row - 1) * width..row * width]).copied().collect();
    assert_near(&format!("{what}: read in two parts"), &got, &expected);
}

#[test]
fn random_networks_equal_autograd() {
    (0..100).for_each(check);
}

#[test]
#[ignore = "a thousand networks: make test-all"]
fn broad_random_networks_equal_autograd() {
    (100..1000).for_each(check);
}
