//! The WASM form of the contract: one world per kind, generated from `wit/plugin.wit`, and its bridge to the author's
//! type.

use crate::{Bound, Create, ErrorKind, Filter, Loss, Metric, Model, PluginError, Result, TextMetric, Tokenizer};
use std::marker::PhantomData;

// They are without comments: `wit/plugin.wit` says what each type and function means.
#[allow(missing_docs, clippy::all, clippy::undocumented_unsafe_blocks, clippy::unwrap_used)]
mod generated;
pub use generated::shared::trainyard::plugin::log;
use generated::shared::trainyard::plugin::types;
pub use generated::{filter, loss, measured_filter, metric, model, text_metric, tokenizer};
use model::trainyard::plugin::networks;

/// Where a component keeps its one instance; `export!` implements it, because a generic type cannot have a static.
pub trait Slot {
    /// The author's type.
    type Plugin: Create;
    /// Runs `f` on the place of the instance.
    fn with<R>(f: impl FnOnce(&mut Option<Self::Plugin>) -> R) -> R;
}

/// The author's type as the exports of a world.
pub struct Component<S>(PhantomData<S>);

type Answer<T> = std::result::Result<T, types::PluginError>;

impl<S: Slot> Component<S> {
    fn create(settings: Vec<types::Setting>) -> Answer<()> {
        // the host sees no more of a panic than a trap, so its text goes out through the log
        std::panic::set_hook(Box::new(|panic| crate::log::error(&panic.to_string())));
        let settings: Vec<_> = settings.into_iter().map(setting).collect();
        let plugin = crate::export::create::<S::Plugin>(&settings).map_err(error)?;
        S::with(|slot| *slot = Some(plugin));
        Ok(())
    }

    fn call<R>(f: impl FnOnce(&mut S::Plugin) -> Result<R>) -> Answer<R> {
        S::with(|slot| match slot {
            Some(plugin) => f(plugin).map_err(error),
            None => Err(error(PluginError::state("called before create"))),
        })
    }
}

impl<S: Slot<Plugin: Tokenizer>> tokenizer::Guest for Component<S> {
    fn create(settings: Vec<types::Setting>) -> Answer<()> {
        Self::create(settings)
    }

    fn observe(texts: Vec<String>) -> Answer<()> {
        Self::call(|plugin| plugin.observe(&strs(&texts)))
    }

    fn train() -> Answer<Vec<u8>> {
        Self::call(|plugin| plugin.train())
    }

    fn load(model: Vec<u8>) -> Answer<()> {
        Self::call(|plugin| plugin.load(&model))
    }

    fn vocabulary() -> Answer<types::Vocabulary> {
        let vocabulary = Self::call(|plugin| plugin.vocabulary())?;
        let special = |special: crate::SpecialToken| types::SpecialToken { name: special.name, id: special.id };
        let specials = vocabulary.specials.into_iter().map(special).collect();
        Ok(types::Vocabulary { tokens: vocabulary.tokens, specials })
    }

    fn encode(texts: Vec<String>) -> Answer<types::TokenBatch> {
        let batch = Self::call(|plugin| plugin.encode(&strs(&texts)))?;
        Ok(types::TokenBatch { ids: batch.ids, ends: batch.ends })
    }

    fn decode(batch: types::TokenBatch) -> Answer<Vec<Vec<u8>>> {
        let batch = crate::TokenBatch { ids: batch.ids, ends: batch.ends };
        Self::call(|plugin| plugin.decode(&batch))
    }
}

/// The functions that both worlds of filters have.
macro_rules! filter {
    ($world:ident) => {
        impl<S: Slot<Plugin: Filter>> $world::Guest for Component<S> {
            fn create(settings: Vec<types::Setting>) -> Answer<()> {
                Self::create(settings)
            }

            fn two_pass() -> bool {
                Self::call(|plugin| Ok(plugin.two_pass())).unwrap_or(false)
            }

            fn observe(documents: Vec<String>) -> Answer<()> {
                Self::call(|plugin| plugin.observe(&strs(&documents)))
            }

            fn state() -> Answer<Vec<u8>> {
                Self::call(|plugin| plugin.state())
            }

            fn merge(state: Vec<u8>) -> Answer<()> {
                Self::call(|plugin| plugin.merge(&state))
            }

            fn judge(documents: Vec<String>) -> Answer<Vec<types::Verdict>> {
                let verdicts = Self::call(|plugin| plugin.judge(&strs(&documents)))?;
                let span = |span: crate::Span| types::Span { start: span.start, end: span.end };
                let verdict = |verdict: crate::Verdict| types::Verdict {
                    keep: verdict.keep,
                    reason: verdict.reason,
                    score: verdict.score,
                    text: verdict.text,
                    spans: verdict.spans.into_iter().map(span).collect(),
                };
                Ok(verdicts.into_iter().map(verdict).collect())
            }
        }
    };
}
filter!(filter);
filter!(measured_filter);

