// What a trainyard plugin in JavaScript is written with.
//
// plugin.js exports one class, Plugin, derived from Tokenizer, Filter, Loss, Metric or TextMetric. The class is made with
// an object of all settings in plugin.toml, types checked and defaults filled in. Everything here also runs outside of a
// component, so that a plugin is tested like any module.

// The version of the table of ops that graphs are made of.
export const OP_SET = 1;

// Why a call failed. `kind` says whose fault it is: config (a setting), input (the documents, ids or model passed in),
// state (the order of calls), unsupported, internal (a defect of the plugin).
export class PluginError extends Error {
  constructor(message, kind = "config") {
    super(message);
    this.kind = kind;
  }
}

// Where lines for the log go: error, warn, info or debug. Outside of a component they are printed.
export const log = { write: (level, line) => console.log(`${level}: ${line}`) };

const unsupported = (what) => {
  throw new PluginError(`this plugin has no ${what}`, "unsupported");
};

// What a filter says of one document. `more` may hold score (the value that was compared with the threshold), text (the
// document rewritten), spans ([start, end] in bytes of UTF-8).
export const keep = (more = {}) => ({ keep: true, reason: "", spans: [], ...more });
export const drop = (reason, more = {}) => ({ keep: false, reason, spans: [], ...more });

// Which documents to train on. A verdict may depend on the settings, the observed state and the one document.
export class Filter {
  // Whether every document must pass through observe before the first judge.
  twoPass() {
    return false;
  }
  observe(documents) {
    unsupported("first pass");
  }
  // A Uint8Array: what was observed so far, to be merged into another instance, in any order.
  state() {
    return new Uint8Array();
  }
  merge(state) {}
  // One verdict per document, in order.
  judge(documents) {
    unsupported("judge");
  }
}

// Text to token ids and back. observe* and train, or nothing, then load; then the rest.
export class Tokenizer {
  observe(texts) {}
  // A Uint8Array, the model.
  train() {
    return new Uint8Array();
  }
  load(model) {}
  // { tokens: [Uint8Array, …] in the order of ids, empty for special tokens; specials: [{ name, id }, …] }
  vocabulary() {
    unsupported("vocabulary");
  }
  // One array of ids per text.
  encode(texts) {
    unsupported("encode");
  }
  // One Uint8Array per sequence; special tokens decode to nothing.
  decode(sequences) {
    unsupported("decode");
  }
}

// What training minimises: a Graph, described once, differentiated and run by the host.
export class Loss {
  describe() {
    unsupported("describe");
  }
}

// A number about predicted tokens, described like a loss.
export class Metric extends Loss {
  unit = "";
  higherIsBetter = false;
  // or "exp-mean": e to the power of the mean
  aggregation = "mean";
}

// A number about generated text. Merging states must equal updating with all pairs, in any order.
export class TextMetric {
  unit = "";
  higherIsBetter = false;
  aggregation = "mean";
  // [{ hypothesis, references: [text, …] }, …]
  update(pairs) {
    unsupported("update");
  }
  state() {
    unsupported("state");
  }
  merge(state) {
    unsupported("merge");
  }
  // The metric of everything counted; NaN when nothing was.
  value() {
    unsupported("value");
  }
}

// Ops of the table that take other nodes or numbers; all are methods of a node.
const OPS = [
  "neg abs exp log log1p expm1 sqrt square reciprocal relu sigmoid log_sigmoid softplus tanh stop_gradient",
  "add sub mul div minimum maximum less less_equal equal select",
  "log_softmax softmax log_sum_exp sum_vocab mean_vocab max_vocab argmax gather index_equal",
  "sum_rows sum_sequence expand_sequence sum_sequences",
]
  .join(" ")
  .split(" ");

