// Opens a report in Chromium and checks what only a browser can: `node report.mjs PAGE.html [SCREENSHOTS]`.
//
// `npm install` here fetches what it needs. Chromium is at $CHROMIUM or in /usr/bin. A page with charts of two series,
// as `cargo run --example page -- PAGE.html` writes, has all that is asked for. Prints a line for each check, and exits
// with 1 if one fails. With a second argument, screenshots are written into that folder.

import { createRequire } from "node:module";
import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import puppeteer from "puppeteer-core";

const [file, screenshots] = process.argv.slice(2);
if (!file) {
  console.error("node report.mjs PAGE.html [SCREENSHOTS]");
  process.exit(2);
}
const url = pathToFileURL(resolve(file)).href;
const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const views = [1280, 360].flatMap((width) => ["light", "dark"].map((scheme) => ({ width, scheme })));
let nFailed = 0;

function check(name, isRight, found) {
  console.log(`${isRight ? "ok    " : "FAILED"} ${name}${isRight || found === undefined ? "" : `: ${JSON.stringify(found)}`}`);
  nFailed += isRight ? 0 : 1;
}

/** A page of the report, with all that it says to the console or asks for. */
async function open(browser, { width, scheme, script = true }) {
  const page = await browser.newPage();
  const said = [];
  page.on("console", (message) => said.push(`console: ${message.text()}`));
  page.on("pageerror", (error) => said.push(`error: ${error.message}`));
  page.on("request", (request) => request.url() === url || request.url() === "data:," || said.push(`request: ${request.url()}`));
  await page.setJavaScriptEnabled(script);
  await page.setViewport({ width, height: 900, ...(width < 500 && { deviceScaleFactor: 2, hasTouch: true }) });
  await page.emulateMediaFeatures([{ name: "prefers-color-scheme", value: scheme }]);
  await page.goto(url);
  return { page, said };
}

/** What a chart shows: the part of its curves in view, the labels, and which series are switched on. */
const state = (page, chart) =>
  page.$eval(chart, (figure) => ({
    box: figure.querySelector(".curves").getAttribute("viewBox"),
    width: Math.round(figure.querySelector("g.curve path").getBoundingClientRect().width),
    labels: [...figure.querySelectorAll(".x text, .y text")].map((text) => text.textContent).join(" "),
    on: [...figure.querySelectorAll("g.curve")].map((curve) => curve.getClientRects().length > 0),
  }));

const tip = (page, chart) => page.$eval(`${chart} .tip`, (node) => node.innerText.trim());
const same = (a, b) => JSON.stringify(a) === JSON.stringify(b);

async function middle(page, chart) {
  await page.$eval(chart, (figure) => figure.scrollIntoView({ block: "center" }));
  const box = await (await page.$(`${chart} .frame`)).boundingBox();
  return { x: (share) => box.x + share * box.width, y: box.y + box.height / 2 };
}

async function drawn(page) {
  const charts = await page.$$eval("figure.chart:has(.plot)", (figures) =>
    figures.map((figure) => ({
      title: figure.querySelector("h3").textContent,
      lengths: [...figure.querySelectorAll(".curves path")].map((path) => path.getTotalLength()),
      height: figure.querySelector("g.curve path").getBoundingClientRect().height,
    })),
  );
  const isDrawn = ({ lengths, height }) => lengths.length > 0 && lengths.every((length) => length > 0) && height > 0;
  check(`all ${charts.length} charts are drawn`, charts.length > 0 && charts.every(isDrawn), charts);
}

async function switches(page, chart) {
  const before = await state(page, chart);
  const input = `${chart} .legend input`;
  const name = await page.$eval(input, (input) => input.value);
  await page.click(input);
  const others = await page.$$eval(".legend input", (inputs, name) => inputs.filter((i) => i.value === name).map((i) => i.checked), name);
  check("a checkbox hides a series", same((await state(page, chart)).on, [false, ...before.on.slice(1)]));
  check(`and in all ${others.length} charts that have it`, others.length > 1 && others.every((isOn) => !isOn), others);
  await page.click(input);
  check("and shows it again", same(await state(page, chart), before), [before, await state(page, chart)]);
}

