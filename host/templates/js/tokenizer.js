// Tokenizer {{name}}: one token per byte, ids 0 to 255, and <|endoftext|> as id 256.

import { PluginError, Tokenizer, utf8 } from "./trainyard_plugin.js";

const END_OF_TEXT = 256;

// The tokenizer needs no training: its model is empty.
export class Plugin extends Tokenizer {
  isLoaded = false;

  load(model) {
    if (model.length > 0) throw new PluginError(`model has ${model.length} bytes, expected none`, "input");
    this.isLoaded = true;
  }

  checkLoaded() {
    if (!this.isLoaded) throw new PluginError("no model, call load first", "state");
  }

  vocabulary() {
    this.checkLoaded();
    const tokens = Array.from({ length: 256 }, (_, byte) => Uint8Array.of(byte));
    tokens.push(new Uint8Array()); // a special token has no bytes
    return { tokens, specials: [{ name: "<|endoftext|>", id: END_OF_TEXT }] };
  }

  encode(texts) {
    this.checkLoaded();
    return texts.map((text) => Array.from(utf8.encode(text)));
  }

  decode(sequences) {
    this.checkLoaded();
    return sequences.map((sequence) => {
      const wrong = sequence.find((id) => id > END_OF_TEXT);
      if (wrong !== undefined) throw new PluginError(`id ${wrong} is outside the vocabulary of 257`, "input");
      return Uint8Array.from(sequence.filter((id) => id !== END_OF_TEXT));
    });
  }
}
