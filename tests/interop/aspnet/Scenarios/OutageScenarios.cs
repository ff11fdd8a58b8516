// SPDX-License-Identifier: MIT
using System.Diagnostics;
using Jiro.Interop.Driver;
using Jiro.Interop.Hub;

namespace Jiro.Interop.Scenarios;

/// <summary>Servers that die or fall silent. The hub is a process of its own here.</summary>
public static class OutageScenarios
{
    public static readonly Scenario[] List =
    [
        new("outage.killed_20_times", "kill -9 and restart of the server, 20 times while commands flow: no acknowledged command is lost", KilledTwentyTimes, 150),
        new("outage.silent", "a server that is stopped (SIGSTOP) is given up after ServerTimeoutMs, and found again", Silent),
    ];

    private static async Task KilledTwentyTimes(Bench bench)
    {
        var hub = await bench.StartHubProcess();
        var client = bench.StartClient(hub.Port, config => config.Set("Commands.Acknowledge", "received"));
        for (var round = 1; round <= 20; ++round)
        {
            await hub.Log.WaitFor(SeenKind.Connected, round, what: $"connection {round}");
            for (var n = 0; n < 20; ++n)
                hub.Invoke(new CommandMessage($"r{round}-{n}", n % 5 == 0 ? "pause 0.4" : $"say r{round}-{n}"));
            // Some rounds die before a receipt, others in the midst of receipts and results.
            await Task.Delay(Random.Shared.Next(5, 250));
            await hub.Kill();
            await hub.Start();
        }

        await hub.Log.WaitFor(SeenKind.Connected, 21, what: "the last connection");
        hub.Invoke(new CommandMessage("last", "say last"));
        await CommandScenarios.Result(hub.Log, "last", withinMs: 45_000);
        var acknowledged = hub.Log.All(SeenKind.Receipt).Select(receipt => receipt.Id).ToHashSet();
        var clock = Stopwatch.StartNew();
        var missing = acknowledged;
        while (missing.Count > 0 && clock.ElapsedMilliseconds < 45_000)
        {
            await Task.Delay(100);
            missing = [.. acknowledged.Except(hub.Log.All(SeenKind.Result).Select(result => result.Id))];
        }
        Check.That(acknowledged.Count > 20, $"enough acknowledged commands to prove anything ({acknowledged.Count})");
        Check.That(missing.Count == 0, $"a result for each of {acknowledged.Count} acknowledged commands; missing: {string.Join(", ", missing.Take(10))}");
        DeliveryScenarios.CheckSameBytes(hub.Log);
        if (!bench.IsReference)
            await client.WaitForStatus(status => (int?)status["outbox"]?["pending"] == 0 && (int?)status["outbox"]?["deadLetters"] == 0,
                                       "an empty outbox and no dead letters");
    }

    private static async Task Silent(Bench bench)
    {
        var hub = await bench.StartHubProcess();
        var client = bench.StartClient(hub.Port, config => config.Set("WebSocket.ServerTimeoutMs", 3_000));
        await hub.Log.WaitFor(SeenKind.Connected);
        await client.WaitForState("Connected");
        await Task.Delay(1_500);  // pings of the server keep it so
        Check.Equal("Connected", (string?)(await client.Status())?["state"], "the state before");

        hub.Pause();
        var clock = Stopwatch.StartNew();
        var status = await client.WaitForStatus(now => (string?)now["state"] != "Connected", "another state than Connected", 8_000);
        // The server's last ping may be two of its heartbeats old.
        Check.That(clock.ElapsedMilliseconds is > 500 and < 6_000, $"noticed after about 3 s (it took {clock.ElapsedMilliseconds} ms)");
        Check.Contains((string?)status["lastError"] ?? "", "timeout", "lastError");
        await Task.Delay(1_000);
        hub.Continue();
        await hub.Log.WaitFor(SeenKind.Connected, 2);
        hub.Invoke(new CommandMessage("awake", "say awake"));
        await CommandScenarios.Result(hub.Log, "awake");
    }
}
