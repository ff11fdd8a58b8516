// SPDX-License-Identifier: MIT
using System.Text.Json;
using System.Text.Json.Nodes;
using Jiro.Interop.Contract;
using Jiro.Interop.Driver;
using Jiro.Interop.Hub;

namespace Jiro.Interop.Scenarios;

/// <summary>
/// The production hub's contract (Jiro.Shared 1.4.4), held against a hub that has exactly it: what its typed objects hold, in
/// either casing.
/// </summary>
public static class ContractScenarios
{
    private static readonly (string Target, string Says, Func<ContractHost, Task> Steps)[] Targets =
    [
        ("CommandReceived", "the receipt and the result over gRPC", CommandReceived),
        ("LogsRequested", "newest first, by level, limit and offset", LogsRequested),
        ("LogsStreamRequested", "the backlog, then lines as they come, until the user goes", LogsStreamRequested),
        ("SessionsRequested", "the sessions of a store that has none", SessionsRequested),
        ("SingleSessionRequested", "a session that does not exist", SingleSessionRequested),
        ("SessionMessagesStreamRequested", "the stream of a session that does not exist is empty", SessionMessagesStreamRequested),
        ("ConfigRequested", "effective values without a secret", ConfigRequested),
        ("ConfigUpdated", "one key changed, another refused", ConfigUpdated),
        ("CustomThemesRequested", "the folder's themes", CustomThemesRequested),
        ("CommandsMetadataRequested", "commands with real parameters", CommandsMetadataRequested),
        ("RemoveSession", "a session that does not exist", RemoveSession),
        ("UpdateSession", "a session that does not exist", UpdateSession),
        ("MachineInfoRequested", "every member is there", MachineInfoRequested),
    ];

    public static readonly Scenario[] List =
    [
        .. from target in Targets
           from casing in Enum.GetValues<Casing>()
           select new Scenario($"contract.{target.Target}.{casing}", $"{target.Target}, server in {casing}Case: {target.Says}",
                               bench => On(bench, casing, target.Steps)),
        new("contract.key", "no key: 401; the key of the configuration: connected", Key),
        new("contract.malformed", "every target with bad arguments: a shaped answer, never an error, and the connection stays", Malformed),
        new("contract.fire_and_forget", "requests without an answer wanted do no harm", FireAndForget),
        new("contract.limit_32_KB", "answers about much are cut to the server's 32 KB, and the connection stays", Limit),
        new("contract.not_allowed", "what Hub.Requests leaves out is refused in each target's shape", NotAllowed),
        new("contract.many", "1,000 requests at once, and a command in between", Many),
        .. from target in Targets
           select new Scenario($"contract.many_of.{target.Target}", $"{target.Target}: 1,000 at once, each answered under its id",
                               bench => ManyOf(bench, target.Target)),
        new("contract.member_of_1_MiB", "every target with a member of 1 MiB: a shaped answer, and the connection stays", HugeMember),
        new("contract.record_over_the_limit", "a record over MaxMessageBytes costs its connection and nothing else", HugeRecord),
        new("contract.stream_cut", "a cut connection ends its stream; the next one may have the same id", StreamCut),
        new("contract.stream_unread", "a hub method that never reads costs at most its connection", StreamUnread, 120),
        new("contract.acknowledge_delivered", "Acknowledge: delivered answers after gRPC has confirmed", AcknowledgeDelivered),
        new("contract.commands_beside_streams", "commands are served while a stream runs", CommandsBesideStreams),
    ];

    private const string Key_ = "contract-api-key";

    private static async Task On(Bench bench, Casing casing, Func<ContractHost, Task> steps)
    {
        var (hub, _) = await Connected(bench, casing);
        await steps(hub);
        await SaySomething(hub);
        Check.Equal(1, hub.Log.Count(SeenKind.Connected), "connections");
    }

    internal static async Task<(ContractHost Hub, ClientProcess Client)> Connected(
        Bench bench, Casing casing = Casing.Camel, Action<ClientConfig>? change = null, Func<ContractSettings, ContractSettings>? server = null)
    {
        bench.NotForReference("the reference client has the seed's contract");
        var settings = new ContractSettings
        {
            CertificateDirectory = Path.GetDirectoryName(bench.Certificates.CaFile)!,
            LogFile = Path.Combine(bench.Directory, "server.log"),
            Casing = casing,
        };
        var hub = bench.Track(await ContractHost.Start(server?.Invoke(settings) ?? settings));
        bench.Show(hub.Log);
        var client = bench.StartClient(hub.Port, config =>
        {
            Configure(config, hub.Port);
            change?.Invoke(config);
        });
        await hub.Log.WaitFor(SeenKind.Connected);
        return (hub, client);
    }