use measured_filter::exports::trainyard::plugin::measures;

impl<S: Slot<Plugin: Filter>> measures::Guest for Component<S> {
    fn rules() -> Answer<Vec<measures::Rule>> {
        let bound = |bound: Bound| match bound {
            Bound::AtLeast => measures::Bound::AtLeast,
            Bound::AtMost => measures::Bound::AtMost,
        };
        let rule = |rule: crate::Rule| measures::Rule {
            reason: rule.reason,
            setting: rule.setting,
            bound: bound(rule.bound),
            limit: rule.limit,
        };
        Self::call(|plugin| Ok(plugin.rules().into_iter().map(rule).collect()))
    }

    fn measure(documents: Vec<String>) -> Answer<Vec<f64>> {
        Self::call(|plugin| plugin.measure(&strs(&documents)))
    }
}

impl<S: Slot<Plugin: Loss>> loss::Guest for Component<S> {
    fn create(settings: Vec<types::Setting>) -> Answer<()> {
        Self::create(settings)
    }

    fn describe() -> Answer<types::Graph> {
        Self::call(|plugin| plugin.describe()).map(graph)
    }
}

impl<S: Slot<Plugin: Metric>> metric::Guest for Component<S> {
    fn create(settings: Vec<types::Setting>) -> Answer<()> {
        Self::create(settings)
    }

    fn info() -> Answer<types::MetricInfo> {
        Self::call(|plugin| plugin.info()).map(info)
    }

    fn describe() -> Answer<types::Graph> {
        Self::call(|plugin| plugin.describe()).map(graph)
    }
}

impl<S: Slot<Plugin: TextMetric>> text_metric::Guest for Component<S> {
    fn create(settings: Vec<types::Setting>) -> Answer<()> {
        Self::create(settings)
    }

    fn info() -> Answer<types::MetricInfo> {
        Self::call(|plugin| plugin.info()).map(info)
    }

    fn update(pairs: Vec<types::TextPair>) -> Answer<()> {
        let pairs: Vec<_> = pairs.iter().map(pair).collect();
        Self::call(|plugin| plugin.update(&pairs))
    }

    fn state() -> Answer<Vec<u8>> {
        Self::call(|plugin| plugin.state())
    }

    fn merge(state: Vec<u8>) -> Answer<()> {
        Self::call(|plugin| plugin.merge(&state))
    }

    fn value() -> Answer<f64> {
        Self::call(|plugin| plugin.value())
    }
}

use text_metric::exports::trainyard::plugin::{prompts, signature};

impl<S: Slot<Plugin: TextMetric>> prompts::Guest for Component<S> {
    fn update(pairs: Vec<prompts::PromptedPair>) -> Answer<()> {
        let pairs: Vec<_> = pairs
            .iter()
            .map(|prompted| crate::PromptedPair { prompt: &prompted.prompt, pair: pair(&prompted.pair) })
            .collect();
        Self::call(|plugin| plugin.update_prompted(&pairs))
    }
}

impl<S: Slot<Plugin: TextMetric>> signature::Guest for Component<S> {
    fn signature() -> Answer<String> {
        Self::call(|plugin| plugin.signature())
    }
}

impl<S: Slot<Plugin: Model>> model::Guest for Component<S> {
    fn create(settings: Vec<types::Setting>) -> Answer<()> {
        Self::create(settings)
    }

    fn describe(sizes: Vec<networks::Size>) -> Answer<networks::Network> {
        Self::call(|plugin| plugin.describe(&read_sizes(&sizes))).map(network)
    }

