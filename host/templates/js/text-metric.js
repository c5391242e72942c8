// Text metric {{name}}: words per generated text.

import { PluginError, TextMetric } from "./trainyard_plugin.js";

export class Plugin extends TextMetric {
  unit = "words";
  higherIsBetter = true;
  texts = 0;
  words = 0;

  update(pairs) {
    for (const { hypothesis } of pairs) {
      this.texts += 1;
      this.words += hypothesis.match(/\S+/g)?.length ?? 0;
    }
  }

  // Texts and words, 8 bytes each, little endian.
  state() {
    const view = new DataView(new ArrayBuffer(16));
    view.setFloat64(0, this.texts, true);
    view.setFloat64(8, this.words, true);
    return new Uint8Array(view.buffer);
  }

  merge(state) {
    if (state.length !== 16) throw new PluginError(`state has ${state.length} bytes, expected 16`, "input");
    const view = new DataView(state.buffer, state.byteOffset);
    this.texts += view.getFloat64(0, true);
    this.words += view.getFloat64(8, true);
  }

  value() {
    return this.words / this.texts; // NaN if nothing was counted
  }
}