    internal static void Configure(ClientConfig config, int port)
    {
        config.Set("WebSocket.HubUrl", $"https://localhost:{port}/hubs/instanceHub");
        config.Set("WebSocket.AccessTokenFile", null);
        config.Set("ApiKey", Key_);
        config.Set("Hub.Requests", new JsonArray("commands", "sessions", "machine", "config", "logs", "themes"));
    }

    private static async Task SaySomething(ContractHost hub)
    {
        var (receipt, result) = await hub.Execute("say fine");
        Check.That(receipt.IsSuccess && result.IsSuccess && result.TextResult.Response.Trim() == "fine", "a command is served");
    }

    private static async Task CommandReceived(ContractHost hub)
    {
        var (receipt, result) = await hub.Execute("say \"good morning\"", "c-1");
        Check.Equal("good morning", result.TextResult.Response.Trim(), "the result");
        Check.That(receipt.IsSuccess && receipt.Errors.Count == 0, "IsSuccess without errors");
        Check.Equal("Command 'say \"good morning\"' executed successfully", receipt.Message, "Message");
        var (delivered, failed) = await hub.Execute("refuse", "c-2");
        Check.That(delivered.IsSuccess, "IsSuccess of a command error that was delivered");
        Check.That(!failed.IsSuccess && failed.TextResult.Response.Length > 0, "the command's error in its result");
    }

    private static async Task LogsRequested(ContractHost hub)
    {
        await hub.Execute("say one");
        var all = await hub.Instance.Logs(new LogsRequest { RequestId = "r-1", Level = "all", Limit = 20, Offset = 0 });
        Check.Equal("r-1", all.RequestId, "RequestId");
        Check.That(all.Logs.Count is > 3 and <= 20 && all.TotalLogs >= all.Logs.Count, $"lines ({all.Logs.Count} of {all.TotalLogs})");
        Check.Equal(20, all.Limit, "Limit");
        var times = all.Logs.Select(line => line.Timestamp).ToList();
        Check.That(times.SequenceEqual(times.OrderDescending()), "the newest first");
        Check.That(all.Logs.TrueForAll(line => line.File.Length > 0 && line.Message.Length > 0 && line.Level.Length == 3), "whole entries");
        var info = await hub.Instance.Logs(new LogsRequest { Level = "Information" });
        Check.That(info.Logs.Count > 0 && info.Logs.TrueForAll(line => line.Level == "INF"), "one level");
        var later = await hub.Instance.Logs(new LogsRequest { Level = "INF", Limit = 1, Offset = 1_000_000 });
        Check.Equal(0, later.Logs.Count, "lines beyond the last");
        Check.That(!all.Logs.Exists(line => line.Message.Contains(Key_)), "no key in the log");
    }

    private static async Task LogsStreamRequested(ContractHost hub)
    {
        var stream = hub.Tasks.Expect("logs-1");
        var started = await hub.Instance.StreamLogs(new LogsRequest { RequestId = "logs-1", Level = "all", Limit = 5 });
        Check.That(started.IsSuccess, started.Message);
        await Until(() => stream.Items<LogEntry>().Count >= 5, "the backlog");
        var before = stream.Items<LogEntry>().Count;
        await hub.Execute("say something new", "live-1");
        await Until(() => stream.Items<LogEntry>().Skip(before).Any(line => line.Message.Contains("live-1")), "a line that came later");
        stream.Close();
        await Until(() => hub.Tasks.Streams == 0, "the end of the stream");
    }

    private static async Task SessionsRequested(ContractHost hub)
    {
        var answer = await hub.Instance.Sessions(new SessionsRequest { RequestId = "r", InstanceId = "i-1" });
        Check.Equal(("r", "i-1", 0, 0), (answer.RequestId, answer.InstanceId, answer.TotalSessions, answer.Sessions.Count), "the answer");
    }

    private static async Task SingleSessionRequested(ContractHost hub)
    {
        var answer = await hub.Instance.Session(new SessionRequest { RequestId = "r", InstanceId = "i-1", SessionId = "nobody", IncludeMessages = true });
        Check.Equal(("r", "Error", 0, 0), (answer.RequestId, answer.SessionName, answer.TotalMessages, answer.Messages.Count), "the answer");
        Check.That(Math.Abs((DateTime.UtcNow - answer.CreatedAt).TotalMinutes) < 5, $"a date in UTC ({answer.CreatedAt:o})");
    }

