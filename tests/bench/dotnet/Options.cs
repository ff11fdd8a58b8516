// SPDX-License-Identifier: MIT
namespace Jiro.Reference;

public sealed class WebSocketOptions
{
    public string HubUrl { get; set; } = "https://localhost:5001/instanceHub";
    public int ReconnectionDelayMs { get; set; } = 5000;
    public int MaxReconnectionAttempts { get; set; } = 5;
    public int HandshakeTimeoutMs { get; set; } = 15000;
    public int KeepAliveIntervalMs { get; set; } = 15000;
    public int ServerTimeoutMs { get; set; } = 30000;
    public string? AccessToken { get; set; }
    public Dictionary<string, string> Headers { get; set; } = new() { ["User-Agent"] = "Jiro-Bot/1.0" };
}

public sealed class GrpcOptions
{
    public string ServerUrl { get; set; } = "https://localhost:5001";
    public int TimeoutMs { get; set; } = 30000;
    public int MaxRetries { get; set; } = 3;
}
