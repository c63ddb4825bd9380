// Chromium without a network of its own, and what a test asks of a page in it.
"use strict";
const fs = require("node:fs");
const os = require("node:os");
const path = require("node:path");
const { chromium } = require("playwright-core");

const FLAGS = [
  "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
  "--disable-component-update", "--disable-sync",
];

// Run ``work(page)`` in a fresh profile, which is gone afterwards.
async function withPage(executablePath, work) {
  const profile = fs.mkdtempSync(path.join(os.tmpdir(), "zkmargin-page-"));
  const context = await chromium.launchPersistentContext(profile, { executablePath, args: FLAGS });
  try {
    return await work(context.pages()[0]);
  } finally {
    await context.close();
    fs.rmSync(profile, { recursive: true, force: true });
  }
}

// In the page: what is wider than the window, and the contrast of each visible text with what is behind it.
function inspect() {
  const rgba = (text) => {
    const [r, g, b, a = 1] = text.match(/[\d.]+/g).map(Number);
    return { r, g, b, a };
  };
  const over = (top, below) => {
    const mix = (channel) => top[channel] * top.a + below[channel] * (1 - top.a);
    return { r: mix("r"), g: mix("g"), b: mix("b"), a: 1 };
  };
  const luminance = ({ r, g, b }) => {
    const [x, y, z] = [r, g, b].map((c) => (c / 255 <= 0.04045 ? c / 255 / 12.92 : ((c / 255 + 0.055) / 1.055) ** 2.4));
    return 0.2126 * x + 0.7152 * y + 0.0722 * z;
  };
  const ratio = (one, other) => {
    const [light, dark] = [luminance(one), luminance(other)].sort((a, b) => b - a);
    return (light + 0.05) / (dark + 0.05);
  };
  const behind = (element) => {
    const layers = [];
    for (let at = element; at; at = at.parentElement) layers.push(rgba(getComputedStyle(at).backgroundColor));
    return layers.reverse().reduce((below, top) => over(top, below), { r: 255, g: 255, b: 255, a: 1 });
  };
  const visible = (box) => box.width > 0 && box.height > 0;
  const width = document.documentElement.clientWidth;
  const wide = [], texts = [];
  for (const element of document.querySelectorAll("body *")) {
    const box = element.getBoundingClientRect();
    if (!visible(box) || element.closest("defs, clipPath, .hoverlayer, #js-plotly-tester")) continue;
    if (!(element instanceof SVGElement) || element.matches("svg, text")) {
      if (box.right > width + 0.5 || box.left < -0.5) {
        wide.push(`${element.tagName} ${element.id || element.textContent.slice(0, 40)} ${box.left} ${box.right}`);
      }
    }
    const own = [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
    if (!own || element.closest("script, style, noscript")) continue;
    const style = getComputedStyle(element);
    const colour = element instanceof SVGElement ? style.fill : style.color;
    const back = behind(element);
    texts.push({ text: element.textContent.trim().slice(0, 40), ratio: ratio(over(rgba(colour), back), back) });
  }
  return {
    scrollWidth: document.documentElement.scrollWidth,
    wide,
    texts: texts.length,
    dimmest: texts.sort((a, b) => a.ratio - b.ratio).slice(0, 3),
    plots: [...document.querySelectorAll(".plot")].map((plot) => ({
      title: plot.getAttribute("aria-label"),
      lines: plot.querySelectorAll(".scatterlayer .js-line").length,
      marks: plot.querySelectorAll(".scatterlayer .point, .barlayer .point").length,
      height: plot.getBoundingClientRect().height,
    })),
    pageColour: getComputedStyle(document.body).backgroundColor,
    tables: document.querySelectorAll("table").length,
  };
}

// The policy is what keeps the page shut, not its good manners: an attempt from inside must fail.
async function reachOut() {
  const image = await new Promise((done) => {
    const element = new Image();
    element.onload = () => done(false);
    element.onerror = () => done(true);
    element.src = "http://127.0.0.1:9/pixel.png";
  });
  const fetched = await fetch("http://127.0.0.1:9/").then(() => false, () => true);
  const evaluated = (() => {
    const script = document.createElement("script");
    script.textContent = "window.foreign = 1";
    document.body.append(script);
    return window.foreign === undefined;
  })();
  return image && fetched && evaluated;
}

module.exports = { withPage, inspect, reachOut };
