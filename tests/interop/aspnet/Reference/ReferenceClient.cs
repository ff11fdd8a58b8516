// SPDX-License-Identifier: MIT
using System.Net;
using System.Runtime.InteropServices;
using System.Text.Json;
using Jiro.Interop.Hub;
using JiroHubProto;
using Microsoft.AspNetCore.SignalR.Client;

namespace Jiro.Interop.Reference;

/// <summary>
/// A client of the same job made of the official libraries (Microsoft.AspNetCore.SignalR.Client and Grpc.Net.Client), under a
/// supervisor that restarts it. It shows that the scenarios hold for the reference implementation too; it keeps no journal.
/// </summary>
public sealed class ReferenceClient
{
    private readonly ReferenceSettings settings_;
    private readonly ResultSender sender_;
    private readonly CancellationTokenSource stopped_ = new();
    private volatile string state_ = "Disconnected";
    private volatile string? lastError_;
    private volatile HubConnection? connection_;

    private ReferenceClient(ReferenceSettings settings)
    {
        settings_ = settings;
        sender_ = new ResultSender(settings);
    }

    public static async Task<int> Run(string configFile)
    {
        var client = new ReferenceClient(ReferenceSettings.Load(configFile));
        using var terminated = PosixSignalRegistration.Create(PosixSignal.SIGTERM, context =>
        {
            context.Cancel = true;
            client.stopped_.Cancel();
        });
        using var reloaded = PosixSignalRegistration.Create(PosixSignal.SIGHUP, context => context.Cancel = true);
        await using var status = await client.ServeStatus();
        await client.Supervise();
        return 0;
    }

    private async Task Supervise()
    {
        while (!stopped_.IsCancellationRequested)
        {
            var closed = new TaskCompletionSource<Exception?>(TaskCreationOptions.RunContinuationsAsynchronously);
            await using var connection = Build();
            connection.Closed += error =>
            {
                closed.TrySetResult(error);
                return Task.CompletedTask;
            };
            connection_ = connection;
            state_ = "Connecting";
            var delay = settings_.FailedDelay;
            try
            {
                await connection.StartAsync(stopped_.Token);
                state_ = "Connected";
                var error = await closed.Task.WaitAsync(stopped_.Token);
                state_ = "Failed";
                lastError_ = error?.Message ?? "closed by the server";
            }
            catch (OperationCanceledException) when (stopped_.IsCancellationRequested)
            {
                break;
            }
            catch (Exception exception)
            {
                lastError_ = exception.InnerException?.Message ?? exception.Message;
                Console.WriteLine($"connect: {exception.Message}");
                var refused = exception is HttpRequestException
                    { StatusCode: HttpStatusCode.Unauthorized or HttpStatusCode.Forbidden };
                if (refused) state_ = "Failed";
                else delay = settings_.Delay;
            }
            await Task.Delay(delay, stopped_.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private HubConnection Build()
    {
        var builder = new HubConnectionBuilder().WithUrl(settings_.HubUrl, options =>
        {
            options.Transports = Microsoft.AspNetCore.Http.Connections.HttpTransportType.WebSockets;
            options.SkipNegotiation = settings_.SkipNegotiation;
            options.AccessTokenProvider = () => Task.FromResult<string?>(File.ReadAllText(settings_.TokenFile).Trim());
            options.UseStatefulReconnect = settings_.StatefulReconnect;
            options.Proxy = settings_.Proxy is null ? null : ProxyOf(new Uri(settings_.Proxy));
            options.ClientCertificates = Trust.ClientCertificates(settings_.HubCertificateFile, settings_.HubKeyFile);
            var trust = Trust.Only(settings_.HubCaFile);
            options.HttpMessageHandlerFactory = handler =>
            {
                var http = (HttpClientHandler)handler;
                http.ServerCertificateCustomValidationCallback =
                    (request, certificate, chain, errors) => trust(request, certificate, chain, errors);
                http.UseProxy = settings_.Proxy is not null;
                return http;
            };
            options.WebSocketConfiguration = socket => socket.RemoteCertificateValidationCallback = trust;
        });
        builder.AddJsonProtocol(options => options.PayloadSerializerOptions.PropertyNamingPolicy = null);
        builder.WithAutomaticReconnect(new Policy(settings_));
        builder.WithKeepAliveInterval(settings_.KeepAlive).WithServerTimeout(settings_.ServerTimeout);

        var connection = builder.Build();
        connection.On<JsonElement>("ReceiveCommand", argument => { _ = Execute(argument); });
        connection.On<JsonElement, object>("CommandReceived", argument => Answer(argument));
        connection.Reconnecting += error =>
        {
            state_ = "Reconnecting";
            lastError_ = error?.Message;
            return Task.CompletedTask;
        };
        connection.Reconnected += _ =>
        {
            state_ = "Connected";
            return Task.CompletedTask;
        };
        return connection;
    }

    private async Task<object> Answer(JsonElement argument)
    {
        var running = Execute(argument);
        var (success, text) = settings_.AcknowledgeReceived ? (true, "received") : await running;
        return new
        {
            IsSuccess = true,  // it is delivered, whatever it is
            Message = success ? text : "failed: " + text,
            Errors = Array.Empty<string>(),
            RequestId = Parse(argument).CommandSyncId,
        };
    }

    private async Task<(bool Success, string Text)> Execute(JsonElement argument)
    {
        var command = Parse(argument);
        var (success, text) = await ReferenceCommands.Run(command.Command);
        var message = new ClientMessage
        {
            CommandName = command.Command.TrimStart('$').Split(' ')[0],
            CommandSyncId = command.CommandSyncId,
            IsSuccess = success,
            SessionId = command.SessionId ?? Guid.NewGuid().ToString(),
            TextResult = new TextResult { Response = text },
        };
        message.Parameters.Add((command.Parameters ?? []).Select(pair => new Pair { Key = pair.Key, Value = pair.Value }));
        _ = sender_.Deliver(message, stopped_.Token);
        return (success, text);
    }

    private static CommandMessage Parse(JsonElement argument) =>
        (argument.ValueKind == JsonValueKind.String
             ? JsonSerializer.Deserialize<CommandMessage>(argument.GetString()!, Json.Options)
             : argument.Deserialize<CommandMessage>(Json.Options))!;

    private static WebProxy ProxyOf(Uri url)
    {
        var words = url.UserInfo.Split(':').Select(Uri.UnescapeDataString).ToArray();
        return new WebProxy($"{url.Scheme}://{url.Authority}") { Credentials = new NetworkCredential(words[0], words[1]) };
    }

    private async Task<WebApplication> ServeStatus()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.ListenUnixSocket(settings_.StatusSocket));
        var app = builder.Build();
        app.MapGet("/status", () => new
        {
            State = state_,
            ConnectionId = connection_?.ConnectionId,
            LastError = lastError_,
        });
        await app.StartAsync();
        return app;
    }

    private sealed class Policy(ReferenceSettings settings) : IRetryPolicy
    {
        public TimeSpan? NextRetryDelay(RetryContext context)
        {
            if (context.RetryReason is HttpRequestException
                { StatusCode: HttpStatusCode.Unauthorized or HttpStatusCode.Forbidden }) return null;
            var bound = settings.Delay * Math.Pow(2, Math.Min(10, context.PreviousRetryCount));
            return (bound < settings.MaxDelay ? bound : settings.MaxDelay) * Random.Shared.NextDouble();
        }
    }
}
