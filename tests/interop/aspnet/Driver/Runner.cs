// SPDX-License-Identifier: MIT
using System.Diagnostics;
using Jiro.Interop.Hub;
using Jiro.Interop.Scenarios;

namespace Jiro.Interop.Driver;

/// <summary>Runs the chosen scenarios one after another, prints a line for each, and a closing line that counts them.</summary>
public static class Runner
{
    public static async Task<int> Run(IReadOnlyList<string> program, IReadOnlyList<string> chosen, bool keep)
    {
        var scenarios = AllScenarios.List
            .Where(scenario => chosen.Count == 0 || chosen.Contains(scenario.Name) || chosen.Contains(scenario.Group))
            .ToList();
        if (scenarios.Count == 0)
        {
            Console.Error.WriteLine($"no scenario is named {string.Join(", ", chosen)}; `list` names them");
            return 2;
        }

        // Short, as the path of a Unix socket may have only 108 characters.
        var root = Directory.CreateTempSubdirectory("interop-").FullName;
        var certificates = Certificates.Create(Path.Combine(root, "tls"));
        var (passed, failed, skipped) = (0, 0, 0);
        foreach (var scenario in scenarios)
        {
            var clock = Stopwatch.StartNew();
            var (verdict, detail) = await RunOne(scenario, Path.Combine(root, scenario.Name), certificates, program);
            Console.WriteLine($"{verdict} {scenario.Name} ({clock.Elapsed.TotalSeconds:F1} s): {scenario.Says}");
            if (detail.Length > 0) Console.WriteLine(detail);
            passed += verdict == "PASS" ? 1 : 0;
            failed += verdict == "FAIL" ? 1 : 0;
            skipped += verdict == "SKIP" ? 1 : 0;
        }

        if (skipped > 0) Console.WriteLine($"{skipped} skipped");
        Console.WriteLine($"{passed} passed, {failed} failed");
        if (failed > 0 || keep) Console.WriteLine($"logs: {root}");
        else Directory.Delete(root, recursive: true);
        return failed > 0 ? 1 : 0;
    }

    private static async Task<(string Verdict, string Detail)> RunOne(Scenario scenario, string directory,
                                                                      Certificates certificates,
                                                                      IReadOnlyList<string> program)
    {
        await using var bench = new Bench(directory, certificates, program);
        try
        {
            await scenario.Steps(bench).WaitAsync(TimeSpan.FromSeconds(scenario.LimitSeconds));
            foreach (var client in bench.Clients.Where(client => client.Running)) await client.StopCleanly();
            bench.Evidence();
            return ("PASS", "");
        }
        catch (ScenarioSkipped skipped)
        {
            return ("SKIP", $"    {skipped.Message}");
        }
        catch (TimeoutException)
        {
            return ("FAIL", $"    not done within {scenario.LimitSeconds} s\n{bench.Evidence()}");
        }
        catch (Exception exception)
        {
            var reason = exception is ScenarioFailure ? exception.Message : exception.ToString();
            return ("FAIL", $"    {reason}\n{bench.Evidence()}");
        }
    }
}
