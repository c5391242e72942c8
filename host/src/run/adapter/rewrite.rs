//! A network with an adapter: a rewrite of its description.

use super::AdapterConfig;
use crate::base::patterns::Pattern;
use crate::formats::peft::{A, B};
use crate::settings::did_you_mean;
use crate::{Error, Result};
use std::collections::{BTreeMap, BTreeSet};
use trainyard_plugin::network::{Layer, Network, Parameter};
use trainyard_plugin::{Setting, Value};

/// A network with an adapter.
#[derive(Debug, Clone, PartialEq)]
pub struct Adapted {
    /// The network with the adapter's layers.
    pub network: Network,
    /// Names of the parameters that are trained: the adapter's, and those that the config trains besides.
    pub trained: BTreeSet<String>,
    /// Names of the linear layers that have one, each with its rank and `alpha`.
    pub layers: Vec<(String, u32, f64)>,
    /// Whether the model stores the weights of these layers `[in, out]`.
    pub is_in_out: bool,
}

impl Adapted {
    /// Says whether a parameter has a gradient of 0 as long as the one behind it is 0: A before B has values.
    pub fn is_behind_zeros(&self, name: &str) -> bool {
        self.trained.contains(name) && name.ends_with(A)
    }
}

/// A pattern of layers' names: it matches a whole name, or the end of one behind a dot, as PEFT's names do.
struct Names(Pattern, Pattern);

impl Names {
    fn new(text: &str) -> Result<Self> {
        Ok(Self(Pattern::new(text)?, Pattern::new(&format!("*.{text}"))?))
    }

    fn covers(&self, name: &str) -> bool {
        self.0.covers(name) || self.1.matches(name)
    }
}

/// The linear layer that a layer of the network is: its name, and its columns before and after. None of others, and of
/// those whose weight another layer has too.
fn linear(network: &Network, layer: &Layer) -> Option<(String, [u32; 2])> {
    let &weight = layer.parameters.first().filter(|_| layer.op == "linear")?;
    let parameter = network.parameters.get(weight as usize)?;
    let readers = network.layers.iter().filter(|layer| layer.parameters.contains(&weight)).count();
    let name = parameter.name.strip_suffix(".weight")?;
    let [rows, columns] = parameter.shape[..] else { return None };
    let sizes = if is_in_out(layer) { [rows, columns] } else { [columns, rows] };
    (readers == 1).then(|| (name.to_owned(), sizes))
}

/// Whether a layer's weight is stored `[in, out]`.
fn is_in_out(layer: &Layer) -> bool {
    layer.attributes.iter().any(|one| one.key == "layout" && one.value == Value::Text("in-out".into()))
}

/// The layers of the network that the output is computed by: they have no adapter.
fn output_layers(network: &Network) -> BTreeSet<usize> {
    let mut layers = BTreeSet::new();
    for head in &network.heads {
        let mut next = Some(head.value as usize);
        while let Some(index) = next.filter(|&index| index < network.layers.len()) {
            layers.insert(index);
            let layer = &network.layers[index];
            next = layer.inputs.first().map(|&input| input as usize).filter(|_| layer.op != "linear");
        }
    }
    layers
}

