// SPDX-License-Identifier: MIT
using System.Text.Json.Nodes;
using Jiro.Interop.Driver;
using Jiro.Interop.Hub;

namespace Jiro.Interop.Scenarios;

/// <summary>Commands in over SignalR, results out over gRPC, in the forms that hubs use.</summary>
public static class CommandScenarios
{
    public static readonly Scenario[] List =
    [
        new("commands.object", "ReceiveCommand with the message as an object", AsObject),
        new("commands.json_string", "ReceiveCommand with the message as a JSON string", AsString),
        new("commands.without_session", "no sessionId and no parameters: a session is made and returned", WithoutSession),
        new("commands.failing", "a command that fails, and an unknown one, give an error result", Failing),
        new("commands.client_result", "InvokeAsync gets the contract's answer on CommandReceived and the seed's on ReceiveCommand", ClientResult),
        new("commands.client_result_received", "Acknowledge: received answers before the command has ended", ReceivedFirst),
        new("commands.unknown_target", "an unknown target with an id is answered with an error; the connection stays", UnknownTarget),
        new("commands.bad_arguments", "arguments that are no command message do no harm", BadArguments),
        new("commands.twice", "the same command again is not run again", Twice),
        new("commands.thousand", "1,000 commands at once: every result arrives exactly once", Thousand, 120),
        new("commands.thousand_client_results", "1,000 calls at once: every client result and every result exactly once", ThousandCalls, 120),
        new("commands.large_result", "a result above the hub's 32 KB limit arrives over gRPC, and the hub is not lost over it", LargeResult),
        new("commands.large_command", "a command of 200 KB is received", LargeCommand),
        new("commands.too_large_command", "a command above MaxMessageBytes costs the connection, not the client", TooLargeCommand),
    ];

    /// <summary>Sends one command and waits for its result: the proof that the connection is of use.</summary>
    public static async Task<Seen> SayAndSee(HubHost hub, string id)
    {
        await hub.Send(new CommandMessage(id, $"say {id}"));
        return await Result(hub.Log, id);
    }

    public static async Task<Seen> Result(ServerLog log, string id, int withinMs = 20_000)
    {
        var results = await log.WaitFor(SeenKind.Result, 1, seen => seen.Id == id, $"the result of {id}", withinMs);
        return results[0];
    }

    public static async Task<(HubHost Hub, ClientProcess Client)> Connected(Bench bench, Action<ClientConfig>? change = null)
    {
        var hub = await bench.StartHub();
        var client = bench.StartClient(hub.Port, change);
        await hub.Log.WaitFor(SeenKind.Connected);
        return (hub, client);
    }

    private static async Task AsObject(Bench bench)
    {
        var (hub, _) = await Connected(bench);
        await hub.Send(new CommandMessage("obj-1", "say \"good morning\""));
        CheckGoodMorning(await Result(hub.Log, "obj-1"));
    }

    private static async Task AsString(Bench bench)
    {
        var (hub, _) = await Connected(bench);
        await hub.SendAsString(new CommandMessage("str-1", "$say \"good morning\""));
        CheckGoodMorning(await Result(hub.Log, "str-1"));
    }

    private static void CheckGoodMorning(Seen result)
    {
        Check.Equal("good morning", result.Text.Trim(), "the result's text");
        Check.Equal("say", result.Fact("name"), "commandName");
        Check.Equal("true", result.Fact("success"), "isSuccess");
        Check.Equal("session-1", result.Fact("session"), "sessionId");
        Check.Equal("origin=interop", result.Fact("parameters"), "parameters");
        Check.Equal(result.Id, result.Fact("key"), "idempotency-key");
        Check.Equal("first", result.Fact("token"), "the bearer token of the gRPC call");
    }

    private static async Task WithoutSession(Bench bench)
    {
        var (hub, _) = await Connected(bench);
        await hub.Send(new CommandMessage("bare", "say hello") { SessionId = null, Parameters = null });
        var result = await Result(hub.Log, "bare");
        Check.That(Guid.TryParse(result.Fact("session"), out _), "a UUID as the new session");
    }

    private static async Task Failing(Bench bench)
    {
        var (hub, _) = await Connected(bench);
        await hub.Send(new CommandMessage("refused", "refuse"));
        await hub.Send(new CommandMessage("unknown", "saay hello"));
        foreach (var id in new[] { "refused", "unknown" })
        {
            var result = await Result(hub.Log, id);
            Check.Equal("false", result.Fact("success"), $"isSuccess of {id}");
            Check.Equal("Plain", result.Fact("textType"), $"textType of {id}");
            Check.That(result.Text.Length > 0, $"{id} says what went wrong");
        }
    }

