//! What a native model delivers: copied, with counts, lengths and UTF-8 checked.

use super::answer::{Answer, answer};
use std::ffi::c_void;
use trainyard_plugin::abi::{self, List, Str};
use trainyard_plugin::network::{Head, Layer, MAX_LAYERS, MAX_PARAMETERS, Network, Parameter};
use trainyard_plugin::{Setting, Sizes, Value};

/// The functions of a model that fill the answer of the host with this context.
pub fn networks(context: *mut c_void) -> abi::Networks {
    abi::Networks { size: size_of::<abi::Networks>(), context, network, settings }
}

/// Sizes as a plugin is given them.
pub fn sizes(sizes: &Sizes) -> [abi::Size; 3] {
    sizes.named().map(|(name, value)| abi::Size { name: List::new(name.as_bytes()), value })
}

impl Answer {
    /// # Safety
    /// As for [`Answer::list`].
    unsafe fn texts(&mut self, texts: List<Str>) -> Vec<String> {
        // SAFETY: the caller's promise
        unsafe {
            let texts = self.list(texts);
            texts.into_iter().map(|text| self.text(text)).collect()
        }
    }

    /// # Safety
    /// What `setting` points to is alive.
    unsafe fn setting(&mut self, setting: abi::Setting) -> Setting {
        // SAFETY: the caller's promise
        unsafe {
            let value = match setting.tag {
                0 => Value::Boolean(setting.integer != 0),
                1 => Value::Integer(setting.integer),
                2 => Value::Number(setting.number),
                3 => Value::Text(self.text(setting.text)),
                4 => Value::Numbers(self.list(setting.numbers)),
                5 => Value::Texts(self.texts(setting.texts)),
                other => {
                    self.invalid(format!("delivered a setting of type {other}, expected 0 to 5"));
                    Value::Boolean(false)
                }
            };
            Setting { key: self.text(setting.key), value }
        }
    }

    /// # Safety
    /// What `list` points to is alive.
    unsafe fn setting_list(&mut self, list: List<abi::Setting>) -> Vec<Setting> {
        // SAFETY: the caller's promise
        unsafe {
            let list = self.list(list);
            list.into_iter().map(|setting| self.setting(setting)).collect()
        }
    }

    /// # Safety
    /// What `from` points to is alive.
    unsafe fn read_network(&mut self, from: &abi::Network) -> Network {
        let mut network = Network { op_set: from.op_set, ..Network::default() };
        // SAFETY: the caller's promise
        unsafe {
            for parameter in self.list(from.parameters) {
                network.parameters.push(Parameter {
                    name: self.text(parameter.name),
                    shape: self.list(parameter.shape),
                    init: self.text(parameter.init),
                    scale: parameter.scale,
                    decay: parameter.decay != 0,
                    aliases: self.texts(parameter.aliases),
                });
            }
            for layer in self.list(from.layers) {
                network.layers.push(Layer {
                    op: self.text(layer.op),
                    scope: self.text(layer.scope),
                    inputs: self.list(layer.inputs),
                    parameters: self.list(layer.parameters),
                    attributes: self.setting_list(layer.attributes),
                });
            }
            for head in self.list(from.heads) {
                network.heads.push(Head { name: self.text(head.name), value: head.value });
            }
            (network.blocks, network.ignored) = (self.texts(from.blocks), self.texts(from.ignored));
        }
        network
    }
}

unsafe extern "C" fn network(context: *mut c_void, network: *const abi::Network) {
    // SAFETY: the plugin follows the contract of `Networks`, to which the user trusted it
    unsafe {
        let answer = answer(context);
        let Some(network) = network.as_ref() else {
            return answer.invalid("delivered a network at null");
        };
        // before anything is copied
        let counts =
            [("layers", network.layers.len, MAX_LAYERS), ("parameters", network.parameters.len, MAX_PARAMETERS)];
        if let Some((what, n, most)) = counts.into_iter().find(|(_, n, most)| n > most) {
            return answer.invalid(format!("the network has {n} {what}, at most {most} are allowed"));
        }
        answer.network = Some(answer.read_network(network));
    }
}

unsafe extern "C" fn settings(context: *mut c_void, settings: List<abi::Setting>) {
    // SAFETY: as in `network`
    unsafe {
        let answer = answer(context);
        answer.settings = Some(answer.setting_list(settings));
    }
}
