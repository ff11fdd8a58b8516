// SPDX-License-Identifier: MIT
// The development hub and a daemon that is connected to it, as child processes in a folder of their own.
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

export const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

async function freePort() {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address();
  server.close();
  await once(server, "close");
  return port;
}

export class Programs {
  static async start(instance = "<script>window.injected = 1</script>", exec = {}) {
    const programs = new Programs();
    Object.assign(programs, { instance, exec });
    programs.directory = mkdtempSync(join(tmpdir(), "jiro-page-"));
    programs.children = [];
    programs.log = "";
    try {
      await programs.startHub();
      await programs.startClient();
    } catch (error) {
      await programs.stop();
      throw error;
    }
    return programs;
  }

  async startHub() {
    const portFile = join(this.directory, "ports.json");
    this.control = join(this.directory, "control");
    const flags = ["serve", "--control", this.control, "--port-file", portFile];
    this.hub = this.spawn(process.env.JIRO_DEV_HUB, flags);
    for (let tries = 0; !existsSync(portFile); ++tries) {
      if (this.hub.exitCode !== null || tries > 400) throw new Error(`jiro-dev-hub does not start:\n${this.log}`);
      await pause(25);
    }
    this.ports = JSON.parse(readFileSync(portFile, "utf8"));
  }

  async startClient() {
    const port = await freePort();
    this.url = `http://127.0.0.1:${port}/`;
    mkdirSync(join(this.directory, "state"), { mode: 0o700 });
    const config = join(this.directory, "config.yaml");
    writeFileSync(config, JSON.stringify({
      InstanceId: this.instance,
      WebSocket: { HubUrl: this.ports.hubUrl, ReconnectionDelayMs: 200, MaxReconnectionDelayMs: 400, MaxReconnectionAttempts: -1 },
      Grpc: { ServerUrl: this.ports.grpcUrl },
      Monitoring: { Listen: `127.0.0.1:${port}` },
      Outbox: { Path: join(this.directory, "state", "outbox.db") },
      Commands: { Exec: { slow: { Program: ["/bin/sleep", "60"] }, fails: { Program: ["/bin/false"] }, ...this.exec } },
    }));
    this.client = this.spawn(process.env.JIRO_CLIENT, ["run", "--config", config]);
    for (let tries = 0; ; ++tries) {
      if (this.client.exitCode !== null || tries > 400) throw new Error(`jiro-client does not connect:\n${this.log}`);
      const answer = await fetch(`${this.url}readyz`).catch(() => null);
      if (answer && answer.ok) return;
      await pause(50);
    }
  }

  spawn(program, flags) {
    if (!program || !existsSync(program)) throw new Error(`no such program: ${program}`);
    // The tests' own JIRO_ variables would be keys of the daemon's configuration.
    const env = { PATH: process.env.PATH, HOME: process.env.HOME };
    const child = spawn(program, flags, { env, stdio: ["ignore", "pipe", "pipe"] });
    for (const stream of [child.stdout, child.stderr]) stream.on("data", (data) => (this.log += data));
    this.children.push(child);
    return child;
  }

  // A subcommand of the hub's, as a person types it.
  ask(verb, ...words) {
    return execFileSync(process.env.JIRO_DEV_HUB, [verb, "--control", this.control, ...words], { encoding: "utf8", timeout: 20000 });
  }

  async kill(child) {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, "exit");
    child.kill("SIGKILL");
    await ended;
  }

  async stop() {
    for (const child of this.children) await this.kill(child);
    rmSync(this.directory, { recursive: true, force: true });
  }
}
