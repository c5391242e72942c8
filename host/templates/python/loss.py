"""Loss {{name}}: cross-entropy that a token's own probability weighs down, as in focal loss (Lin et al. 2017)."""

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
        return g.mean(-((1.0 - logp.exp()).powf(self.gamma)) * logp)