// Mathematics as data: graph.input("logits").log_softmax(). Finish with mean or ratio.
export class Graph {
  nodes = [];
  outputs = [];
  // input.NAME of the table of ops.
  input(name) {
    return this.op(`input.${name}`);
  }
  constant(value) {
    return this.op("constant", [], [value]);
  }
  // Any op of the table. The same op of the same inputs is one node.
  op(op, inputs = [], attributes = []) {
    const ids = inputs.map((x) => (x instanceof Node ? this.own(x) : this.constant(x).id));
    const node = { op, inputs: ids, attributes };
    let id = this.nodes.findIndex((known) => JSON.stringify(known) === JSON.stringify(node));
    if (id < 0) id = this.nodes.push(node) - 1;
    return new Node(this, id);
  }
  // The number of a node of this graph; in another one it would name another node.
  own(x) {
    if (x.graph === this) return x.id;
    throw new PluginError(`${authorLine()}an expression of another Graph; use one Graph for a formula`, "internal");
  }
  // The value is the mean of x (one value per row) over the rows that count.
  mean(x) {
    this.own(x);
    const weight = this.input("weight");
    return this.ratio(x.mul(weight).sum_rows(), weight.sum_rows());
  }
  // The value is sum / weight, both scalars; the host divides after adding up all micro-batches.
  ratio(sum, weight) {
    this.outputs.unshift({ name: "loss", sum: this.own(sum), weight: this.own(weight) });
    return this;
  }
  // Logs the mean of x over the rows that count as name, beside the loss.
  log_mean(name, x) {
    this.own(x);
    const weight = this.input("weight");
    this.outputs.push({ name, sum: x.mul(weight).sum_rows().id, weight: weight.sum_rows().id });
  }
}

// File and line of the nearest caller outside of this module, where the engine says.
function authorLine() {
  const frames = String(new Error().stack ?? "").match(/[^\s()]+\.js:\d+/g) ?? [];
  const frame = frames.find((frame) => !frame.includes("trainyard_plugin.js"));
  return frame ? `${frame}: ` : "";
}

// A node of a graph. Its methods are the ops.
export class Node {
  constructor(graph, id) {
    this.graph = graph;
    this.id = id;
  }
  powf(exponent) {
    return this.graph.op("powf", [this], [exponent]);
  }
  clamp(low, high) {
    return this.graph.op("clamp", [this], [low, high]);
  }
}
for (const op of OPS) {
  Node.prototype[op] = function (...others) {
    return this.graph.op(op, [this, ...others]);
  };
}

// Bytes of a text in UTF-8, and back. QuickJS has no TextEncoder.
export const utf8 = {
  encode(text) {
    const bytes = [];
    for (const char of text) {
      const code = char.codePointAt(0);
      if (code < 0x80) bytes.push(code);
      else if (code < 0x800) bytes.push(0xc0 | (code >> 6), 0x80 | (code & 63));
      else if (code < 0x10000) bytes.push(0xe0 | (code >> 12), 0x80 | ((code >> 6) & 63), 0x80 | (code & 63));
      else {
        bytes.push(0xf0 | (code >> 18), 0x80 | ((code >> 12) & 63), 0x80 | ((code >> 6) & 63), 0x80 | (code & 63));
      }
    }
    return Uint8Array.from(bytes);
  },
  decode(bytes) {
    const escaped = Array.from(bytes, (byte) => `%${byte.toString(16).padStart(2, "0")}`);
    return decodeURIComponent(escaped.join(""));
  },
};

const EXPECTED = {
  boolean: "true or false",
  integer: "a whole number",
  number: "a number",
  text: "text",
  numbers: "a list of numbers",
  texts: "a list of texts",
};

// All settings of a schema, [[name, type, default], …], from given ones, [{ key, value: { tag, val } }, …].
export function readSettings(schema, given) {
  const settings = Object.fromEntries(schema.map(([name, , value]) => [name, value]));
  const types = Object.fromEntries(schema.map(([name, type]) => [name, type]));
  for (const { key, value } of given) {
    if (!(key in types)) {
      const known = schema.length > 0 ? `expected one of ${Object.keys(types).join(", ")}` : "this plugin has none";
      throw new PluginError(`${key}: unknown setting, ${known}`);
    }
    const isEmptyList = Array.isArray(value.val) && value.val.length === 0 && /s$/.test(types[key]);
    if (value.tag !== types[key] && !(value.tag === "integer" && types[key] === "number") && !isEmptyList) {
      throw new PluginError(`${key}: expected ${EXPECTED[types[key]]}, got ${JSON.stringify(value.val)}`);
    }
    settings[key] = value.val;
  }
  return settings;
}
