// SPDX-License-Identifier: MIT
using System.Diagnostics;
using System.Net.Sockets;
using System.Text.Json.Nodes;

namespace Jiro.Interop.Driver;

/// <summary>The client under test: our binary, or the reference client in its place, run with a configuration file.</summary>
public sealed class ClientProcess : IAsyncDisposable
{
    private readonly ChildProcess process_;
    private readonly HttpClient status_;
    private readonly List<string> lines_ = [];

    public ClientProcess(IReadOnlyList<string> program, string directory, ClientConfig config,
                         IReadOnlyDictionary<string, string>? environment)
    {
        var configFile = Path.Combine(directory, "config.yaml");
        config.Write(configFile);
        var variables = new Dictionary<string, string>(environment ?? new Dictionary<string, string>())
        {
            ["STATE_DIRECTORY"] = directory,
        };
        process_ = new ChildProcess(program[0], [.. program.Skip(1), "--config", configFile], AddLine, null, variables);

        var socketPath = Path.Combine(directory, "status.sock");
        status_ = new HttpClient(new SocketsHttpHandler
        {
            ConnectCallback = async (_, cancelled) =>
            {
                var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
                await socket.ConnectAsync(new UnixDomainSocketEndPoint(socketPath), cancelled);
                return new NetworkStream(socket, ownsSocket: true);
            },
        })
        {
            BaseAddress = new Uri("http://localhost/"),
            Timeout = TimeSpan.FromSeconds(5),
        };
    }

    public bool Running => process_.Running;

    public string Log
    {
        get
        {
            lock (lines_) return string.Join('\n', lines_);
        }
    }

    /// <summary>What GET /status says now; null when nobody answers.</summary>
    public async Task<JsonNode?> Status()
    {
        try
        {
            return JsonNode.Parse(await status_.GetStringAsync("status"));
        }
        catch (Exception exception) when (exception is HttpRequestException or TaskCanceledException)
        {
            return null;
        }
    }

    /// <summary>Polls the status endpoint until the condition holds, and returns that status.</summary>
    public async Task<JsonNode> WaitForStatus(Func<JsonNode, bool> holds, string what, int withinMs = 15_000)
    {
        var clock = Stopwatch.StartNew();
        JsonNode? last = null;
        while (clock.ElapsedMilliseconds < withinMs)
        {
            last = await Status();
            if (last is not null && holds(last)) return last;
            Check.That(Running, $"the client keeps running while waiting for {what}");
            await Task.Delay(25);
        }
        throw new ScenarioFailure($"the client's status did not show {what} within {withinMs} ms: {last?.ToJsonString() ?? "no answer"}");
    }

    public Task<JsonNode> WaitForState(string state, int withinMs = 15_000) =>
        WaitForStatus(status => (string?)status["state"] == state, $"state {state}", withinMs);

    /// <summary>SIGHUP: the configuration and the credentials are read again.</summary>
    public void Reload() => process_.HangUp();

    /// <summary>SIGTERM ends it with exit code 0 in bounded time.</summary>
    public async Task StopCleanly()
    {
        process_.Terminate();
        Check.That(await process_.Ended(withinMs: 15_000), "the client ends within 15 s of SIGTERM");
        Check.Equal(0, process_.ExitCode, "the client's exit code after SIGTERM");
    }

    /// <summary>kill -9.</summary>
    public Task Kill() => process_.Kill();

    public async ValueTask DisposeAsync()
    {
        await process_.DisposeAsync();
        status_.Dispose();
    }

    private void AddLine(string line)
    {
        lock (lines_) lines_.Add(line);
    }
}
