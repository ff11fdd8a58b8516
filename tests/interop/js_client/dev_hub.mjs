// SPDX-License-Identifier: MIT
// The development hub as a child process: starts `jiro-dev-hub serve` on free ports, talks to its control socket, stops it.
import { spawn } from "node:child_process";
import { mkdtempSync, existsSync, readFileSync, rmSync } from "node:fs";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { once } from "node:events";

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

export class DevHub {
  static async start(...flags) {
    const program = process.env.JIRO_DEV_HUB;
    if (!program || !existsSync(program)) throw new Error(`JIRO_DEV_HUB names no program: ${program}`);
    const hub = new DevHub();
    hub.directory = mkdtempSync(join(tmpdir(), "js-hub-"));
    const portFile = join(hub.directory, "ports.json");
    const socket = join(hub.directory, "control.sock");
    hub.log = "";
    hub.process = spawn(program, ["serve", "--port-file", portFile, "--control", socket, ...flags], {
      stdio: ["ignore", "pipe", "pipe"],
    });
    hub.process.stdout.on("data", (data) => (hub.log += data));
    hub.process.stderr.on("data", (data) => (hub.log += data));
    for (let tries = 0; !existsSync(portFile); ++tries) {
      if (hub.process.exitCode !== null || tries > 400) throw new Error(`jiro-dev-hub does not start:\n${hub.log}`);
      await pause(25);
    }
    const ports = JSON.parse(readFileSync(portFile, "utf8"));
    hub.url = ports.hubUrl;
    hub.socket = ports.control;
    return hub;
  }

  // One request to the control socket, one response.
  async ask(verb, members = {}) {
    const asked = request({ socketPath: this.socket, path: `/${verb}`, method: "POST", agent: false });
    asked.end(JSON.stringify(members));
    const [answer] = await once(asked, "response");
    let text = "";
    for await (const piece of answer) text += piece;
    return JSON.parse(text);
  }

  async counters() {
    return (await this.ask("clients")).counters;
  }

  async stop() {
    if (this.process.exitCode === null) {
      const ended = once(this.process, "exit");
      this.process.kill("SIGTERM");
      const timer = setTimeout(() => this.process.kill("SIGKILL"), 5000);
      await ended;
      clearTimeout(timer);
    }
    rmSync(this.directory, { recursive: true, force: true });
  }
}