    private static async Task SessionMessagesStreamRequested(ContractHost hub)
    {
        var stream = hub.Tasks.Expect("messages-1");
        var started = await hub.Instance.StreamMessages(new SessionRequest { RequestId = "messages-1", SessionId = "nobody" });
        Check.That(started.IsSuccess, started.Message);
        await stream.Ended.WaitAsync(TimeSpan.FromSeconds(20));
        Check.Equal(0, stream.Items<ChatMessage>().Count, "messages");
    }

    private static async Task ConfigRequested(ContractHost hub)
    {
        var answer = await hub.Instance.Config(new PlainRequest { RequestId = "r" });
        Check.Equal("r", answer.RequestId, "RequestId");
        Check.That(answer.UptimeSeconds >= 0 && answer.Version.Length > 0 && answer.InstanceId.Length > 0, "who it is");
        Check.That(answer.SystemInfo.ProcessorCount > 0 && answer.SystemInfo.TotalMemory > 0, "SystemInfo");
        var values = answer.Configuration.Values;
        Check.That(values.Count > 40 && values.Keys.Any(key => key.EndsWith("WebSocket:HubUrl")), "flat keys");
        Check.That(!values.Values.Any(value => value.Contains(Key_)), "no key");
    }

    private static async Task ConfigUpdated(ContractHost hub)
    {
        var good = await hub.Instance.UpdateConfig(new ConfigUpdate
        {
            RequestId = "r-1", ConfigData = new Dictionary<string, object> { ["Commands.TimeoutMs"] = 7000 },
        });
        Check.That(good.Success && good.ReceivedKeys.SequenceEqual(["Commands.TimeoutMs"]), $"taken: {good.Message}");
        var values = (await hub.Instance.Config(new PlainRequest())).Configuration.Values;
        Check.Equal("7000", values.First(value => value.Key.EndsWith("Commands:TimeoutMs")).Value, "the new value");
        var bad = await hub.Instance.UpdateConfig(new ConfigUpdate
        {
            RequestId = "r-2",
            ConfigData = new { Commands = new { TimeoutMs = 1000, Exec = new { evil = new { Program = new[] { "/bin/sh" } } } } },
        });
        Check.That(!bad.Success, "a new program is refused");
        Check.Contains(bad.Message, "may not set", "the reason");
        var names = (await hub.Instance.Commands(new PlainRequest())).Commands.Select(command => command.CommandName);
        Check.That(!names.Contains("evil"), "nothing new can run");
    }

    private static async Task CustomThemesRequested(ContractHost hub)
    {
        var answer = await hub.Instance.Themes(new PlainRequest { RequestId = "r" });
        Check.Equal(("r", 0), (answer.RequestId, answer.Themes.Count), "no folder, no themes");
    }

    private static async Task CommandsMetadataRequested(ContractHost hub)
    {
        var answer = await hub.Instance.Commands(new PlainRequest { RequestId = "r" });
        Check.Equal("r", answer.RequestId, "RequestId");
        var say = answer.Commands.Find(command => command.CommandName == "say") ?? throw new ScenarioFailure("no command `say`");
        Check.Equal(("System.String", "Exec", "say <text>"), (say.Parameters["text"], say.ModuleName, say.CommandSyntax), "`say`");
        Check.That(answer.Commands.Exists(command => command.CommandName == "ping" && command.ModuleName == "BaseCommands"), "built-ins");
    }

    private static async Task RemoveSession(ContractHost hub)
    {
        var answer = await hub.Instance.RemoveSession(new SessionRemoval { RequestId = "r", SessionId = "nobody", Reason = "old" });
        Check.That(!answer.IsSuccess, "not removed");
        Check.Equal(("Session not found", "Session with ID nobody does not exist"), (answer.Message, answer.Errors.Single()), "the words");
    }

    private static async Task UpdateSession(ContractHost hub)
    {
        var answer = await hub.Instance.UpdateSession(new SessionUpdate { RequestId = "r", SessionId = "nobody", Name = "new" });
        Check.That(!answer.IsSuccess, "not updated");
        Check.Equal("Session not found", answer.Message, "the words");
    }

