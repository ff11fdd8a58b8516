// SPDX-License-Identifier: MIT
using System.Collections.Concurrent;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.AspNetCore.SignalR;

namespace Jiro.Interop.Hub;

/// <summary>The connections that are open now, so that a scenario can address, close or abort the last one.</summary>
public sealed class Connections
{
    private readonly ConcurrentDictionary<string, HubCallerContext> open_ = new();

    public string? Last { get; private set; }
    public int Count => open_.Count;

    public void Add(HubCallerContext context)
    {
        open_[context.ConnectionId] = context;
        Last = context.ConnectionId;
    }

    public void Remove(string id) => open_.TryRemove(id, out _);

    /// <summary>Sends a hub Close to every connection, with or without allowReconnect, as the framework itself does.</summary>
    public void CloseAll(bool allowReconnect)
    {
        foreach (var context in open_.Values)
        {
            if (allowReconnect)
                context.Features.GetRequiredFeature<IConnectionLifetimeNotificationFeature>().RequestClose();
            else
                context.Abort();
        }
    }
}

/// <summary>The hub of the seed. Instances only listen; the methods are for the clients that test streams and calls.</summary>
[Authorize]
public sealed class InstanceHub(ServerLog log, Connections connections) : Microsoft.AspNetCore.SignalR.Hub
{
    public override Task OnConnectedAsync()
    {
        connections.Add(Context);
        log.Add(new Seen(SeenKind.Connected, Context.ConnectionId)
        {
            Facts = { ["token"] = Context.User?.Identity?.Name ?? "" },
        });
        return Task.CompletedTask;
    }

    public override Task OnDisconnectedAsync(Exception? exception)
    {
        connections.Remove(Context.ConnectionId);
        log.Add(new Seen(SeenKind.Disconnected, Context.ConnectionId, exception?.Message ?? ""));
        return Task.CompletedTask;
    }

    public string Echo(string text)
    {
        log.Add(new Seen(SeenKind.Call, nameof(Echo), text));
        return text;
    }

    public long EchoNumber(long number) => number;

    public void Fail(string text) => throw new HubException(text);

    public async IAsyncEnumerable<int> Count(int from, int to,
                                             [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken cancelled)
    {
        using var whenCancelled = cancelled.Register(() => log.Add(new Seen(SeenKind.Call, "CountCancelled")));
        for (var number = from; number < to; ++number)
        {
            yield return number;
            if (number % 100 == 99) await Task.Delay(1, cancelled);
        }
        log.Add(new Seen(SeenKind.Call, nameof(Count), $"{from}..{to}"));
    }

    public async IAsyncEnumerable<int> CountThenFail(int count)
    {
        for (var number = 0; number < count; ++number) yield return number;
        await Task.Yield();
        throw new HubException("the stream broke on purpose");
    }

    public async Task<long> Sum(IAsyncEnumerable<long> numbers)
    {
        var (sum, count) = (0L, 0);
        try
        {
            await foreach (var number in numbers)
            {
                sum += number;
                ++count;
            }
        }
        catch (Exception exception)
        {
            log.Add(new Seen(SeenKind.Call, "SumBroken", exception.Message));
            throw new HubException("the upload ended with an error");
        }
        log.Add(new Seen(SeenKind.Call, nameof(Sum), $"{count} items, sum {sum}"));
        return sum;
    }

    public async Task<string> Join(string prefix, IAsyncEnumerable<string> left, IAsyncEnumerable<string> right)
    {
        var parts = new List<string> { prefix };
        await foreach (var part in left) parts.Add(part);
        await foreach (var part in right) parts.Add(part);
        return string.Join('-', parts);
    }
}
