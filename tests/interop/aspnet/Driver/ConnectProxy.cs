// SPDX-License-Identifier: MIT
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Jiro.Interop.Driver;

/// <summary>A small HTTP CONNECT proxy that wants Basic credentials, and remembers whom it let through to where.</summary>
public sealed class ConnectProxy : IAsyncDisposable
{
    public const string User = "interop";
    public const string Password = "p@ss:word";

    private readonly TcpListener listener_ = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource stopped_ = new();
    private readonly Task accepting_;
    private readonly List<string> tunnels_ = [];
    private int refused_;

    public ConnectProxy()
    {
        listener_.Start();
        accepting_ = Accept();
    }

    public int Port => ((IPEndPoint)listener_.LocalEndpoint).Port;
    public int Refused => Volatile.Read(ref refused_);

    public IReadOnlyList<string> Tunnels
    {
        get
        {
            lock (tunnels_) return [.. tunnels_];
        }
    }

    /// <summary>The proxy's URL with these credentials, percent-encoded as a URL wants them.</summary>
    public string Url(string user = User, string password = Password) =>
        $"http://{Uri.EscapeDataString(user)}:{Uri.EscapeDataString(password)}@127.0.0.1:{Port}";

    public async ValueTask DisposeAsync()
    {
        stopped_.Cancel();
        listener_.Stop();
        await accepting_;
    }

    private async Task Accept()
    {
        try
        {
            while (true) _ = Serve(await listener_.AcceptTcpClientAsync(stopped_.Token));
        }
        catch (Exception exception) when (exception is OperationCanceledException or SocketException or ObjectDisposedException)
        {
        }
    }

    private async Task Serve(TcpClient client)
    {
        using var _ = client;
        try
        {
            var stream = client.GetStream();
            var (target, authorization) = await ReadHead(stream);
            if (authorization != "Basic " + Convert.ToBase64String(Encoding.UTF8.GetBytes($"{User}:{Password}")))
            {
                Interlocked.Increment(ref refused_);
                await Answer(stream, "407 Proxy Authentication Required\r\nProxy-Authenticate: Basic realm=\"interop\"\r\nContent-Length: 0");
                return;
            }

            lock (tunnels_) tunnels_.Add(target);
            using var server = new TcpClient();
            await server.ConnectAsync(IPAddress.Loopback, int.Parse(target.Split(':')[^1]));
            await Answer(stream, "200 Connection established");
            var upstream = server.GetStream();
            await Task.WhenAny(stream.CopyToAsync(upstream, stopped_.Token), upstream.CopyToAsync(stream, stopped_.Token));
        }
        catch (Exception exception) when (exception is IOException or SocketException or OperationCanceledException)
        {
        }
    }

    private static async Task<(string Target, string Authorization)> ReadHead(NetworkStream stream)
    {
        var head = new StringBuilder();
        var one = new byte[1];
        while (!head.ToString().EndsWith("\r\n\r\n"))
        {
            if (await stream.ReadAsync(one) == 0) throw new IOException("the head is incomplete");
            head.Append((char)one[0]);
        }
        var lines = head.ToString().Split("\r\n");
        var words = lines[0].Split(' ');
        if (words[0] != "CONNECT") throw new IOException($"not CONNECT: {lines[0]}");
        var authorization = lines.FirstOrDefault(line => line.StartsWith("Proxy-Authorization:", StringComparison.OrdinalIgnoreCase));
        return (words[1], authorization?.Split(':', 2)[1].Trim() ?? "");
    }

    private static async Task Answer(NetworkStream stream, string statusAndHeaders) =>
        await stream.WriteAsync(Encoding.ASCII.GetBytes($"HTTP/1.1 {statusAndHeaders}\r\n\r\n"));
}
