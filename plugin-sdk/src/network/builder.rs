//! Builds a network by writing its forward.

use super::check::infer;
use super::layers::{Init, Linear, Recurrent};
use super::value::{Value, integer, number, text};
use super::values::{Space, Type};
use super::{Head, Layer, Network, Parameter, ops::find};
use crate::settings::Value as Constant;
use crate::{PluginError, Result, Setting};
use std::cell::RefCell;
use std::collections::HashMap;
use std::panic::Location;

/// Collects the layers of a network. Its functions are layers with parameters, which have names; [`Value`] has the
/// others. Names are relative to the block or scope that is open.
///
/// The first mistake, such as adding values of unequal width, is kept with its scope and line, and
/// [`Net::network`] returns it.
///
/// ```
/// use trainyard_plugin::network::{Attention, Linear, Net, Rotary};
///
/// let (layers, width, heads) = (2, 64, 4);
/// let g = Net::new();
/// let mut x = g.embedding("model.embed_tokens", g.ids(), 1000, width);
/// for layer in 0..layers {
///     x = g.block(&format!("model.layers.{layer}"), || {
///         let h = g.rms_norm("input_layernorm", x, 1e-5);
///         let rotary = Rotary::new(width / heads, 10_000.0);
///         let q = g.linear("self_attn.q_proj", h, width, Linear::PLAIN).rotary(&rotary);
///         let k = g.linear("self_attn.k_proj", h, width, Linear::PLAIN).rotary(&rotary);
///         let v = g.linear("self_attn.v_proj", h, width, Linear::PLAIN);
///         let h = q.attend(k, v, &Attention::causal(heads));
///         let x = x + g.linear("self_attn.o_proj", h, width, Linear::PLAIN);
///         let h = g.rms_norm("post_attention_layernorm", x, 1e-5);
///         let gate = g.linear("mlp.gate_proj", h, 4 * width, Linear::PLAIN).silu();
///         let up = g.linear("mlp.up_proj", h, 4 * width, Linear::PLAIN);
///         x + g.linear("mlp.down_proj", gate * up, width, Linear::PLAIN)
///     });
/// }
/// let x = g.rms_norm("model.norm", x, 1e-5);
/// g.head("logits", g.tied("model.embed_tokens", x));
/// let network = g.network()?;
/// assert_eq!(network.blocks.len(), layers);
/// # Ok::<(), trainyard_plugin::PluginError>(())
/// ```
#[derive(Debug, Default)]
pub struct Net(RefCell<State>);

#[derive(Debug, Default)]
struct State {
    network: Network,
    types: Vec<Type>,
    by_name: HashMap<String, u32>,
    scope: Vec<String>,
    error: Option<String>,
}

impl Net {
    /// An empty network.
    pub fn new() -> Self {
        Self::default()
    }

    /// The network.
    ///
    /// # Errors
    /// The first mistake that was made while it was built, and what [`super::check`] finds.
    pub fn network(&self) -> Result<Network> {
        let state = self.0.borrow();
        if let Some(error) = &state.error {
            return Err(PluginError::internal(error.clone()));
        }
        super::check(&state.network)?;
        Ok(state.network.clone())
    }

    /// Layers whose names begin with `name`, which may be the border at which activations are computed again.
    pub fn block<R>(&self, name: &str, layers: impl FnOnce() -> R) -> R {
        let path = self.path(name);
        self.0.borrow_mut().network.blocks.push(path);
        self.scope(name, layers)
    }

    /// Layers whose names begin with `name`.
    pub fn scope<R>(&self, name: &str, layers: impl FnOnce() -> R) -> R {
        let path = self.path(name);
        self.0.borrow_mut().scope.push(path);
        let result = layers();
        self.0.borrow_mut().scope.pop();
        result
    }

    /// A named result: `logits` is what a loss reads.
    #[track_caller]
    pub fn head(&self, name: &str, value: Value<'_>) {
        self.own(value);
        self.0.borrow_mut().network.heads.push(Head { name: name.into(), value: value.id });
    }

