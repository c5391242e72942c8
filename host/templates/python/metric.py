"""Metric {{name}}: the share of tokens that the model gives at least a probability of threshold."""

from trainyard_plugin import Graph, Metric, PluginError


class Plugin(Metric):
    higher_is_better = True

    def __init__(self, settings):
        self.threshold = settings["threshold"]
        if not 0 <= self.threshold <= 1:
            raise PluginError(f"threshold: expected 0 to 1, got {self.threshold}")

    def describe(self):
        g = Graph()
        p = g.input("logits").log_softmax().gather(g.input("target")).exp()  # one value per row
        return g.mean(g.constant(self.threshold).less_equal(p))
