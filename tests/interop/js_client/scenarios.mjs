// SPDX-License-Identifier: MIT
// What the development hub must do for a client that is not ours: the official one. Each scenario gets a `bench` to start hubs
// and connections with; what it starts is stopped for it.
import assert from "node:assert/strict";
import { once, EventEmitter } from "node:events";
import * as signalr from "@microsoft/signalr";

const within = (ms, promise, what) =>
  Promise.race([
    promise,
    new Promise((_, reject) => setTimeout(() => reject(new Error(`${what} did not happen within ${ms} ms`)), ms).unref()),
  ]);

const items = (stream) =>
  new Promise((resolve) => {
    const seen = [];
    stream.subscribe({
      next: (item) => seen.push(item),
      complete: () => resolve({ seen }),
      error: (error) => resolve({ seen, error }),
    });
  });

export const scenarios = {
  async "negotiate and connect"(bench) {
    const hub = await bench.hub();
    const connection = await bench.connect(hub);
    assert.equal(connection.state, signalr.HubConnectionState.Connected);
    assert.ok(connection.connectionId, "a connection id");
    const clients = await hub.ask("clients");
    assert.deepEqual(clients.clients.map((client) => client.connectionId), [connection.connectionId]);
    assert.equal((await hub.counters()).negotiations, 1);
  },

  async "without negotiation"(bench) {
    const hub = await bench.hub();
    const connection = await bench.connect(hub, {
      skipNegotiation: true,
      transport: signalr.HttpTransportType.WebSockets,
    });
    assert.equal(await connection.invoke("Echo", "direct"), "direct");
    assert.equal((await hub.counters()).negotiations, 0);
  },

  async "pings of both sides keep a quiet connection"(bench) {
    const hub = await bench.hub("--keep-alive-ms", "300", "--client-timeout-ms", "1200");
    const connection = bench.build(hub);
    connection.keepAliveIntervalInMilliseconds = 300;
    connection.serverTimeoutInMilliseconds = 1200;
    let closed = false;
    connection.onclose(() => (closed = true));
    await connection.start();
    await bench.pause(3000);
    assert.equal(closed, false);
    assert.equal((await hub.counters()).disconnections, 0);
  },

  async "a silent hub is noticed"(bench) {
    const hub = await bench.hub("--keep-alive-ms", "300");
    const connection = bench.build(hub);
    connection.serverTimeoutInMilliseconds = 1000;
    const closed = new Promise((resolve) => connection.onclose(resolve));
    await connection.start();
    assert.ok((await hub.ask("misbehave", { words: ["stall"] })).ok);
    const error = await within(5000, closed, "the end of the connection");
    assert.match(String(error), /timeout/i);
  },

  async "a silent client is dropped"(bench) {
    const hub = await bench.hub("--client-timeout-ms", "800");
    const connection = bench.build(hub);
    connection.keepAliveIntervalInMilliseconds = 60000;
    const closed = new Promise((resolve) => connection.onclose(resolve));
    await connection.start();
    await within(5000, closed, "the end of the connection");
  },

  async "ReceiveCommand as an object and as a string"(bench) {
    const hub = await bench.hub();
    const connection = await bench.connect(hub);
    const events = new EventEmitter();
    connection.on("ReceiveCommand", (command) => events.emit("command", command));
    for (const string of [false, true]) {
      const received = once(events, "command");
      const sent = await hub.ask("send", {
        command: "say \"ünï\\cöde\"", commandSyncId: "id-1", sessionId: "s-1", parameters: { a: "b" }, string, wait: "none",
      });
      assert.equal(sent.outcomes[0].clients, 1);
      const [argument] = await within(3000, received, "the command");
      assert.equal(typeof argument, string ? "string" : "object");
      const command = string ? JSON.parse(argument) : argument;
      assert.equal(command.command, "say \"ünï\\cöde\"");
      assert.equal(command.commandSyncId, "id-1");
      assert.equal(command.sessionId, "s-1");
      assert.deepEqual(command.parameters, { a: "b" });
    }
  },

  async "a client result reaches the sender"(bench) {
    const hub = await bench.hub();
    const connection = await bench.connect(hub);
    connection.on("CommandReceived", async (command) => {
      await bench.pause(50);
      return { isSuccess: true, message: "done", errors: [], requestId: command.commandSyncId };
    });
    const sent = await hub.ask("send", {
      command: "say hi", commandSyncId: "asked", target: "CommandReceived", invoke: true, wait: "completion",
    });
    const { completion } = sent.outcomes[0];
    assert.deepEqual(completion.result, { isSuccess: true, message: "done", errors: [], requestId: "asked" });
  },

  async "a client that has no handler is reported"(bench) {
    const hub = await bench.hub();
    await bench.connect(hub);
    const sent = await hub.ask("send", {
      command: "say hi", target: "Nobody", invoke: true, wait: "completion", timeoutMs: 3000,
    });
    assert.match(JSON.stringify(sent), /Client didn't provide a result/);
  },

  async "a thousand commands at once"(bench) {
    const hub = await bench.hub();
    const connection = await bench.connect(hub);
    const seen = new Set();
    const all = new Promise((resolve) =>
      connection.on("ReceiveCommand", (command) => {
        seen.add(command.commandSyncId);
        if (seen.size === 1000) resolve();
      }));
    await hub.ask("send", { command: "say hi", commandSyncId: "many", count: 1000, parallel: true, wait: "none" });
    await within(10000, all, "the thousandth command");
  },

  async "Echo returns what it got"(bench) {
    const hub = await bench.hub();
    const connection = await bench.connect(hub);
    for (const value of ["text", "\u001e\u0000 ünï 🚀", 0, -1.5, Number.MAX_SAFE_INTEGER, true, null, [1, [2]], { a: { b: [] } }]) {
      assert.deepEqual(await connection.invoke("Echo", value), value);
    }
    const answers = await Promise.all(Array.from({ length: 500 }, (_, n) => connection.invoke("Echo", n)));
    assert.deepEqual(answers, Array.from({ length: 500 }, (_, n) => n));
  },

  async "methods that return nothing, fail or do not exist"(bench) {
    const hub = await bench.hub();
    const connection = await bench.connect(hub);
    assert.equal((await connection.invoke("Ping")) ?? null, null);
    await connection.send("Ping");
    await assert.rejects(connection.invoke("Fail", "on purpose"), /on purpose/);
    await assert.rejects(connection.invoke("NoSuchMethod"), /does not exist/);
    await assert.rejects(connection.invoke("Echo", 1, 2, 3));
    assert.equal(await connection.invoke("Echo", "still here"), "still here");
  },

  async "a stream gives its items in order and ends"(bench) {
    const hub = await bench.hub();
    const connection = await bench.connect(hub);
    const { seen, error } = await within(10000, items(connection.stream("Stream", 1000)), "the end of the stream");
    assert.equal(error, undefined);
    assert.deepEqual(seen, Array.from({ length: 1000 }, (_, n) => n));
    const empty = await within(3000, items(connection.stream("Stream", 0)), "the end of the empty stream");
    assert.deepEqual(empty, { seen: [] });
    const unknown = await within(3000, items(connection.stream("NoSuchStream")), "the error");
    assert.match(String(unknown.error), /does not exist/);
  },

  async "a stream can be cancelled"(bench) {
    const hub = await bench.hub();
    const connection = await bench.connect(hub);
    const seen = [];
    await within(5000, new Promise((resolve) => {
      const subscription = connection.stream("Stream", 100000, 1).subscribe({
        next: (item) => {
          seen.push(item);
          if (seen.length === 10) {
            subscription.dispose();
            resolve();
          }
        },
        complete: () => {},
        error: () => {},
      });
    }), "ten items");
    await bench.pause(200);
    assert.equal(seen.length, 10);
    assert.equal(await connection.invoke("Echo", "still here"), "still here");
  },

  async "an upload is counted"(bench) {
    const hub = await bench.hub();
    const connection = await bench.connect(hub);
    const subject = new signalr.Subject();
    const count = connection.invoke("Upload", subject);
    for (let n = 0; n < 500; ++n) subject.next({ n });
    subject.complete();
    assert.equal(await within(5000, count, "the count"), 500);

    const broken = new signalr.Subject();
    const failed = connection.invoke("Upload", broken);
    broken.next(1);
    broken.error(new Error("gave up"));
    await assert.rejects(within(5000, failed, "the failure"));
  },

  async "Close ends the connection for good"(bench) {
    const hub = await bench.hub();
    const connection = bench.build(hub, {}, [0, 0, 0]);
    let reconnecting = false;
    connection.onreconnecting(() => (reconnecting = true));
    const closed = new Promise((resolve) => connection.onclose((error) => resolve({ error })));
    await connection.start();
    await hub.ask("misbehave", { words: ["close", "error=maintenance"] });
    const { error } = await within(5000, closed, "the end");
    assert.match(String(error), /maintenance/);
    assert.equal(reconnecting, false);
  },

  async "Close with allowReconnect brings it back"(bench) {
    const hub = await bench.hub();
    const connection = bench.build(hub, {}, [0, 100, 500]);
    const back = new Promise((resolve) => connection.onreconnected(resolve));
    await connection.start();
    const first = connection.connectionId;
    await hub.ask("misbehave", { words: ["close", "allow-reconnect"] });
    const second = await within(5000, back, "the reconnection");
    assert.notEqual(second, first);
    assert.equal(await connection.invoke("Echo", "back"), "back");
  },

  async "a dropped connection comes back"(bench) {
    const hub = await bench.hub();
    const connection = bench.build(hub, {}, [0, 100, 500, 1000]);
    await connection.start();
    for (const line of ["drop", "ws-close 1012", "bad-frame not-json"]) {
      const back = new Promise((resolve) => connection.onreconnected(resolve));
      const answer = await hub.ask("misbehave", { words: line.split(" ") });
      assert.ok(answer.ok, JSON.stringify(answer));
      await within(5000, back, `the reconnection after ${line}`);
    }
    assert.equal(await connection.invoke("Echo", "back"), "back");
  },

  async "a record above the hub's limit ends the connection"(bench) {
    const hub = await bench.hub();
    const connection = await bench.connect(hub);
    const closed = new Promise((resolve) => connection.onclose(resolve));
    await assert.rejects(connection.invoke("Echo", "x".repeat(40000)));
    await within(5000, closed, "the end");
  },

  async "the bearer token is asked for"(bench) {
    const hub = await bench.hub("--token", "sesame-sesame");
    await assert.rejects(bench.connect(hub), /401|Unauthorized/i);
    await assert.rejects(bench.connect(hub, { accessTokenFactory: () => "wrong" }), /401|Unauthorized/i);
    let asked = 0;
    const connection = await bench.connect(hub, {
      accessTokenFactory: async () => {
        ++asked;
        return "sesame-sesame";
      },
    });
    assert.ok(asked >= 1);
    assert.equal(await connection.invoke("Echo", "in"), "in");
  },

  async "a refused negotiate is an error with its status"(bench) {
    const hub = await bench.hub("--misbehave", "refuse 503 next=1");
    await assert.rejects(bench.connect(hub), /503/);
    await bench.connect(hub);
  },

  async "stop is seen by the hub"(bench) {
    const hub = await bench.hub();
    const connection = await bench.connect(hub);
    await connection.stop();
    for (let tries = 0; (await hub.counters()).disconnections === 0; ++tries) {
      assert.ok(tries < 100, "the hub sees the end within 2.5 s");
      await bench.pause(25);
    }
  },
};
