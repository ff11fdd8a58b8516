// SPDX-License-Identifier: MIT
using Jiro.Interop.Driver;
using Jiro.Interop.Hub;

namespace Jiro.Interop.Scenarios;

/// <summary>Bearer tokens that are refused, expire and are rotated, and certificates of both sides.</summary>
public static class CredentialScenarios
{
    public static readonly Scenario[] List =
    [
        new("credentials.unauthorized", "401: Failed at once, no storm; a new token in the file heals it", bench => Refused(bench, bad => bad.Issue("expired", TimeSpan.FromMinutes(-5)), "401")),
        new("credentials.forbidden", "403: Failed at once, no storm; a new token in the file heals it", bench => Refused(bench, bad => bad.Issue("guest", role: "guest"), "403")),
        new("credentials.token_expires", "the hub ends the connection when the token expires; the next one is used", TokenExpires),
        new("credentials.token_rotated", "a rotated token is used for the next connection and the next gRPC call", TokenRotated),
        new("credentials.grpc_unauthenticated", "a result that meets UNAUTHENTICATED is kept until a good token is there", GrpcUnauthenticated),
        new("credentials.private_ca", "a private CA (CaFile) that did not sign the hub's certificate: no request is sent", ForeignCa),
        new("credentials.system_ca", "without CaFile the hub's private certificate is not trusted", SystemCa),
        new("credentials.client_certificate", "a hub that wants a client certificate gets it on SignalR and on gRPC", ClientCertificate),
        new("credentials.client_certificate_missing", "without the client certificate no request gets through", ClientCertificateMissing),
    ];

    private static async Task Refused(Bench bench, Func<Tokens, string> badToken, string advice)
    {
        bench.SetToken(badToken(bench.Tokens));
        var hub = await bench.StartHub();
        var client = bench.StartClient(hub.Port, config => config.Set("WebSocket.FailedRetryDelayMs", 4_000));
        var status = await client.WaitForState("Failed");
        Check.Contains((string?)status["lastError"] ?? "", advice, "lastError");
        await Task.Delay(1_000);
        Check.Equal(1, hub.Log.Count(SeenKind.Request), "requests in the first second");

        bench.SetToken(bench.Tokens.Issue("good"));
        var connected = await hub.Log.WaitFor(SeenKind.Connected);
        Check.Equal("good", connected[0].Fact("token"), "the token of the connection");
        var result = await CommandScenarios.SayAndSee(hub, "healed");
        Check.Equal("good", result.Fact("token"), "the token of the gRPC call");
    }

    private static async Task TokenExpires(Bench bench)
    {
        var hub = await bench.StartHub(bench.HubSettings() with { CloseWhenTokenExpires = true });
        bench.SetToken(bench.Tokens.Issue("short", TimeSpan.FromSeconds(6)));
        bench.StartClient(hub.Port);
        var connected = await hub.Log.WaitFor(SeenKind.Connected);
        Check.Equal("short", connected[0].Fact("token"), "the first token");
        bench.SetToken(bench.Tokens.Issue("long"));
        connected = await hub.Log.WaitFor(SeenKind.Connected, 2);
        Check.Equal("long", connected[1].Fact("token"), "the token of the second connection");
        var result = await CommandScenarios.SayAndSee(hub, "after-expiry");
        Check.Equal("long", result.Fact("token"), "the token of the gRPC call");
    }

    private static async Task TokenRotated(Bench bench)
    {
        var (hub, _) = await CommandScenarios.Connected(bench);
        await CommandScenarios.SayAndSee(hub, "before");
        bench.SetToken(bench.Tokens.Issue("second"));
        hub.Revoke("first");
        var result = await CommandScenarios.SayAndSee(hub, "after");
        Check.Equal("second", result.Fact("token"), "the token of the gRPC call, on the old connection");
        hub.CloseConnections(allowReconnect: true);
        var connected = await hub.Log.WaitFor(SeenKind.Connected, 2);
        Check.Equal("second", connected[1].Fact("token"), "the token of the new connection");
    }

    private static async Task GrpcUnauthenticated(Bench bench)
    {
        var (hub, client) = await CommandScenarios.Connected(bench);
        hub.Revoke("first");
        await hub.Send(new CommandMessage("kept", "say kept"));
        await hub.Log.WaitFor(SeenKind.Request, 1, seen => seen.Id.EndsWith("/SendCommandResult"), "the refused gRPC call");
        await Task.Delay(500);
        Check.Equal(0, hub.Log.Count(SeenKind.Result), "accepted results");
        if (!bench.IsReference)
            await client.WaitForStatus(status => (int?)status["outbox"]?["pending"] == 1, "one pending result");

        bench.SetToken(bench.Tokens.Issue("second"));
        client.Reload();  // "try at once on reload"
        var result = await CommandScenarios.Result(hub.Log, "kept");
        Check.Equal("second", result.Fact("token"), "the token that it was accepted with");
    }

    private static async Task ForeignCa(Bench bench)
    {
        var hub = await bench.StartHub();
        var client = bench.StartClient(hub.Port, config => config.Set("WebSocket.Tls.CaFile", bench.Certificates.ForeignCaFile));
        await CheckNotTrusted(hub, client);
    }

    private static async Task SystemCa(Bench bench)
    {
        var hub = await bench.StartHub();
        var client = bench.StartClient(hub.Port, config => config.Set("WebSocket.Tls.CaFile", null));
        await CheckNotTrusted(hub, client);
    }

    private static async Task CheckNotTrusted(HubHost hub, ClientProcess client)
    {
        var status = await client.WaitForStatus(now => ((string?)now["lastError"] ?? "").Length > 0, "an error");
        Check.Contains((string?)status["lastError"] ?? "", "certificate", "lastError");
        await Task.Delay(500);
        Check.Equal(0, hub.Log.Count(SeenKind.Request), "requests that the hub saw");
    }

    private static async Task ClientCertificate(Bench bench)
    {
        var hub = await bench.StartHub(bench.HubSettings() with { RequireClientCertificate = true });
        bench.StartClient(hub.Port, config =>
        {
            foreach (var section in new[] { "WebSocket", "Grpc" })
            {
                config.Set($"{section}.Tls.CertificateFile", bench.Certificates.ClientFile);
                config.Set($"{section}.Tls.PrivateKeyFile", bench.Certificates.ClientKeyFile);
            }
        });
        await hub.Log.WaitFor(SeenKind.Connected);
        await CommandScenarios.SayAndSee(hub, "certified");
        Check.That(hub.Log.All(SeenKind.Request).All(request => request.Fact("certificate") == $"CN={Certificates.ClientName}"),
                   "the client's certificate on negotiate, upgrade and gRPC");
    }

    private static async Task ClientCertificateMissing(Bench bench)
    {
        var hub = await bench.StartHub(bench.HubSettings() with { RequireClientCertificate = true });
        var client = bench.StartClient(hub.Port);
        await client.WaitForStatus(status => ((string?)status["lastError"] ?? "").Length > 0, "an error");
        await Task.Delay(500);
        Check.Equal(0, hub.Log.Count(SeenKind.Request), "requests that the hub saw");
    }
}
