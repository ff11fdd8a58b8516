// SPDX-License-Identifier: MIT
namespace Jiro.Reference;

public sealed class CommandMessage
{
    public string InstanceId { get; set; } = "";
    public string Command { get; set; } = "";
    public string CommandSyncId { get; set; } = "";
    public string? SessionId { get; set; }
    public Dictionary<string, string>? Parameters { get; set; }
}

public sealed record CommandResult(string CommandName, bool IsSuccess, string Response);

/// <summary>Who asks, for the services of one command's scope.</summary>
public interface ICommandContext
{
    string? InstanceId { get; }
    string? SessionId { get; }
    void SetCurrentInstance(string instanceId);
    void SetSessionId(string? sessionId);
    void SetData(IEnumerable<KeyValuePair<string, string>> data);
}

public sealed class CommandContext : ICommandContext
{
    private readonly Dictionary<string, string> data_ = [];

    public string? InstanceId { get; private set; }
    public string? SessionId { get; private set; }

    public void SetCurrentInstance(string instanceId) => InstanceId = instanceId;

    public void SetSessionId(string? sessionId) => SessionId = sessionId ?? Guid.NewGuid().ToString();

    public void SetData(IEnumerable<KeyValuePair<string, string>> data)
    {
        foreach (var (key, value) in data) data_[key] = value;
    }
}

public interface ICommandHandlerService
{
    Task<CommandResult> ExecuteCommandAsync(IServiceProvider scope, string commandLine);
}

/// <summary>The one command that every contestant knows: `echo TEXT`.</summary>
public sealed class EchoHandlerService : ICommandHandlerService
{
    public Task<CommandResult> ExecuteCommandAsync(IServiceProvider scope, string commandLine)
    {
        var words = commandLine.TrimStart('$').Split(' ', 2);
        var result = words[0] == "echo"
            ? new CommandResult("echo", true, words.Length > 1 ? words[1] : "")
            : new CommandResult(words[0], false, $"unknown command {words[0]}");
        return Task.FromResult(result);
    }
}

public interface ICommandQueueMonitor
{
    int ActiveCommandCount { get; }
    IEnumerable<string> ActiveCommandIds { get; }
    long TotalCommandsProcessed { get; }
    long SuccessfulCommands { get; }
    long FailedCommands { get; }
}