    fn import_config(config: Vec<types::Setting>) -> Answer<Vec<types::Setting>> {
        let config: Vec<_> = config.into_iter().map(setting).collect();
        Self::call(|plugin| plugin.import(&config)).map(lend_settings)
    }

    fn export_config(sizes: Vec<networks::Size>) -> Answer<Vec<types::Setting>> {
        Self::call(|plugin| plugin.export(&read_sizes(&sizes))).map(lend_settings)
    }
}

fn read_sizes(sizes: &[networks::Size]) -> crate::Sizes {
    crate::Sizes::from_named(sizes.iter().map(|size| (size.name.as_str(), size.value)))
}

fn network(network: crate::network::Network) -> networks::Network {
    let parameter = |parameter: crate::network::Parameter| networks::Parameter {
        name: parameter.name,
        shape: parameter.shape,
        init: parameter.init,
        scale: parameter.scale,
        decay: parameter.decay,
        aliases: parameter.aliases,
    };
    let layer = |layer: crate::network::Layer| networks::Layer {
        op: layer.op,
        scope: layer.scope,
        inputs: layer.inputs,
        parameters: layer.parameters,
        attributes: lend_settings(layer.attributes),
    };
    let head = |head: crate::network::Head| networks::Head { name: head.name, value: head.value };
    networks::Network {
        op_set: network.op_set,
        parameters: network.parameters.into_iter().map(parameter).collect(),
        layers: network.layers.into_iter().map(layer).collect(),
        heads: network.heads.into_iter().map(head).collect(),
        blocks: network.blocks,
        ignored: network.ignored,
    }
}

fn lend_settings(settings: Vec<crate::Setting>) -> Vec<types::Setting> {
    use crate::Value;
    let one = |crate::Setting { key, value }: crate::Setting| {
        let value = match value {
            Value::Boolean(value) => types::Value::Boolean(value),
            Value::Integer(value) => types::Value::Integer(value),
            Value::Number(value) => types::Value::Number(value),
            Value::Text(value) => types::Value::Text(value),
            Value::Numbers(values) => types::Value::Numbers(values),
            Value::Texts(values) => types::Value::Texts(values),
        };
        types::Setting { key, value }
    };
    settings.into_iter().map(one).collect()
}

fn strs(texts: &[String]) -> Vec<&str> {
    texts.iter().map(String::as_str).collect()
}

fn pair(pair: &types::TextPair) -> crate::TextPair<'_> {
    crate::TextPair { hypothesis: &pair.hypothesis, references: strs(&pair.references) }
}

fn error(error: PluginError) -> types::PluginError {
    let kind = match error.kind {
        ErrorKind::Config => types::ErrorKind::Config,
        ErrorKind::Input => types::ErrorKind::Input,
        ErrorKind::State => types::ErrorKind::State,
        ErrorKind::Unsupported => types::ErrorKind::Unsupported,
        ErrorKind::Internal => types::ErrorKind::Internal,
    };
    types::PluginError { kind, message: error.message }
}

fn setting(setting: types::Setting) -> crate::Setting {
    use crate::Value;
    let value = match setting.value {
        types::Value::Boolean(value) => Value::Boolean(value),
        types::Value::Integer(value) => Value::Integer(value),
        types::Value::Number(value) => Value::Number(value),
        types::Value::Text(value) => Value::Text(value),
        types::Value::Numbers(values) => Value::Numbers(values),
        types::Value::Texts(values) => Value::Texts(values),
    };
    crate::Setting { key: setting.key, value }
}

fn graph(graph: crate::Graph) -> types::Graph {
    let node = |node: crate::Node| types::Node { op: node.op, inputs: node.inputs, attributes: node.attributes };
    let output = |output: crate::Output| types::Output { name: output.name, sum: output.sum, weight: output.weight };
    types::Graph {
        op_set: graph.op_set,
        nodes: graph.nodes.into_iter().map(node).collect(),
        outputs: graph.outputs.into_iter().map(output).collect(),
    }
}

fn info(info: crate::MetricInfo) -> types::MetricInfo {
    let direction = match info.direction {
        crate::Direction::LowerIsBetter => types::Direction::LowerIsBetter,
        crate::Direction::HigherIsBetter => types::Direction::HigherIsBetter,
    };
    types::MetricInfo { unit: info.unit, direction, aggregation: info.aggregation }
}
