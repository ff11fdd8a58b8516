// SPDX-License-Identifier: MIT
using Jiro.Interop.Driver;
using Jiro.Interop.Hub;
using Jiro.Interop.Reference;
using Jiro.Interop.Scenarios;

// The interoperability program: a real server, a reference client, and the scenarios that hold a client to them.
const string Usage = """
    JiroInterop list                                      names every scenario
    JiroInterop run [--client PATH | --reference] [--keep] [NAME or GROUP]...
                                                          runs them; PATH also from JIRO_CLIENT
    JiroInterop serve SETTINGS-FILE                       the server alone (used by the scenarios)
    JiroInterop reference --config FILE                   the reference client (used by run --reference)
    """;

switch (args)
{
    case ["list"]:
        foreach (var scenario in AllScenarios.List) Console.WriteLine($"{scenario.Name}: {scenario.Says}");
        return 0;
    case ["serve", var settingsFile]:
        return await ServeCommand.Run(settingsFile);
    case ["reference", "--config", var configFile]:
        return await ReferenceClient.Run(configFile);
    case ["run", .. var rest]:
        return await RunScenarios(rest);
    default:
        Console.Error.WriteLine(Usage);
        return 2;
}

static async Task<int> RunScenarios(string[] words)
{
    var client = Environment.GetEnvironmentVariable("JIRO_CLIENT");
    var (reference, keep) = (false, false);
    var chosen = new List<string>();
    for (var index = 0; index < words.Length; ++index)
    {
        if (words[index] == "--reference") reference = true;
        else if (words[index] == "--keep") keep = true;
        else if (words[index] == "--client" && index + 1 < words.Length) client = words[++index];
        else chosen.Add(words[index]);
    }
    if (reference)
        return await Runner.Run(["dotnet", typeof(ReferenceClient).Assembly.Location, "reference"], chosen, keep);
    if (client is null || !File.Exists(client))
    {
        Console.Error.WriteLine($"no client to test: {client ?? "give --client PATH, JIRO_CLIENT or --reference"}");
        return 2;
    }
    return await Runner.Run([Path.GetFullPath(client), "run"], chosen, keep);
}
