// What a trainyard plugin in JavaScript is written with.
//
// plugin.js exports one class, Plugin, derived from Tokenizer, Filter, Loss, Metric, TextMetric or Model. The class is
// made with an object of all settings in plugin.toml, types checked and defaults filled in. Everything here also runs
// outside of a component, so that a plugin is tested like any module.

// The versions of the tables of ops that graphs and networks are made of.
export const OP_SET = 2;
export const NETWORK_OP_SET = 1;
// Ops that are not in set 1, with the set that brought them.
export const LATER_OPS = { "input.targets": 2 };

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

// An architecture, described and not executed: the host differentiates, plans and runs it.
export class Model {
  // A Net for these sizes: { vocab, context, labels }, where labels is 0 where there are none.
  describe(sizes) {
    unsupported("describe");
  }
  // Settings of the model that a config.json describes, whose nested keys are joined with dots. Numbers that are whole
  // but not integers are wrapped: number(2).
  importConfig(config) {
    throw new PluginError("this model reads no config.json of other programs", "unsupported");
  }
  // The config.json of this model, as importConfig reads it.
  exportConfig(sizes) {
    throw new PluginError("this model has no form for other programs", "unsupported");
  }
}

// A value of an attribute or a setting that is any number, even where it happens to be whole.
export const number = (value) => ({ tag: "number", val: value });

// A setting's value as the contract has it: its type says which case it is.
export function settingValue(value) {
  if (typeof value === "boolean") return { tag: "boolean", val: value };
  if (typeof value === "number") return { tag: Number.isInteger(value) ? "integer" : "number", val: value };
  if (typeof value === "string") return { tag: "text", val: value };
  if (!Array.isArray(value)) return value;
  const isTexts = value.length > 0 && value.every((item) => typeof item === "string");
  return isTexts ? { tag: "texts", val: value } : { tag: "numbers", val: value };
}

