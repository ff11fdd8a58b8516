// SPDX-License-Identifier: MIT
using Jiro.Interop.Driver;
using Jiro.Interop.Hub;

namespace Jiro.Interop.Scenarios;

/// <summary>What stands between a client and its hub.</summary>
public static class NetworkScenarios
{
    public static readonly Scenario[] List =
    [
        new("network.nginx", "nginx in front: TLS, WebSocket and gRPC on one port, and a command of 200 KB", ThroughNginx),
        new("network.nginx_hub_down", "nginx answers 502 while the hub is down; afterwards everything arrives", NginxHubDown),
        new("network.connect_proxy", "negotiate and WebSocket go through a CONNECT proxy with credentials", ThroughProxy),
        new("network.connect_proxy_refuses", "wrong proxy credentials: 407 is named, and the hub sees nothing", ProxyRefuses),
        new("network.reset", "a reset TCP connection is replaced", Reset),
    ];

    private static async Task ThroughNginx(Bench bench)
    {
        var hub = await bench.StartHub();
        var nginx = bench.Track(await Nginx.Start(Path.Combine(bench.Directory, "nginx"), hub.Port, bench.Certificates));
        bench.StartClient(nginx.Port);
        await hub.Log.WaitFor(SeenKind.Connected);
        await CommandScenarios.SayAndSee(hub, "proxied");
        await hub.Send(new CommandMessage("heavy", "say heavy") { Parameters = new() { ["blob"] = new('b', 200_000) } });
        await CommandScenarios.Result(hub.Log, "heavy");
        await hub.Invoke(new CommandMessage("asked", "say asked"));
        Check.Equal(1, hub.Log.Count(SeenKind.Receipt), "client results");
        Check.That(hub.Log.All(SeenKind.Request).All(request => request.Fact("forwarded") == "127.0.0.1"),
                   "every request came through nginx");
        Check.Equal("HTTP/2", hub.Log.All(SeenKind.Request).Find(request => request.Id.EndsWith("/SendCommandResult"))!.Fact("protocol"),
                    "gRPC's protocol");
    }

    private static async Task NginxHubDown(Bench bench)
    {
        var hub = await bench.StartHub();
        var nginx = bench.Track(await Nginx.Start(Path.Combine(bench.Directory, "nginx"), hub.Port, bench.Certificates));
        var client = bench.StartClient(nginx.Port);
        await hub.Log.WaitFor(SeenKind.Connected);
        await hub.Send(new CommandMessage("across", "pause 1"));
        await Task.Delay(300);
        await hub.Stop();
        await hub.DisposeAsync();
        if (!bench.IsReference)  // .NET's client reports the first reason only
            await client.WaitForStatus(status => ((string?)status["lastError"] ?? "").Contains("502"), "status 502 as the last error");
        await Task.Delay(1_000);  // the result meets nginx's 502 as well

        var next = await bench.StartHub(bench.HubSettings(hub.Port), hub.Log);
        await next.Log.WaitFor(SeenKind.Connected, 2);
        await CommandScenarios.Result(next.Log, "across");
        await CommandScenarios.SayAndSee(next, "again");
    }

    private static async Task ThroughProxy(Bench bench)
    {
        var hub = await bench.StartHub();
        var proxy = bench.Track(new ConnectProxy());
        bench.StartClient(hub.Port, config => config.Set("WebSocket.Proxy", proxy.Url()));
        await hub.Log.WaitFor(SeenKind.Connected);
        Check.That(proxy.Tunnels.Count >= 1 && proxy.Tunnels.All(target => target == $"localhost:{hub.Port}"),
                   $"tunnels to the hub: {string.Join(", ", proxy.Tunnels)}");
        await CommandScenarios.SayAndSee(hub, "tunnelled");
    }

    private static async Task ProxyRefuses(Bench bench)
    {
        var hub = await bench.StartHub();
        var proxy = bench.Track(new ConnectProxy());
        var client = bench.StartClient(hub.Port, config => config.Set("WebSocket.Proxy", proxy.Url(password: "wrong")));
        await client.WaitForStatus(status => ((string?)status["lastError"] ?? "").Contains("407"), "407 as the last error");
        Check.That(proxy.Refused > 0, "the proxy refused");
        Check.Equal(0, hub.Log.Count(SeenKind.Request), "requests that the hub saw");
    }

    private static async Task Reset(Bench bench)
    {
        var hub = await bench.StartHub();
        var cutter = bench.Track(new TcpCutter(hub.Port));
        bench.StartClient(hub.Port, config => config.Set("WebSocket.HubUrl", $"https://localhost:{cutter.Port}/instanceHub"));
        for (var round = 1; round <= 5; ++round)
        {
            await hub.Log.WaitFor(SeenKind.Connected, round);
            await CommandScenarios.SayAndSee(hub, $"round-{round}");
            cutter.Cut();
        }
        await hub.Log.WaitFor(SeenKind.Connected, 6);
        Check.Equal(5, hub.Log.Count(SeenKind.Result), "accepted results");
    }
}
