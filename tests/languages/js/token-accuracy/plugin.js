// The first-party metric token-accuracy in JavaScript: the same graph.

import { Graph, Metric } from "./trainyard_plugin.js";

export class Plugin extends Metric {
  higherIsBetter = true;

  describe() {
    const g = new Graph();
    return g.mean(g.input("logits").argmax().index_equal(g.input("target")));
  }
}
