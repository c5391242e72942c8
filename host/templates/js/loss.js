// Loss {{name}}: cross-entropy with less weight on tokens that are already probable (focal loss, Lin et al. 2017).

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
    // 1 - p, exact near p = 1; with a floor, because powers of less than 1 are steep at 0
    const miss = logp.expm1().neg().clamp(1e-12, 1);
    g.log_mean("cross_entropy", logp.neg());
    return g.mean(miss.powf(this.gamma).mul(logp).neg());
  }
}
