// SPDX-License-Identifier: MIT
using System.Net;
using Microsoft.AspNetCore.Authentication.JwtBearer;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Https;
using Microsoft.AspNetCore.SignalR;
using Microsoft.AspNetCore.SignalR.Protocol;
using Microsoft.Extensions.Options;

namespace Jiro.Interop.Hub;

/// <summary>What a scenario decides about its hub. Travels as JSON when the hub is a process of its own.</summary>
public sealed record HubSettings
{
    public int Port { get; init; }  // 0: any
    public required string CertificateDirectory { get; init; }
    public required byte[] TokenKey { get; init; }
    public required string LogFile { get; init; }
    public bool RequireClientCertificate { get; init; }
    public bool CloseWhenTokenExpires { get; init; }
    public int KeepAliveMs { get; init; } = 1_000;
    public int ClientTimeoutMs { get; init; } = 30_000;
}

/// <summary>A command as the hub sends it (the seed's command message).</summary>
public sealed record CommandMessage(string CommandSyncId, string Command)
{
    public string InstanceId { get; init; } = "interop";
    public string? SessionId { get; init; } = "session-1";
    public Dictionary<string, string>? Parameters { get; init; } = new() { ["origin"] = "interop" };
}

/// <summary>
/// The real server: ASP.NET Core's SignalR hub at /instanceHub and the gRPC service on one TLS port (HTTP/1.1 and HTTP/2 by
/// ALPN), both behind bearer authentication. Everything that it sees goes to <see cref="Log"/>.
/// </summary>
public sealed class HubHost : IAsyncDisposable
{
    private readonly WebApplication app_;
    private readonly Connections connections_;
    private readonly IHubContext<InstanceHub> hub_;
    private readonly HashSet<string> revoked_ = [];

    public ServerLog Log { get; }
    public ResultFaults Results { get; } = new();
    public int Port { get; private set; }
    public int OpenConnections => connections_.Count;

    /// <summary>Answers a request in place of the hub when it returns true; before authentication.</summary>
    public Func<HttpContext, Task<bool>>? Intercept { get; set; }

    public static async Task<HubHost> Start(HubSettings settings, ServerLog? log = null)
    {
        var host = new HubHost(settings, log ?? new ServerLog());
        await host.app_.StartAsync();
        host.Port = new Uri(host.app_.Urls.First()).Port;
        host.Log.Add(new Seen(SeenKind.Listening, host.Port.ToString()));
        return host;
    }

    private HubHost(HubSettings settings, ServerLog log)
    {
        Log = log;
        var builder = WebApplication.CreateBuilder(new WebApplicationOptions { Args = [] });
        builder.Logging.ClearProviders().SetMinimumLevel(LogLevel.Debug).AddProvider(new FileLog(settings.LogFile));
        builder.WebHost.ConfigureKestrel(kestrel => Listen(kestrel, settings));
        builder.Services.Configure<HostOptions>(options => options.ShutdownTimeout = TimeSpan.FromSeconds(5));
        AddAuthentication(builder.Services, new Tokens(settings.TokenKey));
        AddServices(builder.Services, settings);

        app_ = builder.Build();
        app_.Use(Record);
        app_.UseAuthentication();
        app_.UseAuthorization();
        app_.MapHub<InstanceHub>("/instanceHub", options =>
        {
            options.AllowStatefulReconnects = true;
            options.CloseOnAuthenticationExpiration = settings.CloseWhenTokenExpires;
        });
        app_.MapGrpcService<ResultsService>();
        connections_ = app_.Services.GetRequiredService<Connections>();
        hub_ = app_.Services.GetRequiredService<IHubContext<InstanceHub>>();
    }

    public Task Send(CommandMessage command, string target = "ReceiveCommand") =>
        hub_.Clients.All.SendAsync(target, command);

    /// <summary>The older form: the message is a JSON string that holds the object.</summary>
    public Task SendAsString(CommandMessage command, string target = "ReceiveCommand") =>
        hub_.Clients.All.SendAsync(target, System.Text.Json.JsonSerializer.Serialize(command, Json.Options));

    public Task SendRaw(string target, params object?[] arguments) =>
        hub_.Clients.All.SendCoreAsync(target, arguments);

