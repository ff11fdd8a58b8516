// SPDX-License-Identifier: MIT
namespace Jiro.Interop.Contract;

public sealed record ActionResult : Tracked
{
    public bool IsSuccess { get; set; }
    public string Message { get; set; } = "";
    public List<string> Errors { get; set; } = [];
}

public sealed record LogEntry
{
    public string File { get; set; } = "";
    public string Timestamp { get; set; } = "";
    public string Level { get; set; } = "";
    public string Message { get; set; } = "";
}

public sealed record LogsResponse : Tracked
{
    public int TotalLogs { get; set; }
    public string Level { get; set; } = "";
    public int Limit { get; set; }
    public List<LogEntry> Logs { get; set; } = [];
}

public sealed record ChatSession
{
    public string SessionId { get; set; } = "";
    public string SessionName { get; set; } = "";
    public DateTime CreatedAt { get; set; }
}

public sealed record SessionsResponse : Tracked
{
    public string InstanceId { get; set; } = "";
    public int TotalSessions { get; set; }
    public string? CurrentSessionId { get; set; }
    public List<ChatSession> Sessions { get; set; } = [];
}

public sealed record ChatMessage
{
    public string MessageId { get; set; } = "";
    public bool IsUser { get; set; }
    public string Type { get; set; } = "";
    public string Content { get; set; } = "";
    public DateTime CreatedAt { get; set; }
}

public sealed record WordUpdate
{
    public string MessageId { get; set; } = "";
    public string Word { get; set; } = "";
    public int Position { get; set; }
    public bool IsComplete { get; set; }
    public DateTime Timestamp { get; set; }
}

public sealed record SessionResponse : Tracked
{
    public string InstanceId { get; set; } = "";
    public string SessionId { get; set; } = "";
    public string SessionName { get; set; } = "";
    public DateTime CreatedAt { get; set; }
    public DateTime LastUpdatedAt { get; set; }
    public int TotalMessages { get; set; }
    public List<ChatMessage> Messages { get; set; } = [];
}

public sealed record ConfigurationSection
{
    public Dictionary<string, string> Values { get; set; } = [];
}

public sealed record SystemInfo
{
    public string OperatingSystem { get; set; } = "";
    public string RuntimeVersion { get; set; } = "";
    public string MachineName { get; set; } = "";
    public int ProcessorCount { get; set; }
    public long TotalMemory { get; set; }
}

public sealed record ConfigResponse : Tracked
{
    public string ApplicationName { get; set; } = "";
    public string Version { get; set; } = "";
    public string Environment { get; set; } = "";
    public string InstanceId { get; set; } = "";
    public ConfigurationSection Configuration { get; set; } = new();
    public SystemInfo SystemInfo { get; set; } = new();
    public double UptimeSeconds { get; set; }
}

public sealed record ConfigUpdateResponse : Tracked
{
    public bool Success { get; set; }
    public string Message { get; set; } = "";
    public List<string> ReceivedKeys { get; set; } = [];
    public string Note { get; set; } = "";
}

public sealed record Theme
{
    public string Name { get; set; } = "";
    public string Description { get; set; } = "";
    public string JsonColorScheme { get; set; } = "";
}

public sealed record ThemesResponse : Tracked
{
    public List<Theme> Themes { get; set; } = [];
}

public sealed record CommandMetadata
{
    public string CommandName { get; set; } = "";
    public string CommandDescription { get; set; } = "";
    public string CommandSyntax { get; set; } = "";
    public Dictionary<string, string> Parameters { get; set; } = [];
    public string ModuleName { get; set; } = "";
    public List<string> Keywords { get; set; } = [];
}

public sealed record CommandsResponse : Tracked
{
    public List<CommandMetadata> Commands { get; set; } = [];
}

public sealed record MachineResponse : Tracked
{
    public string MachineId { get; set; } = "";
    public string Name { get; set; } = "";
    public string Description { get; set; } = "";
    public string Status { get; set; } = "";
    public Dictionary<string, string> Metadata { get; set; } = [];
}
