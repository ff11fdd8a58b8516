// SPDX-License-Identifier: MIT
// Asks @dwmkerr/mock-llm the same questions by the official OpenAI client and by `jiro-client chat`, and compares what both
// understand: texts, whole and word by word, and errors.
import { spawn } from "node:child_process";
import { once } from "node:events";
import fs from "node:fs";
import net from "node:net";
import os from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import OpenAI from "openai";

const here = path.dirname(fileURLToPath(import.meta.url));
const program = process.env.JIRO_CLIENT;
const folder = fs.mkdtempSync(path.join(os.tmpdir(), "jiro-openai-"));

async function freePort() {
  const server = net.createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address();
  server.close();
  await once(server, "close");
  return port;
}

async function startServer(port) {
  const main = path.join(here, "node_modules/@dwmkerr/mock-llm/dist/main.js");
  const server = spawn(process.execPath, [main, "--config", path.join(here, "rules.yaml")],
    { env: { ...process.env, HOST: "127.0.0.1", PORT: String(port) }, stdio: ["ignore", "ignore", "inherit"] });
  for (let i = 0; i < 200; ++i) {
    const isUp = await fetch(`http://127.0.0.1:${port}/health`).then((answer) => answer.ok, () => false);
    if (isUp) return server;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error("the server did not start");
}

// What the official client makes of it: a text, or an error with the server's words.
async function official(client, text, stream) {
  const question = { model: "test-model", messages: [{ role: "user", content: text }] };
  try {
    if (!stream) return (await client.chat.completions.create(question)).choices[0].message.content;
    let answer = "";
    for await (const chunk of await client.chat.completions.create({ ...question, stream: true, stream_options: { include_usage: true } }))
      answer += chunk.choices[0]?.delta?.content ?? "";
    return answer;
  } catch (error) {
    return { error: error.error?.message ?? error.message };
  }
}

async function ours(config, text, session) {
  // A JIRO_ variable would be a key of the configuration.
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith("JIRO_")));
  const child = spawn(program, ["chat", text, "--session", session, "--config", config], { env });
  let out = "";
  let errors = "";
  child.stdout.on("data", (data) => (out += data));
  child.stderr.on("data", (data) => (errors += data));
  const [code] = await once(child, "close");
  return code === 0 ? out.replace(/\n$/, "") : { error: errors };
}

const port = await freePort();
const server = await startServer(port);
const endpoint = `http://127.0.0.1:${port}/v1`;
const client = new OpenAI({ baseURL: endpoint, apiKey: "test-key", maxRetries: 0 });
let failures = 0;
for (const stream of [true, false]) {
  const config = path.join(folder, `${stream}.yaml`);
  fs.writeFileSync(config, JSON.stringify({
    Chat: { Model: "test-model", Endpoint: endpoint, ApiKey: "test-key", Stream: stream, Path: path.join(folder, `${stream}.db`) },
    Monitoring: { Listen: "off" }, Outbox: { Path: path.join(folder, "outbox.db") }, Logging: { Level: "error" } }));
  for (const text of ["Hello Jiro", "say umlaut", "x".repeat(5000), "error-401", "error-404", "error-429", "error-500"]) {
    const theirs = await official(client, text, stream);
    const mine = await ours(config, text, `session-${text.slice(0, 9)}`);
    const isSame = theirs.error ? Boolean(mine.error?.includes(theirs.error)) : theirs === mine;
    if (!isSame) ++failures;
    const shown = JSON.stringify(mine).slice(0, 150);
    console.log(`${isSame ? "ok  " : "FAIL"} ${stream ? "stream" : "whole "} ${text.slice(0, 12).padEnd(12)} ${shown}${isSame ? "" : ` instead of ${JSON.stringify(theirs)}`}`);
  }
  // The history goes along: question, answer, question.
  await ours(config, "Hello", "two");
  const count = await ours(config, "how many", "two");
  if (count !== "3 messages") ++failures;
  console.log(`${count === "3 messages" ? "ok  " : "FAIL"} ${stream ? "stream" : "whole "} history      ${JSON.stringify(count)}`);
}
server.kill();
fs.rmSync(folder, { recursive: true, force: true });
console.log(failures === 0 ? "both understand the same" : `${failures} differences`);
process.exit(failures === 0 ? 0 : 1);
