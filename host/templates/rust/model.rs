//! Model `{{name}}`: causal convolutions with gates instead of attention (Dauphin et al. 2017, arXiv 1612.08083).

use trainyard_plugin::network::{Linear, Net, Network};
use trainyard_plugin::{Create, Model, PluginError, Result, Sizes, config, export};

config! {
    /// Settings of `{{name}}`.
    pub struct Settings {
        /// number of blocks
        layers: u32 = 2u32,
        /// columns of the residual stream
        width: u32 = 64u32,
        /// positions that a convolution looks at
        taps: u32 = 4u32,
    }
}

/// The model.
pub struct Plugin(Settings);

impl Create for Plugin {
    type Config = Settings;

    fn create(settings: Settings) -> Result<Self> {
        let sizes = [("layers", settings.layers), ("width", settings.width), ("taps", settings.taps)];
        if let Some((key, value)) = sizes.into_iter().find(|(_, value)| !(1..=10_000).contains(value)) {
            return Err(PluginError::config(format!("{key}: expected 1 to 10000, got {value}")));
        }
        Ok(Self(settings))
    }
}

impl Model for Plugin {
    fn describe(&self, sizes: &Sizes) -> Result<Network> {
        let &Settings { layers, width, taps } = &self.0;
        let g = Net::new();
        let mut x = g.embedding("embed", g.ids(), sizes.vocab, width);
        for layer in 0..layers {
            x = g.block(&format!("blocks.{layer}"), || {
                let h = g.rms_norm("norm", x, 1e-5);
                let value = g.conv("conv", g.linear("value", h, width, Linear::BIAS), taps, true);
                let gate = g.linear("gate", h, width, Linear::BIAS).sigmoid();
                x + g.linear("out", value * gate, width, Linear::BIAS)
            });
        }
        let x = g.rms_norm("norm", x, 1e-5);
        g.head("logits", g.tied("embed", x));
        g.network()
    }
}

export!(model "{{name}}" = Plugin);

#[cfg(test)]
mod tests {
    use super::*;
    use trainyard_plugin::network::{check_for, count};

    #[test]
    fn network_is_well_typed() {
        let plugin = Plugin::create(Settings { layers: 3, width: 8, taps: 4 }).unwrap();
        let sizes = Sizes::new(100, 16);
        let network = plugin.describe(&sizes).unwrap();
        check_for(&network, &sizes).unwrap();
        let block = 8 + 3 * (8 * 8 + 8) + (8 * 4 + 8);
        assert_eq!((network.blocks.len(), count(&network)), (3, 100 * 8 + 3 * block + 8));
    }

    #[test]
    fn a_model_without_blocks_is_refused() {
        let error = Plugin::create(Settings { layers: 0, width: 8, taps: 4 }).err().unwrap();
        assert_eq!(error.message, "layers: expected 1 to 10000, got 0");
    }
}
