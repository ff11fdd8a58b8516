// SPDX-License-Identifier: MIT
// Runs the scenarios, or those whose name holds a word given as argument; prints a line for each and a closing line.
import * as signalr from "@microsoft/signalr";
import { DevHub } from "./dev_hub.mjs";
import { scenarios } from "./scenarios.mjs";

class Bench {
  hubs = [];
  connections = [];

  async hub(...flags) {
    const hub = await DevHub.start(...flags);
    this.hubs.push(hub);
    return hub;
  }

  // With `delays`, the connection reconnects by itself after these.
  build(hub, options = {}, delays = null) {
    const builder = new signalr.HubConnectionBuilder().withUrl(hub.url, options).configureLogging(signalr.LogLevel.None);
    if (delays) builder.withAutomaticReconnect(delays);
    const connection = builder.build();
    this.connections.push(connection);
    return connection;
  }

  async connect(hub, options = {}) {
    const connection = this.build(hub, options);
    await connection.start();
    return connection;
  }

  pause(ms) {
    return new Promise((resolve) => setTimeout(resolve, ms));
  }

  async end() {
    for (const connection of this.connections) await connection.stop().catch(() => {});
    for (const hub of this.hubs) await hub.stop();
  }
}

let passed = 0;
let failed = 0;
const words = process.argv.slice(2);
for (const [name, steps] of Object.entries(scenarios)) {
  if (words.length > 0 && !words.some((word) => name.includes(word))) continue;
  const bench = new Bench();
  const start = Date.now();
  try {
    await Promise.race([steps(bench), bench.pause(30000).then(() => Promise.reject(new Error("not done within 30 s")))]);
    console.log(`PASS ${name} (${Date.now() - start} ms)`);
    ++passed;
  } catch (error) {
    console.log(`FAIL ${name} (${Date.now() - start} ms): ${error.message}`);
    for (const hub of bench.hubs) console.log(hub.log.split("\n").slice(-15).join("\n"));
    ++failed;
  }
  await bench.end();
}
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed > 0 ? 1 : 0);
