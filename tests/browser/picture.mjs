// SPDX-License-Identifier: MIT
// Makes the README's picture, docs/images/page.webp, of a daemon that has worked for a minute:
//   JIRO_CLIENT=... JIRO_DEV_HUB=... CHROMIUM=... node picture.mjs FILE
import { writeFileSync } from "node:fs";
import { chromium } from "playwright-core";
import { Programs, pause } from "./programs.mjs";

const kSeconds = 48, kWidth = 1120, kHeight = 780;
const shell = (text) => ({ Program: ["/bin/sh", "-c", text] });

const programs = await Programs.start("web-17", {
  backup: shell("sleep 1.2; echo done"), disk: { Program: ["/bin/df", "-h", "/"] }, rotate: shell("sleep 0.4"),
  "check-certificate": shell("sleep 0.1; echo expires in 12 days; exit 1"),
});
const browser = await chromium.launch({ executablePath: process.env.CHROMIUM, args: ["--no-sandbox"] });
try {
  const page = await browser.newPage({ viewport: { width: kWidth, height: kHeight }, colorScheme: "light" });
  await page.goto(programs.url);
  const send = (text, ...more) => programs.ask("send", text, "--wait", "none", ...more);
  for (let second = 0; second < kSeconds; ++second) {
    send("sysinfo", "--count", String(3 + Math.round(2 * Math.sin(second / 6))), "--parallel");
    if (second % 5 === 1) send("disk");
    if (second % 9 === 2) send("rotate");
    if (second % 14 === 3) send("check-certificate");
    if (second % 20 === 4) send("backup");
    await pause(900);
  }
  send("slow");
  for (const text of ["disk", "check-certificate", "rotate", "backup"]) send(text);
  await pause(4000);
  const png = (await page.screenshot()).toString("base64");
  // Chromium itself makes a WebP of it.
  const webp = await (await browser.newPage()).evaluate(async (png) => {
    const image = new Image();
    image.src = "data:image/png;base64," + png;
    await image.decode();
    const canvas = Object.assign(document.createElement("canvas"), { width: image.width, height: image.height });
    canvas.getContext("2d").drawImage(image, 0, 0);
    return canvas.toDataURL("image/webp", 0.8).split(",")[1];
  }, png);
  writeFileSync(process.argv[2], Buffer.from(webp, "base64"));
} finally {
  await browser.close();
  await programs.stop();
}
