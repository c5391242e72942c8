//! Checks what a plugin answers before anything uses it, the same way for every backend, and names the culprit in every
//! error.

mod filter;
mod vocabulary;

use crate::base::clean;
use std::sync::Arc;
use trainyard_plugin::{
    EXP_MEAN, Graph, Loss, MEAN, Metric, MetricInfo, Output, PluginError, Result, Rule, TextMetric, TextPair,
    TokenBatch, Tokenizer, Vocabulary, graph,
};
pub use vocabulary::Specials;
use vocabulary::check_vocabulary;

/// Reason codes, names of outputs, special tokens and units are shown in tables.
const MAX_NAME_BYTES: usize = 100;
/// Outputs of a graph are columns of the log.
const MAX_OUTPUTS: usize = 100;
/// A message is one line of a terminal or a log.
const MAX_MESSAGE_CHARS: usize = 1000;

/// An instance of a plugin, with everything it answers checked.
pub struct Checked<T: ?Sized> {
    culprit: Arc<str>,
    /// `limits.graph_nodes`.
    max_nodes: usize,
    /// Only of a tokenizer, and known after `load`.
    specials: Option<Specials>,
    /// Only of a filter that measures; what it stated when it was made.
    rules: Vec<Rule>,
    plugin: Box<T>,
}

impl<T: ?Sized> Checked<T> {
    /// `culprit` begins every error: `plugin "focal" 0.1.0 (wasm, 3f9c…)`; a graph may have `max_nodes`.
    pub fn new(culprit: Arc<str>, max_nodes: usize, plugin: Box<T>) -> Self {
        Self { culprit, max_nodes, specials: None, rules: Vec::new(), plugin }
    }

    fn blame<R>(&self, function: &str, result: Result<R>) -> Result<R> {
        result.map_err(|error| blame(&self.culprit, function, error))
    }
}

/// The error with culprit and function in front, on one line of bounded length.
pub fn blame(culprit: &str, function: &str, error: PluginError) -> PluginError {
    let message = match one_line(&error.message) {
        empty if empty.is_empty() => "failed without saying why".into(),
        message => message,
    };
    PluginError { kind: error.kind, message: format!("{culprit}: {function}: {message}") }
}

/// A plugin's text as part of one line: line breaks and tabs are spaces, what else cannot be seen is spelled out, and
/// the length is bounded.
pub fn one_line(text: &str) -> String {
    let space = |char| if matches!(char, '\n' | '\r' | '\t') { ' ' } else { char };
    let start: String = text.trim().chars().map(space).take(MAX_MESSAGE_CHARS + 1).collect();
    let clean = clean::line(&start);
    match clean.char_indices().nth(MAX_MESSAGE_CHARS) {
        None => clean.into_owned(),
        Some((end, _)) => format!("{}…", &clean[..end]),
    }
}

impl Checked<dyn Tokenizer> {
    /// An error for the first special token in a batch that [`Tokenizer::encode`] made of text. Plugins of contract
    /// 0.1 were never held to this at run time, so `encode` itself lets it pass.
    pub fn check_specials(&self, batch: &TokenBatch) -> Result<()> {
        let checked = self.specials.as_ref().map_or(Ok(()), |specials| specials.check(batch));
        self.blame("encode", checked)
    }
}

impl Tokenizer for Checked<dyn Tokenizer> {
    fn observe(&mut self, texts: &[&str]) -> Result<()> {
        let result = self.plugin.observe(texts);
        self.blame("observe", result)
    }

    fn train(&mut self) -> Result<Vec<u8>> {
        let result = self.plugin.train();
        self.blame("train", result)
    }

    fn load(&mut self, model: &[u8]) -> Result<()> {
        self.specials = None;
        let result = self.plugin.load(model);
        self.blame("load", result)?;
        self.specials = Some(Specials::new(&self.vocabulary()?));
        Ok(())
    }

    fn vocabulary(&self) -> Result<Vocabulary> {
        let checked =
            self.plugin.vocabulary().and_then(|vocabulary| check_vocabulary(&vocabulary).map(|()| vocabulary));
        self.blame("vocabulary", checked)
    }

