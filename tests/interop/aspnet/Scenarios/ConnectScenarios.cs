// SPDX-License-Identifier: MIT
using Jiro.Interop.Driver;
using Jiro.Interop.Hub;

namespace Jiro.Interop.Scenarios;

/// <summary>The way from nothing to a connection, also when negotiate answers something else.</summary>
public static class ConnectScenarios
{
    public static readonly Scenario[] List =
    [
        new("connect.first_ping", "negotiate, upgrade, handshake and a first ping, with bearer on every request", FirstPing),
        new("connect.keep_alive", "pings go on while nothing else is sent", KeepAlive),
        new("connect.skip_negotiation", "straight to the WebSocket, without negotiate", SkipNegotiation),
        new("connect.server_comes_later", "the first start is retried until the server is there", ServerComesLater),
        new("connect.negotiate_html", "a page of HTML as negotiate's answer is a failed attempt", NegotiateHtml),
        new("connect.negotiate_500", "status 500 at negotiate is a failed attempt", Negotiate500),
        new("connect.negotiate_retry_after", "503 with Retry-After: 2 is not tried again before", NegotiateRetryAfter),
    ];

    private const string Negotiate = "POST /instanceHub/negotiate";
    private const string Upgrade = "GET /instanceHub";

    private static async Task FirstPing(Bench bench)
    {
        var hub = await bench.StartHub();
        var client = bench.StartClient(hub.Port);
        var connected = await hub.Log.WaitFor(SeenKind.Connected);
        Check.Equal("first", connected[0].Fact("token"), "the token of the connection");
        await hub.Log.WaitFor(SeenKind.Message, where: seen => seen.Id == "PingMessage", what: "a ping", withinMs: 3_000);

        var requests = hub.Log.All(SeenKind.Request);
        Check.Equal(2, requests.Count, "requests on the way to the connection");
        Check.Equal(Negotiate, requests[0].Id, "the first request");
        Check.Equal("negotiateVersion", requests[0].Fact("query"), "negotiate's query");
        Check.Equal(Upgrade, requests[1].Id, "the second request");
        Check.Equal("id", requests[1].Fact("query"), "the upgrade's query");
        Check.That(requests.All(request => request.Fact("bearer") == "yes"), "a bearer token on both requests");
        Check.That(requests.All(request => request.Fact("agent").Length > 0), "a User-Agent on both requests");

        var status = await client.WaitForState("Connected");
        Check.Equal(connected[0].Id, (string?)status["connectionId"], "the connection id in the status");
    }

    private static async Task KeepAlive(Bench bench)
    {
        var settings = bench.HubSettings() with { ClientTimeoutMs = 3_000 };
        var hub = await bench.StartHub(settings);
        bench.StartClient(hub.Port, config => config.Set("WebSocket.KeepAliveIntervalMs", 1000));
        await hub.Log.WaitFor(SeenKind.Message, 6, seen => seen.Id == "PingMessage", "six pings");
        Check.Equal(1, hub.Log.Count(SeenKind.Connected), "connections, with a server that wants a sign of life each 3 s");
    }

    private static async Task SkipNegotiation(Bench bench)
    {
        var hub = await bench.StartHub();
        bench.StartClient(hub.Port, config => config.Set("WebSocket.SkipNegotiation", true));
        await hub.Log.WaitFor(SeenKind.Connected);
        var requests = hub.Log.All(SeenKind.Request);
        Check.Equal(1, requests.Count, "requests");
        Check.Equal(Upgrade, requests[0].Id, "the only request");
        await CommandScenarios.SayAndSee(hub, "after-skip");
    }

    private static async Task ServerComesLater(Bench bench)
    {
        var first = await bench.StartHub();
        var port = first.Port;
        await first.DisposeAsync();
        var client = bench.StartClient(port);
        await client.WaitForStatus(status => status["lastError"] is not null, "an error");
        var hub = await bench.StartHub(bench.HubSettings(port));
        await hub.Log.WaitFor(SeenKind.Connected);
        await CommandScenarios.SayAndSee(hub, "later");
    }

    private static Task NegotiateHtml(Bench bench) => NegotiateFails(bench, async context =>
    {
        context.Response.ContentType = "text/html";
        await context.Response.WriteAsync("<html><body>Please sign in to the guest network</body></html>");
    });

    private static Task Negotiate500(Bench bench) => NegotiateFails(bench, context =>
    {
        context.Response.StatusCode = 500;
        return Task.CompletedTask;
    });

    private static async Task NegotiateFails(Bench bench, Func<HttpContext, Task> answer)
    {
        var hub = await bench.StartHub();
        var attempts = 0;
        hub.Intercept = async context =>
        {
            if (!context.Request.Path.Value!.EndsWith("/negotiate") || Interlocked.Increment(ref attempts) > 3) return false;
            await answer(context);
            return true;
        };
        bench.StartClient(hub.Port);
        await hub.Log.WaitFor(SeenKind.Connected);
        Check.Equal(4, hub.Log.All(SeenKind.Request).Count(request => request.Id == Negotiate), "negotiate requests");
        Check.Equal(1, hub.Log.All(SeenKind.Request).Count(request => request.Id == Upgrade), "upgrade requests");
    }

    private static async Task NegotiateRetryAfter(Bench bench)
    {
        bench.NotForReference(".NET's client does not read Retry-After");
        var hub = await bench.StartHub();
        var attempts = 0;
        hub.Intercept = context =>
        {
            if (!context.Request.Path.Value!.EndsWith("/negotiate") || Interlocked.Increment(ref attempts) > 1)
                return Task.FromResult(false);
            context.Response.StatusCode = 503;
            context.Response.Headers.RetryAfter = "2";
            return Task.FromResult(true);
        };
        bench.StartClient(hub.Port);
        await hub.Log.WaitFor(SeenKind.Connected);
        var negotiations = hub.Log.All(SeenKind.Request).Where(request => request.Id == Negotiate).ToList();
        var pause = negotiations[1].AtMs - negotiations[0].AtMs;
        Check.That(pause >= 1_950, $"at least 2 s between the attempts (it was {pause} ms)");
    }
}
