// SPDX-License-Identifier: MIT
using System.Net;
using System.Text.Json;

namespace Jiro.Interop.Contract;

/// <summary>
/// A model's endpoint for the assistant: it repeats the question word by word. A question that begins with "hold" gets its first
/// words, and no more until the asker goes or <see cref="Release"/> is called.
/// </summary>
public sealed class ChatEndpoint : IAsyncDisposable
{
    private readonly WebApplication app_;
    private readonly TaskCompletionSource released_ = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly List<int> histories_ = [];

    public const string FirstHalf = "The first half ";

    public static async Task<ChatEndpoint> Start()
    {
        var endpoint = new ChatEndpoint();
        await endpoint.app_.StartAsync();
        return endpoint;
    }

    private ChatEndpoint()
    {
        var builder = WebApplication.CreateBuilder(new WebApplicationOptions { Args = [] });
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, 0));
        app_ = builder.Build();
        app_.MapPost("/v1/chat/completions", Answer);
    }

    public string Url => app_.Urls.First() + "/v1";

    /// <summary>How many messages the model was told, question by question.</summary>
    public List<int> Histories
    {
        get
        {
            lock (histories_) return [.. histories_];
        }
    }

    public void Release() => released_.TrySetResult();

    public async ValueTask DisposeAsync()
    {
        Release();
        await app_.DisposeAsync();
    }

    private async Task Answer(HttpContext context)
    {
        var request = await JsonSerializer.DeserializeAsync<JsonElement>(context.Request.Body);
        var messages = request.GetProperty("messages").EnumerateArray().ToList();
        lock (histories_) histories_.Add(messages.Count);
        var question = messages[^1].GetProperty("content").GetString()!;
        context.Response.ContentType = "text/event-stream";
        if (question.StartsWith("hold"))
        {
            await Piece(context, new { choices = new[] { new { delta = new { content = FirstHalf } } } });
            await released_.Task.WaitAsync(context.RequestAborted);
        }
        foreach (var word in ("You said: " + question).Split(' '))
            await Piece(context, new { choices = new[] { new { delta = new { content = word + " " } } } });
        await Piece(context, new { choices = new[] { new { delta = new { }, finish_reason = "stop" } } });
        await Piece(context, new { choices = Array.Empty<int>(), usage = new { prompt_tokens = 21, completion_tokens = 5 } });
        await context.Response.WriteAsync("data: [DONE]\n\n");
    }

    private static async Task Piece(HttpContext context, object piece)
    {
        await context.Response.WriteAsync($"data: {JsonSerializer.Serialize(piece)}\n\n");
        await context.Response.Body.FlushAsync();
    }
}
