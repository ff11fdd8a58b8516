// SPDX-License-Identifier: MIT
using System.Threading.Channels;
using Grpc.Core;
using Jiro.Interop.Hub;
using JiroHubProto;
using Microsoft.AspNetCore.SignalR;

namespace Jiro.Interop.Contract;

/// <summary>
/// The production hub's surface: an instance calls two methods, each with an upload stream, and a third one that the contract
/// declares and its own client never calls.
/// </summary>
public sealed class ContractHub(ServerLog log, Connections connections, TaskManager tasks) : Hub<IInstance>
{
    public override Task OnConnectedAsync()
    {
        connections.Add(Context);
        log.Add(new Seen(SeenKind.Connected, Context.ConnectionId));
        return Task.CompletedTask;
    }

    public override Task OnDisconnectedAsync(Exception? exception)
    {
        connections.Remove(Context.ConnectionId);
        log.Add(new Seen(SeenKind.Disconnected, Context.ConnectionId, exception?.Message ?? ""));
        return Task.CompletedTask;
    }

    public async Task ReceiveLogsStream(string requestId, ChannelReader<LogEntry> items)
    {
        log.Add(new Seen(SeenKind.Call, nameof(ReceiveLogsStream), requestId));
        await tasks.Receive(requestId, items);
    }

    public async Task ReceiveSessionMessagesStream(string requestId, ChannelReader<ChatMessage> items)
    {
        log.Add(new Seen(SeenKind.Call, nameof(ReceiveSessionMessagesStream), requestId));
        await tasks.Receive(requestId, items);
    }

    public async Task StreamWordsToServer(string requestId, ChannelReader<WordUpdate> items)
    {
        log.Add(new Seen(SeenKind.Call, nameof(StreamWordsToServer), requestId));
        await tasks.Receive(requestId, items);
    }
}

/// <summary>The gRPC service; the key is in the metadata x-api-key.</summary>
public sealed class ContractResults(ServerLog log, ContractSettings settings, TaskManager tasks) : JiroHubProto.JiroHubProto.JiroHubProtoBase
{
    public override async Task<CommandResultResponse> SendCommandResult(ClientMessage request, ServerCallContext context)
    {
        if (context.RequestHeaders.GetValue("x-api-key") != settings.ApiKey)
            throw new RpcException(new Status(StatusCode.Unauthenticated, "no such key"));
        if (settings.ResultDelayMs > 0) await Task.Delay(settings.ResultDelayMs);
        log.Add(new Seen(SeenKind.Result, request.CommandSyncId, request.TextResult?.Response ?? ""));
        tasks.SetResult(request);
        return new CommandResultResponse { Success = true, Message = "accepted" };
    }
}
