// Opens an HTML file in headless Chromium and tells, as JSON on standard output, what came of it.
//   node page.cjs FILE CHROMIUM FOLDER       screenshots go to FOLDER/WIDTH-SCHEME.png
"use strict";
const path = require("node:path");
const { pathToFileURL } = require("node:url");
const { withPage, inspect, reachOut } = require("./browser.cjs");

async function main([file, executablePath, folder]) {
  const url = pathToFileURL(file).href;
  const looks = [];
  await withPage(executablePath, async (page) => {
    let requests = [], problems = [];
    page.on("request", (request) => requests.push(request.url()));
    page.on("console", (message) => problems.push(`${message.type()}: ${message.text()}`));
    page.on("pageerror", (error) => problems.push(`uncaught: ${error.message}`));
    const open = (yes) =>
      page.evaluate((is) => document.querySelectorAll("details").forEach((entry) => { entry.open = is; }), yes);
    for (const width of [375, 1280]) {
      for (const colorScheme of ["light", "dark"]) {
        requests = [];
        problems = [];
        await page.setViewportSize({ width, height: 900 });
        await page.emulateMedia({ colorScheme });
        await page.goto(url);
        await page.waitForSelector("html[data-drawn]", { timeout: 60000 });
        await open(true);
        const found = await page.evaluate(inspect);
        await open(false);
        await page.screenshot({ path: path.join(folder, `${width}-${colorScheme}.png`), fullPage: true });
        const outside = requests.filter((address) => address !== url && !/^(data|blob):/.test(address));
        looks.push({ width, scheme: colorScheme, ...found, outside, problems: [...problems] });
      }
    }
    // The scheme may change under an open page: what is drawn must follow.
    await page.emulateMedia({ colorScheme: "light" });
    await page.waitForTimeout(300);
    const turned = await page.evaluate(inspect);
    problems = [];
    const shut = await page.evaluate(reachOut);
    const refusals = problems.filter((text) => text.includes("Content Security Policy")).length;
    console.log(JSON.stringify({ looks, turned, shut, refusals }));
  });
}

main(process.argv.slice(2)).catch((error) => {
  console.error(error);
  process.exitCode = 1;
});
