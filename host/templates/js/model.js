// Model {{name}}: causal convolutions with gates instead of attention (Dauphin et al. 2017, arXiv 1612.08083).

import { Model, Net, PluginError } from "./trainyard_plugin.js";

export class Plugin extends Model {
  constructor(settings) {
    super();
    Object.assign(this, settings);
    for (const key of ["layers", "width", "taps"]) {
      if (!(settings[key] >= 1 && settings[key] <= 10000)) {
        throw new PluginError(`${key}: expected 1 to 10000, got ${settings[key]}`);
      }
    }
  }

  describe({ vocab }) {
    const { layers, width, taps } = this;
    const g = new Net();
    let x = g.embedding("embed", g.input("ids"), vocab, width);
    for (let layer = 0; layer < layers; layer++) {
      x = g.block(`blocks.${layer}`, () => {
        const h = g.rms_norm("norm", x, 1e-5);
        const value = g.conv("conv", g.linear("value", h, width), taps);
        const gate = g.linear("gate", h, width).sigmoid();
        return x.add(g.linear("out", value.mul(gate), width));
      });
    }
    x = g.rms_norm("norm", x, 1e-5);
    g.head("logits", g.tied("embed", x));
    return g;
  }
}
