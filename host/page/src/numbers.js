"use strict";
const N_TICKS = 6;

// ---- numbers: the same rules as number.rs and axis.rs ----

const exponent = (value) => Math.floor(Math.log10(Math.abs(value)));
const decimals = (step) => Math.min(15, Math.max(0, Math.ceil(-Math.log10(step) - 1e-9)));
const fixed = (value, n) => (n ? value.toFixed(n).replace(/\.?0+$/, "") : value.toFixed(0));
const grouped = (text) => text.replace(/^-?\d+/, (whole) => whole.replace(/\B(?=(\d{3})+$)/g, ","));

function tickLabel(value, step, largest) {
  if (value === 0) return "0";
  if (largest < 1e-3 || largest >= 1e15) {
    const unit = 10 ** exponent(largest);
    return `${fixed(value / unit, decimals(step / unit))}e${exponent(largest)}`;
  }
  const units = [[1e12, "T"], [1e9, "B"], [1e6, "M"], [1e3, "k"], [0, ""]];
  const [size, suffix] = units.find(([size]) => Math.abs(value) >= size);
  const unit = size || 1;
  const n = decimals(step / unit);
  return n > 3 && suffix ? grouped(fixed(value, decimals(step))) : fixed(value / unit, n) + suffix;
}

function valueText(value) {
  if (value === null) return "–";
  const size = Math.abs(value);
  if (value !== 0 && (size < 1e-3 || size >= 1e15)) return value.toExponential(4).replace("+", "");
  return grouped(Number.isInteger(value) ? String(value) : value.toFixed(Math.max(0, 4 - exponent(value))));
}

const shortText = (value) => valueText(value).replace(/(\.\d*?)0+(?=e|$)/, "$1").replace(/\.(?=e|$)/, "");

function linearTicks(low, high) {
  const wanted = (high - low) / N_TICKS;
  const power = 10 ** Math.floor(Math.log10(wanted));
  const step = ([1, 2, 5].find((n) => n * power >= wanted) ?? 10) * power;
  const values = [];
  for (let n = Math.ceil(low / step - 1e-9); n <= high / step + 1e-9; n++) values.push(n * step);
  const largest = Math.max(...values.map(Math.abs));
  return values.map((value) => ({ value, label: tickLabel(value, step, largest) }));
}

function logTicks(low, high) {
  const every = Math.max(1, Math.ceil((high - low) / N_TICKS));
  const values = [];
  for (let n = Math.floor(low); n <= Math.ceil(high); n++) {
    if (n % every === 0) values.push(...(high - low > 2.5 ? [1] : [1, 2, 5]).map((factor) => factor * 10 ** n));
  }
  const inside = values.filter((value) => Math.log10(value) >= low && Math.log10(value) <= high);
  if (inside.length < 3) return linearTicks(10 ** low, 10 ** high);
  return inside.map((value) => ({ value, label: tickLabel(value, value, value) }));
}

// ---- points: columns of x, in order, and y, null at gaps ----

/** The first index whose x is at least `x`. */
function indexOf(xs, x) {
  let [low, high] = [0, xs.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (xs[middle] < x) low = middle + 1;
    else high = middle;
  }
  return low;
}

function nearest(xs, x) {
  const index = indexOf(xs, x);
  const isBefore = index > 0 && (index === xs.length || x - xs[index - 1] < xs[index] - x);
  return isBefore ? index - 1 : index;
}
