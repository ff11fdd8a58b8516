// SPDX-License-Identifier: MIT
using Jiro.Interop.Driver;
using Jiro.Interop.Hub;

namespace Jiro.Interop.Scenarios;

/// <summary>
/// Calls and streams of either direction. Our daemon does not use them, so a small program on the module's public interface does
/// (JIRO_STREAM_CLIENT).
/// </summary>
public static class StreamScenarios
{
    public static readonly Scenario[] List =
    [
        new("streams.calls", "invoke and send: values, exact 64-bit integers, errors", bench => Run(bench, "calls", "Echo", 2)),
        new("streams.download", "a stream of 1,000 items arrives in order and ends", bench => Run(bench, "download", "Count")),
        new("streams.download_cancelled", "a cancelled stream is cancelled at the hub", bench => Run(bench, "download_cancelled", "CountCancelled")),
        new("streams.download_fails", "a stream's error comes after its items", bench => Run(bench, "download_fails")),
        new("streams.upload", "an upload of 500 items arrives whole", bench => Run(bench, "upload", "Sum", 1, "500 items, sum 124750")),
        new("streams.upload_fails", "an upload that breaks is an error at the hub", bench => Run(bench, "upload_fails", "SumBroken")),
        new("streams.upload_two", "two uploads of one call", bench => Run(bench, "upload_two")),
    ];

    private static async Task Run(Bench bench, string check, string? expectedCall = null, int calls = 1, string? text = null)
    {
        bench.NotForReference("the reference client has no streams");
        var program = Environment.GetEnvironmentVariable("JIRO_STREAM_CLIENT");
        if (program is null || !File.Exists(program)) throw new ScenarioSkipped("JIRO_STREAM_CLIENT names no program");

        var hub = await bench.StartHub();
        var lines = new List<string>();
        await using var client = new ChildProcess(
            program, [check, $"https://localhost:{hub.Port}/instanceHub", bench.TokenFile, bench.Certificates.CaFile],
            line => { lock (lines) lines.Add(line); });
        Check.That(await client.Ended(withinMs: 30_000), "the stream client ends");
        Check.That(client.ExitCode == 0, $"the client's side holds: {string.Join('\n', lines)}");
        if (expectedCall is null) return;
        await hub.Log.WaitFor(SeenKind.Call, calls, seen => seen.Id == expectedCall && (text is null || seen.Text == text),
                              $"{expectedCall} {text}", withinMs: 5_000);
        Check.Equal(1, hub.Log.Count(SeenKind.Connected), "connections");
    }
}
