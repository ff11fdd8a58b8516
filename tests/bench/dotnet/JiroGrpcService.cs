// SPDX-License-Identifier: MIT
using Grpc.Core;
using JiroHubProto;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace Jiro.Reference;

public interface IJiroGrpcService
{
    Task SendCommandResultAsync(CommandMessage command, CommandResult result);
    Task SendCommandErrorAsync(CommandMessage command, string error);
}

/// <summary>Results out, over gRPC, with a few retries. One for each command's scope.</summary>
public sealed class JiroGrpcService(
    JiroHubProto.JiroHubProto.JiroHubProtoClient client, ICommandContext context, IOptions<GrpcOptions> options,
    ILogger<JiroGrpcService> logger) : IJiroGrpcService
{
    public Task SendCommandResultAsync(CommandMessage command, CommandResult result) =>
        SendAsync(command, result.CommandName, result.IsSuccess, result.Response);

    public Task SendCommandErrorAsync(CommandMessage command, string error) => SendAsync(command, command.Command, false, error);

    private async Task SendAsync(CommandMessage command, string name, bool isSuccess, string text)
    {
        var message = new ClientMessage
        {
            CommandName = name,
            CommandType = CommandType.Text,
            CommandSyncId = command.CommandSyncId,
            IsSuccess = isSuccess,
            SessionId = context.SessionId ?? "",
            TextResult = new TextResult { Response = text, TextType = TextType.Plain },
        };
        foreach (var (key, value) in command.Parameters ?? []) message.Parameters.Add(new Pair { Key = key, Value = value });

        for (var attempt = 1; ; ++attempt)
        {
            try
            {
                var deadline = DateTime.UtcNow.AddMilliseconds(options.Value.TimeoutMs);
                var answer = await client.SendCommandResultAsync(message, deadline: deadline);
                if (!answer.Success) throw new RpcException(new Status(StatusCode.Unknown, answer.Message));
                logger.LogInformation("Result of {CommandSyncId} delivered, attempt {Attempt}", command.CommandSyncId, attempt);
                return;
            }
            catch (RpcException exception) when (attempt <= options.Value.MaxRetries)
            {
                logger.LogWarning("Delivery of {CommandSyncId} failed: {Status}", command.CommandSyncId, exception.Status);
                await Task.Delay(TimeSpan.FromSeconds(Math.Pow(2, attempt - 1)));
            }
        }
    }
}