    private static async Task MachineInfoRequested(ContractHost hub)
    {
        var answer = await hub.Instance.Machine(new MachineRequest { RequestId = "r", Filters = { ["a"] = "b" } });
        Check.Equal(("r", "Active"), (answer.RequestId, answer.Status), "the answer");
        string[] members =
        [
            "OS", "Platform", "ProcessorCount", "RuntimeVersion", "WorkingSet", "UserName", "UserDomainName", "Is64BitOS", "Is64BitProcess",
            "CpuUsagePercent", "AvailableMemoryMB", "UsedMemoryMB", "MemoryUsagePercent", "TotalMemoryMB",
        ];
        foreach (var member in members) Check.That(answer.Metadata.GetValueOrDefault(member, "").Length > 0, member);
        Check.That(double.Parse(answer.Metadata["TotalMemoryMB"]) > 10, "memory");
    }

    private static async Task Key(Bench bench)
    {
        var (hub, client) = await Connected(bench, Casing.Camel, config => config.Set("ApiKey", Key_));
        await SaySomething(hub);
        await client.StopCleanly();
        var stranger = bench.StartClient(hub.Port, config =>
        {
            config.Set("WebSocket.HubUrl", $"https://localhost:{hub.Port}/hubs/instanceHub");
            config.Set("WebSocket.AccessTokenFile", null);
            config.Set("ApiKey", "another-key");
        });
        await stranger.WaitForState("Failed");
        Check.Equal(1, hub.Log.Count(SeenKind.Connected), "connections");
    }

    private static async Task Malformed(Bench bench)
    {
        var (hub, _) = await Connected(bench);
        object?[][] arguments =
        [
            [], [new { }, new { }], [null], ["text"], [5], [new[] { 1, 2 }],
            [new { requestId = 5 }], [new { requestId = new string('r', 20_000) }],
            [new { sessionId = 7, level = 5, limit = "many", offset = -1, instanceId = new { }, includeMessages = "yes", configData = 3, filters = 1, name = 4, reason = 2 }],
            [new { requestId = "r", what = new { isThis = 1 } }],
        ];
        foreach (var (target, _, _) in Targets)
        {
            foreach (var argument in arguments)
            {
                var answer = await hub.Raw(target, argument).WaitAsync(TimeSpan.FromSeconds(20));
                Check.That(answer.ValueKind == JsonValueKind.Object && answer.TryGetProperty("RequestId", out _),
                           $"{target} answers {JsonSerializer.Serialize(argument)[..Math.Min(60, JsonSerializer.Serialize(argument).Length)]} with an object: {answer}");
            }
        }
        await SaySomething(hub);
        Check.Equal(1, hub.Log.Count(SeenKind.Connected), "connections");
    }

    private static async Task FireAndForget(Bench bench)
    {
        var (hub, _) = await Connected(bench);
        foreach (var (target, _, _) in Targets) await hub.Send(target, new { requestId = "nobody-waits" });
        await SaySomething(hub);
        Check.Equal(1, hub.Log.Count(SeenKind.Connected), "connections");
    }

    private static async Task Limit(Bench bench)
    {
        var themes = Path.Combine(bench.Directory, "themes");
        System.IO.Directory.CreateDirectory(themes);
        for (var i = 0; i < 5; ++i)
            File.WriteAllText(Path.Combine(themes, $"{i}.json"),
                              JsonSerializer.Serialize(new { name = $"theme {i}", colorScheme = new { fill = new string('x', 10_000) } }));
        var (hub, _) = await Connected(bench, Casing.Camel, config =>
        {
            config.Set("Hub.Themes", themes);
            for (var i = 0; i < 300; ++i)
                config.Set($"Commands.Exec.many-{i}", new JsonObject { ["Program"] = "/bin/true", ["Description"] = new string('d', 500) });
        });
        var stream = hub.Tasks.Expect("logs");
        await hub.Instance.StreamLogs(new LogsRequest { RequestId = "logs", Limit = 10_000 });
        for (var i = 0; i < 40; ++i) await hub.Execute($"say {i}");
        var commands = await hub.Instance.Commands(new PlainRequest());
        Check.That(commands.Commands.Count is > 20 and < 307, $"as many commands as fit ({commands.Commands.Count})");
        var logs = await hub.Instance.Logs(new LogsRequest { Limit = 10_000 });
        Check.That(logs.Logs.Count > 20 && logs.Logs.Count < logs.TotalLogs, $"as many lines as fit ({logs.Logs.Count} of {logs.TotalLogs})");
        var found = await hub.Instance.Themes(new PlainRequest());
        Check.Equal(3, found.Themes.Count, "themes that fit");
        var config = await hub.Instance.Config(new PlainRequest());
        Check.That(config.Configuration.Values.Count > 40, "the configuration");
        foreach (var target in new[] { "CommandsMetadataRequested", "LogsRequested", "CustomThemesRequested" })
        {
            var raw = await hub.Raw(target, new { requestId = "r", limit = 10_000 });
            Check.That(raw.GetProperty("Note").GetString()!.Contains("more does not fit"), $"{target} says that it was shortened");
        }
        stream.Close();
        await SaySomething(hub);
        Check.Equal(1, hub.Log.Count(SeenKind.Connected), "connections");
    }

