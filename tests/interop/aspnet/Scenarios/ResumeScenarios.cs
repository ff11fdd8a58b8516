// SPDX-License-Identifier: MIT
using Jiro.Interop.Driver;
using Jiro.Interop.Hub;

namespace Jiro.Interop.Scenarios;

/// <summary>Stateful reconnect: a connection that survives the loss of its TCP connection.</summary>
public static class ResumeScenarios
{
    public static readonly Scenario[] List =
    [
        new("resume.both_directions", "a cut loses bytes of both directions; both sides send them again on the same connection", BothDirections),
        new("resume.many_cuts", "ten cuts while 100 calls flow: every client result exactly once, one connection", ManyCuts),
        new("resume.too_late", "the server has forgotten the connection: a new one is made", TooLate),
        new("resume.off", "without StatefulReconnect a cut gives a new connection", Off),
    ];

    private static async Task<(HubHost Hub, ClientProcess Client, TcpCutter Cutter)> Start(Bench bench, bool resume = true)
    {
        var hub = await bench.StartHub();
        var cutter = bench.Track(new TcpCutter(hub.Port));
        var client = bench.StartClient(hub.Port, config =>
        {
            config.Set("WebSocket.HubUrl", $"https://localhost:{cutter.Port}/instanceHub");
            config.Set("WebSocket.StatefulReconnect", resume);
        });
        await hub.Log.WaitFor(SeenKind.Connected);
        await client.WaitForState("Connected");
        return (hub, client, cutter);
    }

    private static async Task BothDirections(Bench bench)
    {
        var (hub, client, cutter) = await Start(bench);
        var before = hub.Invoke(new CommandMessage("before", "pause 0.8"));
        await Task.Delay(300);
        cutter.Freeze();
        var during = hub.Invoke(new CommandMessage("during", "say during"));  // does not reach the client
        await hub.Log.WaitFor(SeenKind.Result, what: "the result of the first command, over gRPC");
        await Task.Delay(300);  // its client result does not reach the server
        Check.Equal(0, hub.Log.Count(SeenKind.Receipt), "client results before the cut");
        cutter.Cut();

        await Task.WhenAll(before, during).WaitAsync(TimeSpan.FromSeconds(15));
        Check.Equal(2, hub.Log.All(SeenKind.Receipt).DistinctBy(seen => seen.Id).Count(), "client results after the cut");
        await CommandScenarios.Result(hub.Log, "during");
        CheckOneConnection(hub, sequences: 1);
        await CommandScenarios.SayAndSee(hub, "afterwards");
        Check.Equal(3, hub.Log.Count(SeenKind.Result), "accepted results");
        await hub.Log.WaitFor(SeenKind.Message, where: seen => seen.Id == "AckMessage", what: "an Ack", withinMs: 5_000);
        await client.WaitForState("Connected");
    }

    // ASP.NET Core (10.0) keeps half a record that it got before a cut, and then fails with "Error reading JSON" on what the new
    // socket brings, whoever the client is. So the rounds are apart far enough for an Ack: what is sent again stays small.
    private static async Task ManyCuts(Bench bench)
    {
        var (hub, _, cutter) = await Start(bench);
        const int cuts = 10;
        for (var round = 0; round < cuts; ++round)
        {
            var calls = Enumerable.Range(0, 100 / cuts).Select(n => hub.Invoke(new CommandMessage($"many-{round}-{n}", $"echo {n}"))).ToList();
            await Task.Delay(20);
            if (round % 2 == 0) cutter.Freeze();
            await Task.Delay(60);
            cutter.Cut();
            var sequences = round + 1;
            await hub.Log.WaitFor(SeenKind.Message, sequences, seen => seen.Id == "SequenceMessage", $"resume number {sequences}");
            await Task.WhenAll(calls).WaitAsync(TimeSpan.FromSeconds(15));
            await Task.Delay(1_300);
        }
        Check.Equal(0, hub.Log.Count(SeenKind.ReceiptFailed), "calls without a client result");
        Check.Equal(100, hub.Log.All(SeenKind.Receipt).DistinctBy(seen => seen.Id).Count(), "client results");
        await hub.Log.WaitFor(SeenKind.Result, 100, what: "all results");
        Check.Equal(100, hub.Log.All(SeenKind.Result).DistinctBy(seen => seen.Id).Count(), "different commands with a result");
        CheckOneConnection(hub, sequences: cuts);
    }

    private static async Task TooLate(Bench bench)
    {
        var (hub, _, cutter) = await Start(bench);
        var refused = 0;
        hub.Intercept = context =>
        {
            // What a server answers that no longer knows the id, for example because it is another node.
            if (context.Request.Method != "GET" || Interlocked.Increment(ref refused) > 1) return Task.FromResult(false);
            context.Response.StatusCode = 404;
            return Task.FromResult(true);
        };
        cutter.Cut();
        await hub.Log.WaitFor(SeenKind.Connected, 2);
        await CommandScenarios.SayAndSee(hub, "afresh");
    }

    private static async Task Off(Bench bench)
    {
        var (hub, _, cutter) = await Start(bench, resume: false);
        cutter.Cut();
        var connected = await hub.Log.WaitFor(SeenKind.Connected, 2);
        Check.That(connected[0].Id != connected[1].Id, "a new connection id");
        Check.That(hub.Log.All(SeenKind.Message).All(seen => seen.Id is not ("SequenceMessage" or "AckMessage")),
                   "no Sequence and no Ack from the client");
        await CommandScenarios.SayAndSee(hub, "afresh");
    }

    private static void CheckOneConnection(HubHost hub, int sequences)
    {
        Check.Equal(1, hub.Log.Count(SeenKind.Connected), "connections");
        Check.Equal(0, hub.Log.Count(SeenKind.Disconnected), "ended connections");
        Check.Equal(1, hub.Log.All(SeenKind.Request).Count(request => request.Id.EndsWith("/negotiate")), "negotiate requests");
        Check.That(hub.Log.All(SeenKind.Message).Count(seen => seen.Id == "SequenceMessage") >= sequences, $"{sequences} Sequences from the client");
    }
}
