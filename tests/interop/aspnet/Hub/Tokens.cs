// SPDX-License-Identifier: MIT
using System.Security.Cryptography;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Tokens;

namespace Jiro.Interop.Hub;

/// <summary>Issues the bearer tokens of one run, and says by which rules the hub accepts them.</summary>
public sealed class Tokens(byte[] key)
{
    public const string Role = "instance";

    private readonly SymmetricSecurityKey key_ = new(key);

    public static byte[] NewKey() => RandomNumberGenerator.GetBytes(32);

    /// <summary>A token by the given name; the server's log shows the name. Another role than "instance" gets 403.</summary>
    public string Issue(string name, TimeSpan? lifetime = null, string role = Role)
    {
        var now = DateTime.UtcNow;
        return new JsonWebTokenHandler { SetDefaultTimesOnTokenCreation = false }.CreateToken(new SecurityTokenDescriptor
        {
            Claims = new Dictionary<string, object> { ["jti"] = name, ["role"] = role },
            NotBefore = now.AddMinutes(-10),
            Expires = now + (lifetime ?? TimeSpan.FromHours(1)),
            SigningCredentials = new SigningCredentials(key_, SecurityAlgorithms.HmacSha256),
        });
    }

    public TokenValidationParameters Rules => new()
    {
        ValidateIssuer = false,
        ValidateAudience = false,
        IssuerSigningKey = key_,
        ClockSkew = TimeSpan.Zero,
        RoleClaimType = "role",
        NameClaimType = "jti",
    };
}
