// SPDX-License-Identifier: MIT
using System.Net;
using System.Net.Sockets;

namespace Jiro.Interop.Driver;

/// <summary>
/// A TCP proxy that can misbehave: hold bytes back without losing the connection, and cut all connections with a reset, so that
/// what it held is lost.
/// </summary>
public sealed class TcpCutter : IAsyncDisposable
{
    private readonly TcpListener listener_ = new(IPAddress.Loopback, 0);
    private readonly int target_;
    private readonly List<Socket> sockets_ = [];
    private readonly CancellationTokenSource stopped_ = new();
    private readonly Task accepting_;
    private volatile bool frozen_;

    public TcpCutter(int target)
    {
        target_ = target;
        listener_.Start();
        accepting_ = Accept();
    }

    public int Port => ((IPEndPoint)listener_.LocalEndpoint).Port;

    /// <summary>From now on bytes of either direction are read and held; the connections stay open.</summary>
    public void Freeze() => frozen_ = true;

    /// <summary>Resets every open connection; held bytes are lost. New connections are forwarded again.</summary>
    public void Cut()
    {
        lock (sockets_)
        {
            foreach (var socket in sockets_) Reset(socket);
            sockets_.Clear();
        }
        frozen_ = false;
    }

    public async ValueTask DisposeAsync()
    {
        stopped_.Cancel();
        listener_.Stop();
        Cut();
        await accepting_;
    }

    private static void Reset(Socket socket)
    {
        try
        {
            socket.LingerState = new LingerOption(true, 0);  // closes with a reset, not with an orderly end
            socket.Close();
        }
        catch (Exception exception) when (exception is ObjectDisposedException or SocketException)
        {
            // It had ended already.
        }
    }

    private async Task Accept()
    {
        try
        {
            while (true) _ = Forward(await listener_.AcceptSocketAsync(stopped_.Token));
        }
        catch (Exception exception) when (exception is OperationCanceledException or SocketException or ObjectDisposedException)
        {
        }
    }

    private async Task Forward(Socket client)
    {
        var server = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        client.NoDelay = true;
        lock (sockets_) sockets_.AddRange([client, server]);
        try
        {
            await server.ConnectAsync(IPAddress.Loopback, target_);
            await Task.WhenAll(Pump(client, server), Pump(server, client));
        }
        catch (Exception exception) when (exception is SocketException or ObjectDisposedException)
        {
        }
        finally
        {
            client.Dispose();
            server.Dispose();
        }
    }

    private async Task Pump(Socket from, Socket to)
    {
        var buffer = new byte[65536];
        while (await from.ReceiveAsync(buffer) is > 0 and var count)
        {
            if (frozen_) continue;  // held until the cut, which loses it
            await to.SendAsync(buffer.AsMemory(0, count));
        }
        if (!frozen_) to.Shutdown(SocketShutdown.Send);
    }
}
