"""Model {{name}}: causal convolutions with gates instead of attention (Dauphin et al. 2017, arXiv 1612.08083)."""

from trainyard_plugin import Model, Net, PluginError


class Plugin(Model):
    def __init__(self, settings):
        self.layers, self.width, self.taps = (settings[key] for key in ("layers", "width", "taps"))
        for key in ("layers", "width", "taps"):
            if not 1 <= settings[key] <= 10000:
                raise PluginError(f"{key}: expected 1 to 10000, got {settings[key]}")

    def describe(self, sizes):
        g = Net()
        x = g.embedding("embed", g.input("ids"), sizes["vocab"], self.width)
        for layer in range(self.layers):
            with g.block(f"blocks.{layer}"):
                h = g.rms_norm("norm", x, 1e-5)
                value = g.conv("conv", g.linear("value", h, self.width), self.taps)
                gate = g.linear("gate", h, self.width).sigmoid()
                x = x + g.linear("out", value * gate, self.width)
        x = g.rms_norm("norm", x, 1e-5)
        g.head("logits", g.tied("embed", x))
        return g