    /// <summary>Sends a command to the last connection and waits for its client result; records it, or why there is none.</summary>
    public async Task Invoke(CommandMessage command, string target = "CommandReceived")
    {
        try
        {
            var client = hub_.Clients.Client(connections_.Last ?? "none");
            var answer = await client.InvokeAsync<System.Text.Json.JsonElement>(target, command, CancellationToken.None);
            Log.Add(new Seen(SeenKind.Receipt, command.CommandSyncId, answer.GetRawText()));
        }
        catch (Exception exception)
        {
            Log.Add(new Seen(SeenKind.ReceiptFailed, command.CommandSyncId, exception.Message));
        }
    }

    public void CloseConnections(bool allowReconnect) => connections_.CloseAll(allowReconnect);

    /// <summary>From now on the token by this name gets 401.</summary>
    public void Revoke(string tokenName)
    {
        lock (revoked_) revoked_.Add(tokenName);
    }

    /// <summary>Shuts down as an operator's stop does: connections are asked to close with allowReconnect.</summary>
    public Task Stop() => app_.StopAsync();

    public async ValueTask DisposeAsync() => await app_.DisposeAsync();

    private static void Listen(KestrelServerOptions kestrel, HubSettings settings)
    {
        var certificates = Certificates.Existing(settings.CertificateDirectory);
        kestrel.Listen(IPAddress.Loopback, settings.Port, endpoint =>
        {
            endpoint.Protocols = HttpProtocols.Http1AndHttp2;
            endpoint.UseHttps(new HttpsConnectionAdapterOptions
            {
                ServerCertificate = certificates.Server,
                ClientCertificateMode = settings.RequireClientCertificate ? ClientCertificateMode.RequireCertificate
                                                                          : ClientCertificateMode.NoCertificate,
                ClientCertificateValidation = (certificate, _, _) => certificates.Trusts(certificate),
            });
        });
    }

    private void AddAuthentication(IServiceCollection services, Tokens tokens)
    {
        services.AddAuthentication(JwtBearerDefaults.AuthenticationScheme).AddJwtBearer(options =>
        {
            options.MapInboundClaims = false;
            options.TokenValidationParameters = tokens.Rules;
            options.Events = new JwtBearerEvents
            {
                OnTokenValidated = context =>
                {
                    lock (revoked_)
                        if (revoked_.Contains(context.Principal?.Identity?.Name ?? "")) context.Fail("revoked");
                    return Task.CompletedTask;
                },
            };
        });
        services.AddAuthorization(options => options.DefaultPolicy =
            new AuthorizationPolicyBuilder().RequireAuthenticatedUser().RequireRole(Tokens.Role).Build());
    }

    private void AddServices(IServiceCollection services, HubSettings settings)
    {
        services.AddSingleton(Log);
        services.AddSingleton(Results);
        services.AddSingleton<Connections>();
        services.AddGrpc();
        services.AddSignalR(options =>
        {
            options.KeepAliveInterval = TimeSpan.FromMilliseconds(settings.KeepAliveMs);
            options.ClientTimeoutInterval = TimeSpan.FromMilliseconds(settings.ClientTimeoutMs);
            options.EnableDetailedErrors = true;
        });
        // The protocol that is registered last under a name is the one that is used.
        services.AddSingleton<IHubProtocol>(provider => new RecordingProtocol(
            new JsonHubProtocol(provider.GetRequiredService<IOptions<JsonHubProtocolOptions>>()), Log));
    }

    private async Task Record(HttpContext context, RequestDelegate next)
    {
        var request = context.Request;
        Log.Add(new Seen(SeenKind.Request, $"{request.Method} {request.Path}")
        {
            Facts =
            {
                ["protocol"] = request.Protocol,
                ["agent"] = request.Headers.UserAgent.ToString(),
                ["bearer"] = request.Headers.Authorization.ToString().StartsWith("Bearer ") ? "yes" : "no",
                ["certificate"] = context.Connection.ClientCertificate?.Subject ?? "",
                ["query"] = string.Join(',', request.Query.Keys),
                ["forwarded"] = request.Headers["X-Forwarded-For"].ToString(),
            },
        });
        if (Intercept is not null && await Intercept(context)) return;
        await next(context);
    }
}
