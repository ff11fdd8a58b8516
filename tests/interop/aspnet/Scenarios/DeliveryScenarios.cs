// SPDX-License-Identifier: MIT
using Grpc.Core;
using Jiro.Interop.Driver;
using Jiro.Interop.Hub;

namespace Jiro.Interop.Scenarios;

/// <summary>The gRPC service in trouble: every result arrives in the end, byte for byte as at first.</summary>
public static class DeliveryScenarios
{
    public static readonly Scenario[] List =
    [
        new("delivery.unavailable", "UNAVAILABLE for 3 s, then recovery: 100 results arrive exactly once", Unavailable),
        new("delivery.refused_by_answer", "success=false is a failed attempt and is repeated", RefusedByAnswer),
        new("delivery.deadline", "a call that hangs ends by its deadline and is repeated", Deadline),
        new("delivery.lost_answer", "the answer is lost: the repetition is the same byte for byte", LostAnswer),
        new("delivery.already_exists", "ALREADY_EXISTS settles a result", AlreadyExists),
    ];

    private static async Task Unavailable(Bench bench)
    {
        var (hub, client) = await CommandScenarios.Connected(bench);
        var down = true;
        hub.Results.Verdict = (_, _) => Task.FromResult<Status?>(down ? new Status(StatusCode.Unavailable, "on purpose") : null);
        for (var n = 0; n < 100; ++n) await hub.Send(new CommandMessage($"many-{n}", $"say {n}"));
        await Task.Delay(3_000);
        Check.Equal(0, hub.Log.Count(SeenKind.Result), "accepted results while unavailable");
        down = false;
        await hub.Log.WaitFor(SeenKind.Result, 100, what: "all results", withinMs: 30_000);
        await Task.Delay(300);
        Check.Equal(100, hub.Log.Count(SeenKind.Result), "accepted results");
        CheckSameBytes(hub.Log);
        if (!bench.IsReference)
            await client.WaitForStatus(status => (int?)status["outbox"]?["pending"] == 0, "an empty outbox");
    }

    private static async Task RefusedByAnswer(Bench bench)
    {
        var (hub, _) = await CommandScenarios.Connected(bench);
        hub.Results.Verdict = (_, attempt) =>
            Task.FromResult<Status?>(attempt <= 2 ? new Status(StatusCode.OK, "not yet") : null);
        await CommandScenarios.SayAndSee(hub, "insisted");
        Check.Equal(3, hub.Log.Count(SeenKind.Attempt), "attempts");
        CheckSameBytes(hub.Log);
    }

    private static async Task Deadline(Bench bench)
    {
        var (hub, _) = await CommandScenarios.Connected(bench, config => config.Set("Grpc.TimeoutMs", 1000));
        hub.Results.Verdict = async (_, attempt) =>
        {
            if (attempt == 1) await Task.Delay(4_000);
            return attempt == 1 ? new Status(StatusCode.DeadlineExceeded, "hung") : null;
        };
        await CommandScenarios.SayAndSee(hub, "patient");
    }

    private static async Task LostAnswer(Bench bench)
    {
        var hub = await bench.StartHub();
        var cutter = bench.Track(new TcpCutter(hub.Port));
        bench.StartClient(hub.Port, config => config.Set("Grpc.ServerUrl", $"https://localhost:{cutter.Port}"));
        await hub.Log.WaitFor(SeenKind.Connected);
        hub.Results.Verdict = (_, attempt) =>
        {
            if (attempt == 1) cutter.Freeze();  // accepted, but the client will not learn it
            return Task.FromResult<Status?>(null);
        };
        await CommandScenarios.SayAndSee(hub, "doubtful");
        cutter.Cut();
        await hub.Log.WaitFor(SeenKind.Result, 2, what: "the repetition");
        CheckSameBytes(hub.Log);
    }

    private static async Task AlreadyExists(Bench bench)
    {
        bench.NotForReference("the reference client does not know this status");
        var (hub, client) = await CommandScenarios.Connected(bench);
        hub.Results.Verdict = (_, _) => Task.FromResult<Status?>(new Status(StatusCode.AlreadyExists, "known"));
        await hub.Send(new CommandMessage("known", "say known"));
        await hub.Log.WaitFor(SeenKind.Attempt);
        await client.WaitForStatus(status => (int?)status["outbox"]?["pending"] == 0 && (int?)status["delivery"]?["delivered"] == 1,
                                   "a settled result");
        await Task.Delay(500);
        Check.Equal(1, hub.Log.Count(SeenKind.Attempt), "attempts");
    }

    /// <summary>Whatever was sent more than once for a command was the same each time.</summary>
    public static void CheckSameBytes(ServerLog log)
    {
        foreach (var attempts in log.All(SeenKind.Attempt).GroupBy(attempt => attempt.Id))
            Check.Equal(1, attempts.Select(attempt => attempt.Fact("digest")).Distinct().Count(), $"different messages for {attempts.Key}");
    }
}
