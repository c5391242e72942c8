//! The records of `plugin.wit` as they cross the boundary: lent when they go in, owned when they come out.

use trainyard_plugin as sdk;
use wasmtime::component::{ComponentType, Lift, Lower};

#[derive(ComponentType, Lift, Lower, Clone, Copy, PartialEq, Eq)]
#[component(enum)]
#[repr(u8)]
pub enum Level {
    #[component(name = "error")]
    Error,
    #[component(name = "warn")]
    Warn,
    #[component(name = "info")]
    Info,
    #[component(name = "debug")]
    Debug,
}

impl From<Level> for sdk::log::Level {
    fn from(level: Level) -> Self {
        match level {
            Level::Error => Self::Error,
            Level::Warn => Self::Warn,
            Level::Info => Self::Info,
            Level::Debug => Self::Debug,
        }
    }
}

#[derive(ComponentType, Lift, Clone, Copy)]
#[component(enum)]
#[repr(u8)]
pub enum ErrorKind {
    #[component(name = "config")]
    Config,
    #[component(name = "input")]
    Input,
    #[component(name = "state")]
    State,
    #[component(name = "unsupported")]
    Unsupported,
    #[component(name = "internal")]
    Internal,
}

#[derive(ComponentType, Lift)]
#[component(record)]
pub struct PluginError {
    kind: ErrorKind,
    message: String,
}

impl From<PluginError> for sdk::PluginError {
    fn from(error: PluginError) -> Self {
        let kind = match error.kind {
            ErrorKind::Config => sdk::ErrorKind::Config,
            ErrorKind::Input => sdk::ErrorKind::Input,
            ErrorKind::State => sdk::ErrorKind::State,
            ErrorKind::Unsupported => sdk::ErrorKind::Unsupported,
            ErrorKind::Internal => sdk::ErrorKind::Internal,
        };
        Self { kind, message: error.message }
    }
}

#[derive(ComponentType, Lower)]
#[component(variant)]
pub enum Value<'a> {
    #[component(name = "boolean")]
    Boolean(bool),
    #[component(name = "integer")]
    Integer(i64),
    #[component(name = "number")]
    Number(f64),
    #[component(name = "text")]
    Text(&'a str),
    #[component(name = "numbers")]
    Numbers(&'a [f64]),
    #[component(name = "texts")]
    Texts(&'a [String]),
}

#[derive(ComponentType, Lower)]
#[component(record)]
pub struct Setting<'a> {
    key: &'a str,
    value: Value<'a>,
}

impl<'a> From<&'a sdk::Setting> for Setting<'a> {
    fn from(setting: &'a sdk::Setting) -> Self {
        let value = match &setting.value {
            sdk::Value::Boolean(value) => Value::Boolean(*value),
            sdk::Value::Integer(value) => Value::Integer(*value),
            sdk::Value::Number(value) => Value::Number(*value),
            sdk::Value::Text(value) => Value::Text(value),
            sdk::Value::Numbers(values) => Value::Numbers(values),
            sdk::Value::Texts(values) => Value::Texts(values),
        };
        Self { key: &setting.key, value }
    }
}

#[derive(ComponentType, Lower)]
#[component(record)]
pub struct TokenBatchRef<'a> {
    pub ids: &'a [u32],
    pub ends: &'a [u32],
}

#[derive(ComponentType, Lift)]
#[component(record)]
pub struct TokenBatch {
    ids: Vec<u32>,
    ends: Vec<u32>,
}

impl From<TokenBatch> for sdk::TokenBatch {
    fn from(batch: TokenBatch) -> Self {
        Self { ids: batch.ids, ends: batch.ends }
    }
}

#[derive(ComponentType, Lift)]
#[component(record)]
pub struct SpecialToken {
    name: String,
    id: u32,
}

#[derive(ComponentType, Lift)]
#[component(record)]
pub struct Vocabulary {
    tokens: Vec<Vec<u8>>,
    specials: Vec<SpecialToken>,
}

impl From<Vocabulary> for sdk::Vocabulary {
    fn from(vocabulary: Vocabulary) -> Self {
        let special = |special: SpecialToken| sdk::SpecialToken { name: special.name, id: special.id };
        Self { tokens: vocabulary.tokens, specials: vocabulary.specials.into_iter().map(special).collect() }
    }
}

