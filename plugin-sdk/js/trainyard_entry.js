// What componentize-qjs enters: the functions of every kind's world, in terms of trainyard_plugin.js. A component exports
// those of its world.

import host from "trainyard:plugin/log";
import { Plugin } from "./plugin.js";
import { LATER_OPS, NETWORK_OP_SET, PluginError, log, readSettings, settingValue } from "./trainyard_plugin.js";
import { SETTINGS } from "./trainyard_settings.js";

let plugin;
log.write = (level, line) => host.write(level, line);

// What a call returns; what it throws as the contract's errors.
function answer(call) {
  try {
    return call();
  } catch (error) {
    if (error instanceof PluginError) throw { kind: error.kind, message: error.message };
    throw { kind: "internal", message: `${error}${error?.stack ? ` ${error.stack}` : ""}` };
  }
}

const info = () => answer(() => ({
  unit: plugin.unit,
  direction: plugin.higherIsBetter ? "higher-is-better" : "lower-is-better",
  aggregation: plugin.aggregation,
}));

function graph() {
  const { nodes, outputs } = plugin.describe();
  // no newer set than it needs, so that older hosts run it
  return { opSet: Math.max(1, ...nodes.map(({ op }) => LATER_OPS[op] ?? 1)), nodes, outputs };
}

const named = (sizes) => Object.fromEntries(sizes.map(({ name, value }) => [name, value]));
const settings = (values) => Object.entries(values).map(([key, value]) => ({ key, value: settingValue(value) }));

function network(sizes) {
  const { parameters, layers, heads, blocks, ignored } = plugin.describe(named(sizes));
  return { opSet: NETWORK_OP_SET, parameters, layers, heads, blocks, ignored };
}

const verdict = ({ keep, reason = "", score = null, text = null, spans = [] }) => ({
  keep,
  reason,
  score,
  text,
  spans: spans.map(([start, end]) => ({ start, end })),
});

function batch(sequences) {
  const ids = [];
  const ends = sequences.map((sequence) => {
    for (const id of sequence) ids.push(id);
    return ids.length;
  });
  return { ids, ends };
}

function sequences({ ids, ends }) {
  const all = Array.from(ids);
  return Array.from(ends, (end, i) => all.slice(i > 0 ? ends[i - 1] : 0, end));
}

export const create = (settings) =>
  answer(() => {
    plugin = new Plugin(readSettings(SETTINGS, settings));
  });
export const twoPass = () => Boolean(plugin.twoPass());
export const observe = (texts) => answer(() => void plugin.observe(texts));
export const state = () => answer(() => plugin.state());
export const merge = (bytes) => answer(() => void plugin.merge(Uint8Array.from(bytes)));
export const judge = (documents) => answer(() => plugin.judge(documents).map(verdict));
export const train = () => answer(() => plugin.train());
export const load = (model) => answer(() => void plugin.load(Uint8Array.from(model)));
export const vocabulary = () => answer(() => plugin.vocabulary());
export const encode = (texts) => answer(() => batch(plugin.encode(texts)));
export const decode = (tokens) => answer(() => plugin.decode(sequences(tokens)));
export const describe = (sizes) => answer(() => (sizes === undefined ? graph() : network(sizes)));
export const importConfig = (config) =>
  answer(() => settings(plugin.importConfig(Object.fromEntries(config.map(({ key, value }) => [key, value.val])))));
export const exportConfig = (sizes) => answer(() => settings(plugin.exportConfig(named(sizes))));
export const update = (pairs) => answer(() => void plugin.update(pairs));
export const value = () => answer(() => plugin.value());
export { info };
