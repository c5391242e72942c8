//! The records of kind `model` as they cross the boundary.

use trainyard_plugin as sdk;
use trainyard_plugin::network::{MAX_LAYERS, MAX_PARAMETERS};
use wasmtime::component::{ComponentType, Lift, Lower};

#[derive(ComponentType, Lower, Clone, Copy)]
#[component(record)]
pub struct Size<'a> {
    name: &'a str,
    value: u32,
}

/// Sizes as a plugin is given them.
pub fn sizes(sizes: &sdk::Sizes) -> [Size<'static>; 3] {
    sizes.named().map(|(name, value)| Size { name, value })
}

/// A value that a plugin answers with.
#[derive(ComponentType, Lift)]
#[component(variant)]
pub enum Value {
    #[component(name = "boolean")]
    Boolean(bool),
    #[component(name = "integer")]
    Integer(i64),
    #[component(name = "number")]
    Number(f64),
    #[component(name = "text")]
    Text(String),
    #[component(name = "numbers")]
    Numbers(Vec<f64>),
    #[component(name = "texts")]
    Texts(Vec<String>),
}

#[derive(ComponentType, Lift)]
#[component(record)]
pub struct Setting {
    key: String,
    value: Value,
}

impl From<Setting> for sdk::Setting {
    fn from(setting: Setting) -> Self {
        let value = match setting.value {
            Value::Boolean(value) => sdk::Value::Boolean(value),
            Value::Integer(value) => sdk::Value::Integer(value),
            Value::Number(value) => sdk::Value::Number(value),
            Value::Text(value) => sdk::Value::Text(value),
            Value::Numbers(values) => sdk::Value::Numbers(values),
            Value::Texts(values) => sdk::Value::Texts(values),
        };
        Self { key: setting.key, value }
    }
}

#[derive(ComponentType, Lift)]
#[component(record)]
pub struct Parameter {
    name: String,
    shape: Vec<u32>,
    init: String,
    scale: f64,
    decay: bool,
    aliases: Vec<String>,
}

impl From<Parameter> for sdk::network::Parameter {
    fn from(parameter: Parameter) -> Self {
        let Parameter { name, shape, init, scale, decay, aliases } = parameter;
        Self { name, shape, init, scale, decay, aliases }
    }
}

#[derive(ComponentType, Lift)]
#[component(record)]
pub struct Layer {
    op: String,
    scope: String,
    inputs: Vec<u32>,
    parameters: Vec<u32>,
    attributes: Vec<Setting>,
}

impl From<Layer> for sdk::network::Layer {
    fn from(layer: Layer) -> Self {
        let Layer { op, scope, inputs, parameters, attributes } = layer;
        let attributes = attributes.into_iter().map(Into::into).collect();
        Self { op, scope, inputs, parameters, attributes }
    }
}

#[derive(ComponentType, Lift)]
#[component(record)]
pub struct Head {
    name: String,
    value: u32,
}

#[derive(ComponentType, Lift)]
#[component(record)]
pub struct Network {
    #[component(name = "op-set")]
    op_set: u32,
    parameters: Vec<Parameter>,
    layers: Vec<Layer>,
    heads: Vec<Head>,
    blocks: Vec<String>,
    ignored: Vec<String>,
}

impl Network {
    /// Refuses what is too large before anything is made of it.
    ///
    /// # Errors
    /// More layers or parameters than a network may have.
    pub fn check_counts(&self) -> sdk::Result<()> {
        let counts = [("layers", self.layers.len(), MAX_LAYERS), ("parameters", self.parameters.len(), MAX_PARAMETERS)];
        match counts.into_iter().find(|(_, n, most)| n > most) {
            None => Ok(()),
            Some((what, n, most)) => {
                let message = format!("the network has {n} {what}, at most {most} are allowed");
                Err(sdk::PluginError::internal(message))
            }
        }
    }
}

impl From<Network> for sdk::network::Network {
    fn from(network: Network) -> Self {
        let head = |head: Head| sdk::network::Head { name: head.name, value: head.value };
        Self {
            op_set: network.op_set,
            parameters: network.parameters.into_iter().map(Into::into).collect(),
            layers: network.layers.into_iter().map(Into::into).collect(),
            heads: network.heads.into_iter().map(head).collect(),
            blocks: network.blocks,
            ignored: network.ignored,
        }
    }
}
