// SPDX-License-Identifier: MIT
using System.Text.Json.Nodes;

namespace Jiro.Interop.Reference;

/// <summary>The keys of our configuration file that the reference client knows; the driver writes the file as JSON.</summary>
public sealed class ReferenceSettings(JsonNode root)
{
    public static ReferenceSettings Load(string file) => new(JsonNode.Parse(File.ReadAllText(file))!);

    public string HubUrl => Text("WebSocket.HubUrl")!;
    public string ServerUrl => Text("Grpc.ServerUrl")!;
    public string TokenFile => Text("WebSocket.AccessTokenFile")!;
    public string StatusSocket => Text("Monitoring.Listen")!["unix:".Length..];
    public string? HubCaFile => Text("WebSocket.Tls.CaFile");
    public string? GrpcCaFile => Text("Grpc.Tls.CaFile");
    public string? HubCertificateFile => Text("WebSocket.Tls.CertificateFile");
    public string? HubKeyFile => Text("WebSocket.Tls.PrivateKeyFile");
    public string? GrpcCertificateFile => Text("Grpc.Tls.CertificateFile");
    public string? GrpcKeyFile => Text("Grpc.Tls.PrivateKeyFile");
    public string? Proxy => Text("WebSocket.Proxy");
    public bool AcknowledgeReceived => Text("Commands.Acknowledge") == "received";
    public bool StatefulReconnect => Node("WebSocket.StatefulReconnect")?.GetValue<bool>() ?? false;
    public bool SkipNegotiation => Node("WebSocket.SkipNegotiation")?.GetValue<bool>() ?? false;
    public TimeSpan Delay => Milliseconds("WebSocket.ReconnectionDelayMs", 5000);
    public TimeSpan MaxDelay => Milliseconds("WebSocket.MaxReconnectionDelayMs", 60000);
    public TimeSpan FailedDelay => Milliseconds("WebSocket.FailedRetryDelayMs", 60000);
    public TimeSpan KeepAlive => Milliseconds("WebSocket.KeepAliveIntervalMs", 15000);
    public TimeSpan ServerTimeout => Milliseconds("WebSocket.ServerTimeoutMs", 30000);
    public TimeSpan GrpcTimeout => Milliseconds("Grpc.TimeoutMs", 30000);

    private TimeSpan Milliseconds(string path, int standard) =>
        TimeSpan.FromMilliseconds(Node(path)?.GetValue<int>() ?? standard);

    private string? Text(string path) => Node(path)?.GetValue<string>();

    private JsonNode? Node(string path) => path.Split('.').Aggregate<string, JsonNode?>(root, (node, name) => node?[name]);
}
