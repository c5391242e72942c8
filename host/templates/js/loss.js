// Loss {{name}}: cross-entropy that a token's own probability weighs down, as in focal loss (Lin et al. 2017).

import { Graph, Loss, PluginError } from "./trainyard_plugin.js";

export class Plugin extends Loss {
  constructor(settings) {
    super();
    this.gamma = settings.gamma;
    if (!(this.gamma >= 0 && this.gamma < Infinity)) {
      throw new PluginError(`gamma: expected 0 or more, got ${this.gamma}`);
    }
  }

  describe() {
    const g = new Graph();
    const logp = g.input("logits").log_softmax().gather(g.input("target")); // one value per row
    const weight = g.constant(1).sub(logp.exp()).powf(this.gamma);
    return g.mean(weight.mul(logp).neg());
  }
}