    private static async Task ClientResult(Bench bench)
    {
        var (hub, _) = await Connected(bench);
        foreach (var target in new[] { "CommandReceived", "ReceiveCommand" })
        {
            if (target == "ReceiveCommand" && bench.IsReference) continue;  // .NET's client has one kind of handler a target
            await hub.Invoke(new CommandMessage($"{target}-good", "say fine"), target);
            await hub.Invoke(new CommandMessage($"{target}-bad", "refuse"), target);
            var isContract = target == "CommandReceived";
            var good = Receipt(hub.Log, $"{target}-good", isContract);
            Check.Equal(true, (bool?)good["IsSuccess"], "IsSuccess");
            Check.That(good["Message"] is JsonValue && good["Errors"] is JsonArray { Count: 0 }, "a message and no errors");
            var bad = Receipt(hub.Log, $"{target}-bad", isContract);
            Check.Equal(isContract, (bool?)bad["IsSuccess"], "IsSuccess of a failure that is delivered");
            if (isContract) Check.Contains((string)bad["Message"]!, "failed: ", "the message of a command that fails");
            else Check.That(bad["Errors"] is JsonArray { Count: > 0 }, "an error that says why");
            await Result(hub.Log, $"{target}-good");
            await Result(hub.Log, $"{target}-bad");
        }
    }

    private static JsonNode Receipt(ServerLog log, string id, bool isContract)
    {
        var receipt = log.All(SeenKind.Receipt).Find(seen => seen.Id == id)
                      ?? throw new ScenarioFailure($"no client result for {id}: {log.All(SeenKind.ReceiptFailed).Find(seen => seen.Id == id)?.Text}");
        var answer = JsonNode.Parse(receipt.Text, new JsonNodeOptions { PropertyNameCaseInsensitive = true })!;
        Check.Equal(isContract ? "Errors,IsSuccess,Message,RequestId" : "errors,isSuccess,message,requestId",
                    string.Join(',', answer.AsObject().Select(member => member.Key).Order()), "members of the client result");
        Check.Equal(id, (string?)answer["RequestId"], "RequestId");
        return answer;
    }

    private static async Task ReceivedFirst(Bench bench)
    {
        var (hub, _) = await Connected(bench, config => config.Set("Commands.Acknowledge", "received"));
        await hub.Invoke(new CommandMessage("slow", "pause 1.5"));
        Check.Equal(true, (bool?)Receipt(hub.Log, "slow", isContract: true)["IsSuccess"], "isSuccess of the receipt");
        var receipt = hub.Log.All(SeenKind.Receipt)[0];
        var result = await Result(hub.Log, "slow");
        Check.That(result.AtMs - receipt.AtMs > 700, $"the receipt comes well before the result ({result.AtMs - receipt.AtMs} ms)");
    }

    private static async Task UnknownTarget(Bench bench)
    {
        var (hub, _) = await Connected(bench);
        await hub.SendRaw("NobodyListens", 1, 2, 3);
        await hub.Invoke(new CommandMessage("lost", "say lost"), "NobodyAnswers");
        var failed = await hub.Log.WaitFor(SeenKind.ReceiptFailed);
        // .NET's own client words it as "Client failed to parse argument(s).", as no handler says what the arguments are.
        Check.That(failed[0].Text.StartsWith("Client "), $"an error from the client (\"{failed[0].Text}\")");
        await SayAndSee(hub, "still-here");
        Check.Equal(1, hub.Log.Count(SeenKind.Connected), "connections");
    }

    private static async Task BadArguments(Bench bench)
    {
        var (hub, _) = await Connected(bench);
        await hub.SendRaw("ReceiveCommand");
        await hub.SendRaw("ReceiveCommand", 17);
        await hub.SendRaw("ReceiveCommand", "not json");
        await hub.SendRaw("ReceiveCommand", new { command = "say hello" });
        await hub.SendRaw("ReceiveCommand", new { commandSyncId = "x" }, "too", "many");
        await SayAndSee(hub, "still-here");
        Check.Equal(1, hub.Log.Count(SeenKind.Connected), "connections");
    }

