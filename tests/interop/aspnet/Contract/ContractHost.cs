// SPDX-License-Identifier: MIT
using System.Net;
using System.Text.Json;
using Jiro.Interop.Driver;
using Jiro.Interop.Hub;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.SignalR;

namespace Jiro.Interop.Contract;

/// <summary>How the server writes the members of what it sends; it reads either.</summary>
public enum Casing { Camel, Pascal }

public sealed record ContractSettings
{
    public required string CertificateDirectory { get; init; }
    public required string LogFile { get; init; }
    public Casing Casing { get; init; } = Casing.Camel;
    public string ApiKey { get; init; } = "contract-api-key";
    public TimeSpan Patience { get; init; } = TimeSpan.FromSeconds(30);
    public int ResultDelayMs { get; init; }
}

/// <summary>
/// A server with exactly the production hub's surface, on one TLS port: /hubs/instanceHub by `api_key`, gRPC by `x-api-key`.
/// MaximumReceiveMessageSize (32 KB) and MaximumParallelInvocationsPerClient (1) are the framework's defaults.
/// </summary>
public sealed class ContractHost : IAsyncDisposable
{
    private readonly WebApplication app_;
    private readonly IHubContext<ContractHub, IInstance> hub_;
    private readonly IHubContext<ContractHub> raw_;
    private readonly Connections connections_;

    public ServerLog Log { get; } = new();
    public TaskManager Tasks { get; }
    public int Port { get; private set; }
    public int OpenConnections => connections_.Count;

    public static async Task<ContractHost> Start(ContractSettings settings)
    {
        var host = new ContractHost(settings);
        await host.app_.StartAsync();
        host.Port = new Uri(host.app_.Urls.First()).Port;
        return host;
    }

    private ContractHost(ContractSettings settings)
    {
        Tasks = new TaskManager(settings.Patience);
        var builder = WebApplication.CreateBuilder(new WebApplicationOptions { Args = [] });
        builder.Logging.ClearProviders().SetMinimumLevel(LogLevel.Debug).AddProvider(new FileLog(settings.LogFile));
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, 0, endpoint =>
        {
            endpoint.Protocols = HttpProtocols.Http1AndHttp2;
            endpoint.UseHttps(Certificates.Existing(settings.CertificateDirectory).Server);
        }));
        builder.Services.AddSingleton(Log);
        builder.Services.AddSingleton(Tasks);
        builder.Services.AddSingleton(settings);
        builder.Services.AddSingleton<Connections>();
        builder.Services.AddGrpc();
        builder.Services.AddSignalR(options => options.EnableDetailedErrors = true).AddJsonProtocol(options =>
            options.PayloadSerializerOptions.PropertyNamingPolicy =
                settings.Casing == Casing.Camel ? JsonNamingPolicy.CamelCase : null);

        app_ = builder.Build();
        app_.Use(async (context, next) =>
        {
            Log.Add(new Seen(SeenKind.Request, $"{context.Request.Method} {context.Request.Path}"));
            var isHub = context.Request.Path.StartsWithSegments("/hubs");
            if (isHub && context.Request.Query["api_key"] != settings.ApiKey) context.Response.StatusCode = 401;
            else await next(context);
        });
        app_.MapHub<ContractHub>("/hubs/instanceHub");
        app_.MapGrpcService<ContractResults>();
        connections_ = app_.Services.GetRequiredService<Connections>();
        hub_ = app_.Services.GetRequiredService<IHubContext<ContractHub, IInstance>>();
        raw_ = app_.Services.GetRequiredService<IHubContext<ContractHub>>();
    }

    /// <summary>The typed proxy of the last instance that connected.</summary>
    public IInstance Instance => hub_.Clients.Client(connections_.Last ?? "none");

    /// <summary>The same target with arguments that no typed proxy would send; the answer as it came.</summary>
    public Task<JsonElement> Raw(string target, params object?[] arguments) =>
        raw_.Clients.Client(connections_.Last ?? "none").InvokeCoreAsync<JsonElement>(target, arguments, CancellationToken.None);

    /// <summary>Sent without asking for an answer.</summary>
    public Task Send(string target, params object?[] arguments) =>
        raw_.Clients.Client(connections_.Last ?? "none").SendCoreAsync(target, arguments);

    /// <summary>A command as a user of the hub sends it.</summary>
    public Task<(ActionResult Receipt, JiroHubProto.ClientMessage Result)> Execute(string text, string? id = null, string session = "")
    {
        var request = new CommandRequest
        {
            InstanceId = "contract", Command = text, CommandSyncId = id ?? Guid.NewGuid().ToString(), SessionId = session,
        };
        return Tasks.Execute(request.CommandSyncId, () => Instance.Command(request));
    }

    public void CloseConnections() => connections_.CloseAll(allowReconnect: true);

    public async ValueTask DisposeAsync() => await app_.DisposeAsync();
}
