// SPDX-License-Identifier: MIT
using System.Net;
using System.Net.Sockets;
using Jiro.Interop.Hub;

namespace Jiro.Interop.Driver;

/// <summary>The distribution's nginx as a reverse proxy: TLS, WebSocket and gRPC on one port, forwarded to the hub over TLS.</summary>
public sealed class Nginx : IAsyncDisposable
{
    private readonly ChildProcess process_;

    public int Port { get; }

    private Nginx(ChildProcess process, int port)
    {
        process_ = process;
        Port = port;
    }

    public static async Task<Nginx> Start(string directory, int hubPort, Certificates certificates)
    {
        var program = new[] { "/usr/sbin/nginx", "/usr/bin/nginx", "/usr/local/sbin/nginx" }.FirstOrDefault(File.Exists)
                      ?? throw new ScenarioSkipped("nginx is not installed");
        Directory.CreateDirectory(directory);
        var port = FreePort();
        var configFile = Path.Combine(directory, "nginx.conf");
        File.WriteAllText(configFile, Configuration(directory, port, hubPort, certificates));
        var errors = new List<string>();
        var process = new ChildProcess(program, ["-p", directory, "-c", configFile, "-e", "stderr"], errors.Add);
        var nginx = new Nginx(process, port);
        await nginx.WaitUntilListening(errors);
        return nginx;
    }

    public async ValueTask DisposeAsync()
    {
        if (process_.Running) process_.Terminate();
        await process_.Ended(withinMs: 5_000);
        await process_.DisposeAsync();
    }

    private async Task WaitUntilListening(List<string> errors)
    {
        for (var tries = 0; tries < 100; ++tries)
        {
            if (!process_.Running) throw new ScenarioFailure($"nginx ended: {string.Join("; ", errors)}");
            try
            {
                using var probe = new TcpClient();
                await probe.ConnectAsync(IPAddress.Loopback, Port);
                return;
            }
            catch (SocketException)
            {
                await Task.Delay(50);
            }
        }
        throw new ScenarioFailure("nginx does not listen");
    }

    private static string Configuration(string directory, int port, int hubPort, Certificates certificates) => $$"""
        daemon off;
        master_process off;
        worker_processes 1;
        pid {{directory}}/nginx.pid;
        error_log stderr warn;
        events { worker_connections 256; }
        http {
            access_log {{directory}}/access.log;
            client_body_temp_path {{directory}}/body;
            proxy_temp_path {{directory}}/proxy;
            fastcgi_temp_path {{directory}}/fastcgi;
            uwsgi_temp_path {{directory}}/uwsgi;
            scgi_temp_path {{directory}}/scgi;
            map $http_upgrade $connection_upgrade { default upgrade; '' close; }
            server {
                listen 127.0.0.1:{{port}} ssl http2;
                server_name localhost;
                ssl_certificate {{certificates.ServerFile}};
                ssl_certificate_key {{certificates.ServerKeyFile}};
                location /instanceHub {
                    proxy_pass https://127.0.0.1:{{hubPort}};
                    proxy_ssl_trusted_certificate {{certificates.CaFile}};
                    proxy_ssl_verify on;
                    proxy_ssl_name localhost;
                    proxy_http_version 1.1;
                    proxy_set_header Upgrade $http_upgrade;
                    proxy_set_header Connection $connection_upgrade;
                    proxy_set_header Host $host;
                    proxy_set_header X-Forwarded-For $remote_addr;
                }
                location /JiroHubProto.JiroHubProto/ {
                    grpc_pass grpcs://127.0.0.1:{{hubPort}};
                    grpc_ssl_trusted_certificate {{certificates.CaFile}};
                    grpc_ssl_verify on;
                    grpc_ssl_name localhost;
                    grpc_set_header X-Forwarded-For $remote_addr;
                }
            }
        }
        """;

    private static int FreePort()
    {
        var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        var port = ((IPEndPoint)listener.LocalEndpoint).Port;
        listener.Stop();
        return port;
    }
}
