
(() => {
  const SIDE = 100000;
  const MARGIN = 0.05;

  document.documentElement.classList.add("scripted");

  // ---- charts ----

  function element(parent, name, attributes, text) {
    const node = document.createElementNS(parent.namespaceURI, name);
    for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
    if (text !== undefined) node.textContent = text;
    parent.append(node);
    return node;
  }

  class Chart {
    constructor(figure) {
      this.figure = figure;
      this.data = JSON.parse(figure.dataset.points);
      this.plot = figure.querySelector(".plot");
      this.frame = figure.querySelector(".frame");
      this.curves = figure.querySelector(".curves");
      this.tip = figure.querySelector(".tip");
      this.reset = figure.querySelector(".reset");
      this.xLabel = figure.querySelector(".label").textContent;
      const [names, swatches] = [figure.querySelectorAll(".name"), figure.querySelectorAll(".legend .swatch")];
      this.series = this.data.series.map(([xs, ys, rawXs, rawYs], n) => ({
        xs, ys, rawXs, rawYs, isOn: true,
        name: names[n].textContent,
        swatch: swatches[n],
        drawn: this.curves.querySelectorAll(`[data-series="${n}"]`),
      }));
      this.drawn = ["x", "y"].map((axis) => [...this.frame.querySelector(`.${axis}`).children]);
      this.whole = { x: this.data.x, y: this.data.y };
      this.view = this.whole;
      this.at = null;
      this.listen();
    }

    listen() {
      const title = this.figure.querySelector("h3").textContent;
      this.plot.tabIndex = 0;
      this.plot.setAttribute("role", "group");
      this.plot.setAttribute("aria-label", `${title}: arrow keys read values`);
      this.plot.addEventListener("pointerdown", (event) => this.press(event));
      this.plot.addEventListener("pointermove", (event) => this.move(event));
      this.plot.addEventListener("pointerup", (event) => this.release(event));
      this.plot.addEventListener("pointercancel", () => this.select(null));
      // a finger leaves when it is lifted, and what it pointed at stays
      this.plot.addEventListener("pointerleave", (event) => event.pointerType === "touch" || this.read(null));
      this.plot.addEventListener("blur", () => this.read(null));
      this.plot.addEventListener("dblclick", () => this.zoom(this.whole.x));
      this.plot.addEventListener("keydown", (event) => this.key(event));
      this.reset.addEventListener("click", () => {
        this.zoom(this.whole.x);
        this.plot.focus();
      });
    }

    // the pointer

    xOf(event) {
      const box = this.frame.getBoundingClientRect();
      const share = Math.min(1, Math.max(0, (event.clientX - box.left) / box.width));
      return this.view.x[0] + share * (this.view.x[1] - this.view.x[0]);
    }

    press(event) {
      if (event.button !== 0) return;
      this.plot.setPointerCapture(event.pointerId);
      this.start = this.xOf(event);
    }

    move(event) {
      const x = this.xOf(event);
      if (this.start !== undefined) this.select([Math.min(this.start, x), Math.max(this.start, x)]);
      this.read(x);
    }

    release(event) {
      const range = this.selected;
      this.select(null);
      if (range && this.place(range[1]) - this.place(range[0]) > 2) this.zoom(range);
      else this.read(this.xOf(event));
    }

    /** Shows which part a drag has marked; ends the drag without one. */
    select(range) {
      this.selected = range;
      this.frame.querySelector(".selection")?.remove();
      if (!range) {
        this.start = undefined;
        return;
      }
      const [from, to] = range.map((x) => this.place(x));
      element(this.frame, "rect", { class: "selection", x: `${from}%`, width: `${to - from}%`, height: "100%" });
    }

    key(event) {
      const [low, high] = this.view.x;
      const keys = {
        ArrowLeft: () => this.step(-1, event.shiftKey),
        ArrowRight: () => this.step(1, event.shiftKey),
        Home: () => this.read(low),
        End: () => this.read(high),
        Escape: () => this.read(null),
        "+": () => this.scale(0.5),
        "-": () => this.scale(2),
        0: () => this.zoom(this.whole.x),
      };
      if (!keys[event.key] || event.ctrlKey || event.metaKey || event.altKey) return;
      event.preventDefault();
      keys[event.key]();
    }

    // what is shown of x and y

    /** Percent of the width. */
    place(x) {
      return ((x - this.view.x[0]) / (this.view.x[1] - this.view.x[0])) * 100;
    }

    /** Percent of the height, from the top. */
    height(y) {
      return (1 - ((this.data.log ? Math.log10(y) : y) - this.view.y[0]) / (this.view.y[1] - this.view.y[0])) * 100;
    }

    /** Zooms by a factor, around what is read. */
    scale(factor) {
      const [low, high] = this.view.x;
      const width = (high - low) * factor;
      const from = (this.at ?? (low + high) / 2) - width / 2;
      const start = Math.max(this.whole.x[0], Math.min(from, this.whole.x[1] - width));
      this.zoom([start, Math.min(start + width, this.whole.x[1])]);
    }

    zoom(range) {
      const size = Math.max(...this.whole.x.map(Math.abs));
      if (range[1] - range[0] > size * 1e-9) this.draw(range);
    }

    /** The values of y between two of x, with the margin of axis.rs. */
    rangeOfY([from, to]) {
      let [low, high] = [Infinity, -Infinity];
      const include = (xs, ys) => {
        for (let n = indexOf(xs, from); n < xs.length && xs[n] <= to; n++) {
          if (ys[n] === null) continue;
          const y = this.data.log ? Math.log10(ys[n]) : ys[n];
          [low, high] = [Math.min(low, y), Math.max(high, y)];
        }
      };
      for (const { xs, ys, rawXs, rawYs } of this.series.filter((series) => series.isOn)) {
        include(xs, ys);
        include(rawXs, rawYs);
      }
      if (low > high) return this.whole.y;
      const least = (this.whole.y[1] - this.whole.y[0]) * 1e-4;
      const margin = Math.max((high - low) * MARGIN, least);
      return [this.data.log || low < 0 ? low - margin : Math.max(0, low - margin), high + margin];
    }

    draw(range) {
      const isWhole = range[0] === this.whole.x[0] && range[1] === this.whole.x[1];
      const isAsDrawn = isWhole && this.series.every((series) => series.isOn);
      this.view = { x: range, y: isAsDrawn ? this.whole.y : this.rangeOfY(range) };
      const scale = (axis) => SIDE / (this.whole[axis][1] - this.whole[axis][0]);
      const box = [
        (range[0] - this.whole.x[0]) * scale("x"),
        (this.whole.y[1] - this.view.y[1]) * scale("y"),
        (range[1] - range[0]) * scale("x"),
        (this.view.y[1] - this.view.y[0]) * scale("y"),
      ];
      this.curves.setAttribute("viewBox", box.map((length) => Number(length.toFixed(3))).join(" "));
      this.figure.classList.toggle("zoomed", !isWhole);
      this.reset.hidden = isWhole;
      this.write(isAsDrawn);
      this.read(this.at);
    }

    /** Writes the ticks and the marks of what is shown. */
    write(isAsDrawn) {
      const [x, y] = ["x", "y"].map((axis) => this.frame.querySelector(`.${axis}`));
      if (isAsDrawn) {
        [x, y].forEach((axis, n) => axis.replaceChildren(...this.drawn[n]));
      } else {
        [x, y].forEach((axis) => axis.replaceChildren());
        for (const { value, label } of linearTicks(...this.view.x)) {
          element(x, "text", { x: `${this.place(value)}%`, y: "100%", dy: 18 }, label);
        }
        for (const { value, label } of (this.data.log ? logTicks : linearTicks)(...this.view.y)) {
          const at = `${this.height(value)}%`;
          element(y, "line", { x2: "100%", y1: at, y2: at });
          element(y, "text", { x: -8, y: at, dy: ".35em" }, label);
        }
      }
      for (const mark of this.frame.querySelectorAll(".mark")) {
        const at = this.place(Number(mark.dataset.x));
        mark.setAttribute("visibility", at < 0 || at > 100 ? "hidden" : "visible");
        for (const name of ["x", "x1", "x2"]) if (mark.hasAttribute(name)) mark.setAttribute(name, `${at}%`);
        if (mark.hasAttribute("dx")) mark.setAttribute("dx", at > 50 ? -6 : 6);
        mark.classList.toggle("left", at > 50);
      }
    }

    show(name, isOn) {
      const named = this.series.filter((series) => series.name === name);
      for (const series of named) {
        series.isOn = isOn;
        series.drawn.forEach((node) => node.classList.toggle("off", !isOn));
      }
      for (const input of this.figure.querySelectorAll("input")) {
        if (input.value === name) input.checked = isOn;
      }
      if (named.length) this.draw(this.view.x);
    }

    // values

    shown() {
      return this.series.filter((series) => series.isOn && series.xs.length);
    }

    /** Reads the next value to the left or right, or one a tenth of the view away. */
    step(direction, isFar) {
      const [low, high] = this.view.x;
      const at = this.at ?? (direction > 0 ? low : high);
      const goal = at + (direction * (high - low)) / 10;
      const next = ({ xs }) => (direction > 0 ? xs.find((x) => x > at) : xs.findLast((x) => x < at));
      const nexts = this.shown().map(next).filter((x) => x !== undefined);
      const near = nexts.reduce((a, b) => (Math.abs(a - at) < Math.abs(b - at) ? a : b), direction > 0 ? high : low);
      this.read(Math.min(high, Math.max(low, this.at === null ? at : isFar ? goal : near)));
    }

    /** Shows the values at the point that is nearest to an x, or none. */
    read(x) {
      this.frame.querySelector(".cursor")?.remove();
      this.tip.replaceChildren();
      const series = this.shown();
      this.at = null;
      if (x === null || !series.length) return;
      const found = series.map(({ xs }) => xs[nearest(xs, x)]);
      const at = found.reduce((a, b) => (Math.abs(a - x) <= Math.abs(b - x) ? a : b));
      if (this.place(at) < 0 || this.place(at) > 100) return;
      this.at = at;
      const cursor = element(this.frame, "g", { class: "cursor" });
      element(cursor, "line", { x1: `${this.place(at)}%`, x2: `${this.place(at)}%`, y2: "100%" });
      element(this.tip, "strong", {}, `${this.xLabel} ${shortText(at)}`);
      series.forEach((one) => this.readSeries(one, cursor));
      this.putTip();
    }

    readSeries({ xs, ys, rawXs, rawYs, name, swatch }, cursor) {
      const index = nearest(xs, this.at);
      const row = element(this.tip, "p", {});
      row.append(swatch.cloneNode(true));
      element(row, "bdi", {}, name);
      element(row, "span", {}, valueText(ys[index]));
      const isElsewhere = Math.abs(this.place(xs[index]) - this.place(this.at)) > 0.5;
      if (isElsewhere) element(row, "span", { class: "quiet" }, `at ${shortText(xs[index])}`);
      if (rawXs.length) element(row, "span", { class: "quiet" }, `(${valueText(rawYs[nearest(rawXs, this.at)])})`);
      if (ys[index] === null || this.place(xs[index]) < 0 || this.place(xs[index]) > 100) return;
      const colour = swatch.classList[1];
      element(cursor, "circle", { class: colour, cx: `${this.place(xs[index])}%`, cy: `${this.height(ys[index])}%`, r: 4 });
    }

    putTip() {
      const [plot, frame] = [this.plot.getBoundingClientRect(), this.frame.getBoundingClientRect()];
      const x = frame.left - plot.left + (this.place(this.at) / 100) * frame.width;
      const width = this.tip.offsetWidth;
      const left = x + 14 + width <= plot.width ? x + 14 : x - 14 - width;
      this.tip.style.left = `${Math.max(0, left)}px`;
    }
  }

  const charts = [...document.querySelectorAll("figure[data-points]")].map((figure) => new Chart(figure));

  document.addEventListener("change", ({ target }) => {
    if (!target.matches(".legend input")) return;
    charts.forEach((chart) => chart.show(target.value, target.checked));
  });
})();
