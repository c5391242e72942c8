// npm test

import assert from "node:assert";
import test from "node:test";
import { Plugin } from "./plugin.js";

const SETTINGS = { layers: 2, width: 8, taps: 4 };

test("network has the blocks", () => {
  const net = new Plugin(SETTINGS).describe({ vocab: 100, context: 16, labels: 0 });
  assert.deepStrictEqual(net.blocks, ["blocks.0", "blocks.1"]);
  const conv = net.parameters.find((parameter) => parameter.name === "blocks.1.conv.weight");
  assert.deepStrictEqual(conv.shape, [8, 4]);
  assert.deepStrictEqual(net.heads, [{ name: "logits", value: net.layers.length - 1 }]);
});

test("settings are checked", () => {
  assert.throws(() => new Plugin({ ...SETTINGS, layers: 0 }), /layers: expected 1 to 10000, got 0/);
});