    /// Tensors of these names in files are no parameters; `*` is any text.
    pub fn ignore(&self, patterns: &[&str]) {
        self.0.borrow_mut().network.ignored.extend(patterns.iter().map(|pattern| (*pattern).to_owned()));
    }

    /// Files may also have parameter `name` (in full) under `alias`.
    pub fn alias(&self, name: &str, alias: &str) {
        let mut state = self.0.borrow_mut();
        match state.by_name.get(name).copied() {
            Some(index) => state.network.parameters[index as usize].aliases.push(alias.into()),
            None => state.fail(format!("there is no parameter {name} that could be named {alias} too")),
        }
    }

    /// A parameter, by its name in the scope that is open; that of an earlier layer, if there is one of this name.
    pub fn parameter(&self, name: &str, shape: &[u32], init: Init) -> u32 {
        let path = self.path(name);
        let mut state = self.0.borrow_mut();
        if let Some(&index) = state.by_name.get(&path) {
            if state.network.parameters[index as usize].shape != shape {
                let known = state.network.parameters[index as usize].shape.clone();
                state.fail(format!("parameter {path} has shape {known:?}, here it is used with {shape:?}"));
            }
            return index;
        }
        let index = state.network.parameters.len() as u32;
        let ((init, scale), decay) = (init.parts(), shape.len() > 1);
        let (init, aliases) = (init.to_owned(), Vec::new());
        state.network.parameters.push(Parameter {
            name: path.clone(),
            shape: shape.into(),
            init,
            scale,
            decay,
            aliases,
        });
        state.by_name.insert(path, index);
        index
    }

