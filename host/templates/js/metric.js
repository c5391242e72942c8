// Metric {{name}}: the share of tokens that the model gives at least a probability of threshold.

import { Graph, Metric, PluginError } from "./trainyard_plugin.js";

export class Plugin extends Metric {
  higherIsBetter = true;

  constructor(settings) {
    super();
    this.threshold = settings.threshold;
    if (!(this.threshold >= 0 && this.threshold <= 1)) {
      throw new PluginError(`threshold: expected 0 to 1, got ${this.threshold}`);
    }
  }

  describe() {
    const g = new Graph();
    const p = g.input("logits").log_softmax().gather(g.input("target")).exp(); // one value per row
    return g.mean(g.constant(this.threshold).less_equal(p));
  }
}
