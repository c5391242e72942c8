// npm test

import assert from "node:assert";
import test from "node:test";
import { Plugin } from "./plugin.js";

test("graph has the threshold", () => {
  const graph = new Plugin({ threshold: 0.25 }).describe();
  assert.deepStrictEqual(graph.nodes.find((node) => node.op === "constant").attributes, [0.25]);
});

test("settings are checked", () => {
  assert.throws(() => new Plugin({ threshold: 1.5 }), /expected 0 to 1, got 1.5/);
});