async function zooms(page, chart) {
  const before = await state(page, chart);
  const at = await middle(page, chart);
  const drag = async () => {
    await page.mouse.move(at.x(0.4), at.y);
    await page.mouse.down();
    await page.mouse.move(at.x(0.6), at.y, { steps: 5 });
    await page.mouse.up();
  };
  await drag();
  const zoomed = await state(page, chart);
  check("a drag zooms: the curve and the labels change", zoomed.width > 4 * before.width && zoomed.labels !== before.labels, zoomed);
  await page.mouse.click(at.x(0.5), at.y, { count: 2 });
  check("a double click resets", same(await state(page, chart), before), await state(page, chart));
  await drag();
  await page.click(`${chart} .reset`);
  check("the button resets", same(await state(page, chart), before));
  check("and is hidden again", await page.$eval(`${chart} .reset`, (button) => button.hidden));
}

async function hovers(page, chart) {
  const names = await page.$$eval(`${chart} .name`, (nodes) => nodes.map((node) => node.textContent));
  const at = await middle(page, chart);
  await page.mouse.move(at.x(0.5), at.y);
  const text = await tip(page, chart);
  check("the pointer shows x and a value of every series", names.every((name) => text.includes(name)) && /\d/.test(text), text);
  const box = await (await page.$(`${chart} .tip`)).boundingBox();
  check("within the window", box.x >= 0 && box.x + box.width <= page.viewport().width, box);
  await page.mouse.move(0, 0);
  check("and none when it leaves", (await tip(page, chart)) === "");
}

async function taps(page, chart) {
  const at = await middle(page, chart);
  await page.touchscreen.tap(at.x(0.5), at.y);
  check("a tap shows values", /\d/.test(await tip(page, chart)));
  await page.touchscreen.tap(at.x(0.5), at.y - 300);
  check("and a tap elsewhere hides them", (await tip(page, chart)) === "");
}

async function keys(page, chart) {
  const before = await state(page, chart);
  await page.focus(`${chart} .plot`);
  const press = async (key) => {
    await page.keyboard.press(key);
    return tip(page, chart);
  };
  const [first, second, last, back] = [await press("Home"), await press("ArrowRight"), await press("End"), await press("ArrowLeft")];
  check("arrow keys, Home and End read values", new Set([first, second, last, back, ""]).size === 5, [first, second, last, back]);
  await press("+");
  check("+ zooms", !same(await state(page, chart), before));
  await press("0");
  check("0 resets", same(await state(page, chart), before));
  check("Escape hides the values", (await press("Escape")) === "");
}

async function looks(browser, view) {
  const { page, said } = await open(browser, view);
  const name = `${view.scheme}, ${view.width} px`;
  await page.$$eval("details", (all) => all.forEach((details) => (details.open = true)));
  await page.evaluate(axe);
  const violations = await page.evaluate(async () => (await globalThis.axe.run()).violations.map((v) => [v.id, v.nodes[0].html]));
  check(`${name}: axe finds no violation`, violations.length === 0, violations);
  const width = await page.evaluate(() => document.documentElement.scrollWidth);
  check(`${name}: no scrolling to the side`, width <= view.width, width);
  check(`${name}: no message and no request`, said.length === 0, said);
  if (screenshots) {
    await page.reload();
    await page.screenshot({ path: join(screenshots, `${view.scheme}-${view.width}.png`), fullPage: true });
  }
  await page.close();
}

const executablePath = process.env.CHROMIUM ?? "/usr/bin/chromium";
// as root, as in a container, Chromium has no sandbox
const args = process.getuid?.() === 0 ? ["--no-sandbox"] : [];
const browser = await puppeteer.launch({ executablePath, args });
try {
  for (const width of [1280, 360]) {
    console.log(`# ${width} px`);
    const { page, said } = await open(browser, { width, scheme: "light" });
    const chart = `#${await page.$eval("figure.chart:has(.plot)", (figure) => figure.id)}`;
    await drawn(page);
    await switches(page, chart);
    await zooms(page, chart);
    await hovers(page, chart);
    if (width < 500) await taps(page, chart);
    await keys(page, chart);
    check("no message and no request", said.length === 0, said);
    await page.close();
  }
  console.log("# without JavaScript");
  const { page, said } = await open(browser, { width: 1280, scheme: "light", script: false });
  await drawn(page);
  const controls = await page.$$eval(".needs-script, .reset, .tip", (all) => all.filter((node) => node.checkVisibility()).length);
  check("nothing is offered that does nothing", controls === 0, controls);
  check("no message and no request", said.length === 0, said);
  await page.close();
  console.log("# accessibility");
  for (const view of views) await looks(browser, view);
} finally {
  await browser.close();
}
console.log(nFailed ? `${nFailed} checks failed` : "all checks passed");
process.exit(nFailed ? 1 : 0);
