// SPDX-License-Identifier: MIT
using System.Diagnostics;

namespace Jiro.Interop.Hub;

/// <summary>What kind of thing the server saw; the comment says what <see cref="Seen.Id"/> is.</summary>
public enum SeenKind
{
    Listening,     // the port
    Request,       // "METHOD /path"
    Connected,     // connection id
    Disconnected,  // connection id; Text: the reason
    Message,       // class name of a hub message that the client sent; Text: its number (ack, sequence) or its id
    Receipt,       // commandSyncId; Text: the client result as JSON
    ReceiptFailed, // commandSyncId; Text: why there is no client result
    Attempt,       // commandSyncId of a gRPC call, accepted or not; Text: the status that it was answered with
    Result,        // commandSyncId of an accepted gRPC call; Text: the result's text
    Call,          // name of a hub method that a client called; Text: its argument
}

/// <summary>One thing that the server saw. It travels as one line of JSON when the hub is a process of its own.</summary>
public sealed record Seen(SeenKind Kind, string Id, string Text = "")
{
    public Dictionary<string, string> Facts { get; init; } = [];

    /// <summary>Milliseconds of the machine's monotonic clock, the same for all processes.</summary>
    public long AtMs { get; init; } = Stopwatch.GetTimestamp() * 1000 / Stopwatch.Frequency;

    public string Fact(string name) => Facts.GetValueOrDefault(name, "");
}

/// <summary>All that the server saw, in order. The scenarios assert on this and wait for it; any thread.</summary>
public sealed class ServerLog
{
    private readonly List<Seen> entries_ = [];
    private TaskCompletionSource changed_ = NewSignal();

    /// <summary>Called with each new entry, under the lock: a hub process prints it before anything else happens.</summary>
    public Action<Seen>? OnAdded { get; set; }

    public void Add(Seen seen)
    {
        lock (entries_)
        {
            entries_.Add(seen);
            OnAdded?.Invoke(seen);
            changed_.TrySetResult();
            changed_ = NewSignal();
        }
    }

    public List<Seen> All(SeenKind kind)
    {
        lock (entries_) return entries_.FindAll(seen => seen.Kind == kind);
    }

    public int Count(SeenKind kind) => All(kind).Count;

    /// <summary>Waits until at least <paramref name="count"/> entries of the kind fulfil the condition, and returns those.</summary>
    public async Task<List<Seen>> WaitFor(SeenKind kind, int count = 1, Func<Seen, bool>? where = null,
                                          string? what = null, int withinMs = 20_000)
    {
        var deadline = Stopwatch.StartNew();
        while (true)
        {
            Task change;
            List<Seen> found;
            lock (entries_)
            {
                found = entries_.FindAll(seen => seen.Kind == kind && (where is null || where(seen)));
                change = changed_.Task;
            }
            if (found.Count >= count) return found;

            var left = withinMs - (int)deadline.ElapsedMilliseconds;
            if (left <= 0 || await Task.WhenAny(change, Task.Delay(left)) != change)
                throw new ScenarioFailure(
                    $"the server did not see {what ?? kind.ToString()} within {withinMs} ms ({found.Count} of {count})");
        }
    }

    public override string ToString()
    {
        lock (entries_)
            return string.Join('\n', entries_.Select(seen =>
                $"{seen.AtMs} {seen.Kind} {seen.Id} {Shorten(seen.Text)} {string.Join(' ', seen.Facts.Select(f => $"{f.Key}={Shorten(f.Value)}"))}"));
    }

    private static string Shorten(string text) => text.Length <= 200 ? text : $"{text[..200]}... ({text.Length})";

    private static TaskCompletionSource NewSignal() => new(TaskCreationOptions.RunContinuationsAsynchronously);
}
