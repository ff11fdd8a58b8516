// SPDX-License-Identifier: MIT
using System.Text.Json;
using Jiro.Interop.Hub;

namespace Jiro.Interop.Driver;

/// <summary>The hub in a process of its own (`serve`), for scenarios that kill it or stop it. Its log survives its death.</summary>
public sealed class HubProcess : IAsyncDisposable
{
    private readonly HubSettings settings_;
    private readonly string settingsFile_;
    private ChildProcess? process_;

    public ServerLog Log { get; } = new();
    public int Port { get; private set; }

    public HubProcess(HubSettings settings, string settingsFile)
    {
        settings_ = settings;
        settingsFile_ = settingsFile;
    }

    /// <summary>Starts the process and waits until it listens: on any port the first time, on the same port afterwards.</summary>
    public async Task Start()
    {
        File.WriteAllText(settingsFile_, JsonSerializer.Serialize(settings_ with { Port = Port }, Json.Options));
        var starts = Log.Count(SeenKind.Listening);
        process_ = new ChildProcess("dotnet", [typeof(HubProcess).Assembly.Location, "serve", settingsFile_], OnLine, _ => { });
        var listening = await Log.WaitFor(SeenKind.Listening, starts + 1, what: "its own start", withinMs: 60_000);
        Port = int.Parse(listening[^1].Id);
    }

    /// <summary>kill -9.</summary>
    public async Task Kill() => await process_!.Kill();

    public void Pause() => process_!.Pause();
    public void Continue() => process_!.Continue();

    public void Invoke(CommandMessage command, string target = "CommandReceived") =>
        Order(new HubOrder("invoke", command, target));

    public void Send(CommandMessage command) => Order(new HubOrder("send", command));

    public async ValueTask DisposeAsync()
    {
        if (process_ is not null) await process_.DisposeAsync();
    }

    private void Order(HubOrder order) => process_!.WriteLine(JsonSerializer.Serialize(order, Json.Options));

    private void OnLine(string line)
    {
        // A killed process may leave half a line.
        try
        {
            if (JsonSerializer.Deserialize<Seen>(line, Json.Options) is { } seen) Log.Add(seen);
        }
        catch (JsonException)
        {
        }
    }
}