    private static async Task NotAllowed(Bench bench)
    {
        var (hub, _) = await Connected(bench, Casing.Camel, config => config.Set("Hub.Requests", new JsonArray()));
        foreach (var (target, _, _) in Targets)
        {
            object argument = target == "CommandReceived" ? new CommandRequest { Command = "say no", CommandSyncId = "no-1" } : new { requestId = "r" };
            var answer = await hub.Raw(target, argument).WaitAsync(TimeSpan.FromSeconds(20));
            Check.Contains(answer.GetRawText(), "not allowed on this machine", target);
        }
        var result = await hub.Log.WaitFor(SeenKind.Result, 1, seen => seen.Id == "no-1");
        Check.Contains(result[0].Text, "not allowed", "the result that the command's user gets");
    }

    private static async Task Many(Bench bench)
    {
        var (hub, _) = await Connected(bench);
        var requests = Enumerable.Range(0, 1000).Select(i => hub.Instance.Sessions(new SessionsRequest { RequestId = $"r-{i}" })).ToList();
        var command = hub.Execute("say in between");
        var answers = await Task.WhenAll(requests).WaitAsync(TimeSpan.FromSeconds(40));
        for (var i = 0; i < answers.Length; ++i) Check.Equal($"r-{i}", answers[i].RequestId, "RequestId");
        await command;
        Check.Equal(1, hub.Log.Count(SeenKind.Connected), "connections");
    }

    private static object Good(string target, string id) => target switch
    {
        "CommandReceived" => new CommandRequest { InstanceId = "contract", Command = "echo fine", CommandSyncId = id },
        "ConfigUpdated" => new { requestId = id, configData = new Dictionary<string, object> { ["Commands.TimeoutMs"] = 7000 } },
        _ => new { requestId = id, sessionId = "nobody", limit = 3 },
    };

    private static async Task ManyOf(Bench bench, string target)
    {
        var (hub, _) = await Connected(bench);
        var requests = Enumerable.Range(0, 1000).Select(i => hub.Raw(target, Good(target, $"r-{i}"))).ToList();
        var answers = await Task.WhenAll(requests).WaitAsync(TimeSpan.FromSeconds(50));
        for (var i = 0; i < answers.Length; ++i) Check.Equal($"r-{i}", answers[i].GetProperty("RequestId").GetString(), $"RequestId of {answers[i]}");
        if (target == "CommandReceived") await hub.Log.WaitFor(SeenKind.Result, 1000, withinMs: 30_000);
        await SaySomething(hub);
        Check.Equal(1, hub.Log.Count(SeenKind.Connected), "connections");
    }

    private static async Task HugeMember(Bench bench)
    {
        var (hub, _) = await Connected(bench, Casing.Camel, config => config.Set("WebSocket.MaxMessageBytes", 4 * 1024 * 1024));
        var huge = new string('x', 1024 * 1024);
        object[] arguments =
        [
            new { requestId = huge }, new { requestId = "r", sessionId = huge, instanceId = huge },
            new { requestId = "r", level = huge, name = huge, reason = huge }, new { requestId = "r", unknown = huge },
            new { requestId = "r", filters = new { a = huge }, configData = new Dictionary<string, string> { [huge[..1000]] = huge } },
            new { requestId = "r", command = huge, commandSyncId = "", instanceId = "i" },
        ];
        foreach (var (target, _, _) in Targets)
        {
            foreach (var argument in arguments)
            {
                var answer = await hub.Raw(target, argument).WaitAsync(TimeSpan.FromSeconds(20));
                Check.That(answer.ValueKind == JsonValueKind.Object && answer.TryGetProperty("RequestId", out _), $"{target} answers with an object");
                Check.That(answer.GetRawText().Length < 32 * 1024, $"{target}'s answer repeats no huge member ({answer.GetRawText().Length} bytes)");
            }
        }
        var (_, whole) = await hub.Execute("echo " + huge[5..], "huge-1");
        Check.Equal(huge.Length - 5, whole.TextResult.Response.Length, "the result of a command of 1 MiB, whole");
        var (_, over) = await hub.Execute("echo " + huge, "huge-2");
        Check.Contains(over.TextResult.Response, "at most 1048576 are taken", "the result of a longer one");
        await SaySomething(hub);
        Check.Equal(1, hub.Log.Count(SeenKind.Connected), "connections");
    }

