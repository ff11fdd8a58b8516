// SPDX-License-Identifier: MIT
using Microsoft.AspNetCore.SignalR;

namespace Jiro.Interop.Contract;

/// <summary>What the hub calls on an instance: thirteen methods, each of which it awaits. The names on the wire are the contract's.</summary>
public interface IInstance
{
    [HubMethodName("CommandReceived")] Task<ActionResult> Command(CommandRequest request);
    [HubMethodName("LogsRequested")] Task<LogsResponse> Logs(LogsRequest request);
    [HubMethodName("LogsStreamRequested")] Task<ActionResult> StreamLogs(LogsRequest request);
    [HubMethodName("SessionsRequested")] Task<SessionsResponse> Sessions(SessionsRequest request);
    [HubMethodName("SingleSessionRequested")] Task<SessionResponse> Session(SessionRequest request);
    [HubMethodName("SessionMessagesStreamRequested")] Task<ActionResult> StreamMessages(SessionRequest request);
    [HubMethodName("ConfigRequested")] Task<ConfigResponse> Config(PlainRequest request);
    [HubMethodName("ConfigUpdated")] Task<ConfigUpdateResponse> UpdateConfig(ConfigUpdate request);
    [HubMethodName("CustomThemesRequested")] Task<ThemesResponse> Themes(PlainRequest request);
    [HubMethodName("CommandsMetadataRequested")] Task<CommandsResponse> Commands(PlainRequest request);
    [HubMethodName("RemoveSession")] Task<ActionResult> RemoveSession(SessionRemoval request);
    [HubMethodName("UpdateSession")] Task<ActionResult> UpdateSession(SessionUpdate request);
    [HubMethodName("MachineInfoRequested")] Task<MachineResponse> Machine(MachineRequest request);
}
