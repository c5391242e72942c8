// npm test

import assert from "node:assert";
import test from "node:test";
import { Plugin } from "./plugin.js";

test("decoding gives the text back", () => {
  const tokenizer = new Plugin({});
  tokenizer.load(new Uint8Array());
  const texts = tokenizer.decode(tokenizer.encode(["naïve 👍", ""]));
  assert.deepStrictEqual(texts.map((bytes) => new TextDecoder().decode(bytes)), ["naïve 👍", ""]);
});

test("nothing works before load", () => {
  assert.throws(() => new Plugin({}).encode(["a"]), /call load first/);
});