    fn encode(&mut self, texts: &[&str]) -> Result<TokenBatch> {
        let checked = match &self.specials {
            None => Err(before_load()),
            Some(specials) => {
                let batch = self.plugin.encode(texts);
                batch.and_then(|batch| batch.check(texts.len(), specials.n_tokens()).map(|()| batch))
            }
        };
        self.blame("encode", checked)
    }

    fn decode(&mut self, batch: &TokenBatch) -> Result<Vec<Vec<u8>>> {
        let checked = match &self.specials {
            None => Err(before_load()),
            // the host's own input is checked too, so that no plugin has to
            Some(specials) => batch
                .check(batch.ends.len(), specials.n_tokens())
                .map_err(|error| PluginError::input(error.message))
                .and_then(|()| self.plugin.decode(batch))
                .and_then(|texts| check_count("texts", batch.ends.len(), texts.len()).map(|()| texts)),
        };
        self.blame("decode", checked)
    }
}

impl Loss for Checked<dyn Loss> {
    fn describe(&self) -> Result<Graph> {
        self.blame("describe", self.plugin.describe().and_then(|graph| check_graph(graph, self.max_nodes)))
    }
}

impl Metric for Checked<dyn Metric> {
    fn info(&self) -> Result<MetricInfo> {
        self.blame("info", self.plugin.info().and_then(check_info))
    }

    fn describe(&self) -> Result<Graph> {
        self.blame("describe", self.plugin.describe().and_then(|graph| check_graph(graph, self.max_nodes)))
    }
}

impl TextMetric for Checked<dyn TextMetric> {
    fn info(&self) -> Result<MetricInfo> {
        self.blame("info", self.plugin.info().and_then(check_info))
    }

    fn update(&mut self, pairs: &[TextPair<'_>]) -> Result<()> {
        let result = self.plugin.update(pairs);
        self.blame("update", result)
    }

    fn state(&self) -> Result<Vec<u8>> {
        self.blame("state", self.plugin.state())
    }

    fn merge(&mut self, state: &[u8]) -> Result<()> {
        let result = self.plugin.merge(state);
        self.blame("merge", result)
    }

    fn value(&self) -> Result<f64> {
        let checked = self.plugin.value().and_then(|value| match value.is_infinite() {
            true => Err(PluginError::internal(format!("value is {value}, expected a finite number or NaN"))),
            false => Ok(value),
        });
        self.blame("value", checked)
    }
}

fn before_load() -> PluginError {
    PluginError::state("called before load")
}

fn check_count(what: &str, expected: usize, got: usize) -> Result<()> {
    match got == expected {
        true => Ok(()),
        false => Err(PluginError::internal(format!("expected {expected} {what}, got {got}"))),
    }
}

fn check_name(what: &str, name: &str) -> Result<()> {
    if name.len() > MAX_NAME_BYTES {
        let start: String = name.chars().take(20).collect();
        return Err(PluginError::internal(format!(
            "{what} {start:?}… has {} bytes, at most {MAX_NAME_BYTES} are allowed",
            name.len()
        )));
    }
    match name.chars().find(|char| char.is_control()) {
        Some(char) => Err(PluginError::internal(format!("{what} {name:?} holds the control character {char:?}"))),
        None => Ok(()),
    }
}

fn check_graph(graph: Graph, max_nodes: usize) -> Result<Graph> {
    if graph.nodes.len() > max_nodes {
        let n_nodes = graph.nodes.len();
        let message = format!("the graph has {n_nodes} nodes, at most {max_nodes} are allowed (limits.graph_nodes)");
        return Err(PluginError::internal(message));
    }
    graph::check(&graph)?;
    check_outputs(&graph.outputs)?;
    Ok(graph)
}

fn check_outputs(outputs: &[Output]) -> Result<()> {
    if outputs.len() > MAX_OUTPUTS {
        let n_outputs = outputs.len();
        return Err(PluginError::internal(format!(
            "the graph has {n_outputs} outputs, at most {MAX_OUTPUTS} are allowed"
        )));
    }
    for (i, output) in outputs.iter().enumerate() {
        check_name("output", &output.name)?;
        if outputs[..i].iter().any(|other| other.name == output.name) {
            return Err(PluginError::internal(format!("output {:?} appears twice", output.name)));
        }
    }
    Ok(())
}

fn check_info(info: MetricInfo) -> Result<MetricInfo> {
    check_name("unit", &info.unit)?;
    check_name("aggregation", &info.aggregation)?;
    if ![MEAN, EXP_MEAN].contains(&info.aggregation.as_str()) {
        let message = format!("aggregation {:?} is unknown, expected {MEAN:?} or {EXP_MEAN:?}", info.aggregation);
        return Err(PluginError::internal(message));
    }
    Ok(info)
}

#[cfg(test)]
mod tests {
    use super::*;
    use trainyard_plugin::{Builder, ErrorKind, Node};

