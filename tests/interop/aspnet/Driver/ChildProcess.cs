// SPDX-License-Identifier: MIT
using System.Diagnostics;
using System.Runtime.InteropServices;

namespace Jiro.Interop.Driver;

/// <summary>A process that the driver started: its lines go to a callback, and it can be stopped, continued and killed.</summary>
public sealed class ChildProcess : IAsyncDisposable
{
    private readonly Process process_;
    private readonly Task outputEnded_;

    public ChildProcess(string program, IEnumerable<string> arguments, Action<string> onLine, Action<string>? onErrorLine = null,
                        IReadOnlyDictionary<string, string>? environment = null)
    {
        var start = new ProcessStartInfo(program, arguments)
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            UseShellExecute = false,
        };
        foreach (var name in new[] { "HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "NO_PROXY" })
        {
            start.Environment.Remove(name);
            start.Environment.Remove(name.ToLowerInvariant());
        }
        // JIRO_* is configuration to the client; what tells this driver where the client is would be an unknown key.
        foreach (var name in start.Environment.Keys.Where(name => name.StartsWith("JIRO_")).ToList()) start.Environment.Remove(name);
        foreach (var (name, value) in environment ?? new Dictionary<string, string>()) start.Environment[name] = value;
        process_ = Process.Start(start) ?? throw new ScenarioFailure($"{program} does not start");
        outputEnded_ = Task.WhenAll(Read(process_.StandardOutput, onLine),
                                    Read(process_.StandardError, onErrorLine ?? onLine));
    }

    public bool Running => !process_.HasExited;
    public int ExitCode => process_.ExitCode;

    public void WriteLine(string line)
    {
        process_.StandardInput.WriteLine(line);
        process_.StandardInput.Flush();
    }

    public void CloseInput() => process_.StandardInput.Close();

    public void HangUp() => Signal(1);
    public void Pause() => Signal(19);
    public void Continue() => Signal(18);
    public void Terminate() => Signal(15);

    /// <summary>kill -9, and everything that it had written is read.</summary>
    public async Task Kill()
    {
        if (Running) Signal(9);
        await process_.WaitForExitAsync();
        await outputEnded_;
    }

    /// <summary>Whether it ended by itself in this time.</summary>
    public async Task<bool> Ended(int withinMs)
    {
        try
        {
            await process_.WaitForExitAsync().WaitAsync(TimeSpan.FromMilliseconds(withinMs));
            await outputEnded_.WaitAsync(TimeSpan.FromMilliseconds(2_000));
            return true;
        }
        catch (TimeoutException)
        {
            return !Running;
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (Running) await Kill();
        process_.Dispose();
    }

    private void Signal(int number)
    {
        if (kill(process_.Id, number) != 0 && Running)
            throw new ScenarioFailure($"signal {number}: error {Marshal.GetLastPInvokeError()}");
    }

    private static async Task Read(StreamReader reader, Action<string> onLine)
    {
        while (await reader.ReadLineAsync() is { } line) onLine(line);
    }

    [DllImport("libc", SetLastError = true)]
    private static extern int kill(int process, int signal);
}
