// SPDX-License-Identifier: MIT
namespace Jiro.Interop;

/// <summary>What was expected did not happen; the message says so in words.</summary>
public sealed class ScenarioFailure(string message) : Exception(message);

/// <summary>The scenario can't be run here; the message says what is missing.</summary>
public sealed class ScenarioSkipped(string message) : Exception(message);

public static class Check
{
    public static void That(bool holds, string expectation)
    {
        if (!holds) throw new ScenarioFailure($"expected: {expectation}");
    }

    public static void Equal<T>(T expected, T actual, string what)
    {
        if (!EqualityComparer<T>.Default.Equals(expected, actual))
            throw new ScenarioFailure($"{what}: expected {expected}, got {actual}");
    }

    public static void Contains(string text, string part, string what)
    {
        if (!text.Contains(part, StringComparison.OrdinalIgnoreCase))
            throw new ScenarioFailure($"{what}: expected to contain \"{part}\", got \"{text}\"");
    }
}
