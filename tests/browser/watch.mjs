// Opens the live page of runs in Chromium and checks what only a browser can: `node watch.mjs PROGRAM [SCREENSHOTS]`.
//
// PROGRAM serves a folder that is its last argument, and prints the address: `trainyard watch`, or the example of the
// crate `trainyard-watch`. `npm install` here fetches what the check needs. Chromium is at $CHROMIUM or in /usr/bin.
// Prints a line for each check, and exits with 1 if one fails. With a second argument, screenshots are written there.

import { spawn } from "node:child_process";
import { appendFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import puppeteer from "puppeteer-core";

const [program, screenshots] = process.argv.slice(2);
if (!program) {
  console.error("node watch.mjs PROGRAM [SCREENSHOTS]");
  process.exit(2);
}
const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
let nFailed = 0;

function check(name, isRight, found) {
  console.log(`${isRight ? "ok    " : "FAILED"} ${name}${isRight || found === undefined ? "" : `: ${JSON.stringify(found)}`}`);
  nFailed += isRight ? 0 : 1;
}

// ---- runs ----

const folder = mkdtempSync(join(tmpdir(), "watch-"));
const log = (run) => join(folder, run, "metrics.jsonl");
const write = (run, records) => appendFileSync(log(run), records.map((record) => `${JSON.stringify(record)}\n`).join(""));

function records(from, to, best, n) {
  const all = [];
  for (let step = from; step <= to; step++) {
    const loss = best + 3 * Math.exp(-step / 150) + 0.12 * Math.sin(step * (n + 2.3) * 1.7);
    const lr = 2e-3 * Math.min(1, step / 50) * (0.55 + 0.45 * Math.cos((Math.PI * step) / 1000));
    all.push({ kind: "step", step, loss, lr, grad_norm: 1, seconds: step / 4, tokens: step * 512, tokens_per_second: 2000 + 90 * Math.sin(step), data_wait_ms: 0 });
    if (step % 50 === 0) all.push({ kind: "validation", step, validation: { loss: loss + 0.2, "bits-per-byte": loss / 2 } });
  }
  return all;
}

const names = ["base", "focal", "a name that is rather long/with a folder and more words than fit", "failed"];
names.forEach((name, n) => {
  mkdirSync(join(folder, name), { recursive: true });
  writeFileSync(join(folder, name, ".trainyard-run.json"), '{"format":1}\n');
  const metrics = [{ name: "loss", plugin: "cross-entropy", unit: "nats/token", higher_is_better: false, comparable: "tokenizer" }];
  write(name, [{ kind: "run", step: 0, name, steps: 1000, host: hostname(), metrics }]);
  write(name, records(1, 400 + 100 * n, 1.5 + n / 10, n));
});
write("failed", [{ kind: "end", step: 700, state: "failed", seconds: 175, ended: "2026-01-01T00:00:00Z", error: "loss is not finite at step 701" }]);

// one of them trains: a process holds its lock, as the host's does
const script = "exec 9<>.trainyard-lock; flock 9; echo $$ > .trainyard-lock; exec sleep 600";
const trains = spawn("sh", ["-c", script], { cwd: join(folder, "focal") });
const ended = new Promise((resolve) => trains.on("exit", (_, signal) => resolve(signal)));

function serve(port) {
  const server = spawn(program, [...(process.env.WATCH_ARGUMENTS?.split(" ") ?? []), folder, ...(port ? (process.env.WATCH_ARGUMENTS ? ["--port", port] : [port]) : [])], { stdio: ["ignore", "pipe", "inherit"] });
  const lines = createInterface({ input: server.stdout });
  return new Promise((resolve) => {
    lines.on("line", (line) => /(http:\S+)/.test(line) && resolve({ server, address: line.match(/(http:\S+)/)[1] }));
  });
}

// ---- the page ----

const views = [1280, 360].flatMap((width) => ["light", "dark"].map((scheme) => ({ width, scheme })));

async function open(browser, address, { width, scheme }) {
  const page = await browser.newPage();
  const said = [];
  page.on("console", (message) => said.push(`console: ${message.text()}`));
  page.on("pageerror", (error) => said.push(`error: ${error.message}`));
  const own = address.split("#")[0];
  page.on("request", (request) => request.url().startsWith(own) || request.url() === "data:," || said.push(`request: ${request.url()}`));
  await page.setViewport({ width, height: 900, ...(width < 500 && { deviceScaleFactor: 2, hasTouch: true }) });
  await page.emulateMediaFeatures([{ name: "prefers-color-scheme", value: scheme }]);
  await page.goto(address, { waitUntil: "domcontentloaded" });
  await page.waitForSelector(".connection.live");
  await page.waitForSelector("#chart-loss .curves g path");
  return { page, said };
}

const row = (page, name) => page.waitForSelector(`::-p-xpath(//tr[.//bdi[text()="${name}"]])`);
const path = (page, chart) => page.$eval(`#chart-${chart} g.curve path`, (node) => node.getAttribute("d"));
const count = (page, chart) => page.$$eval(`#chart-${chart} g.curve`, (all) => all.length);
const lengths = (page) => page.$$eval(".curves path", (all) => all.map((node) => node.getTotalLength()));
const wait = (time) => new Promise((resolve) => setTimeout(resolve, time));

async function ticked(page, name, isTicked) {
  const input = await (await row(page, name)).$("input");
  if ((await input.evaluate((node) => node.checked)) !== isTicked) await (await (await row(page, name)).$("label")).click();
  await wait(100);
}

async function curves(page) {
  const drawn = await lengths(page);
  check("curves are drawn", drawn.length >= 5 && drawn.every((length) => length > 0), drawn);
  check("of the run that trains", (await page.$$eval("#legend bdi", (all) => all.map((node) => node.textContent))).join() === "focal");
  check("four charts have one", (await Promise.all(["loss", "validation", "rate", "speed"].map((chart) => count(page, chart)))).join() === "1,1,1,1");
  await ticked(page, "base", true);
  check("a tick draws a second run over it", (await count(page, "loss")) === 2 && (await count(page, "rate")) === 2);
  await ticked(page, "base", false);
  check("and no tick takes it away", (await count(page, "loss")) === 1);
  const input = await (await row(page, "base")).$("input");
  await input.focus();
  await page.keyboard.press("Space");
  await wait(100);
  check("the space bar ticks", (await count(page, "loss")) === 2);
}

async function reads(page) {
  await page.focus("#chart-loss .plot");
  const texts = [];
  for (const key of ["Home", "ArrowRight", "End", "ArrowLeft"]) {
    await page.keyboard.press(key);
    texts.push(await page.$eval("#chart-loss .tip", (node) => node.innerText));
  }
  check("arrow keys, Home and End read values", new Set([...texts, ""]).size === 5, texts);
  check("of every run", texts[0].includes("focal") && texts[0].includes("base"), texts[0]);
  const box = await (await page.$("#chart-loss .tip")).boundingBox();
  check("within the window", box.x >= 0 && box.x + box.width <= page.viewport().width, box);
  await page.keyboard.press("Escape");
  check("Escape hides them", (await page.$eval("#chart-loss .tip", (node) => node.innerText)) === "");
}

let step = 500;

async function grows(page) {
  const before = await path(page, "loss");
  write("focal", records(step + 1, step + 50, 1.6, 1));
  step += 50;
  const start = Date.now();
  const isOther = (d) => document.querySelector("#chart-loss g.curve path").getAttribute("d") !== d;
  await page.waitForFunction(isOther, { timeout: 5000 }, before).catch(() => {});
  check("records that are appended change the curve", (await path(page, "loss")) !== before);
  check("within three seconds", Date.now() - start < 3000, Date.now() - start);
  const text = await (await row(page, "focal")).evaluate((node) => node.innerText);
  check("and the row", text.includes(`${step} / 1,000`), text);
}

async function looks(browser, address, view) {
  const { page, said } = await open(browser, address, view);
  const name = `${view.scheme}, ${view.width} px`;
  for (const run of names) await ticked(page, run, true);
  await page.evaluate(axe);
  const violations = async () =>
    page.evaluate(async () => (await globalThis.axe.run()).violations.map((v) => [v.id, v.nodes[0].html, v.nodes[0].failureSummary]));
  const found = await violations();
  check(`${name}: axe finds no violation`, found.length === 0, found);
  const width = await page.evaluate(() => document.documentElement.scrollWidth);
  check(`${name}: no scrolling to the side`, width <= view.width, width);
  if (screenshots) await page.screenshot({ path: join(screenshots, `watch-${view.scheme}-${view.width}.png`), fullPage: true });
  await (await page.$("button.stop:not([hidden])")).click();
  const asking = await violations();
  check(`${name}: nor while it asks`, asking.length === 0, asking);
  if (screenshots) await page.screenshot({ path: join(screenshots, `watch-ask-${view.scheme}-${view.width}.png`) });
  await page.keyboard.press("Escape");
  check(`${name}: no message and no request`, said.length === 0, said);
  await page.close();
}

async function stops(page) {
  const focal = await row(page, "focal");
  const button = await focal.$("button.stop");
  await button.focus();
  await page.keyboard.press("Enter");
  check("stopping asks once more", await page.$eval("#dialog", (dialog) => dialog.open));
  await page.keyboard.press("Enter");
  await wait(300);
  check("no is the first answer", trains.exitCode === null && trains.signalCode === null);
  await button.click();
  await page.click("#dialog .danger");
  check("yes stops it by SIGINT", (await Promise.race([ended, wait(3000)])) === "SIGINT");
  await page.waitForFunction(() => !document.querySelector(".state.running"), { timeout: 5000 }).catch(() => {});
  check("and the row says so", (await focal.evaluate((node) => node.innerText)).includes("interrupted"));
}

async function reconnects(page, served) {
  const [, port] = served.address.match(/:(\d+)\//);
  served.server.kill("SIGINT");
  await page.waitForSelector(".connection.lost", { timeout: 5000 });
  check("a lost connection is said", /lost/.test(await page.$eval("#connection", (node) => node.innerText)));
  write("focal", records(step + 1, step + 10, 1.6, 1));
  step += 10;
  const again = await serve(port);
  await page.waitForSelector(".connection.live", { timeout: 15000 });
  check("the page connects again by itself", true);
  const text = await (await row(page, "focal")).evaluate((node) => node.innerText);
  check("and has what is new", text.includes(`${step} / 1,000`), text);
  return again;
}

const executablePath = process.env.CHROMIUM ?? "/usr/bin/chromium";
// as root, as in a container, Chromium has no sandbox
const args = process.getuid?.() === 0 ? ["--no-sandbox"] : [];
const browser = await puppeteer.launch({ executablePath, args });
let served = await serve();
try {
  await wait(4000); // until it has looked for processes again
  for (const width of [1280, 360]) {
    console.log(`# ${width} px`);
    const { page, said } = await open(browser, served.address, { width, scheme: "light" });
    await curves(page);
    await reads(page);
    await grows(page);
    check("no message and no request", said.length === 0, said);
    await page.close();
  }
  console.log("# accessibility");
  for (const view of views) await looks(browser, served.address, view);
  console.log("# stopping and the connection");
  const { page } = await open(browser, served.address, { width: 1280, scheme: "light" });
  await stops(page);
  served = await reconnects(page, served);
} finally {
  await browser.close();
  served.server.kill("SIGINT");
  trains.kill("SIGKILL");
  rmSync(folder, { recursive: true, force: true });
}
console.log(nFailed ? `${nFailed} checks failed` : "all checks passed");
process.exit(nFailed ? 1 : 0);
