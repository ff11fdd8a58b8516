// SPDX-License-Identifier: MIT
// The page of a running daemon in headless Chromium: live state appears, nothing is loaded from elsewhere, nothing is
// complained about, nothing can be injected, and it can be read in the light and in the dark.
import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { chromium } from "playwright-core";
import { Programs } from "./programs.mjs";

const kWait = { timeout: 20000 };
let passed = 0;

async function check(name, body) {
  await body();
  passed += 1;
  console.log(`ok - ${name}`);
}

const text = (page, id) => page.locator(`#${id}`).innerText();
const waitText = (page, id, pattern) =>
  page.waitForFunction(([id, source]) => new RegExp(source).test(document.getElementById(id).innerText), [id, pattern.source], kWait);

// The contrast of WCAG 2 between what is written and what is behind it, from "rgb(r, g, b)".
function contrast(one, other) {
  const luminance = (colour) => {
    const [red, green, blue] = colour.match(/\d+/g).slice(0, 3).map((value) => {
      const share = value / 255;
      return share <= 0.03928 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  };
  const [bright, dark] = [luminance(one), luminance(other)].sort((a, b) => b - a);
  return (bright + 0.05) / (dark + 0.05);
}

// What is written in one line and does not fit into its box.
const overflowing = (page) => page.evaluate(() => [...document.querySelectorAll(".tile b, .badge, #running td, #ended td, #byName td, #delivery td, #errors td")]
  .filter((box) => box.scrollWidth > box.clientWidth + 1).map((box) => box.textContent));

const colours = (page) => page.evaluate(() => {
  const style = (selector) => getComputedStyle(document.querySelector(selector));
  const ink = (name) => {
    const probe = document.createElement("span");
    probe.className = name;
    document.body.append(probe);
    const colour = getComputedStyle(probe).color;
    probe.remove();
    return colour;
  };
  return { back: style("body").backgroundColor, card: style("section").backgroundColor, text: style("body").color, soft: style("h2").color,
    good: ink("good"), warn: ink("warn"), bad: ink("bad") };
});

const rows = (page) => page.locator("#ended tbody tr").count();
const kHostile = '<img src=x onerror="window.injected=3">';

mkdirSync("screenshots", { recursive: true });
const programs = await Programs.start();
// A sandbox of its own needs rights that a container, or root, does not have; the page is ours.
const browser = await chromium.launch({ executablePath: process.env.CHROMIUM, args: ["--no-sandbox"] });
try {
  const page = await browser.newPage({ viewport: { width: 1200, height: 1000 }, colorScheme: "light" });
  const complaints = [], requests = [];
  page.on("console", (message) => { if (["error", "warning"].includes(message.type())) complaints.push(message.text()); });
  page.on("pageerror", (error) => complaints.push(String(error)));
  page.on("request", (request) => requests.push(request.url()));

  const answer = await page.goto(programs.url);
  await check("the policy lets nothing in from elsewhere", async () => {
    const policy = answer.headers()["content-security-policy"];
    assert.match(policy, /default-src 'none'/);
    assert.match(policy, /frame-ancestors 'none'/);
    assert.doesNotMatch(policy, /unsafe-inline|unsafe-eval|\*|https?:/);
    assert.equal(answer.headers()["x-content-type-options"], "nosniff");
  });

  await check("the connection is shown", async () => {
    await waitText(page, "state", /^Connected$/);
    assert.equal(await text(page, "hub"), programs.ports.hubUrl);
    assert.match(await text(page, "facts"), /version \d+\.\d+\.\d+ · up/);
    assert.equal(await page.title(), "Connected · jiro-client");
    assert.ok(await page.locator("#problems").isHidden());
  });

  await check("before anything has run, everything says so", async () => {
    assert.match(await text(page, "running"), /Nothing runs/);
    assert.match(await text(page, "ended"), /None yet/);
    assert.match(await text(page, "byName"), /No command has ended yet/);
    assert.match(await text(page, "errors"), /No errors/);
    await page.screenshot({ path: "screenshots/empty-light.png", fullPage: true });
  });

  await check("the plots begin within two seconds, with a scale of a minute", async () => {
    const fresh = await browser.newPage();
    await fresh.goto(programs.url);
    const began = Date.now();
    await waitText(fresh, "rateLegend", /processed 0/);
    assert.ok(Date.now() - began < 2500, `${Date.now() - began} ms`);
    assert.match(await fresh.locator("#rate").getAttribute("aria-label"), /over the last 1 min; now processed 0, delivered 0/);
    assert.match(await fresh.locator("#rate").evaluate((svg) => svg.textContent), /1.0\/s.*1 min ago/);
    await fresh.close();
  });

  await check("commands that end are counted without a reload", async () => {
    for (let i = 0; i < 5; ++i) programs.ask("send", `echo ${i}`);
    await waitText(page, "tiles", /5\s*processed/);
    await waitText(page, "tiles", /100 %\s*success/);
    await waitText(page, "delivery", /5 in 5 attempts/);
  });

  await check("a command that runs is listed with its age", async () => {
    programs.ask("send", "slow", "--wait", "none");
    await waitText(page, "running", /slow\s+\d/);
    await waitText(page, "tiles", /1\s*running/);
  });

  await check("what ended is listed, and can be chosen from", async () => {
    programs.ask("send", "fails", "--wait", "none");
    programs.ask("send", kHostile, "--id", kHostile, "--wait", "none");
    await waitText(page, "ended", /rejected[\s\S]*failed[\s\S]*delivered/);
    await waitText(page, "byName", /echo\s+5\s+0\s+\S+ (ms|s)/);
    assert.equal(await rows(page), 7);
    await page.selectOption("#wantedOutcome", "failed");
    assert.equal(await rows(page), 1);
    assert.match(await text(page, "ended"), /fails\s+failed\s+delivered/);
    assert.equal(await text(page, "endedCount"), "1 of 7");
    await page.selectOption("#wantedOutcome", "");
    await page.fill("#wantedName", "echo");
    assert.equal(await rows(page), 5);
    await page.selectOption("#wantedDelivery", "!");
    assert.match(await text(page, "ended"), /None of the last 7/);
    await page.selectOption("#wantedDelivery", "");
    await page.fill("#wantedName", "");
  });

  await check("the focus stays where it is, and everything is reached by the keyboard", async () => {
    await page.focus("#wantedName");
    const before = await page.locator("#ended tbody tr").first().elementHandle();
    const seen = await text(page, "ended");
    await page.waitForFunction((seen) => document.getElementById("ended").innerText !== seen, seen, kWait);
    assert.equal(await page.evaluate(() => document.activeElement.id), "wantedName");
    assert.ok(await before.evaluate((row) => row.isConnected), "the row was made anew");
    const reached = new Set();
    await page.evaluate(() => document.activeElement.blur());
    for (let i = 0; i < 12; ++i) {
      await page.keyboard.press("Tab");
      reached.add(await page.evaluate(() => document.activeElement.id || (document.activeElement.firstElementChild || {}).id));
    }
    for (const id of ["running", "wantedOutcome", "wantedDelivery", "wantedName", "ended", "byName", "errors"]) assert.ok(reached.has(id), `${id}: ${[...reached]}`);
  });

  await check("a screen reader finds names, heads and states", async () => {
    for (const role of ["status", "region", "table", "img"]) assert.ok(await page.getByRole(role).count() > 0, role);
    for (const name of ["Running commands", "The commands that ended last", "Commands by name"]) {
      assert.equal(await page.getByRole("table", { name }).count(), 1, name);
    }
    assert.equal(await page.getByRole("columnheader", { name: "waited" }).count(), 1);
    assert.equal(await page.getByRole("rowheader", { name: "echo" }).count(), 1);
    assert.equal(await page.getByLabel("outcome").count(), 1);
  });

  await check("the plots have lines, and their words", async () => {
    await waitText(page, "rateLegend", /processed \d[\s\S]*delivered \d/);
    for (const id of ["rate", "time"]) {
      await page.waitForFunction((id) => [...document.querySelectorAll(`#${id} path`)].some((path) => /M.*[Lh]/.test(path.getAttribute("d"))), id, kWait);
    }
  });

  await check("text from outside stays text", async () => {
    assert.match(await text(page, "facts"), /instance <script>/);
    assert.ok((await text(page, "ended")).includes(kHostile));
    assert.equal(await page.locator("main img").count(), 0);
    assert.equal(await page.evaluate(() => window.injected), undefined);
    await page.evaluate(() => {
      const script = document.createElement("script");
      script.textContent = "window.injected = 2";
      document.body.append(script);
    });
    assert.equal(await page.evaluate(() => window.injected), undefined);
    assert.equal(complaints.filter((text) => /Content.Security.Policy/i.test(text)).length, 1, complaints.join("\n"));
    complaints.length = 0;  // this one was asked for
  });

  await check("a busy daemon is shown, however much it does", async () => {
    programs.ask("send", "echo busy", "--count", "1000", "--parallel");
    await waitText(page, "tiles", /100\d\s*processed/);
    assert.equal(await rows(page), 50);
    await page.screenshot({ path: "screenshots/busy-light.png", fullPage: true });
  });

  await check("it can be read in the light and in the dark", async () => {
    const seen = {};
    for (const scheme of ["light", "dark"]) {
      await page.emulateMedia({ colorScheme: scheme });
      seen[scheme] = await colours(page);
      for (const ink of ["text", "soft", "good", "warn", "bad"]) {
        assert.ok(contrast(seen[scheme][ink], seen[scheme].card) >= 4.5, `${scheme}: ${ink} ${JSON.stringify(seen[scheme])}`);
      }
      await page.screenshot({ path: `screenshots/connected-${scheme}.png`, fullPage: true });
    }
    assert.notEqual(seen.light.back, seen.dark.back);
    assert.deepEqual(await overflowing(page), []);
  });

  await check("it fits on a telephone", async () => {
    for (const width of [320, 375]) {
      await page.setViewportSize({ width, height: 800 });
      const widths = await page.evaluate(() => [document.documentElement.scrollWidth, document.documentElement.clientWidth]);
      assert.ok(widths[0] <= widths[1], `scrolls sideways: ${widths}`);
      assert.deepEqual(await overflowing(page), []);
    }
    await page.screenshot({ path: "screenshots/narrow-dark.png", fullPage: true });
    await page.setViewportSize({ width: 1200, height: 1000 });
  });

  await check("a hub that goes is seen, with the error", async () => {
    await programs.kill(programs.hub);
    await waitText(page, "state", /^Reconnecting$/);
    await waitText(page, "reasons", /Reconnecting to 127\.0\.0\.1/);
    await waitText(page, "errors", /hub[\s\S]*(lost|failed)/);
    await page.emulateMedia({ colorScheme: "light" });
    await page.screenshot({ path: "screenshots/reconnecting-light.png", fullPage: true });
  });

  await check("nothing was complained about, and nobody else was asked", async () => {
    assert.deepEqual(complaints, []);
    const origin = new URL(programs.url).origin;
    assert.deepEqual(requests.filter((url) => !url.startsWith("data:") && new URL(url).origin !== origin), []);
  });

  await check("a daemon that is gone is said to be gone", async () => {
    await programs.kill(programs.client);
    await waitText(page, "state", /^No answer$/);
    await waitText(page, "reasons", /does not answer/);
    await page.screenshot({ path: "screenshots/gone-light.png", fullPage: true });
  });
} catch (error) {
  console.error(programs.log.split("\n").slice(-40).join("\n"));
  throw error;
} finally {
  await browser.close();
  await programs.stop();
}
console.log(`${passed} passed, 0 failed`);
