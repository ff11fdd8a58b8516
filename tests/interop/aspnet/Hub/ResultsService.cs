// SPDX-License-Identifier: MIT
using System.Collections.Concurrent;
using System.Security.Cryptography;
using Google.Protobuf;
using Grpc.Core;
using JiroHubProto;
using Microsoft.AspNetCore.Authorization;

namespace Jiro.Interop.Hub;

/// <summary>Decides how a gRPC call is answered: null accepts it. Arguments: the message, and which attempt for its id (from 1).</summary>
public delegate Task<Status?> Verdict(ClientMessage message, int attempt);

/// <summary>The faults that a scenario has switched on at the gRPC service.</summary>
public sealed class ResultFaults
{
    private readonly ConcurrentDictionary<string, int> attempts_ = new();

    public Verdict? Verdict { get; set; }

    public int NextAttempt(string commandSyncId) => attempts_.AddOrUpdate(commandSyncId, 1, (_, last) => last + 1);
}

/// <summary>The gRPC service of the seed: takes the results, and records each call and each accepted result.</summary>
[Authorize]
public sealed class ResultsService(ServerLog log, ResultFaults faults) : JiroHubProto.JiroHubProto.JiroHubProtoBase
{
    public override async Task<CommandResultResponse> SendCommandResult(ClientMessage request, ServerCallContext context)
    {
        var attempt = faults.NextAttempt(request.CommandSyncId);
        var refusal = faults.Verdict is null ? null : await faults.Verdict(request, attempt);

        var facts = new Dictionary<string, string>
        {
            ["name"] = request.CommandName,
            ["success"] = request.IsSuccess ? "true" : "false",
            ["textType"] = request.TextResult?.TextType.ToString() ?? "",
            ["session"] = request.SessionId,
            ["key"] = context.RequestHeaders.GetValue("idempotency-key") ?? "",
            ["token"] = context.GetHttpContext().User.Identity?.Name ?? "",
            ["certificate"] = context.GetHttpContext().Connection.ClientCertificate?.Subject ?? "",
            ["digest"] = Convert.ToHexString(SHA256.HashData(request.ToByteArray())),
            ["parameters"] = string.Join(',', request.Parameters.Select(p => $"{p.Key}={p.Value}")),
        };
        var status = refusal?.StatusCode.ToString() ?? "OK";
        log.Add(new Seen(SeenKind.Attempt, request.CommandSyncId, status) { Facts = facts });
        if (refusal is { StatusCode: not StatusCode.OK }) throw new RpcException(refusal.Value);
        if (refusal is not null) return new CommandResultResponse { Success = false, Message = refusal.Value.Detail };

        log.Add(new Seen(SeenKind.Result, request.CommandSyncId, request.TextResult?.Response ?? "") { Facts = facts });
        return new CommandResultResponse { Success = true, Message = "accepted" };
    }
}
