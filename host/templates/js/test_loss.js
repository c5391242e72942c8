// npm test

import assert from "node:assert";
import test from "node:test";
import { Plugin } from "./plugin.js";

test("graph has the exponent", () => {
  const graph = new Plugin({ gamma: 1.5 }).describe();
  assert.deepStrictEqual(graph.nodes.find((node) => node.op === "powf").attributes, [1.5]);
  assert.strictEqual(graph.outputs[0].name, "loss");
});

test("settings are checked", () => {
  assert.throws(() => new Plugin({ gamma: -1 }), /expected 0 or more, got -1/);
});
