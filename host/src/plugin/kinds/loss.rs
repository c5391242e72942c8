//! Losses: what is minimised.

use super::{Entry, Instance, example, metrics, not_of, template};
use crate::plugin::Plugin;
use crate::plugin::call::{Answer, Call, Function};
use crate::plugin::seat::Seat;
use trainyard_plugin::{Graph, Kind, Loss, Result};

pub const ENTRY: Entry = Entry {
    frozen_in: Some((0, 1)),
    section: "[loss]",
    functions: &[Function::Describe],
    abilities: &[],
    restore: None,
    skip: None,
    checks: metrics::checks,
    example: example!(
        "loss",
        "Cross-entropy with less weight on easy tokens",
        settings template!("settings/loss.toml")
    ),
};

impl Plugin {
    /// A new loss with the config's settings.
    ///
    /// # Errors
    /// Settings that it refuses, and a plugin of another kind.
    pub fn loss(&self) -> crate::Result<Box<dyn Loss>> {
        Ok(self.instance_of(Kind::Loss)?)
    }
}

impl Loss for Instance {
    fn describe(&self) -> Result<Graph> {
        self.ask(Call::Describe)
    }
}

impl Seat for Box<dyn Loss> {
    fn call(&mut self, call: Call<'_>) -> Result<Answer> {
        match call {
            Call::Describe => self.describe().map(Answer::from),
            other => Err(not_of(other, Kind::Loss)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::checked;
    use super::*;
    use trainyard_plugin::{Builder, Node, PluginError};

    /// A loss that describes what it is told to.
    struct Says(Graph);

    impl Loss for Says {
        fn describe(&self) -> Result<Graph> {
            Ok(self.0.clone())
        }
    }

    fn describe(graph: Graph) -> Result<Graph> {
        let plugin: Box<dyn Loss> = Box::new(Says(graph));
        checked(Kind::Loss, &[], plugin)?.call(Call::Describe)?.try_into()
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
}
