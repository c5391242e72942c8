//! What training minimises.

use crate::{Graph, Result};

/// A loss, described and not executed.
///
/// `describe` is called once, before step 1. It returns the mathematics as data ([`Graph`]); the host checks its
/// shapes, differentiates it, fuses it with the model's output layer and runs it on its own device. The plugin is never
/// entered in a step, tensors never reach it, and a sandboxed loss costs what a built-in one costs.
///
/// The same settings must always give the same graph.
///
/// ```
/// use trainyard_plugin::{Builder, Graph, Loss, Result};
///
/// struct Focal { gamma: f64 }
///
/// impl Loss for Focal {
///     fn describe(&self) -> Result<Graph> {
///         let g = Builder::new();
///         let logp = g.logits().log_softmax().gather(g.target()); // [row]
///         let p = logp.exp();
///         Ok(g.mean(-(1.0 - p).powf(self.gamma) * logp))
///     }
/// }
/// ```
pub trait Loss: Send {
    /// The loss as a graph: `outputs[0]` is minimised, the others are logged.
    fn describe(&self) -> Result<Graph>;
}
