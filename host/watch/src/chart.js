
// ---- a chart of several runs, drawn again whenever there is something new ----

const SIDE = 100000;
const MARGIN = 0.05;
const RANGE = 100;
const N_RAW_MAX = 3;

function element(parent, name, attributes, text) {
  const node = document.createElementNS(parent.namespaceURI, name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  if (text !== undefined) node.textContent = text;
  parent.append(node);
  return node;
}

/** The colour and the dashes of a look, as in look.rs. */
const lookOf = (look) => `c${look % 8} d${(look + Math.floor(look / 8)) % 8}`;

function swatch(parent, look) {
  const node = document.getElementById("swatch").content.firstElementChild.cloneNode(true);
  node.setAttribute("class", `swatch ${lookOf(look)}`);
  parent.append(node);
  return node;
}

/** An exponential moving average whose weights add up to one from the first value; gaps stay gaps. */
function smoothed(ys) {
  if (ys.length < 20) return ys;
  const keep = 1 - 2 / (Math.max(5, ys.length / 50) + 1);
  let [sum, weight] = [0, 0];
  return ys.map((y) => {
    if (y === null) return null;
    sum = sum * keep + y * (1 - keep);
    weight = weight * keep + (1 - keep);
    return sum / weight;
  });
}

class Chart {
  constructor(parent, { key, title, isSmoothed, isDotted, canBeLog }) {
    Object.assign(this, { key, title, isSmoothed, isDotted, canBeLog, lines: [], at: null });
    this.figure = document.getElementById("chart").content.firstElementChild.cloneNode(true);
    this.figure.id = `chart-${key}`;
    this.figure.querySelector("h3").textContent = title;
    [this.plot, this.frame, this.curves, this.tip, this.axis, this.empty] = [".plot", ".frame", ".curves", ".tip", ".axis", ".empty"]
      .map((name) => this.figure.querySelector(name));
    this.plot.setAttribute("aria-label", `${title}: arrow keys read values`);
    this.plot.addEventListener("pointermove", (event) => this.read(this.xOf(event)));
    this.plot.addEventListener("pointerdown", (event) => this.read(this.xOf(event)));
    // a finger leaves when it is lifted, and what it pointed at stays
    this.plot.addEventListener("pointerleave", (event) => event.pointerType === "touch" || this.read(null));
    this.plot.addEventListener("blur", () => this.read(null));
    this.plot.addEventListener("keydown", (event) => this.press(event));
    parent.append(this.figure);
  }

  /** Draws lines, each a name, a look, xs and ys, over a part of x that all charts share. */
  draw(lines, x, label) {
    this.lines = lines
      .filter(({ xs }) => xs.length)
      .map((line) => ({ ...line, raw: this.isSmoothed ? line.ys : null, ys: this.isSmoothed ? smoothed(line.ys) : line.ys }));
    const values = this.lines.flatMap(({ ys, raw }) => [...ys, ...(raw && lines.length <= N_RAW_MAX ? raw : [])]);
    const [low, high] = values.reduce(([a, b], y) => (y === null ? [a, b] : [Math.min(a, y), Math.max(b, y)]), [Infinity, -Infinity]);
    this.empty.hidden = low <= high;
    this.plot.hidden = low > high;
    this.isLog = this.canBeLog && low > 0 && high > RANGE * low;
    this.axis.textContent = label + (this.isLog ? ", logarithmic" : "");
    if (low > high) return;
    this.x = x;
    this.y = this.range(low, high);
    this.curves.replaceChildren();
    if (lines.length <= N_RAW_MAX) {
      for (const { xs, raw, look } of this.lines.filter((line) => line.raw)) {
        element(this.curves, "path", { class: `curve raw c${look % 8}`, d: this.path(xs, raw) });
      }
    }
    for (const { xs, ys, look } of this.lines) {
      const group = element(this.curves, "g", { class: `curve ${lookOf(look)}` });
      element(group, "path", { class: this.isDotted ? "thin" : "line", d: this.path(xs, ys) });
      const dots = this.dots(xs, ys);
      if (dots) element(group, "path", { class: this.isDotted ? "dots" : "dots lone", d: dots });
    }
    this.write();
    this.read(this.at);
  }

  range(low, high) {
    const [from, to] = this.isLog ? [Math.log10(low), Math.log10(high)] : [low, high];
    const margin = (to - from) * MARGIN || Math.abs(to) * MARGIN || 1;
    return [this.isLog || from < 0 ? from - margin : Math.max(0, from - margin), to + margin];
  }

  /** Shares of the width and of the height. */
  across(x) {
    return (x - this.x[0]) / (this.x[1] - this.x[0]);
  }

  down(y) {
    return 1 - ((this.isLog ? Math.log10(y) : y) - this.y[0]) / (this.y[1] - this.y[0]);
  }

  spot(x, y) {
    return `${Math.round(this.across(x) * SIDE)} ${Math.round(this.down(y) * SIDE)}`;
  }

  canShow(y) {
    return y !== null && (!this.isLog || y > 0);
  }

  path(xs, ys) {
    let isDrawing = false;
    const parts = xs.map((x, n) => {
      const start = isDrawing ? "L" : "M";
      isDrawing = this.canShow(ys[n]);
      return isDrawing ? start + this.spot(x, ys[n]) : "";
    });
    return parts.join("");
  }

  /** All points, or those that have no neighbour, for which a line would show nothing. */
  dots(xs, ys) {
    const can = (n) => n >= 0 && n < ys.length && this.canShow(ys[n]);
    const isDot = (n) => can(n) && (this.isDotted ? xs.length <= 100 : false) || (can(n) && !can(n - 1) && !can(n + 1));
    return xs.map((x, n) => (isDot(n) ? `M${this.spot(x, ys[n])}h1` : "")).join("");
  }

  /** Writes ticks, and what the chart shows in words. */
  write() {
    const [x, y] = [".x", ".y"].map((axis) => this.frame.querySelector(axis));
    [x, y].forEach((axis) => axis.replaceChildren());
    for (const { value, label } of linearTicks(...this.x)) {
      element(x, "text", { x: `${this.across(value) * 100}%`, y: "100%", dy: 18 }, label);
    }
    for (const { value, label } of (this.isLog ? logTicks : linearTicks)(...this.y)) {
      const at = `${this.down(value) * 100}%`;
      element(y, "line", { x2: "100%", y1: at, y2: at });
      element(y, "text", { x: -8, y: at, dy: ".35em" }, label);
    }
    const last = ({ xs, ys, name }) => `${name}: ${valueText(ys.findLast((y) => y !== null) ?? null)} at step ${shortText(xs.at(-1))}`;
    this.frame.setAttribute("aria-label", `${this.title}, the last values. ${this.lines.map(last).join("; ")}.`);
  }

  xOf(event) {
    const box = this.frame.getBoundingClientRect();
    return this.x[0] + Math.min(1, Math.max(0, (event.clientX - box.left) / box.width)) * (this.x[1] - this.x[0]);
  }

  press(event) {
    const [low, high] = this.x;
    const keys = {
      ArrowLeft: () => this.step(-1, event.shiftKey),
      ArrowRight: () => this.step(1, event.shiftKey),
      Home: () => this.read(low),
      End: () => this.read(high),
      Escape: () => this.read(null),
    };
    if (!keys[event.key] || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    keys[event.key]();
  }

  /** Reads the next value to the left or right, or one a tenth of the width away. */
  step(direction, isFar) {
    const [low, high] = this.x;
    if (this.at === null) return this.read(direction > 0 ? low : high);
    const next = ({ xs }) => (direction > 0 ? xs.find((x) => x > this.at) : xs.findLast((x) => x < this.at));
    const nexts = this.lines.map(next).filter((x) => x !== undefined);
    const near = direction > 0 ? Math.min(...nexts, high) : Math.max(...nexts, low);
    this.read(Math.min(high, Math.max(low, isFar ? this.at + (direction * (high - low)) / 10 : near)));
  }

  /** Shows the values at the point that is nearest to an x, or none. */
  read(x) {
    this.frame.querySelector(".cursor")?.remove();
    this.tip.replaceChildren();
    this.at = null;
    if (x === null || !this.lines.length || this.plot.hidden) return;
    const found = this.lines.map(({ xs }) => xs[nearest(xs, x)]);
    this.at = found.reduce((a, b) => (Math.abs(a - x) <= Math.abs(b - x) ? a : b));
    const place = `${this.across(this.at) * 100}%`;
    const cursor = element(this.frame, "g", { class: "cursor" });
    element(cursor, "line", { x1: place, x2: place, y2: "100%" });
    element(this.tip, "strong", {}, `step ${shortText(this.at)}`);
    for (const { name, look, xs, ys } of this.lines) this.readLine(name, look, xs, ys, cursor);
    const [plot, frame] = [this.plot.getBoundingClientRect(), this.frame.getBoundingClientRect()];
    const at = frame.left - plot.left + this.across(this.at) * frame.width;
    const width = this.tip.offsetWidth;
    this.tip.style.left = `${Math.max(0, at + 14 + width <= plot.width ? at + 14 : at - 14 - width)}px`;
  }

  readLine(name, look, xs, ys, cursor) {
    const index = nearest(xs, this.at);
    const row = element(this.tip, "p", {});
    swatch(row, look);
    element(row, "bdi", {}, name);
    element(row, "span", {}, valueText(ys[index]));
    if (Math.abs(this.across(xs[index]) - this.across(this.at)) > 0.005) element(row, "span", { class: "quiet" }, `at ${shortText(xs[index])}`);
    if (!this.canShow(ys[index])) return;
    const [cx, cy] = [this.across(xs[index]), this.down(ys[index])].map((share) => `${share * 100}%`);
    element(cursor, "circle", { class: `c${look % 8}`, cx, cy, r: 4 });
  }
}
