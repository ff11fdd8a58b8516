// SPDX-License-Identifier: MIT
namespace Jiro.Interop.Contract;

// What the production hub sends and what it takes, as Jiro.Shared 1.4.4 has it: names and types of members only.

public record Tracked
{
    public string RequestId { get; set; } = "";
}

public sealed record CommandRequest
{
    public string InstanceId { get; set; } = "";
    public string Command { get; set; } = "";
    public string CommandSyncId { get; set; } = "";
    public string SessionId { get; set; } = "";
    public Dictionary<string, string> Parameters { get; set; } = [];
}

public sealed record LogsRequest : Tracked
{
    public string? Level { get; set; }
    public int? Limit { get; set; }
    public int? Offset { get; set; }
}

public sealed record SessionsRequest : Tracked
{
    public string InstanceId { get; set; } = "";
}

public sealed record SessionRequest : Tracked
{
    public string InstanceId { get; set; } = "";
    public string SessionId { get; set; } = "";
    public bool IncludeMessages { get; set; }
}

public sealed record PlainRequest : Tracked;

public sealed record ConfigUpdate : Tracked
{
    public object ConfigData { get; set; } = new();
}

public sealed record SessionRemoval : Tracked
{
    public string SessionId { get; set; } = "";
    public string? Reason { get; set; }
}

public sealed record SessionUpdate : Tracked
{
    public string SessionId { get; set; } = "";
    public string? Name { get; set; }
    public string? Description { get; set; }
}

public sealed record MachineRequest : Tracked
{
    public Dictionary<string, string> Filters { get; set; } = [];
}
