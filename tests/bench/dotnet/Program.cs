// SPDX-License-Identifier: MIT
using Jiro.Reference;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

// The .NET process that the daemon replaces, as its description has it: a hosted service, a scope a command, a gRPC client
// from the factory, console logging at Information.
//   JiroReference --WebSocket:HubUrl=http://127.0.0.1:5000/instanceHub --Grpc:ServerUrl=http://127.0.0.1:5001
var builder = Host.CreateApplicationBuilder(args);

builder.Services.Configure<WebSocketOptions>(builder.Configuration.GetSection("WebSocket"));
builder.Services.Configure<GrpcOptions>(builder.Configuration.GetSection("Grpc"));

builder.Services
    .AddGrpcClient<JiroHubProto.JiroHubProto.JiroHubProtoClient>((services, options) =>
        options.Address = new Uri(services.GetRequiredService<IOptions<GrpcOptions>>().Value.ServerUrl));
builder.Services.AddScoped<IJiroGrpcService, JiroGrpcService>();
builder.Services.AddScoped<ICommandContext, CommandContext>();
builder.Services.AddScoped<ICommandHandlerService, EchoHandlerService>();
builder.Services.AddSingleton<IWebSocketConnection, SignalRWebSocketConnection>();
builder.Services.AddSingleton<JiroWebSocketService>();
builder.Services.AddSingleton<ICommandQueueMonitor>(services => services.GetRequiredService<JiroWebSocketService>());
builder.Services.AddHostedService(services => services.GetRequiredService<JiroWebSocketService>());

// The factory's HTTP handlers log four more lines a call at Information; most deployments turn them off, and it is to this
// contestant's advantage here.
builder.Logging.AddFilter("System.Net.Http", LogLevel.Warning);

builder.Build().Run();
