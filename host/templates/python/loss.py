"""Loss {{name}}: cross-entropy with less weight on tokens that are already probable (focal loss, Lin et al. 2017)."""

import math

from trainyard_plugin import Graph, Loss, PluginError


class Plugin(Loss):
    def __init__(self, settings):
        self.gamma = settings["gamma"]
        if not (math.isfinite(self.gamma) and self.gamma >= 0):
            raise PluginError(f"gamma: expected 0 or more, got {self.gamma}")

    def describe(self):
        g = Graph()
        logp = g.input("logits").log_softmax().gather(g.input("target"))  # one value per row
        # 1 - p, exact near p = 1; with a floor, because powers of less than 1 are steep at 0
        miss = (-logp.expm1()).clamp(1e-12, 1.0)
        g.log_mean("cross_entropy", -logp)
        return g.mean(-(miss.powf(self.gamma) * logp))