/// The network with the adapter of `config`.
///
/// # Errors
/// A pattern that matches nothing, a rank that is not below a layer's width.
pub fn adapted(network: &Network, config: &AdapterConfig) -> Result<Adapted> {
    let output = output_layers(network);
    let linears: Vec<Option<(String, [u32; 2])>> = (0..network.layers.len())
        .map(|at| linear(network, &network.layers[at]).filter(|_| !output.contains(&at)))
        .collect();
    let names: Vec<&str> = linears.iter().flatten().map(|(name, _)| name.as_str()).collect();
    let targets = patterns("adapter.targets", config.targets.iter(), &names)?;
    let ranks = patterns("adapter.ranks", config.ranks.keys(), &names)?;
    let alphas = patterns("adapter.alphas", config.alphas.keys(), &names)?;
    let is_target = |name: &str| targets.is_empty() || targets.iter().any(|pattern| pattern.covers(name));
    let mut rewrite = Rewrite::new(network, config);
    for (at, (layer, linear)) in network.layers.iter().zip(&linears).enumerate() {
        let index = rewrite.keep(layer);
        let Some((name, sizes)) = linear.as_ref().filter(|(name, _)| is_target(name)) else { continue };
        let of = |patterns: &[Names]| patterns.iter().position(|pattern| pattern.covers(name));
        let rank = of(&ranks).and_then(|at| config.ranks.values().nth(at)).copied().unwrap_or(config.rank);
        let alpha = of(&alphas).and_then(|at| config.alphas.values().nth(at)).copied().unwrap_or(config.alpha);
        let least = sizes[0].min(sizes[1]);
        if rank > least {
            return Err(Error::usage(format!(
                "adapter.rank: expected at most {least}, the width of {name}, got {rank}; lower it"
            )));
        }
        rewrite.is_in_out |= is_in_out(layer);
        let product = rewrite.product(index, name, *sizes, (rank, alpha));
        rewrite.add(at, is_only_added(network, at), product);
    }
    rewrite.finish(&config.also_train)
}

/// Whether nothing reads a layer but one sum, as the residual stream does.
fn is_only_added(network: &Network, layer: usize) -> bool {
    let inputs = network.layers.iter().flat_map(|other| other.inputs.iter().map(move |&input| (other, input as usize)));
    let mut readers = inputs.filter(|(_, input)| *input == layer).map(|(reader, _)| reader);
    let is_sum = readers.next().is_some_and(|reader| reader.op == "add");
    is_sum && readers.next().is_none() && network.heads.iter().all(|head| head.value as usize != layer)
}

/// The patterns of a key.
fn patterns<'a>(key: &str, texts: impl Iterator<Item = &'a String>, names: &[&str]) -> Result<Vec<Names>> {
    let pattern = |text: &String| {
        let pattern = Names::new(text)?;
        if names.iter().any(|name| pattern.covers(name)) {
            return Ok(pattern);
        }
        let ends: BTreeSet<&str> = names.iter().map(|name| name.rsplit('.').next().unwrap_or(name)).collect();
        let ends: Vec<_> = ends.into_iter().collect();
        Err(Error::usage(format!("{key}: {text:?} matches no linear layer, {}", did_you_mean(text, &ends))))
    };
    texts.map(pattern).collect()
}

/// A network that is being written again.
struct Rewrite<'a> {
    config: &'a AdapterConfig,
    network: Network,
    /// The layer that stands for each layer of the old network.
    places: Vec<u32>,
    /// Products that the sum which reads a layer of the old network adds too, by this layer.
    waiting: BTreeMap<u32, u32>,
    trained: BTreeSet<String>,
    layers: Vec<(String, u32, f64)>,
    is_in_out: bool,
}

impl<'a> Rewrite<'a> {
    fn new(network: &Network, config: &'a AdapterConfig) -> Self {
        let network = Network { layers: Vec::new(), ..network.clone() };
        Self {
            config,
            network,
            places: Vec::new(),
            waiting: BTreeMap::new(),
            trained: BTreeSet::new(),
            layers: Vec::new(),
            is_in_out: false,
        }
    }

    /// Adds a layer of the old network; returns its place.
    fn keep(&mut self, layer: &Layer) -> u32 {
        let inputs = layer.inputs.iter().map(|&input| self.places[input as usize]).collect();
        let mut place = self.push(Layer { inputs, ..layer.clone() });
        for product in layer.inputs.iter().filter_map(|input| self.waiting.remove(input)).collect::<Vec<_>>() {
            place = self.sum(place, product);
        }
        self.places.push(place);
        place
    }

    /// Adds two layers.
    fn sum(&mut self, place: u32, product: u32) -> u32 {
        let scope = self.network.layers[product as usize].scope.replace("lora_B", "lora_sum");
        let (op, inputs) = ("add".to_owned(), vec![place, product]);
        self.push(Layer { op, scope, inputs, parameters: Vec::new(), attributes: Vec::new() })
    }