    /// A plugin that answers what it is told to.
    struct Says<T>(T);

    impl Loss for Says<Graph> {
        fn describe(&self) -> Result<Graph> {
            Ok(self.0.clone())
        }
    }

    impl TextMetric for Says<f64> {
        fn info(&self) -> Result<MetricInfo> {
            Ok(MetricInfo::lower_is_better(&"u".repeat(101)))
        }

        fn update(&mut self, _pairs: &[TextPair<'_>]) -> Result<()> {
            Ok(())
        }

        fn state(&self) -> Result<Vec<u8>> {
            Ok(Vec::new())
        }

        fn merge(&mut self, _state: &[u8]) -> Result<()> {
            Err(PluginError::input("a\nb"))
        }

        fn value(&self) -> Result<f64> {
            Ok(self.0)
        }
    }

    fn describe(graph: Graph) -> Result<Graph> {
        let plugin: Box<dyn Loss> = Box::new(Says(graph));
        Checked::new("P".into(), 100, plugin).describe()
    }

    #[test]
    fn graphs_are_checked() {
        let g = Builder::new();
        let good = g.mean(g.logits().log_softmax().gather(g.target()));
        assert_eq!(describe(good.clone()), Ok(good.clone()));
        let mut unknown = good.clone();
        unknown.nodes.push(Node { op: "softmaxx".into(), inputs: vec![0], attributes: vec![] });
        let error = describe(unknown).expect_err("unknown op").message;
        assert!(error.starts_with("P: describe: node ") && error.ends_with("did you mean \"softmax\"?"), "{error}");
        let mut cyclic = good;
        cyclic.nodes[1].inputs[0] = 1;
        let error = describe(cyclic).expect_err("cyclic").message;
        assert!(error.contains("(a graph has no cycles)"), "{error}");
        let node = Node { op: "input.step".into(), inputs: vec![], attributes: vec![] };
        let other = Builder::new();
        let large = Graph { nodes: vec![node; 101], ..other.mean(other.weight()) };
        let expected = "P: describe: the graph has 101 nodes, at most 100 are allowed (limits.graph_nodes)";
        assert_eq!(describe(large), Err(PluginError::internal(expected)));
    }

    #[test]
    fn numbers_names_and_messages_are_checked() {
        let metric = |value: f64| -> Checked<dyn TextMetric> { Checked::new("P".into(), 100, Box::new(Says(value))) };
        assert!(metric(f64::NAN).value().is_ok_and(f64::is_nan));
        let infinite = "P: value: value is inf, expected a finite number or NaN";
        assert_eq!(metric(f64::INFINITY).value(), Err(PluginError::internal(infinite)));
        let long = "P: info: unit \"uuuuuuuuuuuuuuuuuuuu\"… has 101 bytes, at most 100 are allowed";
        assert_eq!(metric(0.0).info(), Err(PluginError::internal(long)));
        let error = metric(0.0).merge(&[]).expect_err("it always fails");
        assert_eq!((error.kind, error.message.as_str()), (ErrorKind::Input, "P: merge: a b"));
    }
}