#[derive(ComponentType, Lift, Clone, Copy)]
#[component(record)]
pub struct Span {
    start: u32,
    end: u32,
}

#[derive(ComponentType, Lift)]
#[component(record)]
pub struct Verdict {
    keep: bool,
    reason: String,
    score: Option<f64>,
    text: Option<String>,
    spans: Vec<Span>,
}

impl From<Verdict> for sdk::Verdict {
    fn from(verdict: Verdict) -> Self {
        let span = |span: Span| sdk::Span { start: span.start, end: span.end };
        Self {
            keep: verdict.keep,
            reason: verdict.reason,
            score: verdict.score,
            text: verdict.text,
            spans: verdict.spans.into_iter().map(span).collect(),
        }
    }
}

#[derive(ComponentType, Lift, Clone, Copy)]
#[component(enum)]
#[repr(u8)]
pub enum Bound {
    #[component(name = "at-least")]
    AtLeast,
    #[component(name = "at-most")]
    AtMost,
}

#[derive(ComponentType, Lift)]
#[component(record)]
pub struct Rule {
    reason: String,
    setting: String,
    bound: Bound,
    limit: f64,
}

impl From<Rule> for sdk::Rule {
    fn from(rule: Rule) -> Self {
        let bound = match rule.bound {
            Bound::AtLeast => sdk::Bound::AtLeast,
            Bound::AtMost => sdk::Bound::AtMost,
        };
        Self { reason: rule.reason, setting: rule.setting, bound, limit: rule.limit }
    }
}

#[derive(ComponentType, Lift)]
#[component(record)]
pub struct Node {
    op: String,
    inputs: Vec<u32>,
    attributes: Vec<f64>,
}

#[derive(ComponentType, Lift)]
#[component(record)]
pub struct Output {
    name: String,
    sum: u32,
    weight: u32,
}

#[derive(ComponentType, Lift)]
#[component(record)]
pub struct Graph {
    #[component(name = "op-set")]
    op_set: u32,
    nodes: Vec<Node>,
    outputs: Vec<Output>,
}

impl From<Graph> for sdk::Graph {
    fn from(graph: Graph) -> Self {
        let node = |node: Node| sdk::Node { op: node.op, inputs: node.inputs, attributes: node.attributes };
        let output = |output: Output| sdk::Output { name: output.name, sum: output.sum, weight: output.weight };
        Self {
            op_set: graph.op_set,
            nodes: graph.nodes.into_iter().map(node).collect(),
            outputs: graph.outputs.into_iter().map(output).collect(),
        }
    }
}

#[derive(ComponentType, Lift, Clone, Copy)]
#[component(enum)]
#[repr(u8)]
pub enum Direction {
    #[component(name = "lower-is-better")]
    LowerIsBetter,
    #[component(name = "higher-is-better")]
    HigherIsBetter,
}

#[derive(ComponentType, Lift)]
#[component(record)]
pub struct MetricInfo {
    unit: String,
    direction: Direction,
    aggregation: String,
}

impl From<MetricInfo> for sdk::MetricInfo {
    fn from(info: MetricInfo) -> Self {
        let direction = match info.direction {
            Direction::LowerIsBetter => sdk::Direction::LowerIsBetter,
            Direction::HigherIsBetter => sdk::Direction::HigherIsBetter,
        };
        Self { unit: info.unit, direction, aggregation: info.aggregation }
    }
}

#[derive(ComponentType, Lower)]
#[component(record)]
pub struct TextPair<'a> {
    hypothesis: &'a str,
    references: &'a [&'a str],
}

#[derive(ComponentType, Lower)]
#[component(record)]
pub struct PromptedPair<'a> {
    prompt: &'a str,
    pair: TextPair<'a>,
}

impl<'a> From<&'a sdk::PromptedPair<'a>> for PromptedPair<'a> {
    fn from(prompted: &'a sdk::PromptedPair<'a>) -> Self {
        Self { prompt: prompted.prompt, pair: TextPair::from(&prompted.pair) }
    }
}

impl<'a> From<&'a sdk::TextPair<'a>> for TextPair<'a> {
    fn from(pair: &'a sdk::TextPair<'a>) -> Self {
        Self { hypothesis: pair.hypothesis, references: &pair.references }
    }
}
