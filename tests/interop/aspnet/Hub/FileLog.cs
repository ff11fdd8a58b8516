// SPDX-License-Identifier: MIT
namespace Jiro.Interop.Hub;

/// <summary>The framework's own log lines, in a file: they are shown when a scenario fails.</summary>
public sealed class FileLog(string path) : ILoggerProvider
{
    private readonly StreamWriter writer_ = new(path, append: true) { AutoFlush = true };

    public ILogger CreateLogger(string category) => new Logger(this, category);

    public void Dispose()
    {
        lock (writer_) writer_.Dispose();
    }

    private void Write(string line)
    {
        lock (writer_)
            if (writer_.BaseStream.CanWrite) writer_.WriteLine(line);
    }

    private sealed class Logger(FileLog log, string category) : ILogger
    {
        public IDisposable? BeginScope<TState>(TState state) where TState : notnull => null;

        public bool IsEnabled(LogLevel level) =>
            level >= (category.Contains("SignalR") || category.Contains("Http.Connections") ? LogLevel.Debug
                                                                                            : LogLevel.Information);

        public void Log<TState>(LogLevel level, EventId id, TState state, Exception? exception,
                                Func<TState, Exception?, string> format)
        {
            if (!IsEnabled(level)) return;
            var error = exception is null ? "" : $" [{exception.GetType().Name}: {exception.Message}]";
            log.Write($"{DateTime.UtcNow:HH:mm:ss.fff} {level} {category.Split('.')[^1]}: {format(state, exception)}{error}");
        }
    }
}