    /// Adds a product to layer `at` of the old network, which was kept last. Where only a sum reads it, that sum does:
    /// both products then end in an addition.
    fn add(&mut self, at: usize, is_only_added: bool, product: u32) {
        match self.places.last().copied() {
            Some(place) if !is_only_added => self.places[at] = self.sum(place, product),
            _ => drop(self.waiting.insert(at as u32, product)),
        }
    }

    fn push(&mut self, layer: Layer) -> u32 {
        self.network.layers.push(layer);
        self.network.layers.len() as u32 - 1
    }

    fn parameter(&mut self, name: String, shape: [u32; 2], (init, scale): (&str, f64)) -> u32 {
        self.trained.insert(name.clone());
        let parameter =
            Parameter { name, shape: shape.into(), init: init.to_owned(), scale, decay: true, aliases: Vec::new() };
        self.network.parameters.push(parameter);
        self.network.parameters.len() as u32 - 1
    }

    /// Makes x A B · scale for the linear layer at `place`, which is `name` and makes `columns[1]` columns of
    /// `columns[0]`; returns its place.
    /// The scale is applied between A and B, where there are few columns. A begins as `PyTorch`'s linear layers do, B
    /// with zeros, as in PEFT.
    fn product(&mut self, place: u32, name: &str, columns: [u32; 2], (rank, alpha): (u32, f64)) -> u32 {
        let [n_in, n_out] = columns;
        let (part, leaf) = name.rsplit_once('.').map_or(("", name), |(part, leaf)| (part, leaf));
        let scope =
            |what: &str| if part.is_empty() { format!("{what}.{leaf}") } else { format!("{part}.{what}.{leaf}") };
        let bound = 1.0 / f64::from(n_in).sqrt();
        let a = self.parameter(format!("{name}{A}"), [rank, n_in], ("uniform", bound));
        let b = self.parameter(format!("{name}{B}"), [n_out, rank], ("zeros", 0.0));
        let divisor = if self.config.rslora { f64::from(rank).sqrt() } else { f64::from(rank) };
        let number = |key: &str, value: f64| Setting { key: key.to_owned(), value: Value::Number(value) };
        let layer = |op: &str, scope: String, inputs: Vec<u32>, parameters: Vec<u32>, attributes: Vec<Setting>| Layer {
            op: op.to_owned(),
            scope,
            inputs,
            parameters,
            attributes,
        };
        let mut x = self.network.layers[place as usize].inputs[0];
        if self.config.dropout > 0.0 {
            let rate = number("rate", self.config.dropout);
            x = self.push(layer("dropout", scope("lora_dropout"), vec![x], Vec::new(), vec![rate]));
        }
        let x = self.push(layer("linear", scope("lora_A"), vec![x], vec![a], Vec::new()));
        let factor = number("factor", alpha / divisor);
        let x = self.push(layer("scale", scope("lora_scale"), vec![x], Vec::new(), vec![factor]));
        self.layers.push((name.to_owned(), rank, alpha));
        self.push(layer("linear", scope("lora_B"), vec![x], vec![b], Vec::new()))
    }

    /// The network, whose parameters that `also_train` names are trained too.
    fn finish(mut self, also_train: &[String]) -> Result<Adapted> {
        for head in &mut self.network.heads {
            head.value = self.places[head.value as usize];
        }
        let patterns: Vec<_> = also_train.iter().map(|text| Names::new(text)).collect::<Result<_>>()?;
        let names = || self.network.parameters.iter().map(|parameter| &parameter.name);
        let module = |name: &str| name.rsplit_once('.').map_or(name, |(module, _)| module).to_owned();
        for (text, pattern) in also_train.iter().zip(&patterns) {
            if !names().any(|name| pattern.covers(name) || pattern.covers(&module(name))) {
                return Err(Error::usage(format!(
                    "adapter.also_train: {text:?} matches no parameter (trainyard model inspect lists them)"
                )));
            }
        }
        let covered =
            |name: &&String| patterns.iter().any(|pattern| pattern.covers(name) || pattern.covers(&module(name)));
        let more: Vec<String> = names().filter(covered).cloned().collect();
        self.trained.extend(more);
        Ok(Adapted { network: self.network, trained: self.trained, layers: self.layers, is_in_out: self.is_in_out })
    }
}
