// SPDX-License-Identifier: MIT
using Jiro.Interop.Driver;
using Jiro.Interop.Hub;

namespace Jiro.Interop.Scenarios;

/// <summary>Connections that the hub ends in an orderly way.</summary>
public static class CloseScenarios
{
    public static readonly Scenario[] List =
    [
        new("close.allow_reconnect", "hub Close with allowReconnect: the client is back at once", AllowReconnect),
        new("close.final", "hub Close without allowReconnect: state Failed, back only after FailedRetryDelayMs", Final),
        new("close.graceful_shutdown", "the server shuts down and comes again: no command is lost", GracefulShutdown),
    ];

    private static async Task AllowReconnect(Bench bench)
    {
        var (hub, client) = await CommandScenarios.Connected(bench, config => config.Set("WebSocket.FailedRetryDelayMs", 30_000));
        await client.WaitForState("Connected");
        hub.CloseConnections(allowReconnect: true);
        var connected = await hub.Log.WaitFor(SeenKind.Connected, 2, withinMs: 8_000);
        Check.That(connected[0].Id != connected[1].Id, "a new connection id");
        await CommandScenarios.SayAndSee(hub, "again");
    }

    private static async Task Final(Bench bench)
    {
        var (hub, client) = await CommandScenarios.Connected(bench, config => config.Set("WebSocket.FailedRetryDelayMs", 3_000));
        await client.WaitForState("Connected");
        hub.CloseConnections(allowReconnect: false);
        var gone = await hub.Log.WaitFor(SeenKind.Disconnected);
        var status = await client.WaitForState("Failed", withinMs: 2_000);
        Check.That(((string?)status["lastError"] ?? "").Length > 0, "lastError says what happened");
        var connected = await hub.Log.WaitFor(SeenKind.Connected, 2);
        var pause = connected[1].AtMs - gone[0].AtMs;
        Check.That(pause is >= 1_400 and <= 6_000, $"back after half to all of 3 s (it was {pause} ms)");
        await CommandScenarios.SayAndSee(hub, "again");
    }

    private static async Task GracefulShutdown(Bench bench)
    {
        var (hub, client) = await CommandScenarios.Connected(bench);
        await hub.Send(new CommandMessage("across", "pause 1.5"));
        await client.WaitForState("Connected");
        await Task.Delay(300);  // the command is on its way
        await hub.Stop();
        await hub.DisposeAsync();
        Check.Equal(1, hub.Log.Count(SeenKind.Disconnected), "orderly ends of connections");

        await Task.Delay(2_000);  // its result finds no server
        var next = await bench.StartHub(bench.HubSettings(hub.Port), hub.Log);
        var result = await CommandScenarios.Result(next.Log, "across");
        Check.Equal("true", result.Fact("success"), "isSuccess of the command that ran across the shutdown");
        await next.Log.WaitFor(SeenKind.Connected, 2);
        await CommandScenarios.SayAndSee(next, "again");
    }
}
