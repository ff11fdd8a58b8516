// SPDX-License-Identifier: MIT
using System.Text.Json.Nodes;
using Jiro.Interop.Hub;

namespace Jiro.Interop.Driver;

/// <summary>
/// The client's configuration file, written as JSON (which is YAML): short delays, so that a scenario takes seconds. A scenario
/// changes single keys through <see cref="Set"/> before the client starts.
/// </summary>
public sealed class ClientConfig
{
    private readonly JsonObject root_;

    public ClientConfig(string directory, int port, string tokenFile, Certificates certificates)
    {
        root_ = new JsonObject
        {
            ["WebSocket"] = new JsonObject
            {
                ["HubUrl"] = $"https://localhost:{port}/instanceHub",
                ["ReconnectionDelayMs"] = 100,
                ["MaxReconnectionDelayMs"] = 500,
                ["MaxReconnectionAttempts"] = -1,
                ["FailedRetryDelayMs"] = 1500,
                ["HandshakeTimeoutMs"] = 5000,
                ["KeepAliveIntervalMs"] = 1000,
                ["ServerTimeoutMs"] = 5000,
                ["AccessTokenFile"] = tokenFile,
                ["Tls"] = new JsonObject { ["CaFile"] = certificates.CaFile },
            },
            ["Grpc"] = new JsonObject
            {
                ["ServerUrl"] = $"https://localhost:{port}",
                ["TimeoutMs"] = 5000,
                ["MaxRetries"] = 3,
                ["RetryDelayMs"] = 50,
                ["MaxRetryDelayMs"] = 500,
                ["Tls"] = new JsonObject { ["CaFile"] = certificates.CaFile },
            },
            ["Commands"] = new JsonObject { ["Exec"] = TestCommands() },
            ["Outbox"] = new JsonObject { ["Path"] = Path.Combine(directory, "outbox.db") },
            ["Monitoring"] = new JsonObject { ["Listen"] = $"unix:{Path.Combine(directory, "status.sock")}" },
            ["Logging"] = new JsonObject { ["Level"] = "debug", ["Target"] = "console" },
        };
    }

    /// <summary>Sets one key, for example "WebSocket.Tls.CaFile".</summary>
    public void Set(string path, JsonNode? value)
    {
        var names = path.Split('.');
        var section = root_;
        foreach (var name in names[..^1])
        {
            if (section[name] is not JsonObject next) section[name] = next = [];
            section = next;
        }
        section[names[^1]] = value;
    }

    public void Write(string path) => File.WriteAllText(path, root_.ToJsonString());

    /// <summary>The commands that the scenarios send: `say TEXT`, `pause SECONDS`, `fill BYTES` and `refuse`; each
    /// starts a program. Where very many are sent, it is our client's built-in `echo TEXT`.</summary>
    private static JsonObject TestCommands() => new()
    {
        ["say"] = Program(["/bin/echo", "{text}"], "text"),
        ["pause"] = Program(["/bin/sleep", "{seconds}"], "seconds"),
        ["fill"] = Script("head -c \"$1\" /dev/zero | tr '\\0' x", "bytes"),
        ["refuse"] = Program(["/bin/false"]),
    };

    private static JsonObject Program(string[] words, params string[] parameters) => new()
    {
        ["Program"] = new JsonArray([.. words.Select(word => (JsonNode)word)]),
        ["Parameters"] = Parameters(parameters),
    };

    private static JsonObject Script(string script, params string[] parameters) => new()
    {
        ["Program"] = script,
        ["Shell"] = true,
        ["Parameters"] = Parameters(parameters),
    };

    private static JsonObject Parameters(string[] names)
    {
        var parameters = new JsonObject();
        foreach (var name in names) parameters[name] = new JsonObject { ["Type"] = "text" };
        return parameters;
    }
}
