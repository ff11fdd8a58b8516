// SPDX-License-Identifier: MIT
using Jiro.Interop.Hub;

namespace Jiro.Interop.Driver;

/// <summary>
/// What one scenario works with: its folder, the run's certificates and tokens, and ways to start hubs and clients. Everything
/// that it started is stopped by it.
/// </summary>
public sealed class Bench : IAsyncDisposable
{
    private readonly IReadOnlyList<string> program_;
    private readonly byte[] tokenKey_ = Hub.Tokens.NewKey();
    private readonly List<IAsyncDisposable> started_ = [];
    private readonly List<ServerLog> logs_ = [];

    public Bench(string directory, Certificates certificates, IReadOnlyList<string> program)
    {
        Directory = directory;
        Certificates = certificates;
        program_ = program;
        System.IO.Directory.CreateDirectory(directory);
        Tokens = new Tokens(tokenKey_);
        SetToken(Tokens.Issue("first"));
    }

    public string Directory { get; }
    public Certificates Certificates { get; }
    public Tokens Tokens { get; }
    /// <summary>Whether the reference client is run in place of ours.</summary>
    public bool IsReference => program_.Contains("reference");

    public void NotForReference(string why)
    {
        if (IsReference) throw new ScenarioSkipped(why);
    }

    public string TokenFile => Path.Combine(Directory, "token");
    public List<ClientProcess> Clients { get; } = [];

    /// <summary>Rewrites the client's AccessTokenFile, as a rotation does: a new file under the old name.</summary>
    public void SetToken(string token)
    {
        File.WriteAllText(TokenFile + ".new", token + "\n");
        File.Move(TokenFile + ".new", TokenFile, overwrite: true);
    }

    public HubSettings HubSettings(int port = 0) => new()
    {
        Port = port,
        CertificateDirectory = Path.GetDirectoryName(Certificates.CaFile)!,
        TokenKey = tokenKey_,
        LogFile = Path.Combine(Directory, "server.log"),
    };

    /// <summary>A hub in this process. With a log: the successor of an earlier hub, which goes on writing there.</summary>
    public async Task<HubHost> StartHub(HubSettings? settings = null, ServerLog? log = null)
    {
        var hub = await HubHost.Start(settings ?? HubSettings(), log);
        if (log is null) logs_.Add(hub.Log);
        return Track(hub);
    }

    /// <summary>What a server of the scenario's own saw belongs to the evidence, too.</summary>
    public void Show(ServerLog log) => logs_.Add(log);

    public async Task<HubProcess> StartHubProcess(HubSettings? settings = null)
    {
        var hub = new HubProcess(settings ?? HubSettings(), Path.Combine(Directory, "hub.json"));
        logs_.Add(hub.Log);
        Track(hub);
        await hub.Start();
        return hub;
    }

    public ClientConfig Config(int port) => new(Directory, port, TokenFile, Certificates);

    public ClientProcess StartClient(int port, Action<ClientConfig>? change = null,
                                     IReadOnlyDictionary<string, string>? environment = null)
    {
        var config = Config(port);
        change?.Invoke(config);
        return StartClient(config, environment);
    }

    public ClientProcess StartClient(ClientConfig config, IReadOnlyDictionary<string, string>? environment = null)
    {
        var client = new ClientProcess(program_, Directory, config, environment);
        Clients.Add(client);
        return Track(client);
    }

    public T Track<T>(T thing) where T : IAsyncDisposable
    {
        started_.Add(thing);
        return thing;
    }

    /// <summary>For a scenario that failed: what the server saw, and the client's log, in files and in short.</summary>
    public string Evidence()
    {
        var seen = string.Join("\n---\n", logs_);
        var log = string.Join("\n--- next client ---\n", Clients.Select(client => client.Log));
        File.WriteAllText(Path.Combine(Directory, "seen.log"), seen);
        File.WriteAllText(Path.Combine(Directory, "client.log"), log);
        return $"    server saw (last lines):\n{Tail(seen, 12)}\n    client log (last lines):\n{Tail(log, 25)}";
    }

    public async ValueTask DisposeAsync()
    {
        for (var index = started_.Count - 1; index >= 0; --index) await started_[index].DisposeAsync();
    }

    private static string Tail(string text, int lines) =>
        string.Join('\n', text.Split('\n').TakeLast(lines).Select(line => "      " + line));
}
