// SPDX-License-Identifier: MIT
using System.Collections.Concurrent;
using System.Diagnostics;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Jiro.Reference;

/// <summary>The whole life of the communication: connects, runs each command in a scope of its own, ships its result.</summary>
public sealed class JiroWebSocketService(
    IWebSocketConnection connection, IServiceScopeFactory scopes, ILogger<JiroWebSocketService> logger)
    : BackgroundService, ICommandQueueMonitor
{
    private readonly ConcurrentDictionary<string, DateTime> active_ = [];
    private long processed_;
    private long successful_;
    private long failed_;

    public int ActiveCommandCount => active_.Count;
    public IEnumerable<string> ActiveCommandIds => active_.Keys;
    public long TotalCommandsProcessed => Interlocked.Read(ref processed_);
    public long SuccessfulCommands => Interlocked.Read(ref successful_);
    public long FailedCommands => Interlocked.Read(ref failed_);

    protected override async Task ExecuteAsync(CancellationToken stopping)
    {
        connection.CommandReceived += OnCommandReceived;
        await connection.StartAsync(stopping);
        logger.LogInformation("Connected");
        await Task.Delay(Timeout.Infinite, stopping).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        await connection.StopAsync(CancellationToken.None);
    }

    // Does not wait for the command: many run at once.
    private Task OnCommandReceived(CommandMessage command)
    {
        logger.LogInformation("Command {CommandSyncId} received for {InstanceId}", command.CommandSyncId, command.InstanceId);
        active_[command.CommandSyncId] = DateTime.UtcNow;
        _ = Task.Run(() => ExecuteInScope(command));
        return Task.CompletedTask;
    }

    private async Task ExecuteInScope(CommandMessage command)
    {
        var started = Stopwatch.GetTimestamp();
        await using var scope = scopes.CreateAsyncScope();
        var grpc = scope.ServiceProvider.GetRequiredService<IJiroGrpcService>();
        try
        {
            var context = scope.ServiceProvider.GetRequiredService<ICommandContext>();
            context.SetCurrentInstance(command.InstanceId);
            context.SetSessionId(command.SessionId);
            context.SetData(command.Parameters ?? []);
            var handler = scope.ServiceProvider.GetRequiredService<ICommandHandlerService>();
            var result = await handler.ExecuteCommandAsync(scope.ServiceProvider, command.Command);
            await grpc.SendCommandResultAsync(command, result);
            Interlocked.Increment(ref successful_);
            logger.LogInformation("Command {CommandSyncId} {Command} ended in {Elapsed} ms", command.CommandSyncId,
                                  result.CommandName, Stopwatch.GetElapsedTime(started).TotalMilliseconds);
        }
        catch (Exception exception)
        {
            Interlocked.Increment(ref failed_);
            logger.LogError(exception, "Command {CommandSyncId} failed", command.CommandSyncId);
            try
            {
                await grpc.SendCommandErrorAsync(command, exception.Message);
            }
            catch (Exception lost)
            {
                logger.LogError(lost, "The error of {CommandSyncId} could not be sent", command.CommandSyncId);
            }
        }
        finally
        {
            active_.TryRemove(command.CommandSyncId, out _);
            Interlocked.Increment(ref processed_);
        }
    }
}
