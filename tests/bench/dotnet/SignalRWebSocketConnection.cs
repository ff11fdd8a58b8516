// SPDX-License-Identifier: MIT
using Microsoft.AspNetCore.SignalR.Client;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace Jiro.Reference;

public interface IWebSocketConnection : IAsyncDisposable
{
    event Func<CommandMessage, Task>? CommandReceived;
    event Func<Exception?, Task>? Closed;
    Task StartAsync(CancellationToken cancellation);
    Task StopAsync(CancellationToken cancellation);
}

/// <summary>Commands in, over SignalR, with automatic reconnects.</summary>
public sealed class SignalRWebSocketConnection : IWebSocketConnection
{
    private readonly HubConnection connection_;

    public SignalRWebSocketConnection(IOptions<WebSocketOptions> options, ILogger<SignalRWebSocketConnection> logger)
    {
        var settings = options.Value;
        connection_ = new HubConnectionBuilder()
            .WithUrl(settings.HubUrl, http =>
            {
                foreach (var (name, value) in settings.Headers) http.Headers[name] = value;
                if (settings.AccessToken is not null)
                    http.AccessTokenProvider = () => Task.FromResult<string?>(settings.AccessToken);
            })
            .WithAutomaticReconnect(new Backoff(settings))
            .WithKeepAliveInterval(TimeSpan.FromMilliseconds(settings.KeepAliveIntervalMs))
            .WithServerTimeout(TimeSpan.FromMilliseconds(settings.ServerTimeoutMs))
            .Build();
        connection_.HandshakeTimeout = TimeSpan.FromMilliseconds(settings.HandshakeTimeoutMs);
        connection_.On<CommandMessage>("ReceiveCommand", message => CommandReceived?.Invoke(message) ?? Task.CompletedTask);
        connection_.Closed += error => Closed?.Invoke(error) ?? Task.CompletedTask;
        connection_.Reconnecting += error =>
        {
            logger.LogWarning("Connection lost, reconnecting: {Reason}", error?.Message);
            return Task.CompletedTask;
        };
        connection_.Reconnected += id =>
        {
            logger.LogInformation("Connected again as {ConnectionId}", id);
            return Task.CompletedTask;
        };
    }

    public event Func<CommandMessage, Task>? CommandReceived;
    public event Func<Exception?, Task>? Closed;

    public Task StartAsync(CancellationToken cancellation) => connection_.StartAsync(cancellation);

    public Task StopAsync(CancellationToken cancellation) => connection_.StopAsync(cancellation);

    public ValueTask DisposeAsync() => connection_.DisposeAsync();

    private sealed class Backoff(WebSocketOptions settings) : IRetryPolicy
    {
        public TimeSpan? NextRetryDelay(RetryContext context) =>
            context.PreviousRetryCount >= settings.MaxReconnectionAttempts
                ? null
                : TimeSpan.FromMilliseconds(settings.ReconnectionDelayMs * Math.Pow(2, Math.Min(10, context.PreviousRetryCount)));
    }
}
