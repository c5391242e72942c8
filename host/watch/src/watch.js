
// ---- the list of runs, which the server's events keep up to date ----

(() => {
  document.documentElement.classList.add("scripted");

  const N_TICKED = 6;
  const N_UNFILTERED = 8;
  const COLUMNS = ["state", "step", "validation", "best", "bits/byte", "tokens/s", "age"];
  const get = (id) => document.getElementById(id);
  const runs = new Map();
  const charts = [
    { key: "loss", title: "Loss", isSmoothed: true, canBeLog: true },
    { key: "validation", title: "Validation", isDotted: true, canBeLog: true },
    { key: "rate", title: "Learning rate" },
    { key: "speed", title: "Throughput", isSmoothed: true },
  ].map((chart) => new Chart(get("charts"), chart));
  const LABELS = { rate: "learning rate", speed: "tokens per second" };
  let [clock, isFirst, isDue, token] = [0, true, false, ""];

  function setText(node, text) {
    if (node.textContent !== text) node.textContent = text;
  }

  // ---- what is in a row ----

  const compact = (value) => {
    const [size, suffix] = [[1e9, "B"], [1e6, "M"], [1e3, "k"], [1, ""]].find(([size]) => value >= size) ?? [1, ""];
    return Number((value / size).toPrecision(3)) + suffix;
  };

  function ageText(seconds) {
    if (seconds < 5) return "now";
    const [size, unit] = [[86400, "d"], [3600, "h"], [60, "min"], [1, "s"]].find(([size]) => seconds >= size);
    return `${Math.floor(seconds / size)} ${unit}`;
  }

  function cellsOf({ state, step, steps, last, best, speed, changed }) {
    const or = (value, text) => (value === null || value === undefined ? "–" : text(value));
    const whole = (value) => value.toLocaleString("en");
    return [
      state,
      steps && steps !== step ? `${whole(step)} / ${whole(steps)}` : whole(step),
      or(last?.loss, valueText),
      or(best?.loss, (loss) => `${valueText(loss)} @ ${whole(best.step)}`),
      or(last?.bits_per_byte, valueText),
      or(speed, compact),
      or(changed, (changed) => ageText(Date.now() / 1000 + clock - changed)),
    ];
  }

  function addRow(run) {
    const row = document.createElement("tr");
    row.setAttribute("role", "row");
    const head = element(row, "th", { role: "rowheader", scope: "row" });
    const label = element(head, "label", {});
    run.input = element(label, "input", { type: "checkbox", autocomplete: "off" });
    run.swatch = swatch(label, 0);
    element(label, "bdi", { class: "name" }, run.name);
    run.input.addEventListener("change", () => tick(run, run.input.checked));
    run.cells = COLUMNS.map((column, n) =>
      element(row, "td", { role: "cell", "data-label": column, ...(n > 0 && { class: "number" }) }),
    );
    run.state = element(run.cells[0], "span", {});
    run.why = element(run.cells[0], "small", {});
    run.stop = element(element(row, "td", { role: "cell" }), "button", { type: "button", class: "stop", "aria-label": `Stop ${run.name}` }, "Stop");
    run.stop.addEventListener("click", () => ask(run));
    run.row = row;
  }

  function showRow(run) {
    const [state, ...others] = cellsOf(run.summary);
    if (!run.summary.is_running) run.isStopping = false;
    setText(run.state, run.isStopping ? "stopping" : state);
    run.state.className = `state ${state.split(" ")[0]}`;
    setText(run.why, run.summary.reason ?? "");
    run.why.hidden = !run.summary.reason;
    others.forEach((text, n) => setText(run.cells[n + 1], text));
    run.stop.hidden = !run.summary.is_running || !token;
    run.stop.disabled = Boolean(run.isStopping);
  }

  // ---- which runs are drawn ----

  function tick(run, isTicked) {
    if (isTicked && run.look === undefined) {
      const taken = new Set(shown().map(({ look }) => look));
      run.look = 0;
      while (taken.has(run.look)) run.look++;
      run.swatch.setAttribute("class", `swatch ${lookOf(run.look)}`);
    } else if (!isTicked) {
      run.look = undefined;
    }
    run.input.checked = isTicked;
    run.row.classList.toggle("ticked", isTicked);
    draw();
  }

  const shown = () => [...runs.values()].filter((run) => run.look !== undefined);

  /** Draws before the next picture, once for all that has changed. */
  function draw() {
    if (isDue) return;
    isDue = true;
    requestAnimationFrame(() => {
      isDue = false;
      const drawn = shown().sort((a, b) => a.look - b.look);
      get("legend").replaceChildren();
      for (const { name, look } of drawn) {
        const item = element(get("legend"), "li", {});
        swatch(item, look);
        element(item, "bdi", {}, name);
      }
      const ends = drawn.flatMap(({ series }) => Object.values(series).flatMap(({ x }) => (x.length ? [x[0], x.at(-1)] : [])));
      const [low, high] = [Math.min(...ends), Math.max(...ends)];
      const x = low < high ? [low, high] : [low - 1, high + 1];
      const labels = [...new Set(drawn.map(({ summary }) => summary.loss).filter(Boolean))];
      for (const chart of charts) {
        const lines = drawn.map(({ name, look, series }) => ({ name, look, xs: series[chart.key]?.x ?? [], ys: series[chart.key]?.y ?? [] }));
        chart.draw(lines, x, LABELS[chart.key] ?? (labels.join("; ") || "loss"));
      }
    });
  }

  // ---- events ----

  function take({ now, runs: changed, gone = [] }) {
    clock = now - Date.now() / 1000;
    for (const name of gone) {
      runs.get(name)?.row.remove();
      runs.delete(name);
    }
    for (const { series, ...summary } of changed) {
      const run = runs.get(summary.name) ?? { name: summary.name, series: {} };
      if (!runs.has(run.name)) {
        runs.set(run.name, run);
        addRow(run);
      }
      run.summary = summary;
      for (const [name, { from, x, y }] of Object.entries(series)) {
        const known = (run.series[name] ??= { x: [], y: [] });
        known.x.splice(from, Infinity, ...x);
        known.y.splice(from, Infinity, ...y);
      }
      showRow(run);
    }
    order();
    if (isFirst && runs.size) tickFirst();
    draw();
  }

  /** What is known begins again; what is ticked stays. */
  function takeSnapshot(snapshot) {
    setText(get("folder"), snapshot.folder);
    const names = new Set(snapshot.names);
    const gone = [...runs.keys()].filter((name) => !names.has(name));
    for (const run of runs.values()) run.series = {};
    take({ ...snapshot, gone });
    connection("live", "Live");
  }

  function tickFirst() {
    isFirst = false;
    const ordered = [...runs.values()].sort(byActivity);
    const running = ordered.filter(({ summary }) => summary.is_running).slice(0, N_TICKED);
    for (const run of running.length ? running : ordered.slice(0, 1)) tick(run, true);
  }

  // ---- the list ----

  const byActivity = (a, b) =>
    b.summary.is_running - a.summary.is_running ||
    (a.summary.is_running ? 0 : (b.summary.changed ?? 0) - (a.summary.changed ?? 0)) ||
    a.name.localeCompare(b.name, "en", { numeric: true });

  /** Puts running ones first, then the last that changed; what has the focus keeps it. */
  function order() {
    const rows = [...runs.values()].sort(byActivity).map(({ row }) => row);
    const body = get("runs");
    if (rows.some((row, n) => row !== body.children[n])) {
      const focused = document.activeElement;
      body.append(...rows);
      if (body.contains(focused)) focused.focus({ preventScroll: true });
    }
    get("empty").hidden = runs.size > 0;
    get("filter").hidden = runs.size <= N_UNFILTERED;
    get("no-token").hidden = Boolean(token) || ![...runs.values()].some(({ summary }) => summary.is_running);
    const nRunning = [...runs.values()].filter(({ summary }) => summary.is_running).length;
    document.title = nRunning ? `${nRunning} running – trainyard` : "Runs – trainyard";
    filter();
  }

  function filter() {
    const wanted = get("filter").hidden ? "" : get("filter").querySelector("input").value.toLowerCase();
    for (const { name, row } of runs.values()) row.hidden = !name.toLowerCase().includes(wanted);
  }

  get("filter").addEventListener("input", filter);
  get("tick-running").addEventListener("click", () => {
    for (const run of runs.values()) if (run.summary.is_running && !run.row.hidden) tick(run, true);
  });
  get("untick").addEventListener("click", () => shown().forEach((run) => tick(run, false)));
  setInterval(() => runs.forEach(showRow), 1000);

  // ---- stopping a run ----

  function readToken() {
    token = /^#[0-9a-f]{32}$/.test(location.hash) ? location.hash.slice(1) : "";
    runs.forEach(showRow);
    order();
  }

  function ask(run) {
    const dialog = get("dialog");
    setText(get("question"), `Stop ${run.name}?`);
    dialog.returnValue = "";
    dialog.onclose = () => dialog.returnValue === "stop" && stop(run);
    dialog.showModal();
  }

  async function stop(run) {
    const say = (text) => {
      get("notice").hidden = !text;
      setText(get("notice"), text);
    };
    say("");
    run.isStopping = true;
    showRow(run);
    try {
      const answer = await fetch(`/stop?run=${encodeURIComponent(run.name)}`, { method: "POST", headers: { "X-Trainyard-Token": token } });
      if (answer.ok) return;
      say(`${run.name} was not stopped: ${(await answer.text()).trim()}`);
    } catch {
      say(`${run.name} was not stopped: nobody answers. Is trainyard watch still running?`);
    }
    run.isStopping = false;
    showRow(run);
  }

  // ---- the connection ----

  function connection(state, text) {
    get("connection").className = `connection ${state}`;
    setText(get("connection"), text);
  }

  function connect() {
    const source = new EventSource("/events");
    source.addEventListener("snapshot", ({ data }) => takeSnapshot(JSON.parse(data)));
    source.addEventListener("update", ({ data }) => take(JSON.parse(data)));
    source.addEventListener("error", () => {
      connection("lost", "Connection lost. What is shown may be old; trying again…");
      if (source.readyState !== EventSource.CLOSED) return;
      // refused, which the browser takes as the end
      setTimeout(connect, 5000);
    });
  }

  addEventListener("hashchange", readToken);
  readToken();
  connect();
})();
