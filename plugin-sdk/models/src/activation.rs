//! Activations by the names that `config.json` has for them.

use trainyard_plugin::network::Value;

/// The names that [`apply`] knows.
pub const NAMES: &[&str] =
    &["silu", "swish", "gelu", "gelu_new", "gelu_pytorch_tanh", "gelu_fast", "quick_gelu", "relu", "tanh"];

/// `x` through the activation `name`, which is one of [`NAMES`].
#[track_caller]
pub fn apply<'g>(name: &str, x: Value<'g>) -> Value<'g> {
    match name {
        "gelu" => x.gelu(),
        "gelu_new" | "gelu_pytorch_tanh" | "gelu_fast" => x.gelu_tanh(),
        "quick_gelu" => x * x.scale(1.702).sigmoid(),
        "relu" => x.relu(),
        "tanh" => x.tanh(),
        _ => x.silu(),
    }
}