    private static async Task Twice(Bench bench)
    {
        bench.NotForReference("the reference client keeps no journal");
        var (hub, client) = await Connected(bench);
        var command = new CommandMessage("twice", "say twice");
        await hub.Send(command);
        await Result(hub.Log, "twice");
        await client.WaitForStatus(status => (int?)status["delivery"]?["delivered"] == 1, "one delivered result");
        await hub.Send(command);
        await hub.Log.WaitFor(SeenKind.Result, 2, what: "the known outcome once more");
        Check.Equal(1, hub.Log.All(SeenKind.Result).DistinctBy(seen => seen.Fact("digest")).Count(), "different outcomes");
        var status = await client.WaitForStatus(_ => true, "anything");
        Check.Equal(1, (int?)status["totalCommandsProcessed"] ?? -1, "commands that ran");
    }

    private static async Task Thousand(Bench bench)
    {
        var (hub, _) = await Connected(bench);
        await Task.WhenAll(Enumerable.Range(0, 1000).Select(n => hub.Send(new CommandMessage($"many-{n}", $"echo {n}"))));
        await CheckThousand(hub);
    }

    private static async Task ThousandCalls(Bench bench)
    {
        var (hub, _) = await Connected(bench);
        await Task.WhenAll(Enumerable.Range(0, 1000).Select(n => hub.Invoke(new CommandMessage($"many-{n}", $"echo {n}"))));
        Check.Equal(0, hub.Log.Count(SeenKind.ReceiptFailed), "calls without a client result");
        Check.Equal(1000, hub.Log.All(SeenKind.Receipt).DistinctBy(seen => seen.Id).Count(), "client results");
        await CheckThousand(hub);
    }

    private static async Task CheckThousand(HubHost hub)
    {
        await hub.Log.WaitFor(SeenKind.Result, 1000, what: "all results", withinMs: 60_000);
        await Task.Delay(500);  // a duplicate would come about now
        var results = hub.Log.All(SeenKind.Result);
        Check.Equal(1000, results.Count, "accepted results");
        Check.Equal(1000, results.DistinctBy(result => result.Id).Count(), "different commands");
        foreach (var result in results)
        {
            Check.Equal("true", result.Fact("success"), $"isSuccess of {result.Id} ({result.Text})");
            Check.Equal(result.Id, $"many-{result.Text.Trim()}", "the result belongs to its command");
        }
        Check.Equal(1, hub.Log.Count(SeenKind.Connected), "connections");
    }

    private static async Task LargeResult(Bench bench)
    {
        var (hub, _) = await Connected(bench);
        const int bytes = 100_000;
        await hub.Invoke(new CommandMessage("large", $"fill {bytes}")).WaitAsync(TimeSpan.FromSeconds(20));
        var result = await Result(hub.Log, "large");
        Check.Equal("true", result.Fact("success"), "isSuccess");
        Check.That(result.Text.Length >= bytes, $"the whole text over gRPC ({result.Text.Length} characters)");
        await Task.Delay(1_500);
        Check.That(hub.Log.Count(SeenKind.Connected) <= 2, "the connection is lost over it once at most");
        await hub.Log.WaitFor(SeenKind.Connected);
        await SayAndSee(hub, "still-here");
        if (bench.IsReference) return;  // it sends the whole text as .NET does, and pays with the connection
        Check.Equal(1, hub.Log.Count(SeenKind.Connected), "connections: the client result must fit the hub's limit");
        Check.Equal(1, hub.Log.Count(SeenKind.Receipt), "client results");
    }

    private static async Task LargeCommand(Bench bench)
    {
        var (hub, _) = await Connected(bench);
        var parameters = new Dictionary<string, string> { ["blob"] = new('b', 200_000) };
        await hub.Send(new CommandMessage("heavy", "say heavy") { Parameters = parameters });
        var result = await Result(hub.Log, "heavy");
        Check.Equal("blob=" + parameters["blob"], result.Fact("parameters"), "the parameters come back whole");
    }

    private static async Task TooLargeCommand(Bench bench)
    {
        bench.NotForReference(".NET's client has no limit");
        var (hub, client) = await Connected(bench, config => config.Set("WebSocket.MaxMessageBytes", 65536));
        await hub.Send(new CommandMessage("monster", "say monster") { Parameters = new() { ["blob"] = new('b', 200_000) } });
        await hub.Log.WaitFor(SeenKind.Disconnected);
        await hub.Log.WaitFor(SeenKind.Connected, 2);
        await SayAndSee(hub, "still-here");
        var status = await client.WaitForState("Connected");
        Check.Contains((string?)status["lastError"] ?? "", "65536", "lastError names the limit");
        Check.Equal(0, hub.Log.All(SeenKind.Result).Count(seen => seen.Id == "monster"), "results of the oversized command");
    }
}
