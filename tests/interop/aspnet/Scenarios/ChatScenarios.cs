// SPDX-License-Identifier: MIT
using Jiro.Interop.Contract;
using Jiro.Interop.Driver;
using Jiro.Interop.Hub;

namespace Jiro.Interop.Scenarios;

/// <summary>What `chat` made, as the production hub's users see it: listed, opened, renamed, streamed and removed.</summary>
public static class ChatScenarios
{
    private const string CutMark = "*(The answer was cut off here.)*";

    public static readonly Scenario[] List =
    [
        .. from casing in Enum.GetValues<Casing>()
           select new Scenario($"contract.chat_sessions.{casing}", $"sessions with contents, server in {casing}Case", bench => Sessions(bench, casing)),
        new("contract.chat_killed", "kill -9 in mid-answer: interrupted, the question and the marked half answer are in the history", Killed),
        new("contract.chat_words", "an answer word by word, for a hub that asks for it", Words),
        new("contract.chat_long_session", "a session over 32 KB: the newest messages that fit, and the stream has all", LongSession),
    ];

    private static async Task<(ContractHost Hub, ClientProcess Client, ChatEndpoint Model)> Chatting(Bench bench, Casing casing = Casing.Camel)
    {
        var model = bench.Track(await ChatEndpoint.Start());
        var (hub, client) = await ContractScenarios.Connected(bench, casing, config => Configure(config, model));
        return (hub, client, model);
    }

    private static void Configure(ClientConfig config, ChatEndpoint model)
    {
        config.Set("Chat.Model", "test-model");
        config.Set("Chat.Endpoint", model.Url);
        config.Set("Commands.Default", "chat");
        config.Set("Commands.Prefix", "$");
    }

    private static Task<SessionResponse> Open(ContractHost hub, string id) =>
        hub.Instance.Session(new SessionRequest { RequestId = "open", InstanceId = "contract", SessionId = id, IncludeMessages = true });

    private static async Task<List<ChatMessage>> Stream(ContractHost hub, string requestId, string id)
    {
        var stream = hub.Tasks.Expect(requestId);
        var started = await hub.Instance.StreamMessages(new SessionRequest { RequestId = requestId, SessionId = id });
        Check.That(started.IsSuccess, started.Message);
        await stream.Ended.WaitAsync(TimeSpan.FromSeconds(20));
        return stream.Items<ChatMessage>();
    }

    private static async Task Sessions(Bench bench, Casing casing)
    {
        var (hub, _, model) = await Chatting(bench, casing);
        const string question = "Hello \"Jiro\",\nhow are you?";
        var (receipt, result) = await hub.Execute(question, session: "s-1");
        Check.That(receipt.IsSuccess && result.IsSuccess, receipt.Message);
        Check.Contains(receipt.Message, "21 tokens in, 5 out", "what it cost, in the receipt");
        Check.Equal(("You said: " + question, JiroHubProto.TextType.Markdown, "s-1"),
                    (result.TextResult.Response.Trim(), result.TextResult.TextType, result.SessionId), "the result");
        await hub.Execute("another session", session: "s-2");
        await hub.Execute("and again", session: "s-1");
        Check.That(model.Histories.SequenceEqual([1, 1, 3]), $"what the model was told: {string.Join(", ", model.Histories)}");

        var list = await hub.Instance.Sessions(new SessionsRequest { RequestId = "list", InstanceId = "contract" });
        Check.Equal((2, "s-1,s-2"), (list.TotalSessions, string.Join(',', list.Sessions.Select(session => session.SessionId))), "the last used first");
        Check.Equal("Hello \"Jiro\", how are you?", list.Sessions[0].SessionName, "named by its first words");

        var opened = await Open(hub, "s-1");
        Check.Equal(("open", "s-1", 4), (opened.RequestId, opened.SessionId, opened.TotalMessages), "the session");
        Check.That(opened.Messages.Select(message => message.IsUser).SequenceEqual([true, false, true, false]), "who said what");
        Check.Equal((question, "Text"), (opened.Messages[0].Content, opened.Messages[0].Type), "the text as it was typed");
        Check.That(opened.Messages.Select(message => message.MessageId).Distinct().Count() == 4, "ids of their own");

        var renamed = await hub.Instance.UpdateSession(new SessionUpdate { RequestId = "rename", SessionId = "s-1", Name = "A new name" });
        Check.Equal((true, "Session s-1 updated successfully"), (renamed.IsSuccess, renamed.Message), "the rename");
        Check.Equal("A new name", (await Open(hub, "s-1")).SessionName, "the new name");

        var streamed = await Stream(hub, "stream-1", "s-1");
        Check.That(streamed.Select(message => message.Content).SequenceEqual(opened.Messages.Select(message => message.Content)), "the same messages");

        var removed = await hub.Instance.RemoveSession(new SessionRemoval { RequestId = "remove", SessionId = "s-1", Reason = "enough" });
        Check.Equal((true, "Session s-1 removed successfully"), (removed.IsSuccess, removed.Message), "the removal");
        Check.Equal(("Error", 0), ((await Open(hub, "s-1")).SessionName, (await Open(hub, "s-1")).TotalMessages), "gone");
        Check.Equal(0, (await Stream(hub, "stream-2", "s-1")).Count, "messages of what is gone");
        Check.Equal(1, (await hub.Instance.Sessions(new SessionsRequest())).TotalSessions, "sessions that are left");
        Check.Equal(1, hub.Log.Count(SeenKind.Connected), "connections");
    }

