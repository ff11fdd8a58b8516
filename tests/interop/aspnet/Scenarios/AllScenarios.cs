// SPDX-License-Identifier: MIT
using Jiro.Interop.Driver;

namespace Jiro.Interop.Scenarios;

/// <summary>Every scenario; the part of a name before the dot is its group, and one entry of ctest.</summary>
public static class AllScenarios
{
    public static readonly IReadOnlyList<Scenario> List =
    [
        .. ConnectScenarios.List,
        .. CommandScenarios.List,
        .. CloseScenarios.List,
        .. CredentialScenarios.List,
        .. ResumeScenarios.List,
        .. NetworkScenarios.List,
        .. DeliveryScenarios.List,
        .. OutageScenarios.List,
        .. StreamScenarios.List,
        .. ContractScenarios.List,
        .. ChatScenarios.List,
    ];
}
