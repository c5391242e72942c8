// The first-party filter length in JavaScript: the same verdicts, byte for byte.

import { Filter, PluginError, drop, keep } from "./trainyard_plugin.js";

// What white space separates as Python knows it; \s would take the byte-order mark for a space too, and not U+0085.
const WORD = /[^\t-\r\x1c- \x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+/gu;

function checkOrder(what, min, max) {
  if (max !== 0 && min > max) {
    throw new PluginError(`min_${what}: expected at most max_${what} = ${max}, got ${min}; no document would stay`);
  }
}

export class Plugin extends Filter {
  constructor(settings) {
    super();
    for (const [name, value] of Object.entries(settings)) {
      if (value < 0 || value >= 2 ** 32) {
        throw new PluginError(`${name}: expected a whole number from 0 to 4294967295, got ${value}`);
      }
    }
    checkOrder("chars", settings.min_chars, settings.max_chars);
    checkOrder("words", settings.min_words, settings.max_words);
    this.settings = settings;
  }

  judge(documents) {
    return documents.map((document) => this.verdict(document));
  }

  verdict(document) {
    const { min_chars, max_chars, min_words, max_words } = this.settings;
    let chars = 0;
    for (const _ of document) chars += 1;
    if (chars < min_chars) return drop("length_too_few_chars", { score: chars });
    if (max_chars !== 0 && chars > max_chars) return drop("length_too_many_chars", { score: chars });
    const words = document.match(WORD)?.length ?? 0;
    if (words < min_words) return drop("length_too_few_words", { score: words });
    if (max_words !== 0 && words > max_words) return drop("length_too_many_words", { score: words });
    return keep();
  }
}
