// SPDX-License-Identifier: MIT
using System.Net.Security;
using System.Security.Cryptography.X509Certificates;
using Grpc.Core;
using Grpc.Net.Client;
using JiroHubProto;

namespace Jiro.Interop.Reference;

/// <summary>Delivers each result over gRPC, again and again until the server has accepted it.</summary>
public sealed class ResultSender : IDisposable
{
    private readonly ReferenceSettings settings_;
    private readonly GrpcChannel channel_;
    private readonly JiroHubProto.JiroHubProto.JiroHubProtoClient client_;

    public ResultSender(ReferenceSettings settings)
    {
        settings_ = settings;
        var handler = new SocketsHttpHandler
        {
            UseProxy = false,
            SslOptions = new SslClientAuthenticationOptions
            {
                RemoteCertificateValidationCallback = Trust.Only(settings.GrpcCaFile),
                ClientCertificates = Trust.ClientCertificates(settings.GrpcCertificateFile, settings.GrpcKeyFile),
            },
        };
        channel_ = GrpcChannel.ForAddress(settings.ServerUrl, new GrpcChannelOptions { HttpHandler = handler, DisposeHttpClient = true });
        client_ = new JiroHubProto.JiroHubProto.JiroHubProtoClient(channel_);
    }

    public async Task Deliver(ClientMessage message, CancellationToken stopped)
    {
        for (var delay = 50; ; delay = Math.Min(500, delay * 2))
        {
            var headers = new Metadata
            {
                { "authorization", "Bearer " + File.ReadAllText(settings_.TokenFile).Trim() },
                { "idempotency-key", message.CommandSyncId },
            };
            try
            {
                var answer = await client_.SendCommandResultAsync(message, headers, DateTime.UtcNow + settings_.GrpcTimeout, stopped);
                if (answer.Success) return;
            }
            catch (RpcException exception) when (!stopped.IsCancellationRequested)
            {
                Console.WriteLine($"delivery of {message.CommandSyncId}: {exception.Status}");
            }
            await Task.Delay(Random.Shared.Next(delay), stopped);
        }
    }

    public void Dispose() => channel_.Dispose();
}

/// <summary>Certificates of the client's side.</summary>
public static class Trust
{
    public static RemoteCertificateValidationCallback Only(string? caFile) => (_, certificate, _, errors) =>
    {
        if (certificate is null || (errors & SslPolicyErrors.RemoteCertificateNameMismatch) != 0) return false;
        if (caFile is null) return errors == SslPolicyErrors.None;
        using var chain = new X509Chain();
        chain.ChainPolicy.TrustMode = X509ChainTrustMode.CustomRootTrust;
        chain.ChainPolicy.CustomTrustStore.ImportFromPemFile(caFile);
        chain.ChainPolicy.RevocationMode = X509RevocationMode.NoCheck;
        return chain.Build(new X509Certificate2(certificate));
    };

    public static X509CertificateCollection ClientCertificates(string? certificateFile, string? keyFile) =>
        certificateFile is null ? [] : [X509Certificate2.CreateFromPemFile(certificateFile, keyFile)];
}
