// SPDX-License-Identifier: MIT
using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Jiro.Interop.Hub;

/// <summary>
/// The certificates of one run, made at its start and kept in a folder: a private authority, the hub's and a client's
/// certificate, and a foreign authority that signed nothing here.
/// </summary>
public sealed class Certificates
{
    public const string ClientName = "jiro-interop-client";

    private readonly string directory_;

    private Certificates(string directory) => directory_ = directory;

    public string CaFile => Path.Combine(directory_, "ca.pem");
    public string ForeignCaFile => Path.Combine(directory_, "foreign-ca.pem");
    public string ServerFile => Path.Combine(directory_, "server.pem");
    public string ServerKeyFile => Path.Combine(directory_, "server.key");
    public string ClientFile => Path.Combine(directory_, "client.pem");
    public string ClientKeyFile => Path.Combine(directory_, "client.key");

    public X509Certificate2 Authority => X509CertificateLoader.LoadCertificateFromFile(CaFile);
    public X509Certificate2 Server => X509Certificate2.CreateFromPemFile(ServerFile, ServerKeyFile);

    /// <summary>The certificates that another process of this run made.</summary>
    public static Certificates Existing(string directory) => new(directory);

    public static Certificates Create(string directory)
    {
        Directory.CreateDirectory(directory);
        var certificates = new Certificates(directory);

        using var authority = SelfSigned("Jiro interop authority");
        using var foreign = SelfSigned("Foreign authority");
        File.WriteAllText(certificates.CaFile, authority.ExportCertificatePem());
        File.WriteAllText(certificates.ForeignCaFile, foreign.ExportCertificatePem());

        var names = new SubjectAlternativeNameBuilder();
        names.AddDnsName("localhost");
        names.AddIpAddress(IPAddress.Loopback);
        names.AddIpAddress(IPAddress.IPv6Loopback);
        Issue(authority, "localhost", names, serverAuth: true, certificates.ServerFile, certificates.ServerKeyFile);
        Issue(authority, ClientName, null, serverAuth: false, certificates.ClientFile, certificates.ClientKeyFile);
        return certificates;
    }

    /// <summary>Whether the certificate was issued by this run's authority.</summary>
    public bool Trusts(X509Certificate2 certificate)
    {
        using var chain = new X509Chain();
        chain.ChainPolicy.TrustMode = X509ChainTrustMode.CustomRootTrust;
        chain.ChainPolicy.CustomTrustStore.Add(Authority);
        chain.ChainPolicy.RevocationMode = X509RevocationMode.NoCheck;
        return chain.Build(certificate);
    }

    private static X509Certificate2 SelfSigned(string name)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest($"CN={name}", key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, true));
        request.CertificateExtensions.Add(
            new X509KeyUsageExtension(X509KeyUsageFlags.KeyCertSign | X509KeyUsageFlags.CrlSign, true));
        request.CertificateExtensions.Add(new X509SubjectKeyIdentifierExtension(request.PublicKey, false));
        return request.CreateSelfSigned(DateTimeOffset.UtcNow.AddHours(-1), DateTimeOffset.UtcNow.AddDays(2));
    }

    private static void Issue(X509Certificate2 authority, string name, SubjectAlternativeNameBuilder? alternatives,
                              bool serverAuth, string certificateFile, string keyFile)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest($"CN={name}", key, HashAlgorithmName.SHA256);
        var usage = new Oid(serverAuth ? "1.3.6.1.5.5.7.3.1" : "1.3.6.1.5.5.7.3.2");
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(false, false, 0, true));
        request.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.DigitalSignature, true));
        request.CertificateExtensions.Add(new X509EnhancedKeyUsageExtension([usage], false));
        request.CertificateExtensions.Add(
            X509AuthorityKeyIdentifierExtension.CreateFromCertificate(authority, true, false));
        if (alternatives is not null) request.CertificateExtensions.Add(alternatives.Build());

        var serial = RandomNumberGenerator.GetBytes(12);
        using var certificate = request.Create(authority, DateTimeOffset.UtcNow.AddMinutes(-30),
                                               DateTimeOffset.UtcNow.AddDays(1), serial);
        File.WriteAllText(certificateFile, certificate.ExportCertificatePem());
        File.WriteAllText(keyFile, key.ExportPkcs8PrivateKeyPem());
    }
}
