// Filter {{name}}: drops documents with few words.

import { Filter, PluginError, drop, keep } from "./trainyard_plugin.js";

export class Plugin extends Filter {
  constructor(settings) {
    super();
    this.minWords = settings.min_words;
    if (this.minWords < 1) throw new PluginError(`min_words: expected 1 or more, got ${this.minWords}`);
  }

  judge(documents) {
    return documents.map((document) => this.verdict(document));
  }

  verdict(document) {
    const words = document.match(/\S+/g)?.length ?? 0;
    return words < this.minWords ? drop("too_few_words", { score: words }) : keep();
  }
}
