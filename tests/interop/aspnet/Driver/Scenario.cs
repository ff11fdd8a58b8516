// SPDX-License-Identifier: MIT
namespace Jiro.Interop.Driver;

/// <summary>One thing that is proved: a name "group.what", a sentence, and the steps.</summary>
public sealed record Scenario(string Name, string Says, Func<Bench, Task> Steps, int LimitSeconds = 60)
{
    public string Group => Name.Split('.')[0];
}
