// SPDX-License-Identifier: MIT
using System.Buffers;
using System.Diagnostics.CodeAnalysis;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.SignalR;
using Microsoft.AspNetCore.SignalR.Protocol;

namespace Jiro.Interop.Hub;

/// <summary>The framework's JSON hub protocol, which also records each message that the client sent, pings included.</summary>
public sealed class RecordingProtocol(IHubProtocol inner, ServerLog log) : IHubProtocol
{
    public string Name => inner.Name;
    public int Version => inner.Version;
    public TransferFormat TransferFormat => inner.TransferFormat;

    public bool IsVersionSupported(int version) => inner.IsVersionSupported(version);

    public ReadOnlyMemory<byte> GetMessageBytes(HubMessage message) => inner.GetMessageBytes(message);

    public void WriteMessage(HubMessage message, IBufferWriter<byte> output) => inner.WriteMessage(message, output);

    public bool TryParseMessage(ref ReadOnlySequence<byte> input, IInvocationBinder binder,
                                [NotNullWhen(true)] out HubMessage? message)
    {
        if (!inner.TryParseMessage(ref input, binder, out message)) return false;
        var detail = message switch
        {
            AckMessage ack => ack.SequenceId.ToString(),
            SequenceMessage sequence => sequence.SequenceId.ToString(),
            HubInvocationMessage invocation => invocation.InvocationId ?? "",
            _ => "",
        };
        log.Add(new Seen(SeenKind.Message, message.GetType().Name, detail));
        return true;
    }
}
