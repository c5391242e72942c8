// npm test

import assert from "node:assert";
import test from "node:test";
import { Plugin } from "./plugin.js";

test("merging equals updating", () => {
  const [both, some, rest] = [new Plugin({}), new Plugin({}), new Plugin({})];
  both.update([{ hypothesis: "one two" }, { hypothesis: "three" }]);
  some.update([{ hypothesis: "one two" }]);
  rest.update([{ hypothesis: "three" }]);
  rest.merge(some.state());
  assert.strictEqual(rest.value(), 1.5);
  assert.deepStrictEqual(rest.state(), both.state());
});