    /// `[row]` ids of the tokens that are read.
    pub fn ids(&self) -> Value<'_> {
        self.input("input.ids")
    }

    /// `[row]` position of each token in its document.
    pub fn positions(&self) -> Value<'_> {
        self.input("input.positions")
    }

    /// `[row]` which part of a pair each token belongs to.
    pub fn token_types(&self) -> Value<'_> {
        self.input("input.token_types")
    }

    /// `[source]` ids of the tokens that an encoder reads for a decoder.
    pub fn source_ids(&self) -> Value<'_> {
        self.input("input.source_ids")
    }

    /// `[source]` position of each source token.
    pub fn source_positions(&self) -> Value<'_> {
        self.input("input.source_positions")
    }

    /// `[space, columns]`: row `index` of the table `name.weight` `[n, columns]`, which begins normal with deviation
    /// 0.02.
    #[track_caller]
    pub fn embedding<'g>(&'g self, name: &str, index: Value<'g>, n: u32, columns: u32) -> Value<'g> {
        self.embedding_with(name, index, [n, columns], 0, Init::Normal(0.02))
    }

    /// The same with row `index + offset`, and another beginning.
    #[track_caller]
    pub fn embedding_with<'g>(
        &'g self,
        name: &str,
        index: Value<'g>,
        shape: [u32; 2],
        offset: u32,
        init: Init,
    ) -> Value<'g> {
        let table = self.parameter(&format!("{name}.weight"), &shape, init);
        let offset = (offset > 0).then(|| integer("offset", offset));
        self.push("embedding", name, &[index], &[table], offset.into_iter().collect())
    }

    /// `[sequence, columns]`: how often each number below `columns` is the index of a token, each token counted with
    /// the weight that the data gives it, or else with 1. Of [`Net::ids`] it is a bag of words.
    #[track_caller]
    pub fn bag<'g>(&'g self, index: Value<'g>, columns: u32) -> Value<'g> {
        self.push("bag", "", &[index], &[], vec![integer("columns", columns)])
    }

    /// `[space, columns]`: x W + b with `name.weight` and `name.bias`.
    #[track_caller]
    pub fn linear<'g>(&'g self, name: &str, x: Value<'g>, columns: u32, options: Linear) -> Value<'g> {
        let n_in = x.columns();
        let shape = if options.in_out { [n_in, columns] } else { [columns, n_in] };
        let mut parameters = vec![self.parameter(&format!("{name}.weight"), &shape, options.init)];
        if options.bias {
            parameters.push(self.parameter(&format!("{name}.bias"), &[columns], Init::Zeros));
        }
        let layout = options.in_out.then(|| text("layout", "in-out"));
        self.push("linear", name, &[x], &parameters, layout.into_iter().collect())
    }

    /// `[space, n]`: x times the table `name.weight` `[n, columns]` of an embedding (its full name), transposed.
    #[track_caller]
    pub fn tied<'g>(&'g self, name: &str, x: Value<'g>) -> Value<'g> {
        let full = format!("{name}.weight");
        let known = self.0.borrow().by_name.get(&full).copied();
        match known {
            Some(table) => self.push("linear", name, &[x], &[table], Vec::new()),
            None => {
                self.0.borrow_mut().fail(format!("there is no parameter {full} to be tied to"));
                x
            }
        }
    }

    /// Layer norm with `name.weight` and `name.bias`.
    #[track_caller]
    pub fn layer_norm<'g>(&'g self, name: &str, x: Value<'g>, epsilon: f64) -> Value<'g> {
        let weight = self.parameter(&format!("{name}.weight"), &[x.columns()], Init::Ones);
        let bias = self.parameter(&format!("{name}.bias"), &[x.columns()], Init::Zeros);
        self.push("layer_norm", name, &[x], &[weight, bias], vec![number("epsilon", epsilon)])
    }

    /// RMS norm with `name.weight`.
    #[track_caller]
    pub fn rms_norm<'g>(&'g self, name: &str, x: Value<'g>, epsilon: f64) -> Value<'g> {
        self.rms_norm_with(name, x, epsilon, x.columns(), 0.0)
    }

    /// RMS norm of each chunk of `width` columns, times `offset` + weight; the weight begins so that this is 1.
    #[track_caller]
    pub fn rms_norm_with<'g>(&'g self, name: &str, x: Value<'g>, epsilon: f64, width: u32, offset: f64) -> Value<'g> {
        let init = if offset == 0.0 { Init::Ones } else { Init::Zeros };
        let weight = self.parameter(&format!("{name}.weight"), &[width], init);
        let mut attributes = vec![number("epsilon", epsilon)];
        if offset != 0.0 {
            attributes.push(number("offset", offset));
        }
        self.push("rms_norm", name, &[x], &[weight], attributes)
    }

    /// `[space, state]`: a recurrent layer with PyTorch's parameters `weight_ih_l0`, `weight_hh_l0`, `bias_ih_l0` and
    /// `bias_hh_l0`, with the given suffix instead of `l0`, uniform within 1/√state.
    #[track_caller]
    pub fn recurrent<'g>(
        &'g self,
        kind: Recurrent,
        name: &str,
        x: Value<'g>,
        state: u32,
        suffix: &str,
        reverse: bool,
    ) -> Value<'g> {
        let rows = kind.gates() * state;
        let init = Init::Uniform(1.0 / f64::from(state.max(1)).sqrt());
        let path = |part: &str| match name {
            "" => format!("{part}_{suffix}"),
            _ => format!("{name}.{part}_{suffix}"),
        };
        let parameters = [
            self.parameter(&path("weight_ih"), &[rows, x.columns()], init),
            self.parameter(&path("weight_hh"), &[rows, state], init),
            self.parameter(&path("bias_ih"), &[rows], init),
            self.parameter(&path("bias_hh"), &[rows], init),
        ];
        let reverse = reverse.then(|| Setting { key: "reverse".into(), value: Constant::Boolean(true) });
        self.push(kind.op(), name, &[x], &parameters, reverse.into_iter().collect())
    }

    /// Causal depthwise convolution over `taps` positions, with `name.weight` `[columns, taps]` and `name.bias`.
    #[track_caller]
    pub fn conv<'g>(&'g self, name: &str, x: Value<'g>, taps: u32, bias: bool) -> Value<'g> {
        let init = Init::Uniform(1.0 / f64::from(taps.max(1)).sqrt());
        let mut parameters = vec![self.parameter(&format!("{name}.weight"), &[x.columns(), taps], init)];
        if bias {
            parameters.push(self.parameter(&format!("{name}.bias"), &[x.columns()], Init::Zeros));
        }
        self.push("conv", name, &[x], &parameters, Vec::new())
    }

    /// T5's bias by distance, with the table `name.weight` `[buckets, heads]`.
    #[track_caller]
    pub fn relative_bias(
        &self,
        name: &str,
        heads: u32,
        buckets: u32,
        max_distance: u32,
        bidirectional: bool,
    ) -> Value<'_> {
        let table = self.parameter(&format!("{name}.weight"), &[buckets, heads], Init::Normal(0.02));
        let bidirectional = Setting { key: "bidirectional".into(), value: Constant::Boolean(bidirectional) };
        self.push("relative_bias", name, &[], &[table], vec![bidirectional, integer("max_distance", max_distance)])
    }

    /// Columns of all values side by side.
    #[track_caller]
    pub fn concat<'g>(&'g self, values: &[Value<'g>]) -> Value<'g> {
        self.push("concat", "", values, &[], Vec::new())
    }

    /// Type of a layer's result.
    pub(super) fn type_of(&self, id: u32) -> Type {
        self.0.borrow().types[id as usize]
    }

    fn input(&self, op: &str) -> Value<'_> {
        let known = self.0.borrow().network.layers.iter().position(|layer| layer.op == op);
        match known {
            Some(id) => Value { net: self, id: id as u32 },
            None => self.push(op, "", &[], &[], Vec::new()),
        }
    }

    fn path(&self, name: &str) -> String {
        match self.0.borrow().scope.last() {
            Some(scope) if name.is_empty() => scope.clone(),
            Some(scope) => format!("{scope}.{name}"),
            None => name.to_owned(),
        }
    }

    /// Refuses a value of another network, whose number would name another layer here.
    #[track_caller]
    fn own(&self, value: Value<'_>) {
        if !std::ptr::eq(self, value.net) {
            panic!("{}: a value of another network; use one Net", Location::caller());
        }
    }

    /// Adds a layer by its op's name: what the functions of this type and of [`Value`] do.
    #[track_caller]
    pub fn push(
        &self,
        op: &str,
        name: &str,
        inputs: &[Value<'_>],
        parameters: &[u32],
        attributes: Vec<Setting>,
    ) -> Value<'_> {
        // a closure would be its own caller
        let at = Location::caller();
        for input in inputs {
            self.own(*input);
        }
        let inputs: Vec<_> = inputs.iter().map(|input| input.id).collect();
        let layer = Layer { op: op.into(), scope: self.path(name), inputs, parameters: parameters.into(), attributes };
        let mut state = self.0.borrow_mut();
        let inferred = infer(&state.network, &layer, &state.types).unwrap_or_else(|message| {
            let scope = if layer.scope.is_empty() { "(root)" } else { &layer.scope };
            state.fail(format!("{scope} ({op}): {message}, at {at}"));
            // what follows is not looked at
            Type::Matrix { space: Space::Row, columns: 1 }
        });
        state.types.push(inferred);
        // no newer set than it needs, so that older hosts run it
        let set = find(op).map_or(1, |op| op.set);
        state.network.op_set = state.network.op_set.max(set);
        state.network.layers.push(layer);
        Value { net: self, id: state.types.len() as u32 - 1 }
    }
}

impl State {
    fn fail(&mut self, message: String) {
        self.error.get_or_insert(message);
    }
}
