// npm test

import assert from "node:assert";
import test from "node:test";
import { Plugin } from "./plugin.js";
import { drop, keep } from "./trainyard_plugin.js";

test("few words are dropped", () => {
  const verdicts = new Plugin({ min_words: 3 }).judge(["one two three", " one\ntwo ", ""]);
  const few = (score) => drop("too_few_words", { score });
  assert.deepStrictEqual(verdicts, [keep(), few(2), few(0)]);
});

test("settings are checked", () => {
  assert.throws(() => new Plugin({ min_words: 0 }), /expected 1 or more, got 0/);
});
