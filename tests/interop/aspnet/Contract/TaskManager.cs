// SPDX-License-Identifier: MIT
using System.Collections.Concurrent;
using JiroHubProto;

namespace Jiro.Interop.Contract;

/// <summary>
/// What the hub's users wait for: commands' results over gRPC, and streams. Each is forgotten after the time limit, and what
/// comes for nobody is only counted.
/// </summary>
public sealed class TaskManager(TimeSpan limit)
{
    private readonly ConcurrentDictionary<string, TaskCompletionSource<ClientMessage>> commands_ = new();
    private readonly ConcurrentDictionary<string, StreamWait> streams_ = new();
    private int late_;

    /// <summary>Results and streams for which nobody waited any more.</summary>
    public int Late => late_;

    public int Streams => streams_.Count;

    /// <summary>The receipt by the hub, and the result by gRPC, as the user gets it. An error Completion fails the wait at once.</summary>
    public async Task<(ActionResult Receipt, ClientMessage Result)> Execute(string id, Func<Task<ActionResult>> send)
    {
        var wait = new TaskCompletionSource<ClientMessage>(TaskCreationOptions.RunContinuationsAsynchronously);
        commands_[id] = wait;
        try
        {
            var receipt = send();
            var failed = receipt.ContinueWith(task => wait.TrySetException(task.Exception!.InnerException!),
                                              TaskContinuationOptions.OnlyOnFaulted);
            var result = await wait.Task.WaitAsync(limit);
            return (await receipt.WaitAsync(limit), result);
        }
        finally
        {
            commands_.TryRemove(id, out _);
        }
    }

    public void SetResult(ClientMessage message)
    {
        if (commands_.TryGetValue(message.CommandSyncId, out var wait)) wait.TrySetResult(message);
        else Interlocked.Increment(ref late_);
    }

    /// <summary>A stream that is asked for under an id; its items come through <see cref="Receive"/>.</summary>
    public StreamWait Expect(string id, bool reads = true) => streams_[id] = new StreamWait(limit, reads);

    /// <summary>The hub's method: runs as long as the stream and its wait do.</summary>
    public async Task Receive<T>(string id, System.Threading.Channels.ChannelReader<T> items)
    {
        if (!streams_.TryGetValue(id, out var wait))
        {
            Interlocked.Increment(ref late_);
            return;
        }
        try
        {
            await wait.Read(items);
        }
        finally
        {
            streams_.TryRemove(id, out _);
        }
    }
}

/// <summary>One stream as its user sees it.</summary>
public sealed class StreamWait(TimeSpan limit, bool reads)
{
    private readonly CancellationTokenSource closed_ = new(limit);
    private readonly TaskCompletionSource ended_ = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly List<object> items_ = [];

    /// <summary>When the stream has come to its end; fails when it was closed or broke.</summary>
    public Task Ended => ended_.Task;

    public List<T> Items<T>()
    {
        lock (items_) return items_.OfType<T>().ToList();
    }

    /// <summary>The user goes: the hub's method ends.</summary>
    public void Close() => closed_.Cancel();

    internal async Task Read<T>(System.Threading.Channels.ChannelReader<T> items)
    {
        try
        {
            if (!reads) await Task.Delay(Timeout.Infinite, closed_.Token);
            await foreach (var item in items.ReadAllAsync(closed_.Token))
                lock (items_) items_.Add(item!);
            ended_.TrySetResult();
        }
        catch (Exception exception)
        {
            ended_.TrySetException(exception);
        }
    }
}