// A network, built by writing its forward: its methods are layers with parameters, Value has the others. Names are
// relative to the block or scope that is open. The host checks the types of all values.
export class Net {
  parameters = [];
  layers = [];
  heads = [];
  blocks = [];
  ignored = [];
  scopes = [];
  // Layers whose names begin so, made by a function; its border is one at which activations may be computed again.
  block(name, layers) {
    this.blocks.push(this.path(name));
    return this.scope(name, layers);
  }
  scope(name, layers) {
    this.scopes.push(this.path(name));
    const result = layers();
    this.scopes.pop();
    return result;
  }
  path(name) {
    return [this.scopes.at(-1) ?? "", name].filter((part) => part !== "").join(".");
  }
  // A parameter by its name in the scope that is open; that of an earlier layer, if there is one of this name. init is
  // zeros, ones, normal (deviation scale) or uniform (within scale).
  parameter(name, shape, init = "normal", scale = 0.02) {
    const path = this.path(name);
    const known = this.parameters.findIndex((parameter) => parameter.name === path);
    if (known >= 0) {
      const other = this.parameters[known].shape;
      if (String(other) !== String(shape)) {
        throw new PluginError(`${authorLine()}parameter ${path} has shape [${other}], not [${shape}]`, "internal");
      }
      return known;
    }
    if (init === "zeros" || init === "ones") scale = 0;
    return this.parameters.push({ name: path, shape, init, scale, decay: shape.length > 1, aliases: [] }) - 1;
  }
  // Any op of the table, whose result has this many columns: those of the first input unless said.
  layer(op, inputs = [], { parameters = [], name = "", columns = inputs[0]?.columns ?? 0, attributes = {} } = {}) {
    for (const value of inputs) {
      if (value.net !== this) {
        throw new PluginError(`${authorLine()}a value of another Net; use one Net for a network`, "internal");
      }
    }
    const ids = inputs.map((value) => value.id);
    const settings = Object.entries(attributes).map(([key, value]) => ({ key, value: settingValue(value) }));
    const layer = { op, scope: this.path(name), inputs: ids, parameters, attributes: settings };
    return new Value(this, this.layers.push(layer) - 1, columns);
  }
  // input.NAME of the table: ids, positions, token_types, source_ids, source_positions.
  input(name) {
    const known = this.layers.findIndex((layer) => layer.op === `input.${name}`);
    return known >= 0 ? new Value(this, known, 0) : this.layer(`input.${name}`);
  }
  // Rows of the table name.weight [n, columns].
  embedding(name, index, n, columns, offset = 0) {
    const parameters = [this.parameter(`${name}.weight`, [n, columns])];
    return this.layer("embedding", [index], { parameters, name, columns, attributes: offset ? { offset } : {} });
  }
  // name.weight [columns, columns of x], and name.bias.
  linear(name, x, columns, bias = true) {
    const parameters = [this.parameter(`${name}.weight`, [columns, x.columns])];
    if (bias) parameters.push(this.parameter(`${name}.bias`, [columns], "zeros"));
    return this.layer("linear", [x], { parameters, name, columns });
  }
  // x times the table of the embedding of this full name, transposed.
  tied(name, x) {
    const table = this.parameters.findIndex((parameter) => parameter.name === `${name}.weight`);
    if (table < 0) throw new PluginError(`${authorLine()}there is no table ${name}.weight to be tied to`, "internal");
    return this.layer("linear", [x], { parameters: [table], name, columns: this.parameters[table].shape[0] });
  }
  layer_norm(name, x, epsilon) {
    const parameters = [
      this.parameter(`${name}.weight`, [x.columns], "ones"),
      this.parameter(`${name}.bias`, [x.columns], "zeros"),
    ];
    return this.layer("layer_norm", [x], { parameters, name, attributes: { epsilon: number(epsilon) } });
  }
  // Of each chunk of width columns; of all columns unless said.
  rms_norm(name, x, epsilon, width = x.columns) {
    const parameters = [this.parameter(`${name}.weight`, [width], "ones")];
    return this.layer("rms_norm", [x], { parameters, name, attributes: { epsilon: number(epsilon) } });
  }
  // kind is rnn, gru or lstm; the parameters are PyTorch's: name.weight_ih_l0 and so on.
  recurrent(kind, name, x, state, suffix = "l0", reverse = false) {
    const rows = { rnn: 1, gru: 3, lstm: 4 }[kind] * state;
    const shapes = { weight_ih: [rows, x.columns], weight_hh: [rows, state], bias_ih: [rows], bias_hh: [rows] };
    const parameters = Object.entries(shapes).map(([part, shape]) =>
      this.parameter(`${name === "" ? "" : `${name}.`}${part}_${suffix}`, shape, "uniform", 1 / Math.sqrt(Math.max(state, 1))),
    );
    return this.layer(kind, [x], { parameters, name, columns: state, attributes: reverse ? { reverse } : {} });
  }
  // Causal depthwise convolution: name.weight [columns, taps], and name.bias.
  conv(name, x, taps, bias = true) {
    const scale = 1 / Math.sqrt(Math.max(taps, 1));
    const parameters = [this.parameter(`${name}.weight`, [x.columns, taps], "uniform", scale)];
    if (bias) parameters.push(this.parameter(`${name}.bias`, [x.columns], "zeros"));
    return this.layer("conv", [x], { parameters, name });
  }
  // Columns of all values side by side.
  concat(values) {
    return this.layer("concat", values, { columns: values.reduce((sum, value) => sum + value.columns, 0) });
  }
  // A named result: logits is what a loss reads.
  head(name, value) {
    this.heads.push({ name, value: value.id });
  }
}

// A result of a layer, with its number of columns.
export class Value {
  constructor(net, id, columns) {
    this.net = net;
    this.id = id;
    this.columns = columns;
  }
  // An op of this value alone, such as relu, silu, tanh, sigmoid, pool, expand, shift.
  op(op, attributes = {}) {
    return this.net.layer(op, [this], { attributes });
  }
  gelu(form = "erf") {
    return this.op("gelu", { form });
  }
  silu() {
    return this.op("silu");
  }
  sigmoid() {
    return this.op("sigmoid");
  }
  scale(factor) {
    return this.op("scale", { factor: number(factor) });
  }
  dropout(rate) {
    return rate === 0 ? this : this.op("dropout", { rate: number(rate) });
  }
  slice(first, width) {
    return this.net.layer("slice", [this], { columns: width, attributes: { first, width } });
  }
  rotary(head_width, theta, attributes = {}) {
    return this.op("rotary", { head_width, theta: number(theta), ...attributes });
  }
  // Causal attention of these queries, unless attributes say otherwise.
  attend(k, v, heads, kv_heads = heads, attributes = {}) {
    return this.net.layer("attention", [this, k, v], { attributes: { heads, kv_heads, ...attributes } });
  }
  add(other) {
    return this.net.layer("add", [this, other]);
  }
  mul(other) {
    return this.net.layer("mul", [this, other]);
  }
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
