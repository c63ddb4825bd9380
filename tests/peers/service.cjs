// Drives the service's pages in headless Chromium and tells, as JSON on standard output, what it saw.
//   node service.cjs CHROMIUM FOLDER < JSON      screenshots go to FOLDER/NAME-WIDTH-SCHEME.png
// The JSON: address, token, reason; accepted, refused: paths of proofs.
"use strict";
const fs = require("node:fs");
const path = require("node:path");
const { withPage, inspect, reachOut } = require("./browser.cjs");

async function look(page, name, folder, watched) {
  const looks = [];
  await page.waitForLoadState("load"); // the stylesheet, too
  for (const width of [375, 1280]) {
    for (const colorScheme of ["light", "dark"]) {
      await page.setViewportSize({ width, height: 900 });
      await page.emulateMedia({ colorScheme });
      await page.evaluate(() => document.querySelectorAll("details").forEach((entry) => { entry.open = true; }));
      const found = await page.evaluate(inspect);
      const unlabelled = await page.evaluate(() =>
        [...document.querySelectorAll("input:not([type=hidden], [hidden]), textarea, select")]
          .filter((field) => !field.labels.length).map((field) => field.name));
      await page.screenshot({ path: path.join(folder, `${name}-${width}-${colorScheme}.png`), fullPage: true });
      looks.push({ name, width, scheme: colorScheme, unlabelled, ...found });
    }
  }
  const text = await page.evaluate(() => document.body.innerText);
  watched.pages.push({ name, text, looks });
}

// By the keyboard alone: where the focus is after each Tab, and whether it can be seen there.
async function tabs(page, count) {
  const found = [];
  for (let n = 0; n < count; n++) {
    await page.keyboard.press("Tab");
    found.push(await page.evaluate(() => {
      const style = getComputedStyle(document.activeElement);
      return { at: document.activeElement.textContent.trim() || document.activeElement.name,
               outline: style.outlineStyle !== "none" && style.outlineWidth !== "0px" };
    }));
  }
  return found;
}

async function main([executablePath, folder]) {
  const { address, token, reason, accepted, refused } = JSON.parse(fs.readFileSync(0, "utf8"));
  await withPage(executablePath, async (page) => {
    const watched = { pages: [], requests: [], problems: [] };
    page.on("request", (request) => watched.requests.push(request.url()));
    page.on("console", (message) => watched.problems.push(`${message.type()}: ${message.text()}`));
    page.on("pageerror", (error) => watched.problems.push(`uncaught: ${error.message}`));
    const seen = (name) => look(page, name, folder, watched);

    await page.goto(`${address}/`);
    watched.tabs = await tabs(page, 5);
    await seen("overview");
    await page.click("text=Submit a proof");
    await seen("submit");
    await page.setInputFiles("#file", accepted);
    await page.click("button:has-text('Submit')");
    await page.waitForSelector("text=The proof holds, and is recorded");
    await seen("accepted");
    await page.click("text=The proof, explained");
    await seen("proof");
    await page.goto(`${address}/submit`);
    await page.fill("#text", fs.readFileSync(refused, "utf8"));
    await page.click("button:has-text('Submit')");
    await page.waitForSelector("text=Pledged twice");
    await seen("refused");

    await page.click("nav >> text=Venue");
    await seen("login");
    await page.fill("#token", token);
    await page.keyboard.press("Enter");
    await page.waitForSelector("text=Accounts by state");
    await seen("venue");
    await page.fill("#reason", reason);
    await page.click("button:has-text('End the pause')");
    await page.waitForSelector("text=Calls run");
    await seen("venue-after");
    watched.cookies = (await page.context().cookies()).map(({ httpOnly, sameSite, value }) =>
      ({ httpOnly, sameSite, token: value.includes(token) }));
    watched.script = await page.evaluate(() => document.cookie);
    await page.click("nav >> text=Audit");
    await page.click("button:has-text('Check the log now')");
    await page.waitForSelector("text=entries, checked at");
    await seen("audit");
    const problems = watched.problems.splice(0), requests = watched.requests.splice(0);
    watched.shut = await page.evaluate(reachOut);
    console.log(JSON.stringify({ ...watched, problems, requests }));
  });
}

main(process.argv.slice(2)).catch((error) => {
  console.error(error);
  process.exitCode = 1;
});