    private static async Task Killed(Bench bench)
    {
        var (hub, client, model) = await Chatting(bench);
        await hub.Execute("my name is Ada", session: "s-1");
        _ = hub.Execute("hold that thought", "held", "s-1");
        await ContractScenarios.Until(() => HasHalf(hub), "half an answer in the history");
        await client.Kill();
        var second = bench.Config(hub.Port);
        ContractScenarios.Configure(second, hub.Port);
        Configure(second, model);
        bench.StartClient(second);
        var result = (await hub.Log.WaitFor(SeenKind.Result, 1, seen => seen.Id == "held"))[0];
        Check.Contains(result.Text, "interrupted", "the outcome that the user gets");
        await hub.Log.WaitFor(SeenKind.Connected, 2);

        var opened = await Open(hub, "s-1");
        Check.That(opened.Messages.Select(message => message.Content.Split('\n')[0].Trim())
                         .SequenceEqual(["my name is Ada", "You said: my name is Ada", "hold that thought", ChatEndpoint.FirstHalf.Trim()]),
                   $"the history: {string.Join(" | ", opened.Messages.Select(message => message.Content))}");
        Check.Contains(opened.Messages[3].Content, CutMark, "the half answer");
        Check.That((await Stream(hub, "stream-1", "s-1"))[3].Content.EndsWith(CutMark), "the same in the stream");
        Check.Equal("my name is Ada", (await hub.Instance.Sessions(new SessionsRequest())).Sessions.Single().SessionName, "the list");

        model.Release();
        var (_, after) = await hub.Execute("go on", session: "s-1");
        Check.That(after.IsSuccess, after.TextResult.Response);
        Check.Equal(6, (await Open(hub, "s-1")).TotalMessages, "messages");
        var renamed = await hub.Instance.UpdateSession(new SessionUpdate { SessionId = "s-1", Name = "after the storm" });
        var removed = await hub.Instance.RemoveSession(new SessionRemoval { SessionId = "s-1" });
        Check.That(renamed.IsSuccess && removed.IsSuccess, "renamed and removed");
    }

    private static bool HasHalf(ContractHost hub)
    {
        var messages = Open(hub, "s-1").GetAwaiter().GetResult().Messages;
        return messages.Count == 4 && messages[3].Content.StartsWith(ChatEndpoint.FirstHalf.Trim());
    }

    private static async Task Words(Bench bench)
    {
        var (hub, _, model) = await Chatting(bench);
        // Asked before there is a question: the next answer of the session.
        var stream = hub.Tasks.Expect("words-1");
        var started = await hub.Raw("StreamWordsRequested", new { requestId = "words-1", sessionId = "s-1", messageId = "", bufferSize = 10 });
        Check.That(started.GetProperty("IsSuccess").GetBoolean(), started.GetRawText());
        var asking = hub.Execute("hold on", session: "s-1");
        await ContractScenarios.Until(() => stream.Items<WordUpdate>().Count > 0, "the first words, while the answer is written");
        Check.That(!asking.IsCompleted, "the command still runs");
        model.Release();
        var (_, result) = await asking;
        await stream.Ended.WaitAsync(TimeSpan.FromSeconds(20));
        var words = stream.Items<WordUpdate>();
        Check.Equal(result.TextResult.Response, string.Concat(words.Select(word => word.Word)), "the words together");
        Check.That(words.Select(word => word.Position).SequenceEqual(Enumerable.Range(0, words.Count)), "in their order");
        Check.That(words[^1].IsComplete && words[..^1].TrueForAll(word => !word.IsComplete), "the last one says so");
        var message = (await Open(hub, "s-1")).Messages[1].MessageId;
        Check.That(words.TrueForAll(word => word.MessageId == message), "the id that the message has in the history");

        // One that is there already is given at once.
        var again = hub.Tasks.Expect("words-2");
        await hub.Raw("StreamWordsRequested", new { requestId = "words-2", sessionId = "s-1", messageId = message });
        await again.Ended.WaitAsync(TimeSpan.FromSeconds(20));
        Check.Equal(result.TextResult.Response, string.Concat(again.Items<WordUpdate>().Select(word => word.Word)), "the whole answer");

        var nobody = await hub.Raw("StreamWordsRequested", new { requestId = "words-3", sessionId = "s-1", messageId = "no-such" });
        Check.Contains(nobody.GetRawText(), "Message not found", "an answer that there is not");
        Check.Equal(1, hub.Log.Count(SeenKind.Connected), "connections");
    }

    private static async Task LongSession(Bench bench)
    {
        var (hub, _, _) = await Chatting(bench);
        for (var i = 0; i < 6; ++i) await hub.Execute($"number {i} " + new string('x', 6_000), session: "s-1");
        var opened = await Open(hub, "s-1");
        Check.That(opened.TotalMessages == 12 && opened.Messages.Count is > 2 and < 12, $"what fits: {opened.Messages.Count} of {opened.TotalMessages}");
        Check.Contains(opened.Messages[^1].Content, "number 5", "the newest is there");
        var streamed = await Stream(hub, "stream-1", "s-1");
        Check.Equal(12, streamed.Count, "messages in the stream");
        Check.Contains(streamed[0].Content, "number 0", "the oldest first");
        Check.Equal(1, hub.Log.Count(SeenKind.Connected), "connections");
    }
}
