// SPDX-License-Identifier: MIT
using System.Text.Json;

namespace Jiro.Interop.Hub;

/// <summary>What the driver orders a hub process to do, one line of JSON each.</summary>
public sealed record HubOrder(string Do, CommandMessage? Command = null, string Target = "ReceiveCommand");

/// <summary>
/// The hub as a process of its own, which can be killed and stopped: `serve SETTINGS-FILE`. Orders come in on standard input;
/// what it sees goes out on standard output, written before the client gets its answer.
/// </summary>
public static class ServeCommand
{
    public static async Task<int> Run(string settingsFile)
    {
        var settings = JsonSerializer.Deserialize<HubSettings>(File.ReadAllText(settingsFile), Json.Options)!;
        var output = new StreamWriter(Console.OpenStandardOutput()) { AutoFlush = true };
        var log = new ServerLog { OnAdded = seen => output.WriteLine(JsonSerializer.Serialize(seen, Json.Options)) };

        await using var hub = await HubHost.Start(settings, log);
        while (await Console.In.ReadLineAsync() is { } line)
        {
            var order = JsonSerializer.Deserialize<HubOrder>(line, Json.Options)!;
            if (order.Do == "invoke") _ = hub.Invoke(order.Command!, order.Target);
            else if (order.Do == "send") _ = hub.Send(order.Command!, order.Target);
            else if (order.Do == "stop") break;
        }
        await hub.Stop();
        return 0;
    }
}