    private static async Task HugeRecord(Bench bench)
    {
        var (hub, _) = await Connected(bench);
        var connections = 1;
        foreach (var (target, _, _) in Targets)
        {
            _ = hub.Send(target, new { requestId = "r", sessionId = new string('x', 1024 * 1024) });
            await hub.Log.WaitFor(SeenKind.Connected, ++connections);
        }
        await SaySomething(hub);
    }

    private static async Task StreamCut(Bench bench)
    {
        var (hub, client) = await Connected(bench);
        var first = hub.Tasks.Expect("same-id");
        await hub.Instance.StreamLogs(new LogsRequest { RequestId = "same-id" });
        await Until(() => first.Items<LogEntry>().Count > 0, "the first stream");
        var twice = await hub.Instance.StreamLogs(new LogsRequest { RequestId = "same-id" });
        Check.That(!twice.IsSuccess, "a second stream of one id is refused while the first runs");
        hub.CloseConnections();
        await hub.Log.WaitFor(SeenKind.Connected, 2);
        await client.WaitForStatus(status => (long?)status["hubRequests"]!["streams"] == 0, "no stream");
        var second = hub.Tasks.Expect("same-id");
        var again = await hub.Instance.StreamLogs(new LogsRequest { RequestId = "same-id" });
        Check.That(again.IsSuccess, again.Message);
        await Until(() => second.Items<LogEntry>().Count > 0, "the second stream");
        second.Close();
        await SaySomething(hub);
    }

    private static async Task StreamUnread(Bench bench)
    {
        var (hub, client) = await Connected(bench);
        var stream = hub.Tasks.Expect("unread", reads: false);
        await hub.Instance.StreamLogs(new LogsRequest { RequestId = "unread", Limit = 1000 });
        // The server reads nothing of this connection while the method's ten items wait; then it or the client gives up.
        for (var i = 0; i < 30 && hub.Log.Count(SeenKind.Connected) < 2 && client.Running; ++i)
        {
            _ = hub.Send("MachineInfoRequested", new { requestId = $"noise-{i}" });
            await Task.Delay(1000);
        }
        stream.Close();
        await Until(() => hub.OpenConnections > 0, "a connection", 60);
        await SaySomething(hub);
        await client.WaitForStatus(status => (long?)status["hubRequests"]!["streams"] == 0, "no stream", 30_000);
    }

    private static async Task AcknowledgeDelivered(Bench bench)
    {
        var (hub, _) = await Connected(bench, Casing.Camel, config => config.Set("Commands.Acknowledge", "delivered"),
                                       settings => settings with { ResultDelayMs = 1500 });
        var receipt = await hub.Instance.Command(new CommandRequest { Command = "say late", CommandSyncId = "late-1" });
        Check.That(receipt.IsSuccess, receipt.Message);
        Check.Equal(1, hub.Log.All(SeenKind.Result).Count(seen => seen.Id == "late-1"), "results before the receipt");
    }

    private static async Task CommandsBesideStreams(Bench bench)
    {
        var (hub, _) = await Connected(bench);
        var streams = Enumerable.Range(0, 3).Select(i => hub.Tasks.Expect($"stream-{i}")).ToList();
        for (var i = 0; i < 3; ++i) await hub.Instance.StreamLogs(new LogsRequest { RequestId = $"stream-{i}" });
        for (var i = 0; i < 20; ++i) await SaySomething(hub);
        foreach (var stream in streams) stream.Close();
        await Until(() => hub.Tasks.Streams == 0, "the end of the streams");
        Check.Equal(1, hub.Log.Count(SeenKind.Connected), "connections");
    }

    internal static async Task Until(Func<bool> holds, string what, int seconds = 20)
    {
        for (var i = 0; i < seconds * 40; ++i)
        {
            if (holds()) return;
            await Task.Delay(25);
        }
        throw new ScenarioFailure($"did not happen within {seconds} s: {what}");
    }
}
