// SPDX-License-Identifier: MIT
using System.Globalization;

namespace Jiro.Interop.Reference;

/// <summary>The test commands of the client's configuration and `echo`, done by the reference client itself.</summary>
public static class ReferenceCommands
{
    public static async Task<(bool Success, string Text)> Run(string commandLine)
    {
        var words = commandLine.TrimStart('$').Split(' ', 2);
        var argument = words.Length > 1 ? words[1].Trim('"') : "";
        switch (words[0])
        {
            case "say":
            case "echo":
                return (true, argument);
            case "pause":
                await Task.Delay(TimeSpan.FromSeconds(double.Parse(argument, CultureInfo.InvariantCulture)));
                return (true, "");
            case "fill":
                return (true, new string('x', int.Parse(argument)));
            default:
                return (false, $"{words[0]} failed");
        }
    }
}
